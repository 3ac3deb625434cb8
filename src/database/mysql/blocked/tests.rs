use std::time::Duration;

use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::mysql::MySql;
use crate::database::testing;

fn blocked(db: &mut MySql, statement: &str) -> (u64, String, String) {
    match db.execute(statement).unwrap_err() {
        DatabaseError::Blocked(blocked) => (blocked.id, blocked.user, blocked.running),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_connection_in_the_way_is_named() {
    let address = testing::new_database();
    let (mut visitor, mut root) = (MySql::connect(&address).unwrap(), testing::as_root(&address));
    for statement in ["CREATE TABLE a (id int PRIMARY KEY)", "INSERT INTO a VALUES (1)"] {
        root.execute(statement).unwrap();
    }
    root.limit(Duration::from_secs(1), None).unwrap();
    visitor.execute("BEGIN").unwrap();
    visitor.execute("UPDATE a SET id = 2").unwrap();
    let idle = (visitor.connection_id(), address.user.clone(), "it is idle and keeps its locks".to_owned());
    // A lock on the table, and one on its row.
    assert_eq!(blocked(&mut root, "ALTER TABLE a ADD COLUMN b int"), idle);
    assert_eq!(blocked(&mut root, "UPDATE a SET id = 3"), idle);
    visitor.execute("ROLLBACK").unwrap();

    let other = address.clone();
    let sleeper = std::thread::spawn(move || {
        let mut busy = MySql::connect(&other).unwrap();
        busy.query("SELECT id, SLEEP(20) FROM a").map(|_| ())
    });
    let asleep =
        "SELECT id FROM information_schema.processlist WHERE state = 'User sleep' AND db = DATABASE()";
    while root.query(asleep).unwrap().is_empty() {
        crate::sys::clock::sleep(Duration::from_millis(20));
    }
    let (id, _, running) = blocked(&mut root, "ALTER TABLE a ADD COLUMN b int");
    assert_eq!(running, "it runs \"SELECT id, SLEEP(20) FROM a\"");
    // A limit of its own ends a statement, too.
    root.limit(Duration::from_secs(60), Some(Duration::from_millis(500))).unwrap();
    assert_eq!(blocked(&mut root, "ALTER TABLE a ADD COLUMN b int").0, id);
    root.kill_connection(id).unwrap();
    assert!(sleeper.join().unwrap().is_err());
    root.limit(Duration::from_secs(60), None).unwrap();
    root.execute("ALTER TABLE a ADD COLUMN b int").unwrap();
}
