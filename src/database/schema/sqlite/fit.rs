//! The rows of a table as they will be in its new shape, and which values do
//! not come through.

use crate::database::connection::DatabaseError;
use crate::database::schema::model::Column;
use crate::database::schema::model::PRIMARY;
use crate::database::schema::model::Table;
use crate::database::schema::sqlite::cost;
use crate::database::schema::sqlite::read;
use crate::database::schema::sqlite::shape;
use crate::database::schema::sqlite::shape::quoted;
use crate::database::schema::sqlite::write;
use crate::database::schema::target::Target;

type Result<T> = std::result::Result<T, DatabaseError>;

/// The rowid among the columns of a query.
const ROWID: &str = "entracte_rowid";

/// Where rows are tried in the types to come.
pub(super) const TRIED: &str = "temp.entracte_tried";

pub(super) struct Rows<'r> {
    /// The table's name in the database now.
    pub name: &'r str,
    /// Each column's name of today, and the one it has now.
    pub columns: &'r [(String, String)],
    /// The table's name of today.
    pub table: &'r str,
    pub old: &'r Table,
    pub new: &'r Table,
    pub target: &'r Target,
    /// Whether the rows to come stand in a table of their own.
    pub is_tried: bool,
}

impl Rows<'_> {
    fn may_narrow(&self, column: &str) -> bool {
        self.target.hints.may_narrow.get(self.table).is_some_and(|columns| columns.contains(column))
    }

    /// The rows as they are, under the names of today.
    fn as_they_are(&self) -> Result<String> {
        let mut columns = Vec::new();
        for (today, now) in self.columns {
            columns.push(format!("{} AS {}", quoted(now)?, quoted(today)?));
        }
        if let Some(rowid) = self.rowid() {
            columns.push(format!("{rowid} AS {ROWID}"));
        }
        Ok(format!("(SELECT {} FROM {})", columns.join(", "), quoted(self.name)?))
    }

    /// What the rowid can be called in the table as it is now.
    fn rowid(&self) -> Option<&'static str> {
        let has = |name: &str| self.columns.iter().any(|(_, now)| shape::same(now, name));
        let named = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !has(name));
        named.filter(|_| !shape::is_set(self.old, read::WITHOUT_ROWID))
    }

    /// The rows as they will be.
    pub fn to_come(&self) -> Result<String> {
        match self.is_tried {
            true => Ok(TRIED.to_owned()),
            false => self.computed(),
        }
    }

    /// Whether values change by going into columns of another type, or
    /// compare differently there.
    pub fn need_trying(&self) -> bool {
        let differs = |column: &Column, found: &Column| {
            storage(self.old, found) != storage(self.new, column)
                || found.collation != column.collation
                || shape::refuses_null(self.old, found) != shape::refuses_null(self.new, column)
        };
        let mut columns = self.new.columns.iter();
        cost::is_strict(self.old) != cost::is_strict(self.new)
            || columns.any(|column| {
                shape::column(self.old, &column.name).is_some_and(|found| differs(column, found))
            })
    }

    /// The statements that put the rows to come into a table of this
    /// connection alone: only there do values have the types to come.
    pub fn tried(&self) -> Result<[String; 2]> {
        let mut columns = Vec::new();
        let mut filled = Vec::new();
        for column in &self.new.columns {
            let name = quoted(&column.name)?;
            let mut definition = format!("{name} {}", storage(self.new, column));
            if let Some(collation) = &column.collation {
                definition += &format!(" COLLATE {}", quoted(collation)?);
            }
            match &column.generated {
                Some(generated) => definition += &format!(" AS ({})", generated.expression),
                None => filled.push(name),
            }
            columns.push(definition);
        }
        let filled = filled.join(", ");
        Ok([
            format!("CREATE TABLE {TRIED} ({})", columns.join(", ")),
            format!("INSERT INTO {TRIED} ({filled}) SELECT {filled} FROM {}", self.computed()?),
        ])
    }

    fn computed(&self) -> Result<String> {
        let mut columns = Vec::new();
        for column in self.new.columns.iter().filter(|column| column.generated.is_none()) {
            let value = write::value(self.old, self.new, column, self.may_narrow(&column.name))?;
            let value = match (value, shape::column(self.old, &column.name)) {
                (Some((value, _)), _) => value,
                (None, None) if is_counted(self.new, column) => match self.rowid() {
                    Some(_) => ROWID.to_owned(),
                    None => "row_number() OVER ()".to_owned(),
                },
                (None, _) => column.default.clone().unwrap_or_else(|| "NULL".into()),
            };
            columns.push(format!("{value} AS {}", quoted(&column.name)?));
        }
        let mut rows = format!("(SELECT {} FROM {})", columns.join(", "), self.as_they_are()?);
        for column in &self.new.columns {
            if let Some(generated) = &column.generated {
                rows = format!(
                    "(SELECT *, ({}) AS {} FROM {rows})",
                    generated.expression,
                    quoted(&column.name)?
                );
            }
        }
        Ok(rows)
    }

    /// Counts the rows to come for which a condition holds.
    pub fn counted(&self, condition: &str) -> Result<String> {
        Ok(format!("SELECT COUNT(*) FROM {} WHERE {condition}", self.to_come()?))
    }

    /// What can be lost of single columns: the name, the query that counts,
    /// and whether it may be lost.
    pub fn columns_that_narrow(&self) -> Result<Vec<(String, String, bool)>> {
        let mut doubts = Vec::new();
        let rows = self.as_they_are()?;
        for column in self.new.columns.iter().filter(|column| column.generated.is_none()) {
            let Some(found) = shape::column(self.old, &column.name) else { continue };
            let name = quoted(&found.name)?;
            let mut conditions = Vec::new();
            let may_be_null = !shape::refuses_null(self.old, found);
            if may_be_null && shape::refuses_null(self.new, column) && !is_counted(self.new, column) {
                conditions.push(format!("{name} IS NULL"));
            }
            let retyped = found.sql_type != column.sql_type;
            if cost::is_strict(self.new) && (retyped || !cost::is_strict(self.old)) {
                conditions.push(not_strictly(&column.sql_type, &name));
            }
            let stored = storage(self.new, column);
            if storage(self.old, found) != stored {
                conditions.push(changes(stored, &name));
            }
            if !conditions.is_empty() {
                let query = format!("SELECT COUNT(*) FROM {rows} WHERE ({})", conditions.join(") OR ("));
                doubts.push((column.name.clone(), query, self.may_narrow(&column.name)));
            }
        }
        Ok(doubts)
    }
}

