//! The questions that a server is asked: rows, borders of pieces, sums of
//! pieces. Pure text; every name is quoted, every value a literal.
//!
//! The sum of a piece is the XOR, over its rows, of a number made from the
//! CRC32 of the row. The CRC is squared before: it is linear, so that plain
//! CRCs of two rows that change alike would cancel out.

use crate::database::compare::pair::Form;
use crate::database::compare::pair::Order;
use crate::database::compare::pair::Pair;
use crate::database::compare::pair::PairedColumn;
use crate::database::connection::DatabaseError;
use crate::database::connection::quote_identifier;
use crate::database::lexer::Dialect;
use crate::database::mysql::literal;

/// The rows between two keys: behind the first, up to and with the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub after: Option<Border>,
    pub upto: Option<Border>,
}

/// Literals of the key's columns.
pub(super) type Border = Vec<String>;

/// The questions about the table on one side.
pub(super) struct Select<'a> {
    pair: &'a Pair,
    at: usize,
}

impl<'a> Select<'a> {
    pub fn new(pair: &'a Pair, at: usize) -> Select<'a> {
        Select { pair, at }
    }

    /// Every row of the range with its values, in the order of the key.
    pub fn rows(&self, range: &Range) -> Result<String, DatabaseError> {
        let values = self.list(&self.pair.columns, |column| self.value(column))?;
        let order = self.list(&self.pair.columns[..self.pair.key], |column| self.order(column))?;
        let order = if order.is_empty() { order } else { format!(" ORDER BY {order}") };
        Ok(format!("SELECT {values} FROM {}{}{order}", self.table()?, self.condition(range)?))
    }

    /// The first and last of a key that is one number.
    pub fn ends(&self) -> Result<Option<String>, DatabaseError> {
        let [column] = &self.pair.columns[..self.pair.key] else { return Ok(None) };
        if column.order != Order::Number {
            return Ok(None);
        }
        let name = self.name(column)?;
        Ok(Some(format!("SELECT MIN({name}), MAX({name}) FROM {}", self.table()?)))
    }

    /// The key of the row that is so many rows behind the border.
    pub fn border(&self, after: Option<&Border>, rows: u64) -> Result<String, DatabaseError> {
        let key = &self.pair.columns[..self.pair.key];
        let names = self.list(key, |column| self.name(column))?;
        let range = Range { after: after.cloned(), upto: None };
        Ok(format!(
            "SELECT {} FROM {}{} ORDER BY {names} LIMIT 1 OFFSET {}",
            self.list(key, |column| self.value(column))?,
            self.table()?,
            self.condition(&range)?,
            rows.saturating_sub(1)
        ))
    }

    pub fn count(&self) -> Result<String, DatabaseError> {
        Ok(format!("SELECT COUNT(*) FROM {}{}", self.table()?, self.condition(&Range::default())?))
    }

    /// The number of rows in the range and their sum.
    pub fn sum(&self, range: &Range) -> Result<String, DatabaseError> {
        Ok(format!(
            "SELECT COUNT(*), BIT_XOR(POW(CRC32({}), 2) / 2) FROM {}{}",
            self.row_text()?,
            self.table()?,
            self.condition(range)?
        ))
    }

    /// A row as one text that no other row has: values stand between bytes that
    /// no text in UTF-8 holds, others bring their length, flags tell NULLs.
    fn row_text(&self) -> Result<String, DatabaseError> {
        let mut parts = vec!["CAST(x'FF' AS BINARY)".to_owned()];
        let nullable: Vec<String> = self
            .pair
            .columns
            .iter()
            .filter(|column| column.nullable)
            .map(|column| Ok(format!("ISNULL({})", self.name(column)?)))
            .collect::<Result<_, DatabaseError>>()?;
        if !nullable.is_empty() {
            parts.push(format!("CONCAT({})", nullable.join(", ")));
        }
        for column in &self.pair.columns {
            let name = self.name(column)?;
            let raw =
                column.forms.iter().any(|form| matches!(form, Form::Binary | Form::RawText | Form::Latin));
            let value = match column.forms[self.at] {
                Form::Converted | Form::WithAllDigits => self.value(column)?,
                _ => name.clone(),
            };
            match (column.is_long, raw) {
                (true, _) => parts.push(format!("CRC32({value})")),
                (false, true) => parts.extend([format!("LENGTH({value})"), value]),
                (false, false) => parts.push(value),
            }
        }
        Ok(format!("CONCAT_WS({})", parts.join(", ")))
    }

    fn table(&self) -> Result<String, DatabaseError> {
        quote_identifier(self.dialect(), &self.pair.names[self.at])
    }

    fn dialect(&self) -> Dialect {
        self.pair.dialects[self.at]
    }

    fn name(&self, column: &PairedColumn) -> Result<String, DatabaseError> {
        quote_identifier(self.dialect(), &column.names[self.at])
    }

    fn value(&self, column: &PairedColumn) -> Result<String, DatabaseError> {
        let name = self.name(column)?;
        Ok(match (self.dialect(), column.forms[self.at]) {
            (Dialect::Sqlite, _) | (_, Form::AsIs | Form::Binary | Form::Latin) => name,
            (_, Form::WithAllDigits) => format!("{name} + 0e0"),
            (_, Form::Converted) => format!("CONVERT({name} USING utf8mb4)"),
            (_, Form::RawText) => format!("CAST({name} AS BINARY)"),
        })
    }

    fn order(&self, column: &PairedColumn) -> Result<String, DatabaseError> {
        let name = self.name(column)?;
        Ok(match (column.order, self.dialect(), column.forms[self.at]) {
            (Order::Number, ..) | (_, Dialect::MySql, Form::Binary) => name,
            (_, Dialect::Sqlite, _) => format!("CAST({name} AS BLOB)"),
            (_, Dialect::MySql, Form::RawText) => format!("CAST({name} AS BINARY)"),
            (_, Dialect::MySql, _) => format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)"),
        })
    }

