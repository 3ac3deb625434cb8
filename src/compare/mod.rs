//! Two sites, folders, archives or manifests against each other, and what is
//! written down of it. What two databases differ in is `database/compare`.

pub mod content;
pub mod diffs;
pub mod files;
pub mod html;
pub mod listing;
pub mod lists;
mod names;
pub mod renamed;
mod tree;
