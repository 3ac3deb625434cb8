//! The names and definitions under which tables are brought back beside those
//! that are there.
//!
//! A name is a digest of the table's own, so that it is never too long and a
//! second try finds what the first one left. Another site in the same database
//! has other shadows.

use crate::base::digest::Sha256;
use crate::database::scope::SHADOW;
use crate::database::scope::Scope;

/// The names of the shadows of one scope.
pub(super) struct Shadows {
    prefix: String,
}

impl Shadows {
    /// As with the locks of the database, a site has one set.
    pub fn of(scope: &Scope) -> Shadows {
        Shadows { prefix: format!("{SHADOW}{}_", &Sha256::of(scope.prefix().as_bytes()).short()[..8]) }
    }

    /// Where the table is made and filled.
    pub fn new_name(&self, table: &str) -> String {
        self.name("new", table)
    }

    /// Where the table goes that it takes the place of.
    pub fn old_name(&self, table: &str) -> String {
        self.name("old", table)
    }

    /// Whether a table of that name is one of them.
    pub fn holds(&self, name: &str) -> bool {
        name.starts_with(&self.prefix)
    }

    fn name(&self, kind: &str, table: &str) -> String {
        format!("{}{kind}_{}", self.prefix, Sha256::of(table.as_bytes()).short())
    }
}

/// A table's definition without its foreign keys, and these: their names are
/// the database's, so they cannot stand in a shadow too.
pub(super) fn without_foreign_keys(create: &str) -> (String, Vec<String>) {
    let lines = lines(create);
    let Some(end) = lines.iter().position(|line| line.starts_with(')')) else {
        return (create.to_owned(), Vec::new());
    };
    let body = lines[1..end].iter().map(|line| line.strip_suffix(',').unwrap_or(line));
    let (keys, kept): (Vec<&str>, Vec<&str>) = body.partition(|line| is_foreign_key(line));
    let rest = lines[end..].join("\n");
    let create = format!("{}\n{}\n{rest}", lines[0], kept.join(",\n"));
    (create, keys.into_iter().map(|key| key.trim().to_owned()).collect())
}

fn is_foreign_key(line: &str) -> bool {
    let Some(name) = line.strip_prefix("  CONSTRAINT `") else { return false };
    let mut rest = name;
    while let Some(at) = rest.find('`') {
        match rest[at + 1..].strip_prefix('`') {
            Some(after) => rest = after,
            None => return rest[at + 1..].starts_with(" FOREIGN KEY ("),
        }
    }
    false
}

/// The lines of a definition; a line end within quotes ends no line.
fn lines(create: &str) -> Vec<&str> {
    let (mut lines, mut start, mut quote, mut escaped) = (Vec::new(), 0, None, false);
    for (at, c) in create.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('\''), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, '`' | '\'' | '"') => quote = Some(c),
            (None, '\n') => {
                lines.push(&create[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    lines.push(&create[start..]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_are_taken_out_and_nothing_else() {
        let key = "  CONSTRAINT `a``b` FOREIGN KEY (`u`) REFERENCES `users` (`id`) ON DELETE CASCADE";
        let check = "  CONSTRAINT `x FOREIGN KEY (` CHECK (`u` > 1)";
        let column = "  `u\n  CONSTRAINT ``x`` FOREIGN KEY (` int(11) DEFAULT 5 COMMENT 'it''s \\' \n) x'";
        let options = ") ENGINE=InnoDB COMMENT=''\n PARTITION BY KEY (`u`)\nPARTITIONS 2";
        let create = format!("CREATE TABLE `t` (\n{column},\n  KEY `k` (`u`),\n{key},\n{check}\n{options}");
        let (without, keys) = without_foreign_keys(&create);
        assert_eq!(without, format!("CREATE TABLE `t` (\n{column},\n  KEY `k` (`u`),\n{check}\n{options}"));
        assert_eq!(keys, [key.trim()]);
    }

    #[test]
    fn a_definition_without_foreign_keys_stays_as_it_is() {
        for create in ["CREATE TABLE `t` (\n  `a` int(11)\n) ENGINE=InnoDB", "", "x\ny"] {
            assert_eq!(without_foreign_keys(create), (create.to_owned(), vec![]));
        }
    }

    #[test]
    fn shadows_of_two_sites_differ_and_no_name_is_too_long() {
        let (one, other) = (Shadows::of(&Scope::Prefix("a_".into())), Shadows::of(&Scope::All));
        let long = "é".repeat(64);
        assert!(one.new_name(&long).chars().count() <= 64);
        assert_ne!(one.new_name(&long), one.old_name(&long));
        assert!(one.holds(&one.old_name(&long)) && !other.holds(&one.old_name(&long)));
        assert!(!Scope::All.holds(&one.new_name(&long)));
    }
}
