//! Releases are published into a folder that any web server can hand out: first
//! all content, then what names it, last what is signed. Whoever asks meanwhile
//! sees what was there before.

mod add;
mod archive;
pub mod bundle;
mod content;
mod draft;
pub mod error;
mod folder;
mod index;
mod objects;
mod packs;
mod pieces;
mod release;
mod shelves;
mod sweep;
mod withdraw;

pub use add::Options;
pub use add::Published;
pub use add::only_product;
pub use add::publish;
pub use add::sign_draft;
pub use error::PublishError;
pub use folder::Reference;
pub use release::Release;
pub use withdraw::Withdrawn;
pub use withdraw::unpublish;
