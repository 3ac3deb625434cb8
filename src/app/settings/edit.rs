//! Single values of a settings file changed where they stand: every other byte
//! stays, comments and line ends included.

use toml_edit::Array;
use toml_edit::Document;
use toml_edit::Item;
use toml_edit::TableLike;
use toml_edit::Value;

use crate::app::failure::Failure;
use crate::app::settings::fields;
use crate::app::settings::fields::Kind;
use crate::base::exit::Exit;

/// A list longer than this stands on lines of its own.
const WIDE: usize = 80;

/// One field with its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    pub key: String,
    /// Of a list each entry, of all else one; `None` takes it away, so that the
    /// usual value counts.
    pub value: Option<Vec<String>>,
}

/// The text with the changes in it.
pub fn changed(text: &str, changes: &[FieldChange]) -> Result<String, Failure> {
    let mut new = text.to_owned();
    for change in changes {
        new = one(&new, change)?;
    }
    Ok(new)
}

fn one(text: &str, change: &FieldChange) -> Result<String, Failure> {
    let field = fields::find(&change.key)
        .ok_or_else(|| Failure::new(Exit::Usage, "there is no such field in the settings"))?;
    let value = change.value.as_ref().map(|texts| rendered(field.kind, &change.key, texts)).transpose()?;
    let document = Document::parse(text)
        .map_err(|_| refused("the settings cannot be understood: mend them as text first"))?;
    let names: Vec<&str> = change.key.split('.').collect();
    let new = match (place(document.as_table(), &names), &value) {
        (Place::There { range, .. }, Some(value)) => {
            format!("{}{}{}", &text[..range.start], value.to_string().trim(), &text[range.end..])
        }
        (Place::There { range, is_inline, key_start }, None) => {
            if is_inline {
                return Err(in_text(&change.key));
            }
            let new = without_lines(text, key_start, range.end);
            without_empty_table(&new, &names[..names.len() - 1])
        }
        (Place::Missing(_), None) => return Ok(text.to_owned()),
        (Place::Missing(gap), Some(value)) => put(text, &gap, &names, value),
        (Place::Inline, _) => return Err(in_text(&change.key)),
    };
    verified(text, &new, &names, value).then_some(new).ok_or_else(|| in_text(&change.key))
}

fn refused(text: &str) -> Failure {
    Failure::new(Exit::Refused, text)
}

fn in_text(key: &str) -> Failure {
    refused(&format!("{key} is written in a way that this form does not change: change it in the text"))
}

fn rendered(kind: Kind, key: &str, texts: &[String]) -> Result<Value, Failure> {
    let first = texts.first().map(|text| text.trim()).unwrap_or_default();
    let wrong = |what: &str| Failure::new(Exit::Refused, format!("{key}: {what}"));
    Ok(match kind {
        Kind::Whole => first.parse::<i64>().map_err(|_| wrong("a whole number is needed"))?.into(),
        Kind::Decimal => match first.parse::<f64>() {
            Ok(number) if number.is_finite() => number.into(),
            _ => return Err(wrong("a number is needed")),
        },
        Kind::Flag => (first == "true").into(),
        Kind::Lines | Kind::Several { .. } => list(texts),
        Kind::Text | Kind::Secret | Kind::Choice(_) => first.into(),
    })
}

fn list(texts: &[String]) -> Value {
    let mut array: Array = texts.iter().map(String::as_str).collect();
    if texts.iter().map(String::len).sum::<usize>() > WIDE {
        for value in array.iter_mut() {
            value.decor_mut().set_prefix("\n  ");
        }
        array.set_trailing("\n");
        array.set_trailing_comma(true);
    }
    array.into()
}

enum Place {
    There {
        range: std::ops::Range<usize>,
        key_start: usize,
        is_inline: bool,
    },
    Missing(Gap),
    /// In a table that stands in one line, or where something else is.
    Inline,
}

/// Where a name that is not there belongs.
enum Gap {
    /// Behind what ends here, with so many of its names left out.
    Behind { end: usize, skip: usize },
    /// Before every table.
    First,
    /// In a table that is not there either.
    Table,
}

