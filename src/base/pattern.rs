//! Path patterns of settings, profiles and manifests.
//!
//! `*` and `?` stay inside one component, `**` crosses folders, `[…]` and
//! `{a,b}` as in a shell. A pattern names the path itself and, when it names a
//! folder, everything below it.

use globset::GlobBuilder;
use globset::GlobSet;
use globset::GlobSetBuilder;
use serde::Deserialize;
use serde::Serialize;

/// A list of path patterns, in the words its owner wrote.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Patterns {
    words: Vec<String>,
    /// One for each list that was joined: joining can then not fail.
    #[serde(skip)]
    sets: Vec<GlobSet>,
}

/// A pattern cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("pattern \"{pattern}\" cannot be understood")]
pub struct PatternError {
    pattern: String,
    #[source]
    source: globset::Error,
}

impl Patterns {
    pub fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Result<Patterns, PatternError> {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        let mut set = GlobSetBuilder::new();
        for word in &words {
            let glob = |text: &str| {
                GlobBuilder::new(text)
                    .literal_separator(true)
                    .build()
                    .map_err(|source| PatternError { pattern: word.clone(), source })
            };
            let bare = word.trim_start_matches('/').trim_end_matches('/');
            set.add(glob(bare)?);
            if !bare.ends_with("**") {
                set.add(glob(&format!("{bare}/**"))?);
            }
        }
        let set = set.build().map_err(|source| PatternError { pattern: words.join(", "), source })?;
        Ok(Patterns { words, sets: vec![set] })
    }

    /// A pattern that matches exactly this text.
    pub fn escaped(text: &str) -> String {
        globset::escape(text)
    }

    /// These patterns and `others`.
    pub fn and(&self, others: &Patterns) -> Patterns {
        Patterns {
            words: self.words.iter().chain(&others.words).cloned().collect(),
            sets: self.sets.iter().chain(&others.sets).cloned().collect(),
        }
    }

    pub fn matches(&self, path: &str) -> bool {
        self.sets.iter().any(|set| set.is_match(path))
    }

    pub fn matches_bytes(&self, path: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::OsStr::from_bytes(path);
        self.sets.iter().any(|set| set.is_match(path))
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn words(&self) -> &[String] {
        &self.words
    }
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Patterns) -> bool {
        self.words == other.words
    }
}

impl Eq for Patterns {}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Patterns, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Patterns::new(words).map_err(|error| {
            serde::de::Error::custom(format!("{error}: {}", crate::base::exit::causes(&error).join(": ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_a_path_and_what_is_below_it() {
        for (pattern, path, hit) in [
            ("wp-config.php", "wp-config.php", true),
            ("wp-config.php", "a/wp-config.php", false),
            ("wp-content/uploads", "wp-content/uploads/2026/a.jpg", true),
            ("wp-content/uploads/**", "wp-content/uploads/2026/a.jpg", true),
            ("conf/*.local.php", "conf/a.local.php", true),
            ("conf/*.local.php", "conf/b/a.local.php", false),
            ("**/*.bak", "a/b/c.bak", true),
            ("**/*.bak", "c.bak", true),
            ("/data/", "data/x", true),
            ("data", "database", false),
        ] {
            assert_eq!(Patterns::new([pattern]).unwrap().matches(path), hit, "{pattern} on {path}");
        }
    }
}
