//! What a type that was written once, in MySQL's words, is in SQLite.

/// One of SQLite's own five words, by the type's first word; nothing where
/// the release has to say it itself.
pub(super) fn in_sqlite(sql_type: &str) -> Option<&'static str> {
    let lower = sql_type.to_ascii_lowercase();
    let first = lower.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty())?;
    Some(match first {
        "int" | "integer" | "tinyint" | "smallint" | "mediumint" | "bigint" | "bool" | "boolean" | "year"
        | "bit" | "serial" => "integer",
        "float" | "double" | "real" => "real",
        "decimal" | "dec" | "numeric" | "fixed" => "numeric",
        "char" | "varchar" | "nchar" | "nvarchar" | "character" | "national" | "text" | "tinytext"
        | "mediumtext" | "longtext" | "enum" | "set" | "json" | "date" | "datetime" | "time"
        | "timestamp" | "uuid" | "inet4" | "inet6" | "clob" => "text",
        "binary" | "varbinary" | "blob" | "tinyblob" | "mediumblob" | "longblob" => "blob",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mysql_types_have_a_counterpart() {
        for (mysql, sqlite) in [
            ("bigint(20) unsigned", Some("integer")),
            ("VARCHAR(60)", Some("text")),
            ("double precision", Some("real")),
            ("decimal(10,2)", Some("numeric")),
            ("enum('a','b')", Some("text")),
            ("mediumblob", Some("blob")),
            ("point", None),
        ] {
            assert_eq!(in_sqlite(mysql), sqlite, "{mysql}");
        }
    }
}
