//! What the files of a release declare.

use crate::database::schema::target::Hints;

/// The declared tables and views in the words of one dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// `CREATE TABLE`, `ALTER TABLE`, `CREATE VIEW`, in an order that works,
    /// with the prefix filled in.
    pub statements: Vec<String>,
    pub tables: Vec<String>,
    pub views: Vec<String>,
    pub hints: Hints,
}
