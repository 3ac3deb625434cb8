//! A declared table as MySQL and MariaDB write it.

use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::mysql::literal;
use crate::database::schema::declared::DeclarationError;
use crate::database::schema::declared::Place;
use crate::database::schema::declared::draft::ColumnDraft;
use crate::database::schema::declared::draft::KeyDraft;
use crate::database::schema::declared::draft::PartDraft;
use crate::database::schema::declared::draft::PartOf;
use crate::database::schema::declared::draft::Sort;
use crate::database::schema::declared::draft::TableDraft;
use crate::database::schema::declared::foreign;
use crate::database::schema::declared::merge::Rendered;

type Result<T> = std::result::Result<T, DeclarationError>;

pub(super) fn quoted(name: &str, place: &Place) -> Result<String> {
    quote_identifier(Dialect::MySql, name).map_err(|_| {
        place.wrong(format!("\"{name}\" cannot be a name in MySQL"), "shorten it to 64 characters")
    })
}

/// Foreign keys come apart, so that tables may refer to each other.
pub(super) fn render(table: &TableDraft, prefix: &str) -> Result<Rendered> {
    let full = format!("{prefix}{}", table.name);
    let name = quoted(&full, &table.place)?;
    let mut items = Vec::new();
    for at in &table.columns {
        items.push(column(at)?);
    }
    if !table.primary.is_empty() {
        items.push(format!("PRIMARY KEY ({})", list(&table.primary, &table.place)?));
    }
    for at in &table.keys {
        items.push(key(at)?);
    }
    for check in &table.checks {
        let constraint = quoted(&format!("{full}_{}", check.name), &table.place)?;
        items.push(format!("CONSTRAINT {constraint} CHECK ({})", check.condition));
    }
    let mut rendered = Rendered::default();
    if table.extends {
        let added = items.iter().map(|item| format!("ADD {item}")).collect::<Vec<_>>();
        rendered.add = added.iter().map(|item| format!("ALTER TABLE {name} {item}")).collect();
    } else {
        rendered.create =
            vec![format!("CREATE TABLE {name} (\n  {}\n){}", items.join(",\n  "), options(table))];
    }
    for at in &table.foreign {
        rendered
            .foreign
            .push(format!("ALTER TABLE {name} ADD {}", foreign::constraint(at, &full, prefix, &quoted)?));
    }
    Ok(rendered)
}

fn list(names: &[String], place: &Place) -> Result<String> {
    Ok(names.iter().map(|name| quoted(name, place)).collect::<Result<Vec<_>>>()?.join(", "))
}

fn column(column: &ColumnDraft) -> Result<String> {
    let said = &column.definition;
    let mut sql = format!("{} {}", quoted(&column.name, &column.place)?, said.sql_type);
    if let Some(charset) = &said.charset {
        sql += &format!(" CHARACTER SET {charset}");
    }
    if let Some(collation) = &said.collation {
        sql += &format!(" COLLATE {collation}");
    }
    match &said.generated {
        Some(expression) => {
            sql += &format!(
                " GENERATED ALWAYS AS ({expression}) {}",
                if said.stored { "STORED" } else { "VIRTUAL" }
            );
        }
        None => sql += if said.nullable { " NULL" } else { " NOT NULL" },
    }
    if let Some(default) = &said.default {
        sql += &format!(" DEFAULT {default}");
    }
    if let Some(value) = &said.on_update {
        sql += &format!(" ON UPDATE {value}");
    }
    if said.auto_increment {
        sql += " AUTO_INCREMENT";
    }
    if let Some(comment) = &said.comment {
        sql += &format!(" COMMENT {}", literal(comment));
    }
    if let Some(check) = &said.check {
        sql += &format!(" CHECK ({check})");
    }
    Ok(sql)
}

fn key(key: &KeyDraft) -> Result<String> {
    let sort = match key.sort {
        Sort::Plain => "KEY",
        Sort::Unique => "UNIQUE KEY",
        Sort::FullText => "FULLTEXT KEY",
    };
    let parts = key.parts.iter().map(|at| part(at, &key.place)).collect::<Result<Vec<_>>>()?;
    Ok(format!("{sort} {} ({})", quoted(&key.name, &key.place)?, parts.join(", ")))
}

fn part(part: &PartDraft, place: &Place) -> Result<String> {
    let mut sql = match &part.of {
        PartOf::Column { name, length: Some(length) } => format!("{}({length})", quoted(name, place)?),
        PartOf::Column { name, length: None } => quoted(name, place)?,
        PartOf::Expression(expression) => expression.clone(),
    };
    if part.descending {
        sql += " DESC";
    }
    Ok(sql)
}

fn options(table: &TableDraft) -> String {
    let options = &table.options;
    let mut sql = String::new();
    for (name, value) in [
        ("ENGINE", &options.engine),
        ("DEFAULT CHARACTER SET", &options.charset),
        ("COLLATE", &options.collation),
        ("ROW_FORMAT", &options.row_format),
    ] {
        if let Some(value) = value {
            sql += &format!(" {name}={value}");
        }
    }
    if let Some(comment) = &options.comment {
        sql += &format!(" COMMENT={}", literal(comment));
    }
    sql
}
