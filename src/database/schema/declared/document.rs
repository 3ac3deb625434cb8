//! A TOML file as a tree whose nodes know their lines, so that each error can
//! say where, and whose tables keep their order.

use toml_edit::Document;
use toml_edit::Item;
use toml_edit::TableLike;
use toml_edit::Value;

use crate::base::path::SitePath;
use crate::database::lexer::Dialect;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::error::Place;

type Result<T> = std::result::Result<T, DeclarationError>;

pub(super) fn parse<'t>(file: &SitePath, text: &'t str) -> Result<Document<&'t str>> {
    Document::parse(text).map_err(|error| {
        let line = line_of(text, error.span().map_or(0, |span| span.start));
        Place { file: file.clone(), line }.wrong(format!("this is no TOML: {}", error.message()), "")
    })
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// A value with the words that lead to it.
#[derive(Clone)]
pub(super) struct Node<'d> {
    item: Held<'d>,
    text: &'d str,
    pub place: Place,
    /// `table posts, column title`: for messages.
    pub path: String,
    pub dialect: Dialect,
}

#[derive(Clone, Copy)]
enum Held<'d> {
    Item(&'d Item),
    Value(&'d Value),
}

impl<'d> Node<'d> {
    pub fn root(
        file: &SitePath,
        document: &'d Document<&'d str>,
        text: &'d str,
        dialect: Dialect,
    ) -> Node<'d> {
        let place = Place { file: file.clone(), line: 1 };
        Node { item: Held::Item(document.as_item()), text, place, path: String::new(), dialect }
    }

    pub fn wrong(&self, what: impl AsRef<str>, instead: impl AsRef<str>) -> DeclarationError {
        match self.path.as_str() {
            "" => self.place.wrong(what, instead),
            path => self.place.wrong(format!("{path}: {}", what.as_ref()), instead),
        }
    }

    /// The same node under another name in messages.
    pub fn named(mut self, path: String) -> Node<'d> {
        self.path = path;
        self
    }

    fn value(&self) -> Option<&'d Value> {
        match self.item {
            Held::Item(item) => item.as_value(),
            Held::Value(value) => Some(value),
        }
    }

    fn as_table(&self) -> Option<&'d dyn TableLike> {
        match self.item {
            Held::Item(item) => item.as_table_like(),
            Held::Value(value) => value.as_inline_table().map(|table| table as &dyn TableLike),
        }
    }

    pub fn is_table(&self) -> bool {
        self.as_table().is_some()
    }

    /// What stands in the table, in the order of the file.
    pub fn entries(&self) -> Result<Vec<(&'d str, Node<'d>)>> {
        let table =
            self.as_table().ok_or_else(|| self.wrong("this must be a table of names and values", ""))?;
        Ok(table.iter().map(|(name, item)| (name, self.child(table, name, item))).collect())
    }

    fn child(&self, table: &'d dyn TableLike, name: &str, item: &'d Item) -> Node<'d> {
        let span = table.key(name).and_then(|key| key.span()).or_else(|| item.span());
        let line = span.map_or(self.place.line, |span| line_of(self.text, span.start));
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}, {name}"),
        };
        let place = Place { line, ..self.place.clone() };
        Node { item: Held::Item(item), place, path, ..self.clone() }
    }

    pub fn string(&self) -> Result<&'d str> {
        let text = self.value().and_then(Value::as_str);
        text.ok_or_else(|| self.wrong("this must be a text in quotes", ""))
    }

    pub fn flag(&self) -> Result<bool> {
        let flag = self.value().and_then(Value::as_bool);
        flag.ok_or_else(|| self.wrong("this must be true or false", ""))
    }

    pub fn integer(&self) -> Option<i64> {
        self.value().and_then(Value::as_integer)
    }

    pub fn list(&self) -> Result<Vec<Node<'d>>> {
        let list = self.value().and_then(Value::as_array);
        let list = list.ok_or_else(|| self.wrong("this must be a list: [\"…\", \"…\"]", ""))?;
        Ok(list
            .iter()
            .map(|value| {
                let line = value.span().map_or(self.place.line, |span| line_of(self.text, span.start));
                let place = Place { line, ..self.place.clone() };
                Node { item: Held::Value(value), place, ..self.clone() }
            })
            .collect())
    }

    pub fn strings(&self) -> Result<Vec<String>> {
        self.list()?.iter().map(|node| node.string().map(str::to_owned)).collect()
    }

    /// A piece of SQL: one text for both dialects, or `{ mysql = …, sqlite = … }`
    /// of which only the one for this dialect counts.
    pub fn spoken(&self) -> Result<Option<String>> {
        if !self.is_table() {
            return self.plain().map(Some);
        }
        let mut said = None;
        for (name, node) in self.entries()? {
            let dialect = match name {
                "mysql" => Dialect::MySql,
                "sqlite" => Dialect::Sqlite,
                _ => return Err(node.wrong("no such dialect", "write { mysql = \"…\", sqlite = \"…\" }")),
            };
            let text = node.plain()?;
            if dialect == self.dialect {
                said = Some(text);
            }
        }
        Ok(said)
    }

    /// Text, or a number or truth value as SQL has it.
    fn plain(&self) -> Result<String> {
        match self.value() {
            Some(Value::String(text)) => Ok(text.value().clone()),
            Some(Value::Integer(number)) => Ok(number.value().to_string()),
            Some(Value::Float(number)) if number.value().is_finite() => Ok(number.value().to_string()),
            Some(Value::Boolean(flag)) => Ok(u8::from(*flag.value()).to_string()),
            _ => Err(self.wrong("this must be a text in quotes", "or { mysql = \"…\", sqlite = \"…\" }")),
        }
    }
}
