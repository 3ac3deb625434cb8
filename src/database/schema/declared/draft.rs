//! Tables as the files of a release say them, for one dialect, before any SQL
//! is written. Names of tables are without the prefix.

use crate::database::schema::declared::error::Place;

#[derive(Clone, Debug)]
pub(super) struct TableDraft {
    pub name: String,
    pub place: Place,
    /// Adds to a table that stands elsewhere.
    pub extends: bool,
    pub columns: Vec<ColumnDraft>,
    pub primary: Vec<String>,
    pub keys: Vec<KeyDraft>,
    pub foreign: Vec<ForeignDraft>,
    pub checks: Vec<CheckDraft>,
    pub options: Options,
    pub was: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub engine: Option<String>,
    pub charset: Option<String>,
    pub collation: Option<String>,
    pub comment: Option<String>,
    pub row_format: Option<String>,
    pub strict: bool,
    pub without_rowid: bool,
}

#[derive(Clone, Debug)]
pub(super) struct ColumnDraft {
    pub name: String,
    pub place: Place,
    pub definition: Definition,
    pub was: Vec<String>,
    pub may_narrow: bool,
}

/// A column as SQL has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Definition {
    pub sql_type: String,
    pub nullable: bool,
    pub default: Option<String>,
    pub on_update: Option<String>,
    pub auto_increment: bool,
    pub is_primary: bool,
    pub charset: Option<String>,
    pub collation: Option<String>,
    pub comment: Option<String>,
    pub generated: Option<String>,
    pub stored: bool,
    pub check: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Plain,
    Unique,
    FullText,
}

#[derive(Clone, Debug)]
pub(super) struct KeyDraft {
    pub name: String,
    pub place: Place,
    pub sort: Sort,
    pub parts: Vec<PartDraft>,
    pub filter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartDraft {
    pub of: PartOf,
    pub descending: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PartOf {
    Column {
        name: String,
        length: Option<u32>,
    },
    /// With its parentheses.
    Expression(String),
}

#[derive(Clone, Debug)]
pub(super) struct ForeignDraft {
    pub name: String,
    pub place: Place,
    pub columns: Vec<String>,
    pub table: String,
    pub references: Vec<String>,
    pub on_delete: Option<String>,
    pub on_update: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct CheckDraft {
    pub name: String,
    pub condition: String,
}

#[derive(Clone, Debug)]
pub(super) struct ViewDraft {
    pub name: String,
    pub place: Place,
    /// What stands behind `CREATE VIEW name`, the prefix filled in.
    pub text: String,
}
