//! What a person, or a program that has a token, may do.

use serde::Deserialize;
use serde::Serialize;

/// What somebody may do; each may do what the ones before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    Viewer,
    Operator,
}

impl Role {
    pub const ALL: &[Role] = &[Role::Viewer, Role::Operator];

    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        }
    }

    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.name() == name)
    }
}

/// What a token may be used for; none of them holds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at everything that a viewer sees.
    Read,
    /// Stage and plan, which changes nothing that visitors see.
    Plan,
    /// Approve, apply, go back, close and open.
    Operate,
}

impl Scope {
    pub const ALL: &[Scope] = &[Scope::Read, Scope::Plan, Scope::Operate];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Plan => "plan",
            Scope::Operate => "operate",
        }
    }

    pub fn named(name: &str) -> Option<Scope> {
        Scope::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}
