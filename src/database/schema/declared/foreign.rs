//! A foreign key is written the same for both dialects, but for the quotes.

use crate::database::schema::declared::draft::ForeignDraft;
use crate::database::schema::declared::error::DeclarationError;
use crate::database::schema::declared::error::Place;

type Result<T> = std::result::Result<T, DeclarationError>;

/// Of the table `full`; `quoted` puts a name in the quotes of the dialect.
pub(super) fn constraint(
    key: &ForeignDraft,
    full: &str,
    prefix: &str,
    quoted: &dyn Fn(&str, &Place) -> Result<String>,
) -> Result<String> {
    let list = |names: &[String]| -> Result<String> {
        let names: Result<Vec<String>> = names.iter().map(|name| quoted(name, &key.place)).collect();
        Ok(names?.join(", "))
    };
    let mut sql = format!(
        "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
        quoted(&format!("{full}_{}", key.name), &key.place)?,
        list(&key.columns)?,
        quoted(&format!("{prefix}{}", key.table), &key.place)?,
        list(&key.references)?,
    );
    for (when, action) in [("DELETE", &key.on_delete), ("UPDATE", &key.on_update)] {
        if let Some(action) = action {
            sql += &format!(" ON {when} {action}");
        }
    }
    Ok(sql)
}
