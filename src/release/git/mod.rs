//! The tip of a branch, a tag or a commit as a source, by the program `git`: it
//! fetches as little as it can into a bare repository below staging, and writes
//! the tree as a tar, which is then judged as any other archive. No work tree is
//! made, no hook runs, nothing asks for a password.
//!
//! What is promised is told in `docs/git.md`.

mod address;
mod bring;
mod error;
mod program;
pub mod refs;
mod way;

pub use address::Repository;
pub use address::RepositoryError;
pub(in crate::release) use bring::bring;
pub use error::GitError;
