//! Killed at every statement boundary, and at calls within; the database
//! changed by somebody between plan and work.

use mysql::prelude::Queryable;

use crate::support::database::field::Field;
use crate::support::effort;
use crate::support::run::Entracte;
use crate::ways::setting;

const TABLES: &str = r#"
[tables.pages]
primary = ["id"]
unique = { by_headline = ["headline"] }
[tables.pages.columns]
id = "int unsigned not null auto_increment"
headline = { type = "varchar(200)", null = false, was = ["title"] }
body = "mediumtext"
author = { type = "varchar(80)", null = false, default = "'nobody'" }

[tables.visits]
primary = ["day"]
[tables.visits.columns]
day = "date not null"
n = "bigint not null"
people = "int not null default 0"

[tables.tags]
primary = ["page", "name"]
foreign.tags_page = { columns = ["page"], table = "pages", references = ["id"], on_delete = "cascade" }
[tables.tags.columns]
page = "int unsigned not null"
name = "varchar(40) not null"

[views]
busy = "SELECT day FROM {prefix}visits WHERE n > 5"
"#;

/// Boundaries a day.
const DAILY: usize = 10;

fn field() -> Field {
    Field::new(&setting(vec![("tables.toml", TABLES.into())]))
}

/// Before each statement, behind it, and behind its line in the journal.
#[test]
fn killed_at_every_statement_boundary() {
    let field = field();
    let steps = field.entracte.json(&["plan"]).code(0)["schema"].as_array().unwrap().len();
    assert!(steps >= 4, "{steps}");
    let mut places = Vec::new();
    for point in ["migrate.table", "migrate.table_done", "migrate.table_noted"] {
        places.extend((1..=steps).flat_map(|at| ["resume", "rollback"].map(|verb| (point, at, verb))));
    }
    let chosen = effort::spread(places.len() as u64, effort::points(DAILY, places.len()));
    for number in &chosen {
        let (point, at, verb) = places[*number as usize - 1];
        let when = format!("killed at {point}:{at}, then {verb}");
        field.lay();
        let faulty = Entracte::with_fault(&field.small.root(), &format!("{point}:{at}=kill"));
        faulty.run(&["apply", "--foreground"]).killed();
        field.status_is_true(&when);
        field.recover(verb, &when);
        match verb {
            "resume" => field.is_new(&when),
            _ => field.is_old(&when),
        }
    }
    let tried = chosen.len() as u64;
    effort::tried("killed at a statement boundary of the declared tables", tried);
}

#[test]
fn a_statement_that_fails_leaves_the_way_back_and_forward() {
    let field = field();
    // A row that came after the plan, which a unique key cannot take.
    let mut site = field.server.site();
    let paused = Entracte::with_fault(&field.small.root(), "migrate.table:1=eio");
    let said = paused.json(&["apply", "--foreground"]).refused(6);
    assert!(said.contains("rollback") || said.contains("resume"), "{said}");
    site.query_drop("INSERT INTO pages (title) VALUES ('one')").unwrap();
    let said = field.try_to("resume", "a duplicate").refused(6);
    assert!(said.contains("1 row of pages.headline"), "{said}");
    site.query_drop("DELETE FROM pages ORDER BY id DESC LIMIT 1").unwrap();
    field.recover("resume", "the duplicate gone");
    field.entracte.json(&["schema", "check"]).code(0);
}

/// What the plan does not hold is not done.
#[test]
fn tables_that_change_behind_the_plan_are_noticed() {
    let field = field();
    let mut site = field.server.site();
    site.query_drop("ALTER TABLE visits MODIFY n SMALLINT NOT NULL").unwrap();
    let said = field.entracte.json(&["apply", "--foreground"]).refused(5);
    assert!(said.contains("plan"), "{said}");
    field.lay();
    let stopped = Entracte::with_fault(&field.small.root(), "migrate.table:1=kill");
    stopped.run(&["apply", "--foreground"]).killed();
    field.server.site().query_drop("ALTER TABLE visits ADD COLUMN people VARCHAR(3)").unwrap();
    let said = field.try_to("resume", "changed behind the plan").refused(6);
    assert!(said.contains("visits") && said.contains("plan does not hold"), "{said}");
    field.recover("rollback", "changed behind the plan");
    field.is_old("rolled back");
}

/// A value that came after the plan was approved is not cut.
#[test]
fn what_visitors_wrote_meanwhile_is_counted_again() {
    let tables = "[tables.pages]\nprimary = [\"id\"]\n[tables.pages.columns]\nid = \"int unsigned not null auto_increment\"\n\
                  title = \"varchar(20) not null\"\n";
    let field = Field::new(&setting(vec![("tables.toml", tables.into())]));
    let stopped = Entracte::with_fault(&field.small.root(), "migrate.table:1=kill");
    stopped.run(&["apply", "--foreground"]).killed();
    let mut site = field.server.site();
    site.query_drop("UPDATE pages SET title = REPEAT('x', 40) WHERE id = 2").unwrap();
    let said = field.try_to("resume", "a long title").refused(6);
    assert!(said.contains("1 row of pages.title"), "{said}");
    site.query_drop("UPDATE pages SET title = 'two''s' WHERE id = 2").unwrap();
    field.recover("resume", "a short one again");
    field.is_new("a short one again");
}

/// Somebody holds a lock on the table: the message names who.
#[test]
fn who_holds_a_statement_up_is_named() {
    let mut setting = setting(vec![("tables.toml", TABLES.into())]);
    setting.limits = "lock_seconds = 2\n";
    let field = Field::new(&setting);
    let mut other = field.server.owner();
    let id: u64 = other.query_first("SELECT CONNECTION_ID()").unwrap().unwrap();
    let busy = std::thread::spawn(move || other.query_drop("SELECT SLEEP(12) FROM visits"));
    let said = field.try_to("apply", "locked").refused(6);
    assert!(said.contains(&format!("connection {id}")) && said.contains("SLEEP"), "{said}");
    let _ = field.server.root().query_drop(format!("KILL {id}"));
    let _ = busy.join();
    // Whose transaction is merely open, only an administrator sees.
    let mut idle = field.server.owner();
    idle.query_drop("START TRANSACTION").unwrap();
    idle.query_drop("SELECT * FROM visits").unwrap();
    let said = field.try_to("resume", "locked again").refused(6);
    assert!(said.contains("may not see which") && said.contains("PROCESS"), "{said}");
    drop(idle);
    field.recover("resume", "unlocked");
    field.is_new("unlocked");
}
