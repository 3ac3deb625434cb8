//! Which tables of a database belong to the site.

use serde::Deserialize;
use serde::Serialize;

/// How the names begin of the tables that a restore makes beside those of the
/// site, and takes away.
pub(in crate::database) const SHADOW: &str = "_entracte_shadow_";

/// The part of a database that is the site's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole database.
    All,
    /// Whatever has a name that begins so.
    Prefix(String),
    /// Only these of the tables and views that begin so.
    Tables { prefix: String, names: Vec<String> },
}

impl Scope {
    /// What begins with the prefix; with none, everything.
    pub fn of_prefix(prefix: &str) -> Scope {
        match prefix {
            "" => Scope::All,
            prefix => Scope::Prefix(prefix.to_owned()),
        }
    }

    /// Whether the table or view with this name is meant. Names are compared
    /// here, never with `LIKE`, so that `_` and `%` mean themselves.
    /// Copies that a restore makes beside are nobody's.
    pub fn holds(&self, name: &str) -> bool {
        if name.starts_with(SHADOW) {
            return false;
        }
        match self {
            Scope::All => true,
            Scope::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Scope::Tables { names, .. } => names.iter().any(|one| one == name),
        }
    }

    /// How the names of all begin that is the site's in the database.
    pub fn prefix(&self) -> &str {
        match self {
            Scope::All => "",
            Scope::Prefix(prefix) | Scope::Tables { prefix, .. } => prefix,
        }
    }

    /// Whether the routine or event with this name is meant.
    pub fn holds_routine(&self, name: &str) -> bool {
        !matches!(self, Scope::Tables { .. }) && self.holds(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_in_a_prefix_is_no_wildcard() {
        let scope = Scope::Prefix("wp_".into());
        assert!(scope.holds("wp_posts"));
        assert!(!scope.holds("wpx_posts"));
        assert!(!scope.holds("xwp_"));
    }

    #[test]
    fn named_tables_bring_no_routines() {
        let scope = Scope::Tables { prefix: String::new(), names: vec!["a".into()] };
        assert!(scope.holds("a") && !scope.holds("aa") && !scope.holds_routine("a"));
    }
}
