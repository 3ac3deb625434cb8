//! What a release wants a database to be: its declared tables as the site's
//! own server reads them, and what the release says of names of the past.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;

use crate::database::schema::model::Schema;

/// A declared schema with the site's prefix filled in. It is part of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub schema: Schema,
    #[serde(default)]
    pub hints: Hints,
}

/// What a comparison of two models cannot know. Table names with the prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hints {
    /// The table's name of today, to the names it may have had.
    pub renamed_tables: BTreeMap<String, Vec<String>>,
    /// Table, then the column's name of today, to the names it may have had.
    pub renamed_columns: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Tables that go where they are.
    pub dropped_tables: BTreeSet<String>,
    pub dropped_columns: BTreeMap<String, BTreeSet<String>>,
    /// Keys, foreign keys and checks by name.
    pub dropped_keys: BTreeMap<String, BTreeSet<String>>,
    pub dropped_views: BTreeSet<String>,
    /// Columns that may be made narrower, at the cost of what does not fit.
    pub may_narrow: BTreeMap<String, BTreeSet<String>>,
}
