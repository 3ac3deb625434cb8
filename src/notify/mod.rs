//! Tells people: mail, webhook, a command of their own, and signs of life for
//! whoever notices that a run is missing. `docs/notify.md` is the contract.
//!
//! Telling never fails and never lasts long: what cannot be delivered now waits
//! on the disk and is tried again by [`retry`].

pub mod about;
mod channel;
mod check;
mod digest;
mod letter;
mod mail;
mod memory;
pub mod notice;
mod patience;
mod program;
mod proof;
mod queue;
mod tell;
mod web;

pub use self::channel::Channel;
pub use self::check::check;
pub use self::check::undelivered;
pub use self::notice::Kind;
pub use self::notice::Notice;
pub use self::proof::ChannelTest;
pub use self::proof::Proof;
pub use self::proof::ProofError;
pub use self::proof::proved;
pub use self::proof::test;
pub use self::tell::Beat;
pub use self::tell::Told;
pub use self::tell::beat;
pub use self::tell::retry;
pub use self::tell::tell;
