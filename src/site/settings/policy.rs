//! Who wins a conflict.

use serde::Deserialize;

/// Who wins a conflict, by path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default)]
    pub conflicts: Winner,
    #[serde(default)]
    pub rule: Vec<PolicyRule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    pub pattern: String,
    pub conflicts: Winner,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    #[default]
    Ours,
    Theirs,
    Stop,
}
