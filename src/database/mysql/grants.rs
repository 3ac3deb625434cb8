//! Reads what `SHOW GRANTS` answers.

use std::collections::BTreeSet;

/// The rights that a user has on one database as a whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::database) struct Rights {
    words: BTreeSet<String>,
    all: bool,
    /// All rights on the whole server.
    everywhere: bool,
    /// A role was granted, whose rights the answer may not list.
    pub role: bool,
}

impl Rights {
    /// Those of `wanted` that are missing.
    pub fn missing<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        match self.all {
            true => Vec::new(),
            false => wanted.iter().filter(|word| !self.words.contains(**word)).copied().collect(),
        }
    }

    /// Whether one of these rights on the whole server is there.
    pub fn any_global(&self, words: &[&str]) -> bool {
        self.everywhere || words.iter().any(|word| self.words.contains(*word))
    }
}

/// Adds up the lines that concern the database `name`.
pub(in crate::database) fn read<'a>(lines: impl IntoIterator<Item = &'a str>, name: &str) -> Rights {
    let mut rights = Rights::default();
    for line in lines {
        let Some(line) = line.strip_prefix("GRANT ") else { continue };
        let Some((words, place)) = line.split_once(" ON ") else {
            rights.role = true;
            continue;
        };
        if !concerns(place, name) {
            continue;
        }
        for word in words.split(',').map(str::trim) {
            let all = matches!(word, "ALL PRIVILEGES" | "ALL");
            rights.all |= all;
            rights.everywhere |= all && place.starts_with("*.* ");
            rights.words.insert(word.to_ascii_uppercase());
        }
    }
    rights
}

/// Whether `*.* TO …` or `` `pattern`.* TO … `` holds for the database.
fn concerns(place: &str, name: &str) -> bool {
    if place.starts_with("*.* ") {
        return true;
    }
    let Some(quoted) = place.strip_prefix('`') else { return false };
    let Some((pattern, _)) = quoted.split_once("`.* ") else { return false };
    like(&pattern.replace("``", "`").chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['%', rest @ ..], text) => (0..=text.len()).any(|at| like(rest, &text[at..])),
        (['\\', c, rest @ ..], [first, more @ ..]) => c == first && like(rest, more),
        (['_', rest @ ..], [_, more @ ..]) => like(rest, more),
        ([c, rest @ ..], [first, more @ ..]) => c == first && like(rest, more),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_on_this_database_count() {
        for (line, missing) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION", &[][..]),
            ("GRANT ALL PRIVILEGES ON `my_shop`.* TO `u`@`%`", &[]),
            ("GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `u`@`%`", &[]),
            ("GRANT ALL PRIVILEGES ON `my%`.* TO `u`@`%`", &[]),
            ("GRANT SELECT, ALTER, DROP ON `my_shop`.* TO `u`@`%`", &[]),
            ("GRANT SELECT, ALTER ON `my_shop`.* TO `u`@`%`", &["DROP"]),
            ("GRANT ALL PRIVILEGES ON `other`.* TO `u`@`%`", &["SELECT", "ALTER", "DROP"]),
            ("GRANT ALL PRIVILEGES ON `my_shop`.`one` TO `u`@`%`", &["SELECT", "ALTER", "DROP"]),
            ("GRANT USAGE ON *.* TO `u`@`%`", &["SELECT", "ALTER", "DROP"]),
        ] {
            assert_eq!(read([line], "my_shop").missing(&["SELECT", "ALTER", "DROP"]), missing, "{line}");
        }
        assert!(!read(["GRANT ALL PRIVILEGES ON `x`.* TO `u`@`%`"], "x").any_global(&["SUPER"]));
        assert!(read(["GRANT SUPER ON *.* TO `u`@`%`"], "x").any_global(&["SUPER"]));
        assert!(read(["GRANT `editor` TO `u`@`%`"], "x").role);
    }
}
