mod random;

use crate::base::path::SitePath;
use crate::database::connection::Database;
use crate::database::lexer;
use crate::database::lexer::Dialect;
use crate::database::schema;
use crate::database::schema::declared::Declaration;
use crate::database::schema::model::Schema;
use crate::database::schema::step::Cost;
use crate::database::schema::step::Risk;
use crate::database::schema::step::Step;
use crate::database::schema::target::Target;
use crate::database::scope::Scope;
use crate::database::sqlite::Sqlite;

fn database(sql: &str) -> Sqlite {
    let mut db = Sqlite::in_memory().unwrap();
    run(&mut db, sql);
    db
}

fn run(db: &mut Sqlite, sql: &str) {
    for statement in lexer::split(sql, Dialect::Sqlite).unwrap() {
        db.execute(&statement.text).unwrap();
    }
}

fn target(file: &str, text: &str) -> Target {
    let files = [(SitePath::parse(file).unwrap(), text.as_bytes().to_vec())];
    let declaration = Declaration::parse(&files, Dialect::Sqlite, "").unwrap();
    schema::target(&mut Sqlite::in_memory().unwrap(), &declaration).unwrap()
}

fn live(db: &mut Sqlite) -> Schema {
    schema::read(db, &Scope::All).unwrap()
}

fn steps(db: &mut Sqlite, target: &Target) -> Vec<Step> {
    schema::steps(&live(db), target, Dialect::Sqlite).unwrap()
}

/// Brings the database to the target, as a release does.
fn migrate(db: &mut Sqlite, target: &Target) -> Vec<Step> {
    let steps = steps(db, target);
    for step in &steps {
        schema::carry_out(db, step)
            .unwrap_or_else(|error| panic!("{error:?}\n{}", step.statements.join(";\n")));
    }
    let left = schema::diff(&live(db), target);
    assert!(left.is_empty(), "{left:#?}");
    steps
}

fn costs(db: &mut Sqlite, target: &Target) -> Vec<Cost> {
    let live = live(db);
    steps(db, target).iter().map(|step| schema::cost(db, &live, target, step).unwrap()).collect()
}

/// All cells of a query's rows.
fn told(db: &mut Sqlite, query: &str) -> String {
    let cell = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".into());
    let rows = db.query(query).unwrap().into_iter();
    rows.map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join("|")).collect::<Vec<_>>().join(" ")
}

/// Everything that the database holds.
fn dump(db: &mut Sqlite) -> String {
    let mut all = told(db, "SELECT type, name, sql FROM sqlite_master ORDER BY type, name");
    for (name, table) in live(db).tables {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("quote(\"{}\")", column.name)).collect();
        all += &format!(
            "\n{name}: {}",
            told(db, &format!("SELECT {} FROM \"{name}\" ORDER BY 1", columns.join(", ")))
        );
    }
    all
}

fn text(steps: &[Step]) -> String {
    let one =
        |step: &Step| format!("{}: {}\n{}", step.table, step.what.join("; "), step.statements.join(";\n"));
    steps.iter().map(one).collect::<Vec<_>>().join("\n\n")
}

