//! Who keeps a statement from being carried out.

#[cfg(test)]
mod tests;

use crate::base::escape;
use crate::database::connection::Blocked;
use crate::database::connection::DatabaseError;
use crate::database::connection::shortened;
use crate::database::mysql::MySql;
use crate::database::mysql::refused;

/// Waited too long for a lock; ran longer than it may (MariaDB, MySQL).
const IN_VAIN: [u16; 3] = [LOCKED, 1969, 3024];
const LOCKED: u16 = 1205;

pub(super) fn is_in_vain(error: &DatabaseError) -> bool {
    refused::code(error).is_some_and(|code| IN_VAIN.contains(&code))
}

/// The error with the connection that was in the way, if it can be found.
pub(super) fn explained(db: &mut MySql, statement: &str, error: DatabaseError) -> DatabaseError {
    // The limit that ended the statement would end the question, too. MySQL
    // knows no such limit.
    let limit = db.text("SELECT @@SESSION.max_statement_time").ok().flatten();
    let mut set = |seconds: &str| db.run_to_its_end(&format!("SET SESSION max_statement_time = {seconds}"));
    let holder = match limit {
        Some(limit) if set("0").is_ok() => {
            let holder = holder(db);
            match db.run_to_its_end(&format!("SET SESSION max_statement_time = {limit}")) {
                Ok(_) => holder,
                Err(_) => None,
            }
        }
        _ => holder(db),
    };
    let Some([id, user, host, seconds, running]) = holder else {
        if refused::code(&error) != Some(LOCKED) {
            return error;
        }
        return DatabaseError::BlockedUnseen { statement: shortened(statement), source: Box::new(error) };
    };
    let (Ok(id), Ok(seconds)) = (id.parse(), seconds.parse()) else { return error };
    DatabaseError::Blocked(Box::new(Blocked {
        statement: shortened(statement),
        id,
        user: escape::text(&user).into_owned(),
        host: escape::text(&host).into_owned(),
        seconds,
        running: match running.is_empty() {
            true => "it is idle and keeps its locks".into(),
            false => format!("it runs \"{}\"", shortened(&running)),
        },
        source: error,
    }))
}

/// The best of what this server tells and this user may know: who holds a lock
/// on a table, whose transaction is the oldest, whose statement is.
fn holder(db: &mut MySql) -> Option<[String; 5]> {
    let others = "FROM information_schema.processlist AS other";
    let told = "SELECT other.id, other.user, other.host";
    let running = "COALESCE(other.info, '')";
    let elsewhere = "other.id <> CONNECTION_ID()";
    let queries = [
        format!(
            "{told}, other.time, {running} {others} JOIN information_schema.metadata_lock_info AS held \
             ON held.thread_id = other.id WHERE {elsewhere} AND held.table_schema = DATABASE() \
             AND held.table_name <> '' ORDER BY other.time DESC LIMIT 1"
        ),
        format!(
            "{told}, TIMESTAMPDIFF(SECOND, held.trx_started, NOW()), {running} {others} \
             JOIN information_schema.innodb_trx AS held ON held.trx_mysql_thread_id = other.id \
             WHERE {elsewhere} AND other.db = DATABASE() ORDER BY held.trx_started LIMIT 1"
        ),
        format!(
            "{told}, other.time, {running} {others} WHERE {elsewhere} AND other.db = DATABASE() \
             AND other.command IN ('Query', 'Execute') ORDER BY other.time DESC LIMIT 1"
        ),
    ];
    queries.iter().find_map(|query| {
        let row = db.texts(query).ok()?.into_iter().next()?;
        <[String; 5]>::try_from(row).ok()
    })
}
