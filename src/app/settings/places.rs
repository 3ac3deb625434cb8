//! Where things stand in a TOML text: every value with its name and its bytes.

use std::collections::BTreeMap;
use std::ops::Range;

use toml_edit::Document;
use toml_edit::Item;
use toml_edit::TableLike;
use toml_edit::Value;

/// One value that holds no other.
pub struct Leaf {
    /// `notify.mail.to.0`
    pub path: String,
    pub range: Range<usize>,
    /// Of a string.
    pub text: Option<String>,
}

/// All of them; `None` where the text is no TOML.
pub fn leaves(text: &str) -> Option<Vec<Leaf>> {
    let document = Document::parse(text).ok()?;
    let mut found = Vec::new();
    in_table(document.as_table(), "", &mut found);
    Some(found)
}

fn in_table(table: &dyn TableLike, above: &str, found: &mut Vec<Leaf>) {
    for (name, item) in table.iter() {
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        match item {
            Item::Value(value) => in_value(value, &path, found),
            Item::Table(table) => in_table(table, &path, found),
            Item::ArrayOfTables(tables) => {
                for (at, table) in tables.iter().enumerate() {
                    in_table(table, &format!("{path}.{at}"), found);
                }
            }
            Item::None => {}
        }
    }
}

fn in_value(value: &Value, path: &str, found: &mut Vec<Leaf>) {
    match value {
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                in_value(value, &format!("{path}.{at}"), found);
            }
        }
        Value::InlineTable(table) => in_table(table, path, found),
        value => {
            let Some(range) = value.span() else { return };
            let text = value.as_str().map(str::to_owned);
            found.push(Leaf { path: path.to_owned(), range, text });
        }
    }
}

/// The name without the numbers of lists: `health.urls.0.url` is `health.urls.url`.
pub fn without_numbers(path: &str) -> String {
    let names = path.split('.').filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()));
    names.collect::<Vec<_>>().join(".")
}

/// The name of the value, or of the table, that stands on this line.
pub fn key_at(text: &str, line: usize) -> Option<String> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = start + text[start..].split_inclusive('\n').next().map_or(0, str::len);
    let leaf = leaves(text)?.into_iter().find(|leaf| leaf.range.start < end && leaf.range.end > start);
    let named = || {
        let header = text[start..end].trim().trim_matches(['[', ']']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_header = text[start..end].trim_start().starts_with('[') && header.chars().all(is_name);
        is_header.then(|| header.to_owned())
    };
    leaf.map(|leaf| without_numbers(&leaf.path)).or_else(named)
}

/// The names whose values are others in `new`; of a text that is no TOML nothing can be said.
pub fn differing(old: &str, new: &str) -> Vec<String> {
    let values = |text: &str| -> BTreeMap<String, Vec<String>> {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for leaf in leaves(text).unwrap_or_default() {
            let raw = leaf.text.unwrap_or_else(|| text[leaf.range].to_owned());
            values.entry(without_numbers(&leaf.path)).or_default().push(raw);
        }
        values
    };
    let (old, new) = (values(old), values(new));
    let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| old.get(name) != new.get(name));
    names
}
