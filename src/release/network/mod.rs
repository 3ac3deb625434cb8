//! One archive over a bad network: asked for politely, resumed where it broke,
//! never waited for without end, and never believed more than any other file.

pub mod address;
mod answer;
mod client;
mod document;
pub mod error;
mod fetch;
mod pace;
mod part;
mod redirect;
mod retry;
mod waiting;

pub(in crate::release) use self::document::Asker;
pub(in crate::release) use self::document::Document;
pub use self::fetch::Fetched;
pub use self::fetch::Network;
pub use self::fetch::fetch;
pub use self::fetch::forget;
pub(super) use self::part::digest_of;
