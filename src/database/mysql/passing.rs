//! Databases and tables made for a while. Each is named by the site's database
//! and the connection that made it, which holds a lock of that name: so it is
//! known what a killed process left.

use crate::base::digest::Sha256;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::mysql::catalog::quoted;
use crate::database::mysql::literal;

/// How the names of one kind begin; the number of the connection follows.
pub(in crate::database) fn prefix(kind: &str, database: &str) -> String {
    format!("entracte_{kind}_{}_", &Sha256::of(database.as_bytes()).to_string()[..8])
}

/// Drops the databases that processes left that live no longer.
pub(in crate::database) fn sweep(db: &mut dyn Database, prefix: &str) -> Result<(), DatabaseError> {
    let like = like(prefix);
    let databases =
        format!("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE {like}");
    for name in db.query(&databases)?.into_iter().flatten().flatten() {
        if is_left(db, prefix, &name)? {
            db.execute(&format!("DROP DATABASE IF EXISTS {}", quoted(&name)?))?;
        }
    }
    Ok(())
}

/// The pattern of all such names, as a literal.
pub(in crate::database) fn like(prefix: &str) -> String {
    literal(&format!("{}%", prefix.replace('_', "\\_")))
}

/// Whether the connection that made it is gone: nobody holds its lock.
pub(in crate::database) fn is_left(
    db: &mut dyn Database,
    prefix: &str,
    name: &str,
) -> Result<bool, DatabaseError> {
    let Some(number) = name.strip_prefix(prefix).and_then(|rest| rest.split('_').next()) else {
        return Ok(false);
    };
    if number.parse::<u64>().is_err() {
        return Ok(false);
    }
    let holder = db.lock_holder(&format!("{prefix}{number}"))?;
    Ok(holder.is_none_or(|holder| holder == db.connection_id()))
}
