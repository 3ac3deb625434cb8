//! What the operator's console keeps of its own, for one user of the machine:
//! accounts, tokens of the API, and the log of who did what.

pub mod accounts;
pub mod browser;
mod hash;
pub mod home;
pub mod log;
pub mod places;
pub mod role;
pub mod said;
pub mod tokens;
pub mod typed;
