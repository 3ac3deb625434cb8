//! One thing to do on the way from one schema to another, with what it costs.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// What is done at once: in MySQL one statement, which the server does whole
/// or not at all; in SQLite some within one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The table or view, by its new name.
    pub table: String,
    /// What changes, a line each, for people: `column email: varchar(60) -> varchar(255)`.
    pub what: Vec<String>,
    pub statements: Vec<String>,
}

/// What a step costs, found out by asking the server; no part of what is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    pub risk: Risk,
    /// Rows of the table, by the server's estimate.
    pub rows: u64,
    pub bytes: u64,
    /// What does not fit into what is to come, and whether the release allows its loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrowed {
    pub column: String,
    /// Rows whose value would be cut, rounded or lost.
    pub rows: u64,
    pub is_allowed: bool,
}

/// From harmless to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Only the definition changes.
    Instant,
    /// Every row is read or written.
    Rebuild,
    /// Values could be cut; whether any would be is counted.
    Narrowing,
    /// A column, table or key with what it holds goes away.
    Destructive,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Risk::Instant => "instant",
            Risk::Rebuild => "rebuild",
            Risk::Narrowing => "narrowing",
            Risk::Destructive => "destructive",
        })
    }
}
