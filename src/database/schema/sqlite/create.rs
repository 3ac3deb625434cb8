//! What SQLite's pragmas do not tell of a table: it stands in the text of its
//! `CREATE TABLE` alone.

use std::collections::BTreeMap;

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::lexer::tokens::behind_parentheses;
use crate::database::lexer::tokens::tokens;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// By name in lower case.
    pub columns: BTreeMap<String, ColumnSaid>,
    /// Name, if it has one, and condition.
    pub checks: Vec<(Option<String>, String)>,
    /// In the order of the text: name, if it has one, and what is deferred.
    pub foreign: Vec<(Option<String>, Option<String>)>,
    /// `on conflict …` of constraints over columns.
    pub conflicts: Vec<(ConflictOf, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ColumnSaid {
    pub collation: Option<String>,
    pub auto_increment: bool,
    pub not_null: bool,
    pub generated: Option<String>,
    pub check: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConflictOf {
    Primary,
    NotNull(String),
    Unique(Vec<String>),
}

/// Reads the text of a table as SQLite keeps it; nothing where it is none.
pub(super) fn read(sql: &str) -> Option<Said> {
    let mut tokens = tokens(sql, Dialect::Sqlite).ok()?;
    tokens.retain(|token| token.kind != Kind::Comment);
    let open = tokens.iter().position(|token| token.is_mark('('))?;
    let close = behind_parentheses(&tokens, open)? - 1;
    let mut said = Said::default();
    for item in items(&tokens[open + 1..close]) {
        let mut reader = Reader { sql, tokens: item, at: 0 };
        if reader.begins_constraint() {
            reader.constraints(&mut said, None);
        } else {
            reader.column(&mut said)?;
        }
    }
    Some(said)
}

/// Cuts a list at its commas.
pub(super) fn items<'a, 't>(tokens: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let (mut items, mut from, mut depth) = (Vec::new(), 0, 0_i64);
    for (at, token) in tokens.iter().enumerate() {
        depth += i64::from(token.is_mark('(')) - i64::from(token.is_mark(')'));
        if depth == 0 && token.is_mark(',') {
            items.push(&tokens[from..at]);
            from = at + 1;
        }
    }
    items.push(&tokens[from..]);
    items
}

struct Reader<'s, 't> {
    sql: &'s str,
    tokens: &'s [Token<'t>],
    at: usize,
}

impl Reader<'_, '_> {
    fn takes(&mut self, words: &str) -> bool {
        let found = words
            .split(' ')
            .enumerate()
            .all(|(ahead, word)| self.tokens.get(self.at + ahead).is_some_and(|token| token.is_word(word)));
        if found {
            self.at += words.split(' ').count();
        }
        found
    }

    fn begins_constraint(&self) -> bool {
        let words = ["constraint", "primary", "unique", "check", "foreign"];
        self.tokens.first().is_none_or(|token| words.iter().any(|word| token.is_word(word)))
    }

    fn name(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let name = match token.kind {
            Kind::Text => token.inner().replace("''", "'"),
            _ => token.name()?.into_owned(),
        };
        self.at += 1;
        Some(name)
    }

    /// What stands between the parentheses that come next.
    fn parenthesised(&mut self) -> Option<String> {
        self.tokens.get(self.at).filter(|token| token.is_mark('('))?;
        let end = behind_parentheses(self.tokens, self.at)?;
        let inside = self.sql[self.tokens[self.at].end()..self.tokens[end - 1].at].trim().to_owned();
        self.at = end;
        Some(inside)
    }

    fn column(&mut self, said: &mut Said) -> Option<()> {
        let name = self.name()?;
        said.columns.insert(name.to_lowercase(), ColumnSaid::default());
        const BEGIN: [&str; 10] = [
            "constraint",
            "primary",
            "not",
            "null",
            "unique",
            "check",
            "default",
            "collate",
            "references",
            "generated",
        ];
        while let Some(token) = self.tokens.get(self.at) {
            if BEGIN.iter().any(|word| token.is_word(word)) || token.is_word("as") {
                break;
            }
            self.at += 1;
        }
        self.constraints(said, Some(&name));
        Some(())
    }

    /// All constraints up to the end of the item, of a column or the table.
    fn constraints(&mut self, said: &mut Said, column: Option<&str>) {
        let mut name = None;
        while self.at < self.tokens.len() {
            if self.takes("constraint") {
                name = self.name();
                continue;
            }
            self.constraint(said, column, name.take());
        }
    }

    fn constraint(&mut self, said: &mut Said, column: Option<&str>, name: Option<String>) {
        let own = |said: &mut Said, change: &dyn Fn(&mut ColumnSaid)| {
            if let Some(column) = column {
                change(said.columns.entry(column.to_lowercase()).or_default());
            }
        };
        if self.takes("primary key") {
            let of = self.parenthesised();
            let auto = of.as_ref().is_some_and(|of| of.to_ascii_lowercase().contains("autoincrement"));
            let _ = self.takes("asc") || self.takes("desc");
            self.conflict(said, ConflictOf::Primary);
            if auto || self.takes("autoincrement") {
                own(said, &|column| column.auto_increment = true);
            }
        } else if self.takes("not null") {
            own(said, &|column| column.not_null = true);
            self.conflict(said, ConflictOf::NotNull(column.unwrap_or_default().to_owned()));
        } else if self.takes("unique") {
            let named = |list: String| names_in(&list);
            let of =
                self.parenthesised().map_or_else(|| column.map(str::to_owned).into_iter().collect(), named);
            self.conflict(said, ConflictOf::Unique(of));
        } else if self.takes("check") {
            let Some(condition) = self.parenthesised() else { return };
            match (column, name) {
                (Some(column), None) => {
                    let check = &mut said.columns.entry(column.to_lowercase()).or_default().check;
                    *check = Some(match check.take() {
                        Some(other) => format!("({other}) AND ({condition})"),
                        None => condition,
                    });
                }
                (_, name) => said.checks.push((name, condition)),
            }
        } else if self.takes("default") {
            if self.parenthesised().is_none() {
                let signed =
                    self.tokens.get(self.at).is_some_and(|token| token.is_mark('-') || token.is_mark('+'));
                self.at += 1 + usize::from(signed);
            }
        } else if self.takes("collate") {
            let collation = self.name();
            own(said, &|column| column.collation.clone_from(&collation));
        } else if self.takes("foreign key") {
            let _ = self.parenthesised();
            if self.takes("references") {
                self.reference(said, name);
            }
        } else if self.takes("references") {
            self.reference(said, name);
        } else if self.takes("generated always as") || self.takes("as") {
            let expression = self.parenthesised();
            own(said, &|column| column.generated.clone_from(&expression));
        } else {
            self.at += 1;
        }
    }

    fn conflict(&mut self, said: &mut Said, of: ConflictOf) {
        if self.takes("on conflict")
            && let Some(word) = self.name()
        {
            said.conflicts.push((of, word.to_ascii_uppercase()));
        }
    }

    fn reference(&mut self, said: &mut Said, name: Option<String>) {
        let _ = self.name();
        let _ = self.parenthesised();
        let mut deferred = None;
        loop {
            if self.takes("on delete") || self.takes("on update") || self.takes("on insert") {
                let _ = self.takes("set null")
                    || self.takes("set default")
                    || self.takes("no action")
                    || self.name().is_some();
            } else if self.takes("match") {
                let _ = self.name();
            } else if self.takes("not deferrable") || self.takes("deferrable") {
                let is_not = self.tokens[self.at - 2..self.at].iter().any(|token| token.is_word("not"));
                if self.takes("initially deferred") && !is_not {
                    deferred = Some("DEFERRABLE INITIALLY DEFERRED".to_owned());
                }
                let _ = self.takes("initially deferred") || self.takes("initially immediate");
            } else {
                break;
            }
        }
        said.foreign.push((name, deferred));
    }
}

fn names_in(list: &str) -> Vec<String> {
    let tokens = tokens(list, Dialect::Sqlite).unwrap_or_default();
    items(&tokens).iter().filter_map(|item| item.first()?.name().map(|name| name.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_text_tells() {
        let said = read(
            "CREATE TABLE \"t(\" ( id INTEGER PRIMARY KEY AUTOINCREMENT, -- a, b\n\
             'my name' varchar(10, 2) NOT NULL ON CONFLICT IGNORE DEFAULT 'a,)' COLLATE NoCase CHECK (x > 1) CHECK (y),\n\
             s GENERATED ALWAYS AS (coalesce(a, ')')) STORED, n int DEFAULT -1 CONSTRAINT pos CHECK (n > -2),\n\
             o REFERENCES u ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED UNIQUE ON CONFLICT REPLACE,\n\
             CHECK (n <> 0) CONSTRAINT f FOREIGN KEY (n, o) REFERENCES u (a, b) MATCH FULL NOT DEFERRABLE,\n\
             PRIMARY KEY (n) ON CONFLICT ROLLBACK, UNIQUE (n COLLATE NOCASE DESC, \"o\") ON CONFLICT FAIL) STRICT",
        )
        .unwrap();
        assert!(said.columns["id"].auto_increment);
        assert_eq!(said.columns["my name"].collation.as_deref(), Some("NoCase"));
        assert_eq!(said.columns["my name"].check.as_deref(), Some("(x > 1) AND (y)"));
        assert_eq!(said.columns["s"].generated.as_deref(), Some("coalesce(a, ')')"));
        assert_eq!(said.checks, [(Some("pos".into()), "n > -2".into()), (None, "n <> 0".into())]);
        let deferred = Some("DEFERRABLE INITIALLY DEFERRED".into());
        assert_eq!(said.foreign, [(None, deferred), (Some("f".into()), None)]);
        assert_eq!(
            said.conflicts,
            [
                (ConflictOf::NotNull("my name".into()), "IGNORE".into()),
                (ConflictOf::Unique(vec!["o".into()]), "REPLACE".into()),
                (ConflictOf::Primary, "ROLLBACK".into()),
                (ConflictOf::Unique(vec!["n".into(), "o".into()]), "FAIL".into()),
            ]
        );
    }
}
