//! The tables that a release declares, in TOML or SQL, as statements that a
//! server can read. `docs/schema.md` describes both forms for their authors.
//!
//! The names of tables stand without the site's prefix in TOML; every
//! statement that comes out of here has it, and is one statement.

mod column;
mod document;
mod draft;
mod error;
mod foreign;
mod keys;
mod merge;
mod mysql;
mod names;
mod sql;
mod sql_hints;
mod sqlite;
#[cfg(test)]
mod tests;
mod toml;
mod types;
mod views;

use serde::Deserialize;
use serde::Serialize;

use crate::base::path::SitePath;
use crate::database::lexer::Dialect;
use crate::database::schema::target::Hints;

pub use self::error::DeclarationError;
pub use self::error::Place;

/// Largest file of declared tables, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// One of the three ways in which a release may change a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The declared tables.
    Tables,
    /// The release's SQL files, each once.
    Sql,
    /// The application's own upgrade.
    Upgrade,
}

impl Stage {
    /// In the order that holds where a release says nothing.
    pub const ALL: [Stage; 3] = [Stage::Tables, Stage::Sql, Stage::Upgrade];
}

/// What all files of a release declare, for one dialect and one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Each one statement, in an order that works in an empty database. In
    /// MySQL the files' own statements may refer to tables that come later:
    /// they are read with `foreign_key_checks = 0`.
    pub statements: Vec<String>,
    /// With the prefix, as are all names of tables here.
    pub tables: Vec<String>,
    pub views: Vec<String>,
    pub hints: Hints,
    pub order: Vec<Stage>,
}

impl Default for Declaration {
    fn default() -> Declaration {
        Declaration {
            statements: Vec::new(),
            tables: Vec::new(),
            views: Vec::new(),
            hints: Hints::default(),
            order: Stage::ALL.to_vec(),
        }
    }
}

impl Declaration {
    /// Whether a descriptor of an extension declares anything; one that cannot
    /// be read at all is told by whoever looks for extensions.
    pub fn stands_in(file: &SitePath, bytes: &[u8]) -> bool {
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        let document = document::parse(file, text).ok().filter(|_| file.name() == "extension.toml");
        document.is_some_and(|document| {
            ["tables", "views", "drop"].iter().any(|name| document.contains_key(name))
        })
    }

    /// Reads files that end in `.toml` or `.sql`; those that end in
    /// `.mysql.sql` or `.sqlite.sql` only for that dialect.
    pub fn parse(
        files: &[(SitePath, Vec<u8>)],
        dialect: Dialect,
        prefix: &str,
    ) -> Result<Declaration, DeclarationError> {
        if !names::is_prefix(prefix) {
            return Err(DeclarationError::Prefix(crate::base::escape::text(prefix).into_owned()));
        }
        let mut merged = merge::Merged::new(dialect, prefix);
        for (file, bytes) in files.iter().filter(|(file, _)| is_for(file, dialect)) {
            let place = Place { file: file.clone(), line: 1 };
            if bytes.len() > MAX_BYTES {
                return Err(place.wrong("it has more than 4 MiB", "declare the tables in several files"));
            }
            let text =
                std::str::from_utf8(bytes).map_err(|_| DeclarationError::NoText { file: file.clone() })?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            if file.name().ends_with(".toml") {
                merged.toml(toml::read(file, text, &toml::Context { dialect, prefix })?)?;
            } else if file.name().ends_with(".sql") {
                merged.sql(sql::read(file, text, dialect, prefix)?)?;
            } else {
                return Err(
                    place.wrong("tables are declared in .toml or .sql", "give the file one of these names")
                );
            }
        }
        merged.finished()
    }
}

fn is_for(file: &SitePath, dialect: Dialect) -> bool {
    let other = if dialect == Dialect::MySql { ".sqlite.sql" } else { ".mysql.sql" };
    !file.name().ends_with(other)
}
