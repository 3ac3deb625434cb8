//! Whether an update could work with this MySQL database.

use crate::base::check::Check;
use crate::base::escape;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::mysql::MySql;
use crate::database::mysql::catalog;
use crate::database::mysql::grants;
use crate::database::mysql::grants::Rights;
use crate::database::object::Object;
use crate::database::scope::Scope;

/// Without these neither a migration nor a restore works.
const NEEDED: [&str; 8] = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX"];
/// Needed where the site has views, triggers, routines or events.
const OBJECTS: [&str; 5] = ["CREATE VIEW", "SHOW VIEW", "TRIGGER", "CREATE ROUTINE", "EVENT"];
/// With one of these an object may act as any account.
const ANY_DEFINER: [&str; 4] = ["SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"];

pub(in crate::database) fn checks(db: &mut MySql, saved: Option<&Scope>) -> Vec<Check> {
    let fix = "look at the database server and at this user's rights";
    let failed = |name: &str, error: DatabaseError| Check::error(name, error.to_string(), fix);
    vec![
        reachable(db).unwrap_or_else(|error| failed("database", error)),
        rights(db).unwrap_or_else(|error| failed("database rights", error)),
        writable(db).unwrap_or_else(|error| failed("database writable", error)),
        definers(db, saved).unwrap_or_else(|error| failed("database definers", error)),
    ]
}

/// The first object of the scope that acts as an account which this user may
/// not name, so that it could be dropped but not made again.
pub(in crate::database) fn foreign(
    db: &mut MySql,
    scope: &Scope,
) -> Result<Option<(Object, String)>, DatabaseError> {
    let user = db.text("SELECT CURRENT_USER()")?.unwrap_or_default();
    let mut definers = catalog::definers(db, scope)?;
    definers.retain(|(_, definer)| *definer != user);
    let may = definers.is_empty() || grants(db)?.any_global(&ANY_DEFINER);
    Ok(definers.into_iter().next().filter(|_| !may))
}

fn definers(db: &mut MySql, saved: Option<&Scope>) -> Result<Check, DatabaseError> {
    const NAME: &str = "database definers";
    const FIX: &str = "make it again as the site's own database user, or grant that user SET USER";
    let told = |(object, definer): (Object, String)| {
        format!("{object} acts as {}, so it could not be brought back", escape::text(&definer))
    };
    if let Some(scope) = saved
        && let Some(found) = foreign(db, scope)?
    {
        return Ok(Check::error(NAME, told(found), FIX));
    }
    Ok(match foreign(db, &Scope::All)? {
        None => Check::ok(NAME, "views, triggers, routines and events can be made again"),
        Some(found) => Check::warning(NAME, told(found), FIX),
    })
}

fn grants(db: &mut MySql) -> Result<Rights, DatabaseError> {
    let lines: Vec<String> = db.texts("SHOW GRANTS")?.into_iter().flatten().collect();
    Ok(grants::read(lines.iter().map(String::as_str), &db.name))
}

fn reachable(db: &mut MySql) -> Result<Check, DatabaseError> {
    let version = db.version()?;
    let detail = format!("{} answers, version {version}", crate::base::escape::text(&db.name));
    Ok(Check::ok("database", detail))
}

fn rights(db: &mut MySql) -> Result<Check, DatabaseError> {
    let name = "database rights";
    let rights = grants(db)?;
    let user = crate::base::escape::text(&db.user).into_owned();
    let fix = |words: &[&str]| {
        format!("as the server's administrator: GRANT {} ON `{}`.* TO the user", words.join(", "), db.name)
    };
    let needed = rights.missing(&NEEDED);
    let objects = rights.missing(&OBJECTS);
    Ok(match (needed.is_empty(), objects.is_empty()) {
        (true, true) => Check::ok(name, format!("{user} has the rights that an update needs")),
        (false, _) if rights.role => {
            let detail = format!("{user} has a role; not seen: {}", needed.join(", "));
            Check::warning(name, detail, "make sure that the role is on by default and has them")
        }
        (false, _) => Check::error(name, format!("{user} lacks {}", needed.join(", ")), fix(&needed)),
        (true, false) => {
            let detail = format!("{user} lacks {}, needed where the site uses them", objects.join(", "));
            Check::warning(name, detail, fix(&objects))
        }
    })
}

fn writable(db: &mut MySql) -> Result<Check, DatabaseError> {
    let name = "database writable";
    let closed = db.text("SELECT @@global.read_only OR @@global.innodb_read_only")?;
    Ok(match closed.as_deref() {
        Some("0") => Check::ok(name, "the server takes writes"),
        _ => Check::error(
            name,
            "the server is read-only",
            "use the primary server, or turn read_only off when maintenance is over",
        ),
    })
}