fn place(root: &dyn TableLike, names: &[&str]) -> Place {
    let (mut table, mut is_inline, mut skip, mut behind) = (root, false, 0, None);
    for (depth, name) in names.iter().enumerate() {
        let is_last = depth + 1 == names.len();
        match table.get_key_value(name) {
            Some((key, item)) if is_last => {
                let spans = (item.span(), key.span());
                let (Some(range), Some(key)) = spans else { return Place::Inline };
                return match item {
                    Item::Value(_) => Place::There { range, key_start: key.start, is_inline },
                    _ => Place::Inline,
                };
            }
            Some((_, Item::Table(inner))) => {
                if inner.is_dotted() {
                    behind = last_end(inner).map(|end| (end, skip));
                } else if inner.is_implicit() {
                    behind = None;
                } else {
                    skip = depth + 1;
                    let header = inner.span().map(|span| span.end);
                    behind = last_end(inner).max(header).map(|end| (end, skip));
                }
                table = inner;
            }
            Some((_, Item::Value(Value::InlineTable(inner)))) => {
                is_inline = true;
                table = inner;
            }
            Some(_) => return Place::Inline,
            None if is_inline => return Place::Inline,
            None => {
                let missing_table = depth + 1 < names.len();
                return Place::Missing(match behind {
                    Some((end, skip)) if !missing_table => Gap::Behind { end, skip },
                    _ if names.len() > 1 => Gap::Table,
                    _ => last_end(root).map_or(Gap::First, |end| Gap::Behind { end, skip: 0 }),
                });
            }
        }
    }
    Place::Inline
}

/// The end of the last value that stands under the table's own header.
fn last_end(table: &dyn TableLike) -> Option<usize> {
    let ends = table.iter().filter_map(|(_, item)| match item {
        Item::Value(value) => value.span().map(|span| span.end),
        Item::Table(inner) if inner.is_dotted() => last_end(inner),
        _ => None,
    });
    ends.max()
}

fn put(text: &str, gap: &Gap, names: &[&str], value: &Value) -> String {
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let line =
        |skip: usize| format!("{} = {}{end_of_line}", names[skip..].join("."), value.to_string().trim());
    match gap {
        Gap::Behind { end, skip } => {
            let (head, tail) = text.split_at(next_line(text, *end));
            let between = if head.ends_with('\n') { "" } else { end_of_line };
            format!("{head}{between}{}{tail}", line(*skip))
        }
        Gap::First => format!("{}{text}", line(0)),
        Gap::Table => {
            let between = if text.is_empty() || text.ends_with('\n') { "" } else { end_of_line };
            let table = names[..names.len() - 1].join(".");
            format!("{text}{between}{end_of_line}[{table}]{end_of_line}{}", line(names.len() - 1))
        }
    }
}

/// Where the line behind this place begins.
fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

fn without_lines(text: &str, from: usize, to: usize) -> String {
    let start = text[..from].rfind('\n').map_or(0, |at| at + 1);
    format!("{}{}", &text[..start], &text[next_line(text, to)..])
}

/// Some tables mean something by being there: an empty one goes.
fn without_empty_table(text: &str, names: &[&str]) -> String {
    let Ok(document) = Document::parse(text) else { return text.to_owned() };
    let mut item = document.as_item();
    for name in names {
        match item.get(name) {
            Some(inner) => item = inner,
            None => return text.to_owned(),
        }
    }
    match item {
        Item::Table(table) if table.is_empty() && !names.is_empty() => match table.span() {
            Some(span) => without_lines(text, span.start, span.end),
            None => text.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// Whether the new text says what the old one said, but for this one name.
fn verified(old: &str, new: &str, names: &[&str], value: Option<Value>) -> bool {
    let parsed = |text: &str| text.parse::<toml::Table>();
    let (Ok(mut expected), Ok(found)) = (parsed(old), parsed(new)) else { return false };
    let Some((last, above)) = names.split_last() else { return false };
    match value {
        Some(value) => {
            let Ok(one) = format!("x = {}", value.to_string().trim()).parse::<toml::Table>() else {
                return false;
            };
            let Some(table) = inner(&mut expected, above, true) else { return false };
            table.extend(one.into_iter().map(|(_, value)| ((*last).to_owned(), value)));
        }
        None => {
            if let Some(table) = inner(&mut expected, above, false) {
                table.remove(*last);
            }
        }
    }
    without_empty(expected) == without_empty(found)
}

fn inner<'t>(table: &'t mut toml::Table, names: &[&str], makes: bool) -> Option<&'t mut toml::Table> {
    let Some((first, rest)) = names.split_first() else { return Some(table) };
    if makes {
        table.entry(*first).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    }
    inner(table.get_mut(*first)?.as_table_mut()?, rest, makes)
}

fn without_empty(table: toml::Table) -> toml::Table {
    let kept = table.into_iter().filter_map(|(name, value)| match value {
        toml::Value::Table(inner) => {
            let inner = without_empty(inner);
            (!inner.is_empty()).then_some((name, toml::Value::Table(inner)))
        }
        value => Some((name, value)),
    });
    kept.collect()
}
