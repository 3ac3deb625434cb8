//! Changes in a line each, for people.

use crate::base::count;
use crate::base::escape;
use crate::database::schema::diff::Change;
use crate::database::schema::model::Column;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::PRIMARY;

/// What a change does: `column email: varchar(60) -> varchar(255)`.
pub(super) fn line(change: &Change) -> String {
    let line = match change {
        Change::CreateTable(table) => {
            format!("create the table, {}", count::of(table.columns.len(), "column"))
        }
        Change::DropTable => "drop the table with all its rows".into(),
        Change::RenameTable { from } => format!("rename the table {from}"),
        Change::AddColumn { column, .. } => format!("add column {}: {}", column.name, shape(column)),
        Change::ModifyColumn { from, to } => format!("column {}: {}", to.name, differing(from, to)),
        Change::RenameColumn { from, to } => {
            let changed = differing(from, to);
            let changed = if changed.is_empty() { changed } else { format!(": {changed}") };
            format!("rename column {} to {}{changed}", from.name, to.name)
        }
        Change::DropColumn { name } => format!("drop column {name} with its values"),
        Change::AddKey { name, key } => format!("add {}", self::key(name, key)),
        Change::DropKey { name } if name == PRIMARY => "drop the primary key".into(),
        Change::DropKey { name } => format!("drop key {name}"),
        Change::AddForeignKey { name, key } => format!(
            "add foreign key {name}: {} -> {} ({})",
            key.columns.join(", "),
            key.table,
            key.referenced.join(", ")
        ),
        Change::DropForeignKey { name } => format!("drop foreign key {name}"),
        Change::AddCheck { name, condition } => format!("add check {name}: {condition}"),
        Change::DropCheck { name } => format!("drop check {name}"),
        Change::SetOption { name, from, to } => {
            format!("{name}: {} -> {to}", from.as_deref().unwrap_or("none"))
        }
        Change::CreateView { .. } => "create the view".into(),
        Change::ReplaceView { .. } => "replace the view's query".into(),
        Change::DropView => "drop the view".into(),
    };
    escape::text(&line).into_owned()
}

/// A column as it is: `int(11) NOT NULL DEFAULT 0`.
fn shape(column: &Column) -> String {
    let mut words = vec![column.sql_type.clone()];
    words.extend(column.generated.as_ref().map(|generated| format!("AS ({})", generated.expression)));
    if !column.nullable {
        words.push("NOT NULL".into());
    }
    words.extend(column.default.as_ref().map(|default| format!("DEFAULT {default}")));
    if column.auto_increment {
        words.push("AUTO_INCREMENT".into());
    }
    words.join(" ")
}

/// What of a column becomes something else; what says its shape comes first.
fn differing(from: &Column, to: &Column) -> String {
    let mut changed = Vec::new();
    if shape(from) != shape(to) {
        changed.push(format!("{} -> {}", shape(from), shape(to)));
    }
    let none = || "none".to_owned();
    let mut other = |what: &str, from: Option<&String>, to: Option<&String>| {
        if from != to {
            let (from, to) = (from.cloned().unwrap_or_else(none), to.cloned().unwrap_or_else(none));
            changed.push(format!("{what} {from} -> {to}"));
        }
    };
    if to.collation.is_some() {
        other("collation", from.collation.as_ref(), to.collation.as_ref());
    }
    other("on update", from.on_update.as_ref(), to.on_update.as_ref());
    other("check", from.check.as_ref(), to.check.as_ref());
    other("comment", Some(&from.comment), Some(&to.comment));
    if changed.is_empty() && from.generated != to.generated {
        changed.push("stored otherwise".into());
    }
    changed.join(", ")
}

fn key(name: &str, key: &Key) -> String {
    let parts: Vec<&str> = key.parts.iter().map(|part| part.of.as_str()).collect();
    let parts = parts.join(", ");
    match key.kind {
        KeyKind::Primary => format!("primary key ({parts})"),
        KeyKind::Unique => format!("unique key {name} ({parts})"),
        KeyKind::Plain => format!("key {name} ({parts})"),
        KeyKind::FullText => format!("fulltext key {name} ({parts})"),
        KeyKind::Spatial => format!("spatial key {name} ({parts})"),
    }
}
