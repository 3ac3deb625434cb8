//! What is wrong with the declared tables of a release, and where.

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::database::lexer::LexError;

#[derive(Debug, thiserror::Error)]
pub enum DeclarationError {
    #[error("{place}: {what}")]
    Wrong {
        place: Place,
        what: String,
        /// What to write instead, as a sentence.
        instead: String,
    },
    #[error("{file} declares tables but is no text in UTF-8")]
    NoText { file: SitePath },
    #[error("{file}: {source}")]
    Unclosed {
        file: SitePath,
        #[source]
        source: LexError,
    },
    #[error("\"{0}\" cannot be the prefix of tables")]
    Prefix(String),
}

/// A line of one of the release's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: SitePath,
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Place {
    /// An error there. What comes from the file is shown without its dangers.
    pub(super) fn wrong(&self, what: impl AsRef<str>, instead: impl AsRef<str>) -> DeclarationError {
        let shown = |text: &str| escape::text(text).chars().take(400).collect();
        DeclarationError::Wrong {
            place: self.clone(),
            what: shown(what.as_ref()),
            instead: shown(instead.as_ref()),
        }
    }
}

impl Fault for DeclarationError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DeclarationError::Wrong { instead, .. } if !instead.is_empty() => vec![instead.clone()],
            DeclarationError::Prefix(_) => {
                vec!["a prefix has letters, digits, _ and $, and not more than 40 of them".into()]
            }
            _ => Vec::new(),
        }
    }
}
