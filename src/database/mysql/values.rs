//! How the values of a MySQL table are asked for and written, so that reading
//! them back gives the same bytes.

use crate::database::connection::DatabaseError;
use crate::database::mysql::Cells;
use crate::database::mysql::catalog::Column;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::write_literal;

/// The columns of a table that are written: generated ones make themselves.
pub(in crate::database) struct Values {
    /// The list of names for an INSERT.
    pub names: String,
    /// The list of expressions for a SELECT.
    pub selected: String,
    encodings: Vec<Encoding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Encoding {
    /// Digits, as they are.
    Number,
    /// Text that goes through UTF-8 and back unchanged.
    Text,
    Bytes,
    /// The column's own bytes, named with its character set, since going
    /// through UTF-8 could change them.
    Charset(String),
}

impl Values {
    pub fn of(columns: &[Column]) -> Result<Values, DatabaseError> {
        let (mut names, mut selected, mut encodings) = (Vec::new(), Vec::new(), Vec::new());
        for column in columns.iter().filter(|column| !column.generated) {
            let name = quoted(&column.name)?;
            let encoding = encoding(column);
            selected.push(match &encoding {
                // As text a FLOAT is rounded to six digits; a DOUBLE is not.
                Encoding::Number if column.kind == "float" => format!("{name} + 0e0"),
                Encoding::Charset(_) => format!("CAST({name} AS BINARY)"),
                _ => name.clone(),
            });
            names.push(name);
            encodings.push(encoding);
        }
        Ok(Values { names: names.join(", "), selected: selected.join(", "), encodings })
    }

    /// Writes one row as it stands in an INSERT; it has no line end.
    pub fn write_row(&self, cells: &Cells, out: &mut Vec<u8>) {
        out.push(b'(');
        for (at, encoding) in self.encodings.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match cells.get(at) {
                None => out.extend_from_slice(b"NULL"),
                Some(bytes) => write_value(encoding, bytes, out),
            }
        }
        out.push(b')');
    }
}

fn encoding(column: &Column) -> Encoding {
    match (column.kind.as_str(), column.charset.as_deref()) {
        (
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "double" | "float" | "year",
            _,
        ) => Encoding::Number,
        (_, Some("utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "latin1")) => Encoding::Text,
        (_, Some("binary")) => Encoding::Bytes,
        (_, Some(charset)) => Encoding::Charset(charset.to_owned()),
        ("bit" | "binary" | "varbinary" | "vector", None) => Encoding::Bytes,
        (kind, None) if kind.ends_with("blob") || is_geometry(kind) => Encoding::Bytes,
        // Dates, times, JSON, UUID, addresses.
        (_, None) => Encoding::Text,
    }
}

fn is_geometry(kind: &str) -> bool {
    let kinds = ["geometry", "point", "linestring", "polygon", "collection"];
    kinds.iter().any(|name| kind.ends_with(name))
}

fn write_value(encoding: &Encoding, bytes: &[u8], out: &mut Vec<u8>) {
    match encoding {
        Encoding::Number if bytes.is_ascii() => out.extend_from_slice(bytes),
        Encoding::Text if std::str::from_utf8(bytes).is_ok() => write_literal(bytes, out),
        _ if bytes.is_empty() => out.extend_from_slice(b"''"),
        Encoding::Charset(charset) => {
            out.push(b'_');
            out.extend_from_slice(charset.as_bytes());
            out.push(b' ');
            write_hex(bytes, out);
        }
        _ => write_hex(bytes, out),
    }
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"0x");
    out.extend(bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|half| DIGITS[usize::from(half)]));
}