/// Whether SQLite itself fills the column.
fn is_counted(table: &Table, column: &Column) -> bool {
    table.keys.contains_key(PRIMARY)
        && shape::rowid_alias(table).is_some_and(|alias| shape::same(&alias.name, &column.name))
        && !shape::is_set(table, read::WITHOUT_ROWID)
}

/// A text that SQLite takes for a number where a number is wanted: compared
/// with a number, it is made one only if it is one.
fn is_number(value: &str) -> String {
    format!("typeof({value}) = 'text' AND {value} = CAST({value} AS NUMERIC)")
}

/// In which kind values are kept; ANY keeps them as they come.
fn storage(table: &Table, column: &Column) -> &'static str {
    match cost::is_strict(table) && column.sql_type == "any" {
        true => "BLOB",
        false => write::storage(&column.sql_type),
    }
}

/// Whether a value is another one behind the change of affinity.
fn changes(storage: &str, value: &str) -> String {
    let text =
        format!("{} AND CAST(CAST({value} AS NUMERIC) AS TEXT) <> {value} COLLATE binary", is_number(value));
    match storage {
        "TEXT" => format!("typeof({value}) = 'real' AND CAST(CAST({value} AS TEXT) AS REAL) <> {value}"),
        "BLOB" => "0".into(),
        "REAL" => format!(
            "{text} OR typeof({value}) = 'integer' AND CAST(CAST({value} AS REAL) AS INTEGER) <> {value}"
        ),
        _ => text,
    }
}

/// Whether a column of that type in a STRICT table refuses the value.
pub(super) fn not_strictly(sql_type: &str, value: &str) -> String {
    let number = is_number(value);
    let whole = format!("CAST({value} AS NUMERIC) = CAST({value} AS INTEGER)");
    match sql_type {
        "int" | "integer" => format!(
            "NOT (typeof({value}) IN ('null', 'integer') OR typeof({value}) = 'real' AND {whole} OR {number} AND {whole})"
        ),
        "real" => format!("NOT (typeof({value}) IN ('null', 'integer', 'real') OR {number})"),
        "text" => format!("typeof({value}) = 'blob'"),
        "blob" => format!("typeof({value}) NOT IN ('null', 'blob')"),
        _ => "0".into(),
    }
}