    fn list(
        &self,
        columns: &[PairedColumn],
        each: impl Fn(&PairedColumn) -> Result<String, DatabaseError>,
    ) -> Result<String, DatabaseError> {
        Ok(columns.iter().map(each).collect::<Result<Vec<_>, _>>()?.join(", "))
    }

    fn condition(&self, range: &Range) -> Result<String, DatabaseError> {
        let mut all = Vec::new();
        if let Some(border) = &range.after {
            all.push(self.beyond(border, ">", ">")?);
        }
        if let Some(border) = &range.upto {
            all.push(self.beyond(border, "<", "<=")?);
        }
        if let Some(rows) = &self.pair.volatile_rows {
            all.push(format!("NOT COALESCE(({rows}), 0)"));
        }
        Ok(if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) })
    }

    /// `a > 1 OR a = 1 AND b > 2`: spelled out, since servers use no index for
    /// `(a, b) > (1, 2)`.
    fn beyond(&self, border: &Border, strictly: &str, last: &str) -> Result<String, DatabaseError> {
        let names: Vec<String> = self.pair.columns[..self.pair.key]
            .iter()
            .map(|column| self.name(column))
            .collect::<Result<_, _>>()?;
        let mut ways = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let mut way: Vec<String> =
                names.iter().zip(border).take(at).map(|(name, value)| format!("{name} = {value}")).collect();
            let compared = if at + 1 == names.len() { last } else { strictly };
            way.push(format!("{name} {compared} {}", border[at]));
            ways.push(way.join(" AND "));
        }
        let outer = format!("{} {}= {}", names[0], &strictly[..1], border[0]);
        Ok(match ways.len() {
            1 => ways.remove(0),
            // The first column alone bounds the search in the index.
            _ => format!("{outer} AND ({})", ways.join(" OR ")),
        })
    }

    /// The literals of a key that was read as text.
    pub fn border_of(&self, row: Vec<Option<Vec<u8>>>) -> Border {
        let key = &self.pair.columns[..self.pair.key];
        key.iter().zip(row).map(|(column, value)| border_literal(column, self.at, value)).collect()
    }
}

