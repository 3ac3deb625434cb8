//! The words of `CREATE TABLE` and `ALTER TABLE`.

use crate::database::connection::DatabaseError;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::mysql::literal;
use crate::database::schema::diff::Change;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::Table;

type Written = Result<String, DatabaseError>;

pub(super) fn quoted(name: &str) -> Written {
    quote_identifier(Dialect::MySql, name)
}

/// A table without its foreign keys: these come when all tables are there.
pub(super) fn create(name: &str, table: &Table) -> Written {
    let mut lines = Vec::new();
    for column in &table.columns {
        lines.push(self::column(column)?);
    }
    for (name, key) in &table.keys {
        lines.push(self::key(name, key)?);
    }
    for (name, condition) in &table.checks {
        lines.push(format!("CONSTRAINT {} CHECK ({condition})", quoted(name)?));
    }
    let options: Vec<String> = table.options.iter().map(|(name, value)| option(name, value)).collect();
    let options = options.join(" ");
    let written = format!("CREATE TABLE {} (\n  {}\n) {options}", quoted(name)?, lines.join(",\n  "));
    Ok(written.trim_end().to_owned())
}

/// One part of an `ALTER TABLE`; `None` for what has a statement of its own.
pub(super) fn part(change: &Change) -> Result<Option<String>, DatabaseError> {
    Ok(Some(match change {
        Change::AddColumn { column, after } => {
            let place = match after {
                Some(other) => format!("AFTER {}", quoted(other)?),
                None => "FIRST".into(),
            };
            format!("ADD COLUMN {} {place}", self::column(column)?)
        }
        Change::ModifyColumn { from, to } if from.name == to.name => {
            format!("MODIFY COLUMN {}", column(to)?)
        }
        Change::ModifyColumn { from, to } | Change::RenameColumn { from, to } => {
            format!("CHANGE COLUMN {} {}", quoted(&from.name)?, column(to)?)
        }
        Change::DropColumn { name } => format!("DROP COLUMN {}", quoted(name)?),
        Change::AddKey { name, key } => format!("ADD {}", self::key(name, key)?),
        Change::DropKey { name } if name == crate::database::schema::model::PRIMARY => {
            "DROP PRIMARY KEY".into()
        }
        Change::DropKey { name } => format!("DROP KEY {}", quoted(name)?),
        Change::AddCheck { name, condition } => {
            format!("ADD CONSTRAINT {} CHECK ({condition})", quoted(name)?)
        }
        Change::DropCheck { name } => format!("DROP CONSTRAINT {}", quoted(name)?),
        Change::AddForeignKey { name, key } => format!("ADD {}", foreign_key(name, key)?),
        Change::DropForeignKey { name } => format!("DROP FOREIGN KEY {}", quoted(name)?),
        Change::SetOption { name, to, .. } => option(name, to),
        Change::CreateTable(_)
        | Change::DropTable
        | Change::RenameTable { .. }
        | Change::CreateView { .. }
        | Change::ReplaceView { .. }
        | Change::DropView => return Ok(None),
    }))
}

fn column(column: &Column) -> Written {
    let mut words = vec![quoted(&column.name)?, column.sql_type.clone()];
    words.extend(column.collation.as_deref().map(collation));
    if let Some(generated) = &column.generated {
        let kept = if generated.stored { "STORED" } else { "VIRTUAL" };
        words.push(format!("GENERATED ALWAYS AS ({}) {kept}", generated.expression));
    }
    match (column.nullable, &column.generated) {
        (false, _) => words.push("NOT NULL".into()),
        // A TIMESTAMP that does not say so may be NOT NULL.
        (true, None) => words.push("NULL".into()),
        (true, Some(_)) => {}
    }
    words.extend(column.default.as_ref().map(|default| format!("DEFAULT {default}")));
    words.extend(column.on_update.as_ref().map(|value| format!("ON UPDATE {value}")));
    if column.auto_increment {
        words.push("AUTO_INCREMENT".into());
    }
    if !column.comment.is_empty() {
        words.push(format!("COMMENT {}", literal(&column.comment)));
    }
    words.extend(column.check.as_ref().map(|check| format!("CHECK ({check})")));
    Ok(words.join(" "))
}

/// A collation, or a character set alone where the release leaves it at that.
fn collation(name: &str) -> String {
    match (name, name.split_once('_')) {
        (_, Some((charset, _))) => format!("CHARACTER SET {charset} COLLATE {name}"),
        (charset, None) => format!("CHARACTER SET {charset}"),
    }
}

fn option(name: &str, value: &str) -> String {
    match name {
        "collation" => format!("DEFAULT {}", collation(value)),
        "comment" => format!("COMMENT={}", literal(value)),
        other => format!("{}={value}", other.to_ascii_uppercase()),
    }
}

fn key(name: &str, key: &Key) -> Written {
    let parts = key.parts.iter().map(key_part).collect::<Result<Vec<_>, _>>()?.join(", ");
    let kind = match key.kind {
        KeyKind::Primary => return Ok(format!("PRIMARY KEY ({parts})")),
        KeyKind::Unique => "UNIQUE KEY",
        KeyKind::Plain => "KEY",
        KeyKind::FullText => "FULLTEXT KEY",
        KeyKind::Spatial => "SPATIAL KEY",
    };
    Ok(format!("{kind} {} ({parts})", quoted(name)?))
}

fn key_part(part: &KeyPart) -> Written {
    let mut written = if part.is_expression { format!("({})", part.of) } else { quoted(&part.of)? };
    if let Some(length) = part.length {
        written.push_str(&format!("({length})"));
    }
    if part.descending {
        written.push_str(" DESC");
    }
    Ok(written)
}

pub(super) fn foreign_key(name: &str, key: &ForeignKey) -> Written {
    Ok(format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
        quoted(name)?,
        names(&key.columns)?,
        quoted(&key.table)?,
        names(&key.referenced)?,
        key.on_delete,
        key.on_update
    ))
}

fn names(names: &[String]) -> Written {
    Ok(names.iter().map(|name| quoted(name)).collect::<Result<Vec<_>, _>>()?.join(", "))
}
