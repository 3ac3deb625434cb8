//! Scratch names put into statements, and taken out of what the server made.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::database::lexer::Dialect;
use crate::database::lexer::tokens;
use crate::database::lexer::tokens::Kind;
use crate::database::lexer::tokens::Token;
use crate::database::schema::declared::Declaration;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;

/// The place of the name among the tokens of a statement that makes or alters
/// something in the database at hand; nothing for any other statement.
pub(super) fn subject(statement: &str) -> Option<usize> {
    let tokens = significant(statement)?;
    let is_known = ["create", "alter"].iter().any(|word| tokens[0].is_word(word));
    let kinds = ["table", "view", "index", "procedure", "function", "trigger", "event", "database", "user"];
    let kind = tokens.iter().take(16).position(|token| kinds.iter().any(|word| token.is_word(word)))?;
    let mut rest = tokens.iter().enumerate().skip(kind + 1);
    let name = match &tokens[kind] {
        token if token.is_word("table") || token.is_word("view") => {
            rest.find(|(_, token)| !["if", "not", "exists"].iter().any(|word| token.is_word(word)))
        }
        token if token.is_word("index") => {
            rest.find(|(_, token)| token.is_word("on"));
            rest.next()
        }
        _ => None,
    }?;
    let is_qualified = rest.next().is_some_and(|(_, token)| token.is_mark('.'));
    (is_known && !is_qualified).then_some(name.0)
}

/// All tokens but comments; nothing where the statement has none.
fn significant(statement: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = tokens::tokens(statement, Dialect::MySql).ok()?;
    tokens.retain(|token| !matches!(token.kind, Kind::Comment | Kind::Executable));
    (!tokens.is_empty()).then_some(tokens)
}

/// A scratch name for each table, view and foreign key: names of these are the
/// database's, not the table's. All are of one length, so that none is the
/// beginning of another.
pub(super) struct Names {
    scratch: BTreeMap<String, String>,
    constraints: BTreeMap<String, String>,
}

impl Names {
    pub fn of(declaration: &Declaration, prefix: &str) -> Names {
        let all = declaration.tables.iter().chain(&declaration.views).enumerate();
        let one = |(number, name): (usize, &String)| (name.clone(), format!("{prefix}_{number:05}"));
        let constraints: BTreeSet<String> =
            declaration.statements.iter().flat_map(|statement| constraints(statement)).collect();
        let constraint = |(number, name)| (name, format!("{prefix}__{number:05}"));
        Names {
            scratch: all.map(one).collect(),
            constraints: constraints.into_iter().enumerate().map(constraint).collect(),
        }
    }

    pub fn scratch(&self) -> Vec<String> {
        self.scratch.values().cloned().collect()
    }

    /// The statement with scratch names, unless it is not about a declared table.
    pub fn put_into(&self, statement: &str) -> Option<String> {
        let subject = subject(statement)?;
        let tokens = significant(statement)?;
        if !self.scratch.contains_key(&*tokens[subject].name()?) {
            return None;
        }
        let mut places = Places::default();
        let mut written = String::with_capacity(statement.len() + 64);
        let mut end = 0;
        for (at, token) in tokens.iter().enumerate() {
            written.push_str(&statement[end..token.at]);
            end = token.end();
            let named = token.name();
            let scratch = named.as_ref().and_then(|name| self.scratch.get(&**name));
            match (scratch, &named) {
                (Some(scratch), _) if at == subject || places.is_table(tokens.get(at + 1)) => {
                    written.push_str(&like(token, scratch));
                }
                (_, Some(name)) if places.is_constraint(token) => {
                    written.push_str(&quoted(&self.constraints[&**name]));
                }
                _ => written.push_str(token.text),
            }
            places.pass(token);
        }
        Some(written + &statement[end..])
    }

    /// The model with the names that were declared.
    pub fn given_back(&self, schema: Schema) -> Schema {
        let back = |text: &str| {
            let mut text = text.to_owned();
            for (name, scratch) in self.scratch.iter().chain(&self.constraints) {
                text = text.replace(scratch, name);
            }
            text
        };
        let tables = schema.tables.into_iter().map(|(name, table)| (back(&name), renamed(table, &back)));
        let views = schema.views.into_iter().map(|(name, query)| (back(&name), back(&query)));
        Schema { tables: tables.collect(), views: views.collect() }
    }
}

/// The names that a statement gives to foreign keys and checks.
fn constraints(statement: &str) -> Vec<String> {
    let mut places = Places::default();
    let mut found = Vec::new();
    for token in significant(statement).unwrap_or_default() {
        if let Some(name) = token.name().filter(|_| places.is_constraint(&token)) {
            found.push(name.into_owned());
        }
        places.pass(&token);
    }
    found
}

fn renamed(table: Table, back: &impl Fn(&str) -> String) -> Table {
    let foreign = table.foreign.into_iter().map(|(name, key)| {
        let key = ForeignKey { table: back(&key.table), ..key };
        (back(&name), key)
    });
    Table {
        foreign: foreign.collect(),
        keys: table.keys.into_iter().map(|(name, key)| (back(&name), key)).collect(),
        checks: table.checks.into_iter().map(|(name, condition)| (back(&name), condition)).collect(),
        ..table
    }
}

/// In backticks where the name was: an unnamed column of a view is called by
/// the very letters of its expression.
fn like(token: &Token, scratch: &str) -> String {
    if token.kind == Kind::Name { quoted(scratch) } else { scratch.to_owned() }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Where in a statement the next token stands.
#[derive(Default)]
struct Places {
    last: String,
    /// Within the list of tables of a query, for each bracket.
    in_from: Vec<bool>,
    is_query: bool,
}

impl Places {
    fn is_table(&self, next: Option<&Token>) -> bool {
        let qualifies = next.is_some_and(|next| next.is_mark('.')) && self.last != ".";
        let in_list =
            self.in_from.last().is_some_and(|inside| *inside) && matches!(self.last.as_str(), "," | "(");
        match self.last.as_str() {
            "FROM" | "JOIN" | "STRAIGHT_JOIN" => self.is_query,
            "REFERENCES" | "LIKE" => !self.is_query,
            _ => qualifies || in_list,
        }
    }

    fn is_constraint(&self, token: &Token) -> bool {
        let keywords = ["check", "foreign", "primary", "unique", "if"];
        self.last == "CONSTRAINT" && !keywords.iter().any(|word| token.is_word(word))
    }

    fn pass(&mut self, token: &Token) {
        self.last = match token.kind {
            Kind::Name => String::new(),
            _ => token.text.to_ascii_uppercase(),
        };
        if self.in_from.is_empty() {
            self.in_from.push(false);
        }
        let inside = self.in_from.last().is_some_and(|inside| *inside);
        match self.last.as_str() {
            "SELECT" | "WITH" => self.is_query = true,
            "(" => self.in_from.push(inside),
            ")" if self.in_from.len() > 1 => _ = self.in_from.pop(),
            _ => {}
        }
        let now = match self.last.as_str() {
            "FROM" | "JOIN" => self.is_query,
            "SELECT" | "WHERE" | "ON" | "USING" | "GROUP" | "ORDER" | "HAVING" | "LIMIT" | "UNION" => false,
            _ => return,
        };
        if let Some(inside) = self.in_from.last_mut() {
            *inside = now;
        }
    }
}
