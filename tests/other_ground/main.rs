//! File systems and accounts that are not what an update would like: what can
//! be kept there ends in old or new, wherever it was killed; what cannot be
//! kept is refused before anything is touched.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod foreign;
mod mounted;
mod peculiar;
mod quota;
mod refused_calls;
#[path = "../support/mod.rs"]
mod support;
