//! Things over a bad network: asked for politely, resumed where they broke,
//! never waited for without end, and never believed more than any other file.

pub mod address;
mod answer;
mod archive;
mod client;
pub mod error;
mod failures;
mod fetch;
mod growth;
mod mirrors;
mod objects;
mod pace;
mod part;
pub(in crate::release) mod proxy;
mod redirect;
mod retry;
mod session;
mod store;
mod waiting;

pub use self::archive::Fetched;
pub use self::archive::fetch;
pub use self::archive::forget;
pub use self::growth::Growth;
pub use self::mirrors::Mirrors;
pub use self::objects::Accept;
pub use self::objects::Object;
pub use self::objects::Told;
pub use self::objects::document;
pub use self::objects::file;
pub use self::objects::forget_all;
pub use self::objects::objects;
pub use self::part::digest_of;
pub use self::session::Network;
pub use self::session::Session;