fn border_literal(column: &PairedColumn, at: usize, value: Option<Vec<u8>>) -> String {
    let bytes = value.unwrap_or_default();
    let number = column.order == Order::Number;
    match (number, column.forms[at], std::str::from_utf8(&bytes)) {
        (_, Form::Binary, _) | (.., Err(_)) if !bytes.is_empty() => format!("x'{}'", hex::encode(&bytes)),
        (true, _, Ok(digits)) => digits.to_owned(),
        (.., text) => literal(text.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::compare::pair::Way;
    use crate::database::compare::value::Family;

    fn column(name: &str, order: Order, nullable: bool, form: Form) -> PairedColumn {
        PairedColumn {
            names: [name.to_owned(), name.to_owned()],
            family: Family::Plain,
            order,
            nullable,
            forms: [form, form],
            is_long: name == "long",
        }
    }

    fn pair() -> Pair {
        Pair {
            names: ["a_`t".into(), "b_t".into()],
            dialects: [Dialect::MySql, Dialect::Sqlite],
            columns: vec![
                column("id", Order::Number, false, Form::AsIs),
                column("name", Order::Bytes, false, Form::AsIs),
                column("raw", Order::Bytes, true, Form::Binary),
                column("ratio", Order::Bytes, true, Form::WithAllDigits),
                column("long", Order::Bytes, false, Form::AsIs),
            ],
            key: 2,
            way: Way::Sums,
            volatile_rows: Some("name LIKE 'x'".into()),
            volatile_columns: Vec::new(),
        }
    }

    #[test]
    fn sums_borders_and_rows_are_asked_for() {
        let pair = pair();
        let (a, b) = (Select::new(&pair, 0), Select::new(&pair, 1));
        let after = a.border_of(vec![Some(b"7".to_vec()), Some(b"o'x".to_vec())]);
        let range = Range { after: Some(after.clone()), upto: Some(vec!["9".into(), "'z'".into()]) };
        insta::assert_snapshot!(
            [
                a.sum(&Range::default()).unwrap(),
                a.border(Some(&after), 100).unwrap(),
                a.rows(&range).unwrap(),
                b.rows(&Range::default()).unwrap(),
            ]
            .join("\n"),
            @r#"
            SELECT COUNT(*), BIT_XOR(POW(CRC32(CONCAT_WS(CAST(x'FF' AS BINARY), CONCAT(ISNULL(`raw`), ISNULL(`ratio`)), `id`, `name`, LENGTH(`raw`), `raw`, `ratio` + 0e0, CRC32(`long`))), 2) / 2) FROM `a_``t` WHERE NOT COALESCE((name LIKE 'x'), 0)
            SELECT `id`, `name` FROM `a_``t` WHERE `id` >= 7 AND (`id` > 7 OR `id` = 7 AND `name` > 'o\'x') AND NOT COALESCE((name LIKE 'x'), 0) ORDER BY `id`, `name` LIMIT 1 OFFSET 99
            SELECT `id`, `name`, `raw`, `ratio` + 0e0, `long` FROM `a_``t` WHERE `id` >= 7 AND (`id` > 7 OR `id` = 7 AND `name` > 'o\'x') AND `id` <= 9 AND (`id` < 9 OR `id` = 9 AND `name` <= 'z') AND NOT COALESCE((name LIKE 'x'), 0) ORDER BY `id`, CAST(CONVERT(`name` USING utf8mb4) AS BINARY)
            SELECT "id", "name", "raw", "ratio", "long" FROM "b_t" WHERE NOT COALESCE((name LIKE 'x'), 0) ORDER BY "id", CAST("name" AS BLOB)
            "#
        );
    }
}
