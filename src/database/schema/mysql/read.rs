//! Reads `information_schema`: a few queries for all tables at once.

use std::collections::BTreeMap;

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::schema::model::Column;
use crate::database::schema::model::ForeignKey;
use crate::database::schema::model::Generated;
use crate::database::schema::model::Key;
use crate::database::schema::model::KeyKind;
use crate::database::schema::model::KeyPart;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Schema;
use crate::database::schema::model::Table;
use crate::database::schema::mysql::spelling;
use crate::database::schema::mysql::spelling::Product;
use crate::database::scope::Scope;

type Row = Vec<Option<String>>;

/// The tables and views of the connection's database.
pub(in crate::database) fn schema(db: &mut dyn Database, scope: &Scope) -> Result<Schema, DatabaseError> {
    let product = Product::of(&db.version()?);
    let mut schema = Schema { tables: tables(db, scope)?, ..Schema::default() };
    columns(db, product, &mut schema)?;
    keys(db, product, &mut schema)?;
    foreign_keys(db, &mut schema)?;
    checks(db, product, &mut schema)?;
    schema.views = views(db, scope)?;
    Ok(schema)
}

/// Takes the values of one row in their order; what is NULL is empty.
struct Cells(std::vec::IntoIter<Option<String>>);

impl Cells {
    fn of(row: Row) -> Cells {
        Cells(row.into_iter())
    }

    fn text(&mut self) -> String {
        self.maybe().unwrap_or_default()
    }

    fn maybe(&mut self) -> Option<String> {
        self.0.next().flatten()
    }
}

fn tables(db: &mut dyn Database, scope: &Scope) -> Result<BTreeMap<String, Table>, DatabaseError> {
    let query = "SELECT table_name, engine, table_collation, create_options, table_comment \
                 FROM information_schema.tables WHERE table_schema = DATABASE() \
                 AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    let mut tables = BTreeMap::new();
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let name = row.text();
        if !scope.holds(&name) {
            continue;
        }
        let mut options: BTreeMap<String, String> =
            [("engine".into(), row.text()), ("collation".into(), row.text())].into();
        if let Some(format) = spelling::row_format(&row.text()) {
            options.insert("row_format".into(), format);
        }
        options.insert("comment".into(), row.text());
        options.retain(|_, value| !value.is_empty());
        tables.insert(name, Table { options, ..Table::default() });
    }
    Ok(tables)
}

fn columns(db: &mut dyn Database, product: Product, schema: &mut Schema) -> Result<(), DatabaseError> {
    let query = "SELECT table_name, column_name, column_type, is_nullable, column_default, extra, \
                 collation_name, generation_expression, column_comment FROM information_schema.columns \
                 WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position";
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let Some(table) = schema.tables.get_mut(&row.text()) else { continue };
        let (name, sql_type, nullable) = (row.text(), row.text(), row.text() == "YES");
        let (default, extra, collation) = (row.maybe(), row.text(), row.maybe());
        let expression = row.maybe().filter(|expression| !expression.is_empty());
        let generated = expression.map(|expression| Generated {
            expression: spelling::expression(product, &expression),
            stored: !extra.contains("VIRTUAL"),
        });
        table.columns.push(Column {
            default: default
                .filter(|_| generated.is_none())
                .and_then(|text| spelling::default(product, &text, &sql_type, &extra)),
            auto_increment: extra.contains("auto_increment"),
            on_update: spelling::on_update(&extra),
            name,
            sql_type,
            nullable,
            generated,
            collation,
            check: None,
            comment: row.text(),
        });
    }
    Ok(())
}