const OLD: &str = "
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name text COLLATE NOCASE, own text DEFAULT 'mine');
CREATE TABLE log (line);
CREATE TABLE articles (
  id integer primary key autoincrement, headline text, stars int check (stars < 6),
  author REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
  mood text, UNIQUE (headline) ON CONFLICT IGNORE, CHECK (\"headline\" <> 'x')
);
CREATE INDEX by_mood ON articles (mood, headline);
CREATE INDEX by_own_rule ON articles (lower(headline) DESC, stars COLLATE NOCASE) WHERE stars > 1;
CREATE VIEW best AS SELECT id, stars FROM articles WHERE stars > 4;
CREATE VIEW named (a, b) AS SELECT id, headline FROM articles;
CREATE TRIGGER noted AFTER INSERT ON articles BEGIN INSERT INTO log VALUES (new.headline); END;
CREATE TRIGGER through INSTEAD OF INSERT ON best BEGIN INSERT INTO articles (headline, stars) VALUES ('Three', new.stars); END;
INSERT INTO users VALUES (7, 'Ann', 'hers');
INSERT INTO articles VALUES (3, 'one', 5, 7, 'good'), (9, 'two', NULL, NULL, NULL), (20, 'gone', 1, 7, '');
DELETE FROM articles WHERE id = 20;
DELETE FROM log";

const NEW: &str = "
[tables.posts]
primary = ['id']
was = ['articles']
keys.by_title = ['title']
checks.rated = 'stars >= 0'
[tables.posts.columns]
id = 'int not null auto_increment'
title = { type = 'text', null = false, was = ['headline'] }
stars = { type = 'int', null = false, default = 1, narrow = true, check = 'stars < 6' }
author = { type = { sqlite = '' } }
slug = { type = 'text', generated = 'lower(title)' }
edited = \"datetime not null default ''\"
[tables.users.columns]
id = 'int not null auto_increment primary key'
name = 'text collate nocase'
mail = \"text not null default ''\"
[views]
best = 'SELECT id, stars FROM posts WHERE stars > 3'
[drop]
columns.posts = ['mood']
";

#[test]
fn what_is_read_is_what_is_written() {
    let mut db = database(OLD);
    insta::assert_snapshot!(serde_json::to_string_pretty(&live(&mut db)).unwrap());
}

#[test]
fn an_old_database_becomes_the_declared_one_and_loses_nothing() {
    let mut db = database(OLD);
    // An empty type cannot be declared in TOML, so the column stays the owner's.
    let wanted = target("a.toml", &NEW.replace("author = { type = { sqlite = '' } }\n", ""));
    let steps = migrate(&mut db, &wanted);
    insta::assert_snapshot!(text(&steps), @r#"
        posts: rename the table articles
        ALTER TABLE "articles" RENAME TO "posts"

        posts: rename column headline to title
        ALTER TABLE "posts" RENAME COLUMN "headline" TO "title"

        posts: drop key by_mood; drop column mood with its values; column title: text -> text NOT NULL; column stars: int -> integer NOT NULL DEFAULT 1; add column slug: text AS (lower(title)); add column edited: text NOT NULL DEFAULT ''; add check posts_rated: stars >= 0; add key posts_by_title (title); column stars: NULL becomes 1; the table is built anew, with its rows, indexes and triggers
        PRAGMA legacy_alter_table = ON;
        CREATE TABLE "entracte_new_posts" (
          "id" integer PRIMARY KEY AUTOINCREMENT,
          "title" text NOT NULL,
          "stars" integer NOT NULL DEFAULT 1 CHECK (stars < 6),
          "slug" text GENERATED ALWAYS AS (lower(title)) VIRTUAL,
          "edited" text NOT NULL DEFAULT '',
          "author",
          UNIQUE ("title") ON CONFLICT IGNORE,
          CHECK (title <> 'x'),
          CONSTRAINT "posts_rated" CHECK (stars >= 0),
          FOREIGN KEY ("author") REFERENCES "users" ("id") DEFERRABLE INITIALLY DEFERRED
        );
        INSERT INTO "entracte_new_posts" ("id", "title", "stars", "author") SELECT "id", "title", COALESCE("stars", 1), "author" FROM "posts";
        DELETE FROM sqlite_sequence WHERE name = 'entracte_new_posts';
        INSERT INTO sqlite_sequence (name, seq) SELECT 'entracte_new_posts', seq FROM sqlite_sequence WHERE name = 'posts';
        DROP TABLE "posts";
        ALTER TABLE "entracte_new_posts" RENAME TO "posts";
        CREATE INDEX "by_own_rule" ON "posts" ((lower(title)) DESC, "stars" COLLATE "nocase") WHERE stars > 1;
        CREATE INDEX "posts_by_title" ON "posts" ("title")

        users: add column mail: text NOT NULL DEFAULT ''
        ALTER TABLE "users" ADD COLUMN "mail" text NOT NULL DEFAULT ''

        best: replace the view's query
        DROP VIEW "best";
        CREATE VIEW "best" AS SELECT id, stars FROM posts WHERE stars > 3
    "#);
    assert_eq!(
        told(&mut db, "SELECT id, title, stars, author, slug, edited FROM posts"),
        "3|one|5|7|one| 9|two|1|NULL|two|"
    );
    assert_eq!(told(&mut db, "SELECT * FROM users"), "7|Ann|hers|");
    assert_eq!(told(&mut db, "SELECT * FROM best"), "3|5");
    assert_eq!(told(&mut db, "SELECT * FROM named"), "3|one 9|two");
    // Counting goes on where it was, and both triggers fire.
    run(&mut db, "INSERT INTO best VALUES (NULL, 5)");
    assert_eq!(told(&mut db, "SELECT id, slug FROM posts WHERE title = 'Three'"), "21|three");
    assert_eq!(told(&mut db, "SELECT * FROM log"), "Three");
    // What stays of the owner's is as it was.
    run(&mut db, "INSERT INTO posts (title) VALUES ('Three')");
    assert_eq!(told(&mut db, "SELECT COUNT(*) FROM posts"), "3");
    assert_eq!(told(&mut db, "PRAGMA integrity_check"), "ok");
    assert_eq!(told(&mut db, "PRAGMA legacy_alter_table"), "0");
}

#[test]
fn what_sqlite_can_do_in_place_is_done_in_place() {
    let mut db =
        database("CREATE TABLE a (id integer); CREATE INDEX old ON a (id); INSERT INTO a VALUES (1)");
    let wanted = target(
        "a.toml",
        "[drop]\nkeys.a = ['old']\n[tables.a]\nunique.u = ['id']\n[tables.a.columns]\nid = 'int'\n\
         n = 'int not null default 3'\ng = { type = 'int', generated = 'n + 1' }\n",
    );
    let steps = migrate(&mut db, &wanted);
    insta::assert_snapshot!(text(&steps), @r#"
        a: drop key old; add column n: integer NOT NULL DEFAULT 3; add column g: integer AS (n + 1); add unique key a_u (id)
        DROP INDEX "old";
        ALTER TABLE "a" ADD COLUMN "n" integer NOT NULL DEFAULT 3;
        ALTER TABLE "a" ADD COLUMN "g" integer GENERATED ALWAYS AS (n + 1) VIRTUAL;
        CREATE UNIQUE INDEX "a_u" ON "a" ("id")
    "#);
    assert_eq!(told(&mut db, "SELECT * FROM a"), "1|3|4");
}

#[test]
fn a_step_that_fails_leaves_everything_as_it_was() {
    let mut db = database(
        "CREATE TABLE a (id integer, b text); INSERT INTO a VALUES (1, NULL), (2, 'x'), (2, 'y');
         CREATE TRIGGER t AFTER DELETE ON a BEGIN DELETE FROM a; END; PRAGMA foreign_keys = ON",
    );
    for wanted in [
        "[tables.a.columns]\nid = 'int'\nb = 'text not null'",
        "[tables.a]\nunique.u = ['id']\n[tables.a.columns]\nid = 'int not null default 0'\nb = 'text'",
        "[tables.a]\nchecks.c = 'id < 2'\n[tables.a.columns]\nid = 'int'\nb = 'text'",
        "[tables.a]\nforeign.f = { columns = ['id'], table = 'b', references = ['id'] }\n[tables.a.columns]\nid = 'int'\n\
         [tables.b.columns]\nid = 'int not null auto_increment primary key'",
    ] {
        let wanted = target("a.toml", wanted);
        let costs = costs(&mut db, &wanted);
        assert!(
            costs.iter().flat_map(|cost| &cost.narrowed).any(|narrowed| !narrowed.is_allowed),
            "{costs:?}"
        );
        let steps = steps(&mut db, &wanted);
        let failing = steps.iter().find(|step| step.table == "a").unwrap();
        run(&mut db, "DROP TABLE IF EXISTS b");
        for step in steps.iter().filter(|step| step.table != "a") {
            schema::carry_out(&mut db, step).unwrap();
        }
        let before = dump(&mut db);
        schema::carry_out(&mut db, failing).unwrap_err();
        assert_eq!(dump(&mut db), before);
        assert_eq!(told(&mut db, "PRAGMA foreign_keys"), "1");
    }
}

#[test]
fn rows_that_refer_to_nothing_already_are_no_obstacle() {
    let mut db = database(
        "PRAGMA foreign_keys = OFF; CREATE TABLE p (id integer primary key, n); CREATE TABLE c (p REFERENCES p); INSERT INTO c VALUES (1), (NULL)",
    );
    migrate(
        &mut db,
        &target(
            "a.toml",
            "[tables.p.columns]\nid = 'int not null primary key'\nn = { type = 'int', narrow = true }",
        ),
    );
    assert_eq!(told(&mut db, "SELECT p FROM c"), "1 NULL");
}

#[test]
fn virtual_tables_and_what_belongs_to_them_are_left_alone() {
    let mut db = database(
        "CREATE VIRTUAL TABLE f USING fts5(x); CREATE TABLE a (id integer primary key autoincrement)",
    );
    assert_eq!(live(&mut db).tables.keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn rowids_stay_where_something_may_refer_to_them() {
    let mut db = database(
        "CREATE TABLE a (b int, rowid text); INSERT INTO a (_rowid_, b) VALUES (5, 1), (90, 2);
         CREATE TABLE k (b text PRIMARY KEY); INSERT INTO k (rowid, b) VALUES (8, 'x')",
    );
    let wanted = "[tables.a.columns]\nb = { type = 'text' , null = false}\n\
                  [tables.k]\nprimary = ['id']\n[tables.k.columns]\nid = 'int not null auto_increment'\nb = 'text'";
    migrate(&mut db, &target("a.toml", wanted));
    assert_eq!(told(&mut db, "SELECT _rowid_, b FROM a"), "5|1 90|2");
    assert_eq!(told(&mut db, "SELECT id, b FROM k"), "8|x");
}

#[test]
fn a_view_that_was_broken_before_keeps_nothing_from_being_renamed() {
    let mut db = database(
        "CREATE TABLE a (b int); CREATE TABLE c (a int REFERENCES a (b)); CREATE VIEW good AS SELECT b FROM a;
         CREATE VIEW bad AS SELECT x FROM nowhere; CREATE VIEW bad_too AS SELECT * FROM bad;
         CREATE TRIGGER bad_through INSTEAD OF DELETE ON bad BEGIN DELETE FROM a; END",
    );
    let wanted = "CREATE TABLE d ( -- was: a\n e int -- was: b\n, f int default (1))";
    migrate(&mut db, &target("a.sql", wanted));
    assert_eq!(told(&mut db, "SELECT * FROM good"), "");
    assert_eq!(told(&mut db, "SELECT \"table\", \"to\" FROM pragma_foreign_key_list('c')"), "d|e");
    assert_eq!(told(&mut db, "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'bad%'"), "3");
}

/// Column, rows, and whether it is allowed, of all steps together.
fn narrowed(rows: &str, wanted: &str) -> String {
    let mut db = database(&format!(
        "CREATE TABLE a (id integer primary key, b text, c int, d); INSERT INTO a VALUES {rows}"
    ));
    let costs = costs(&mut db, &target("a.sql", wanted));
    let all = costs.iter().flat_map(|cost| &cost.narrowed);
    all.map(|one| format!("{} {} {}", one.column, one.rows, one.is_allowed)).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_does_not_fit_is_counted_exactly() {
    let columns = "id integer primary key, b text, c int, d";
    for (rows, wanted, expected) in [
        (
            "(1,NULL,1,1),(2,'x',NULL,1)",
            "CREATE TABLE a (id integer primary key, b text not null, c int, d)",
            "b 1 false",
        ),
        (
            "(1,NULL,1,1),(2,'x',NULL,1)",
            "CREATE TABLE a (id integer primary key,\nb text not null, -- narrow\nc int not null,\nd)",
            "b 1 true, c 1 false",
        ),
        // '7' and ' 7' become numbers; '7x' stays what it is.
        (
            "(1,'7',1,1),(2,'007',1,1),(3,'7x',1,1),(4,' 7',1,1)",
            "CREATE TABLE a (id integer primary key, b int, c int, d)",
            "b 2 false",
        ),
        (
            "(1,'a',1,1),(2,'A',1,1),(3,'b',1,1)",
            &format!("CREATE TABLE a ({columns}); CREATE UNIQUE INDEX u ON a (b)"),
            "",
        ),
        (
            "(1,'a',1,1),(2,'A',1,1),(3,'a',1,1)",
            &format!("CREATE TABLE a ({columns}); CREATE UNIQUE INDEX u ON a (b COLLATE NOCASE)"),
            "b 2 false",
        ),
        (
            "(1,'a',1,1),(2,'a',2,1),(3,'a',1,1)",
            &format!("CREATE TABLE a ({columns}, UNIQUE (b, c))"),
            "b, c 1 false",
        ),
        (
            "(1,'a',9,1),(2,'a',NULL,1)",
            &format!("CREATE TABLE a ({columns}, CHECK (c < 5))"),
            "check (c < 5) 1 false",
        ),
        (
            "(1,'x',1,1),(2,'7',1,1),(3,'1.5',1,1),(4,NULL,1,1)",
            "CREATE TABLE a (id integer primary key, b int, c int, d any) STRICT",
            "b 2 false",
        ),
        (
            "(1,'a',3,1),(2,'a',1,1)",
            &format!("CREATE TABLE a ({columns}, FOREIGN KEY (c) REFERENCES a (id))"),
            "c 1 false",
        ),
    ] {
        assert_eq!(narrowed(rows, wanted), expected, "{rows} {wanted}");
    }
}

#[test]
fn each_kind_of_change_has_its_risk() {
    let mut db = database(
        "CREATE TABLE a (id integer primary key, b text); INSERT INTO a VALUES (1, 'x'); CREATE TABLE z (a)",
    );
    for (wanted, risk) in [
        ("CREATE TABLE a (id integer primary key, b text, c int)", Risk::Instant),
        ("CREATE TABLE a (id integer primary key, b text); CREATE INDEX i ON a (b)", Risk::Rebuild),
        ("CREATE TABLE a (id integer primary key, b text default 'x')", Risk::Rebuild),
        ("CREATE TABLE a (id integer primary key, b text not null)", Risk::Narrowing),
        ("-- drop column: a.b\nCREATE TABLE a (id integer primary key)", Risk::Destructive),
        ("-- drop table: z", Risk::Destructive),
    ] {
        let costs = costs(&mut db, &target("a.sql", wanted));
        assert_eq!((costs.len(), costs[0].risk), (1, risk), "{wanted}");
        assert!(costs[0].bytes > 0);
    }
}

#[test]
fn a_declaration_that_sqlite_refuses_is_told() {
    let files = |text: &str| [(SitePath::parse("a.sql").unwrap(), text.as_bytes().to_vec())];
    for text in ["CREATE TABLE a (id integer, id text)", "CREATE VIEW v AS SELECT x FROM nowhere"] {
        let declaration = Declaration::parse(&files(text), Dialect::Sqlite, "").unwrap();
        assert!(super::scratch::target(&declaration).is_err(), "{text}");
    }
}
