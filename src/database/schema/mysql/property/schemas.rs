//! Schemas made at random, as declarations.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::database::schema::declared::Declaration;

/// Types that turn into one another.
const TYPES: [&str; 11] = [
    "tinyint",
    "int",
    "int unsigned",
    "bigint",
    "varchar(4)",
    "varchar(60)",
    "varchar(300)",
    "text",
    "char(9)",
    "decimal(6,2)",
    "double",
];
#[derive(Clone, Debug)]
pub struct Col {
    sql_type: usize,
    nullable: bool,
    default: bool,
    key: bool,
    comment: bool,
}

#[derive(Clone, Debug)]
pub struct Tab {
    columns: Vec<Option<Col>>,
    /// A primary key, not only a key.
    primary: bool,
    reversed: bool,
    /// Refers to the table with that number.
    parent: Option<usize>,
    charset: Option<&'static str>,
    check: Option<u8>,
    generated: Option<bool>,
    unique: bool,
    comment: bool,
}

#[derive(Clone, Debug)]
pub struct Sch {
    pub tables: Vec<Option<Tab>>,
    id: &'static str,
    view: bool,
    /// Whether what is missing is named as dropped, and some names are others.
    drops: bool,
    renames: bool,
}

fn col() -> impl Strategy<Value = Col> {
    (0..TYPES.len(), any::<[bool; 4]>()).prop_map(|(sql_type, [nullable, default, key, comment])| Col {
        sql_type,
        nullable,
        default,
        key,
        comment,
    })
}

fn tab() -> impl Strategy<Value = Tab> {
    let columns = proptest::collection::vec(proptest::option::of(col()), 4);
    let charset = proptest::option::of(prop_oneof![Just("utf8mb4"), Just("latin1")]);
    let more = (charset, proptest::option::of(0..3_u8), proptest::option::of(any::<bool>()));
    (columns, any::<[bool; 4]>(), proptest::option::of(0..3_usize), more).prop_map(
        |(columns, [primary, reversed, unique, comment], parent, (charset, check, generated))| Tab {
            columns,
            primary,
            reversed,
            parent,
            charset,
            check,
            generated,
            unique,
            comment,
        },
    )
}

pub fn sch() -> impl Strategy<Value = Sch> {
    let id = prop_oneof![Just("int"), Just("bigint"), Just("int unsigned")];
    let tables = proptest::collection::vec(proptest::option::weighted(0.8, tab()), 3);
    (tables, id, any::<[bool; 3]>()).prop_map(|(tables, id, [view, drops, renames])| Sch {
        tables,
        id,
        view,
        drops,
        renames,
    })
}

impl Sch {
    pub fn table(&self, at: usize) -> String {
        if self.renames && at == 2 { "renamed".into() } else { format!("t{at}") }
    }

    fn column(&self, at: usize) -> String {
        if self.renames && at == 1 { "renamed".into() } else { format!("c{at}") }
    }

    pub fn declaration(&self) -> Declaration {
        let mut declaration = Declaration::default();
        for (at, tab) in self.tables.iter().enumerate() {
            let Some(tab) = tab else { continue };
            declaration.tables.push(self.table(at));
            declaration.statements.push(self.create(at, tab));
            self.hints(at, &mut declaration);
        }
        if let Some(at) = self.tables.iter().position(Option::is_some).filter(|_| self.view) {
            declaration.views.push("seen".into());
            let name = self.table(at);
            declaration.statements.push(format!(
                "CREATE VIEW seen AS SELECT {name}.id, count(n) FROM {name} GROUP BY {name}.id"
            ));
        }
        if self.drops {
            declaration.hints.dropped_tables.extend((0..3).map(|at| format!("t{at}")));
            declaration.hints.dropped_views.insert("seen".into());
        }
        declaration
    }

    fn hints(&self, at: usize, declaration: &mut Declaration) {
        let name = self.table(at);
        let all: BTreeSet<String> =
            (0..4).map(|at| self.column(at)).chain(["id".into(), "p".into(), "g".into()]).collect();
        declaration.hints.may_narrow.insert(name.clone(), all);
        if at == 2 {
            declaration.hints.renamed_tables.insert(name.clone(), vec!["t2".into(), "renamed".into()]);
        }
        let former = [(self.column(1), vec!["c1".into(), "renamed".into()])];
        declaration.hints.renamed_columns.insert(name.clone(), former.into());
        if self.drops {
            declaration
                .hints
                .dropped_columns
                .insert(name.clone(), (0..4).map(|at| format!("c{at}")).collect());
        }
        // A key that nobody declares may keep a column from becoming a TEXT.
        let mut keys: BTreeSet<String> =
            (0..4).flat_map(|at| [format!("k{at}"), format!("k{at}full")]).collect();
        if self.drops {
            keys.extend([format!("f{at}"), "limits".into(), "u".into()]);
        }
        declaration.hints.dropped_keys.insert(name, keys);
    }

    fn create(&self, at: usize, tab: &Tab) -> String {
        let id = self.id;
        let mut lines = vec![format!("id {id} NOT NULL AUTO_INCREMENT"), "n int NOT NULL DEFAULT 1".into()];
        let mut keys = vec![if tab.primary { "PRIMARY KEY (id)".into() } else { "KEY id (id)".to_owned() }];
        for (number, col) in tab.columns.iter().enumerate() {
            let Some(col) = col else { continue };
            let (name, sql_type) = (self.column(number), TYPES[col.sql_type]);
            let null = if col.nullable { "NULL" } else { "NOT NULL" };
            let is_long = sql_type == "text";
            let default = if col.default && !is_long { "DEFAULT '1'" } else { "" };
            let comment = if col.comment { "COMMENT 'it''s'" } else { "" };
            lines.push(format!("{name} {sql_type} {null} {default} {comment}"));
            if col.key {
                let length = if is_long || sql_type == "varchar(300)" { "(5)" } else { "" };
                keys.push(format!("KEY k{number} ({name}{length}, n DESC)"));
                if is_long {
                    keys.push(format!("FULLTEXT KEY k{number}full ({name})"));
                }
            }
        }
        if let Some(stored) = tab.generated {
            lines.push(format!("g int AS (n * 2) {}", if stored { "STORED" } else { "VIRTUAL" }));
        }
        if let Some(parent) = tab.parent.filter(|parent| self.tables[*parent].is_some()) {
            lines.push(format!("p {id} NULL"));
            keys.push(format!(
                "CONSTRAINT f{at} FOREIGN KEY (p) REFERENCES {} (id) ON DELETE SET NULL",
                self.table(parent)
            ));
        }
        if let Some(limit) = tab.check {
            keys.push(format!("CONSTRAINT limits CHECK (n > -{limit})"));
        }
        if tab.unique {
            keys.push("UNIQUE KEY u (n, id)".into());
        }
        if tab.reversed {
            lines.reverse();
        }
        lines.extend(keys);
        let charset = tab.charset.map(|charset| format!(" DEFAULT CHARSET={charset}")).unwrap_or_default();
        let comment = if tab.comment { " ENGINE=InnoDB COMMENT='told'" } else { "" };
        format!("CREATE TABLE {} ({}){charset}{comment}", self.table(at), lines.join(", "))
    }
}