fn keys(db: &mut dyn Database, product: Product, schema: &mut Schema) -> Result<(), DatabaseError> {
    let expression = if product == Product::MySql { "expression" } else { "NULL" };
    let query = format!(
        "SELECT table_name, index_name, non_unique, index_type, column_name, sub_part, collation, {expression} \
         FROM information_schema.statistics WHERE table_schema = DATABASE() \
         ORDER BY table_name, index_name, seq_in_index"
    );
    for mut row in db.query(&query)?.into_iter().map(Cells::of) {
        let Some(table) = schema.tables.get_mut(&row.text()) else { continue };
        let name = row.text();
        let is_unique = row.text() == "0";
        let kind = match row.text().as_str() {
            _ if name == PRIMARY => KeyKind::Primary,
            "FULLTEXT" => KeyKind::FullText,
            "SPATIAL" => KeyKind::Spatial,
            _ if is_unique => KeyKind::Unique,
            _ => KeyKind::Plain,
        };
        let (column, length, order) = (row.maybe(), row.maybe(), row.text());
        let of_expression = row.maybe().map(|expression| spelling::expression(product, &expression));
        let part = KeyPart {
            is_expression: column.is_none(),
            of: column.or(of_expression).unwrap_or_default(),
            // A key over places in a plane says a length that nobody may write.
            length: length.and_then(|length| length.parse().ok()).filter(|_| kind != KeyKind::Spatial),
            descending: order == "D",
            collation: None,
        };
        let key = table.keys.entry(name).or_insert_with(|| Key { kind, parts: Vec::new(), filter: None });
        key.parts.push(part);
    }
    Ok(())
}

fn foreign_keys(db: &mut dyn Database, schema: &mut Schema) -> Result<(), DatabaseError> {
    let query = "SELECT table_name, constraint_name, referenced_table_name, delete_rule, update_rule \
                 FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE() \
                 AND unique_constraint_schema = DATABASE()";
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let Some(table) = schema.tables.get_mut(&row.text()) else { continue };
        let (name, other) = (row.text(), row.text());
        let key = ForeignKey {
            columns: Vec::new(),
            table: other,
            referenced: Vec::new(),
            on_delete: spelling::rule(&row.text()),
            on_update: spelling::rule(&row.text()),
        };
        table.foreign.insert(name, key);
    }
    let query = "SELECT table_name, constraint_name, column_name, referenced_column_name \
                 FROM information_schema.key_column_usage WHERE table_schema = DATABASE() \
                 AND referenced_table_name IS NOT NULL ORDER BY table_name, constraint_name, ordinal_position";
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let table = schema.tables.get_mut(&row.text());
        let Some(key) = table.and_then(|table| table.foreign.get_mut(&row.text())) else { continue };
        key.columns.push(row.text());
        key.referenced.push(row.text());
    }
    Ok(())
}

fn checks(db: &mut dyn Database, product: Product, schema: &mut Schema) -> Result<(), DatabaseError> {
    let query = match product {
        Product::MariaDb => {
            "SELECT table_name, constraint_name, check_clause, level \
             FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()"
        }
        Product::MySql => {
            "SELECT used.table_name, used.constraint_name, checks.check_clause, 'Table' \
             FROM information_schema.table_constraints AS used \
             JOIN information_schema.check_constraints AS checks \
             ON checks.constraint_schema = used.constraint_schema \
             AND checks.constraint_name = used.constraint_name \
             WHERE used.constraint_schema = DATABASE() AND used.constraint_type = 'CHECK'"
        }
    };
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let Some(table) = schema.tables.get_mut(&row.text()) else { continue };
        let (name, condition) = (row.text(), spelling::expression(product, &row.text()));
        if row.text() == "Table" {
            table.checks.insert(name, condition);
        } else if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
            column.check = Some(condition);
        }
    }
    Ok(())
}

fn views(db: &mut dyn Database, scope: &Scope) -> Result<BTreeMap<String, String>, DatabaseError> {
    let database = db.query("SELECT DATABASE()")?;
    let database = database.into_iter().flatten().next().flatten().unwrap_or_default();
    let query = "SELECT table_name, view_definition, check_option FROM information_schema.views \
                 WHERE table_schema = DATABASE()";
    let mut views = BTreeMap::new();
    for mut row in db.query(query)?.into_iter().map(Cells::of) {
        let (name, definition, option) = (row.text(), row.text(), row.text());
        if !scope.holds(&name) {
            continue;
        }
        if definition.is_empty() {
            return Err(DatabaseError::answer(query, "a view that this user may not read"));
        }
        let mut definition = spelling::without_database(&definition, &database);
        if option != "NONE" && !option.is_empty() {
            definition.push_str(&format!(" WITH {option} CHECK OPTION"));
        }
        views.insert(name, definition);
    }
    Ok(views)
}
