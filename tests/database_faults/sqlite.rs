//! The same migration's kind on SQLite: killed at each statement, and locked
//! out by another program.

use std::io::Read;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::small::Look;
use crate::support::update;

/// Most of them would do harm if they ran twice.
const STEPS: [&str; 20] = [
    "ALTER TABLE pages ADD COLUMN author TEXT",
    "UPDATE pages SET author = 'author; of ' || title",
    "CREATE INDEX by_author ON pages (author)",
    "CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT, page INTEGER, name TEXT)",
    "INSERT INTO tags (page, name) SELECT id, 'all' FROM pages",
    "UPDATE pages SET title = title || '!'",
    "ALTER TABLE pages RENAME TO articles",
    "ALTER TABLE articles RENAME COLUMN title TO heading",
    "CREATE VIEW headings AS SELECT heading FROM articles",
    "INSERT INTO articles (heading) SELECT heading FROM articles",
    "CREATE TABLE counters (name TEXT, n INTEGER)",
    "INSERT INTO counters VALUES ('visits', 7)",
    "UPDATE counters SET n = n + 1",
    "DROP INDEX by_author",
    "ALTER TABLE articles DROP COLUMN author",
    "DELETE FROM articles WHERE id % 2 = 0",
    "CREATE TRIGGER counted AFTER INSERT ON tags BEGIN UPDATE counters SET n = n * 2; SELECT 1; END",
    "INSERT INTO tags (page, name) VALUES (9, 'late')",
    "PRAGMA user_version = 2",
    "INSERT INTO counters VALUES ('migrated', 20)",
];

fn twenty_steps() -> Ground {
    Ground::with(|small| {
        let text: String = STEPS.iter().map(|step| format!("{step};\n")).collect();
        small.write(&small.release(2).join("schema/001.sql"), &text);
    })
}

fn undisturbed() -> Look {
    let ground = twenty_steps();
    update::apply(&ground.entracte);
    ground.small.look()
}

#[test]
fn killed_at_each_statement() {
    let new = undisturbed();
    let all: Vec<u64> = effort::spread(STEPS.len() as u64, effort::points(5, STEPS.len()));
    let mut mixes = 0;
    for number in &all {
        for verb in ["rollback", "resume"] {
            let when = format!("SQLite, killed at statement {number}, then {verb}");
            let ground = twenty_steps();
            ground
                .faulty(&format!("migrate.statement:{number}=kill"))
                .run(&["apply", "--foreground"])
                .killed();
            let now = ground.small.look();
            mixes += u32::from(!ground.old.is_same_content(&now) && !new.is_same_content(&now));
            ground.entracte.json(&[verb]).code(0);
            match verb {
                "rollback" => ground.is_old(&when),
                _ => new.assert_same_content(&ground.small.look(), &when),
            }
        }
    }
    assert_eq!(mixes as usize, 2 * all.len(), "a migration that was cut off is not seen");
    effort::tried("SQLite: killed at a statement of 20", 2 * all.len() as u64);
}

/// Another program that has the database to itself for so many seconds. In a
/// process of its own: reading the file in this one would free its lock.
struct Locking(Child);

impl Locking {
    fn start(database: &Path, seconds: u32) -> Locking {
        let code = format!(
            "$d = new SQLite3($argv[1]); $d->exec('BEGIN IMMEDIATE'); echo 'locked'; sleep({seconds}); $d->exec('COMMIT');"
        );
        let mut php = Command::new("php");
        php.args(["-d", "output_buffering=0", "-r", &code]).arg(database).stdout(Stdio::piped());
        let mut child = php.spawn().unwrap();
        let mut said = [0; 6];
        child.stdout.take().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"locked");
        Locking(child)
    }
}

impl Drop for Locking {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that has the database for a while is waited for.
#[test]
fn a_short_lock_of_another_program_is_waited_for() {
    let ground = twenty_steps();
    let _other = Locking::start(&ground.small.database_file(), 3);
    update::apply(&ground.entracte);
    undisturbed().assert_same_content(&ground.small.look(), "after a short lock");
}

/// One that keeps it is told of, and nothing more is touched.
#[test]
fn a_lock_that_another_program_keeps_ends_every_attempt() {
    let ground = twenty_steps();
    ground.faulty("migrate.statement:10=kill").run(&["apply", "--foreground"]).killed();
    let before = ground.small.look();
    let other = Locking::start(&ground.small.database_file(), 3600);
    // Each waits for a minute.
    let verbs: &[&str] = if effort::is_full() { &["resume", "rollback"] } else { &["rollback"] };
    for verb in verbs {
        let said = ground.entracte.json(&[verb]).refused(6);
        assert!(said.contains("lock"), "{verb}: {said}");
        before.assert_same(&ground.small.look(), &format!("after a {verb} that was locked out"));
        assert!(ground.flag().exists(), "{verb} opened the site");
    }
    drop(other);
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after the lock was gone");
    effort::tried("SQLite: locked out by another program", verbs.len() as u64);
}
