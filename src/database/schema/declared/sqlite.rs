//! A declared table as SQLite writes it. Names of indexes hold in the whole
//! database there, so the table's goes before them.

use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
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
    quote_identifier(Dialect::Sqlite, name)
        .map_err(|_| place.wrong(format!("\"{name}\" cannot be a name in SQLite"), ""))
}

pub(super) fn render(table: &TableDraft, prefix: &str) -> Result<Rendered> {
    let full = format!("{prefix}{}", table.name);
    let name = quoted(&full, &table.place)?;
    let counts = table.columns.iter().any(|column| column.definition.auto_increment);
    let mut columns = Vec::new();
    for at in &table.columns {
        columns.push(column(at)?);
    }
    let mut constraints = Vec::new();
    if !table.primary.is_empty() && !counts {
        constraints.push(format!("PRIMARY KEY ({})", list(&table.primary, &table.place)?));
    }
    for check in &table.checks {
        let constraint = quoted(&format!("{full}_{}", check.name), &table.place)?;
        constraints.push(format!("CONSTRAINT {constraint} CHECK ({})", check.condition));
    }
    for at in &table.foreign {
        constraints.push(foreign::constraint(at, &full, prefix, &quoted)?);
    }
    let mut rendered = Rendered::default();
    if !table.extends {
        let items: Vec<String> = columns.into_iter().chain(constraints).collect();
        rendered.create =
            vec![format!("CREATE TABLE {name} (\n  {}\n){}", items.join(",\n  "), options(table))];
    } else if constraints.is_empty() {
        rendered.add =
            columns.iter().map(|column| format!("ALTER TABLE {name} ADD COLUMN {column}")).collect();
    } else {
        let what =
            format!("table {}: SQLite cannot add checks and foreign keys to a table in SQL", table.name);
        return Err(table.place.wrong(what, "declare the table itself in TOML"));
    }
    for at in &table.keys {
        rendered.add.push(index(at, &full, &name)?);
    }
    Ok(rendered)
}

fn list(names: &[String], place: &Place) -> Result<String> {
    Ok(names.iter().map(|name| quoted(name, place)).collect::<Result<Vec<_>>>()?.join(", "))
}

fn column(column: &ColumnDraft) -> Result<String> {
    let said = &column.definition;
    let mut sql = format!("{} {}", quoted(&column.name, &column.place)?, said.sql_type);
    if let Some(collation) = &said.collation {
        sql += &format!(" COLLATE {collation}");
    }
    if said.auto_increment {
        // It cannot be NULL, and is mostly written so.
        sql += " PRIMARY KEY AUTOINCREMENT";
    } else if !said.nullable {
        sql += " NOT NULL";
    }
    if let Some(default) = &said.default {
        sql += &format!(" DEFAULT {default}");
    }
    if let Some(expression) = &said.generated {
        sql += &format!(
            " GENERATED ALWAYS AS ({expression}) {}",
            if said.stored { "STORED" } else { "VIRTUAL" }
        );
    }
    if let Some(check) = &said.check {
        sql += &format!(" CHECK ({check})");
    }
    Ok(sql)
}

fn index(key: &KeyDraft, full: &str, table: &str) -> Result<String> {
    let unique = if key.sort == Sort::Unique { "UNIQUE " } else { "" };
    let parts = key.parts.iter().map(|at| part(at, &key.place)).collect::<Result<Vec<_>>>()?;
    let name = quoted(&format!("{full}_{}", key.name), &key.place)?;
    let filter = key.filter.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    Ok(format!("CREATE {unique}INDEX {name} ON {table} ({}){filter}", parts.join(", ")))
}

fn part(part: &PartDraft, place: &Place) -> Result<String> {
    let sql = match &part.of {
        PartOf::Column { name, .. } => quoted(name, place)?,
        PartOf::Expression(expression) => expression.clone(),
    };
    Ok(if part.descending { sql + " DESC" } else { sql })
}

fn options(table: &TableDraft) -> String {
    let options: Vec<&str> =
        [("STRICT", table.options.strict), ("WITHOUT ROWID", table.options.without_rowid)]
            .into_iter()
            .filter_map(|(name, is_set)| is_set.then_some(name))
            .collect();
    if options.is_empty() { String::new() } else { format!(" {}", options.join(", ")) }
}
