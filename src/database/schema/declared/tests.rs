mod bent;

use super::*;
use crate::base::exit::Fault;

fn file(name: &str, text: &str) -> (SitePath, Vec<u8>) {
    (SitePath::parse(name).unwrap(), text.as_bytes().to_vec())
}

fn parse(files: &[(&str, &str)], dialect: Dialect, prefix: &str) -> Result<Declaration, DeclarationError> {
    let files: Vec<_> = files.iter().map(|(name, text)| file(name, text)).collect();
    Declaration::parse(&files, dialect, prefix)
}

/// Message and hint of the error.
fn refused(name: &str, text: &str, dialect: Dialect) -> String {
    match parse(&[(name, text)], dialect, "w_") {
        Ok(declaration) => panic!("taken: {text}\n{declaration:?}"),
        Err(error) => [error.to_string(), error.hints().join(" ")].join(" | "),
    }
}

const WHOLE: &str = r#"
format = 1
order = ["sql", "tables"]

[tables.posts]
primary = ["id"]
engine = "InnoDB"
charset = "utf8mb4"
comment = "what visitors read"
was = ["articles"]

[tables.posts.columns]
id = "bigint unsigned not null auto_increment"
title = { type = "varchar(200)", null = false, default = "''", was = ["headline"], narrow = true }
author_id = "bigint unsigned"
slug = { type = "varchar(40)", generated = "lower(title)", stored = true }
body = { mysql = "mediumtext", sqlite = "text collate nocase" }
edited = { type = "datetime", null = false, default = "current_timestamp", on_update = { mysql = "current_timestamp" } }
stars = { type = "int", default = 3, check = "stars < 6" }

[tables.posts.keys]
by_author = ["author_id", "edited desc"]
recent = { columns = ["edited"], where = { sqlite = "stars > 3" } }

[tables.posts.unique]
slug = ["slug"]

[tables.posts.fulltext]
search = ["title", "body"]

[tables.posts.foreign]
author = { columns = ["author_id"], table = "users", references = ["id"], on_delete = "set null" }

[tables.posts.checks]
titled = "title <> '' or stars = 0"

[tables.users.columns]
id = "bigint unsigned not null auto_increment primary key"

[views]
best = "SELECT * FROM {prefix}good"
good = "SELECT id, title FROM {prefix}posts WHERE stars > 4"

[drop]
tables = ["old"]
views = ["worst"]
columns.posts = ["mood"]
keys.posts = ["by_mood"]
"#;

#[test]
fn one_file_in_both_dialects() {
    let mysql = parse(&[("schema/a.toml", WHOLE)], Dialect::MySql, "w_").unwrap();
    insta::assert_snapshot!(mysql.statements.join(";\n"), @r#"
        CREATE TABLE `w_posts` (
          `id` bigint unsigned NOT NULL AUTO_INCREMENT,
          `title` varchar(200) NOT NULL DEFAULT '',
          `author_id` bigint unsigned NULL,
          `slug` varchar(40) GENERATED ALWAYS AS (lower(title)) STORED,
          `body` mediumtext NULL,
          `edited` datetime NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp,
          `stars` int NULL DEFAULT 3 CHECK (stars < 6),
          PRIMARY KEY (`id`),
          KEY `by_author` (`author_id`, `edited` DESC),
          KEY `recent` (`edited`),
          UNIQUE KEY `slug` (`slug`),
          FULLTEXT KEY `search` (`title`, `body`),
          CONSTRAINT `w_posts_titled` CHECK (title <> '' or stars = 0)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET=utf8mb4 COMMENT='what visitors read';
        CREATE TABLE `w_users` (
          `id` bigint unsigned NOT NULL AUTO_INCREMENT,
          PRIMARY KEY (`id`)
        );
        ALTER TABLE `w_posts` ADD CONSTRAINT `w_posts_author` FOREIGN KEY (`author_id`) REFERENCES `w_users` (`id`) ON DELETE SET NULL;
        CREATE VIEW `w_good` AS SELECT id, title FROM w_posts WHERE stars > 4;
        CREATE VIEW `w_best` AS SELECT * FROM w_good
    "#);
    let sqlite = parse(&[("schema/a.toml", WHOLE)], Dialect::Sqlite, "w_").unwrap();
    insta::assert_snapshot!(sqlite.statements.join(";\n"), @r#"
        CREATE TABLE "w_posts" (
          "id" integer PRIMARY KEY AUTOINCREMENT,
          "title" text NOT NULL DEFAULT '',
          "author_id" integer,
          "slug" text GENERATED ALWAYS AS (lower(title)) STORED,
          "body" text COLLATE nocase,
          "edited" text NOT NULL DEFAULT current_timestamp,
          "stars" integer DEFAULT 3 CHECK (stars < 6),
          CONSTRAINT "w_posts_titled" CHECK (title <> '' or stars = 0),
          CONSTRAINT "w_posts_author" FOREIGN KEY ("author_id") REFERENCES "w_users" ("id") ON DELETE SET NULL
        );
        CREATE TABLE "w_users" (
          "id" integer PRIMARY KEY AUTOINCREMENT
        );
        CREATE INDEX "w_posts_by_author" ON "w_posts" ("author_id", "edited" DESC);
        CREATE INDEX "w_posts_recent" ON "w_posts" ("edited") WHERE stars > 3;
        CREATE UNIQUE INDEX "w_posts_slug" ON "w_posts" ("slug");
        CREATE VIEW "w_good" AS SELECT id, title FROM w_posts WHERE stars > 4;
        CREATE VIEW "w_best" AS SELECT * FROM w_good
    "#);
    assert_eq!(mysql.order, [Stage::Sql, Stage::Tables, Stage::Upgrade]);
    assert_eq!((&mysql.tables, &mysql.views), (&sqlite.tables, &sqlite.views));
    insta::assert_snapshot!(serde_json::to_string(&mysql.hints).unwrap(), @r#"{"renamed_tables":{"w_posts":["w_articles"]},"renamed_columns":{"w_posts":{"title":["headline"]}},"dropped_tables":["w_old"],"dropped_columns":{"w_posts":["mood"]},"dropped_keys":{"w_posts":["by_mood","w_posts_by_mood"]},"dropped_views":["w_worst"],"may_narrow":{"w_posts":["title"]}}"#);
    assert_eq!(mysql.hints, sqlite.hints);
}

#[test]
fn extensions_add_to_tables_of_either_form() {
    let extension = "format = 1\nid = \"stars\"\nname = \"Stars\"\n[tables.posts]\nextends = true\n\
                     keys.rated = [\"stars\", \"id\"]\n[tables.posts.columns]\nstars = \"int not null default 0\"\n\
                     [tables.stars.columns]\nid = \"int\"\n";
    let core = "[tables.posts.columns]\nid = \"int not null\"\n";
    let extension = ("x/extension.toml", extension);
    let found = parse(&[("a.toml", core), extension], Dialect::MySql, "").unwrap();
    insta::assert_snapshot!(found.statements.join(";\n"), @r#"
        CREATE TABLE `posts` (
          `id` int NOT NULL,
          `stars` int NOT NULL DEFAULT 0,
          KEY `rated` (`stars`, `id`)
        );
        CREATE TABLE `stars` (
          `id` int NULL
        )
    "#);
    let core = "CREATE TABLE posts (id int not null);";
    for (dialect, add) in [
        (Dialect::MySql, "ALTER TABLE `posts` ADD `stars`"),
        (Dialect::Sqlite, "ALTER TABLE \"posts\" ADD COLUMN \"stars\""),
    ] {
        let found = parse(&[("a.sql", core), extension], dialect, "").unwrap();
        assert!(found.statements.iter().any(|one| one.starts_with(add)), "{found:?}");
        assert_eq!(found.tables.len(), 2);
    }
}

#[test]
fn files_of_sql_keep_their_words_and_get_the_sites_prefix() {
    let sql = "-- prefix: wp_\n\
               CREATE TABLE IF NOT EXISTS `wp_posts` ( -- was: wp_articles\n\
               \x20 id bigint(20) unsigned NOT NULL AUTO_INCREMENT, /* counts; */\n\
               \x20 title varchar(200) NOT NULL DEFAULT 'wp_posts;', -- was: headline, name\n\
               \x20 mood text, -- narrow\n\
               \x20 PRIMARY KEY (id), KEY t (title(10)),\n\
               \x20 CONSTRAINT wp_of FOREIGN KEY (id) REFERENCES wp_users (id)\n\
               ) ENGINE=InnoDB;\n\
               create table wp_users (id bigint unsigned primary key);\n\
               CREATE UNIQUE INDEX u ON wp_posts (title(30));\n\
               ALTER TABLE wp_users ADD COLUMN name text, ADD KEY n (name(3));\n\
               -- drop table: wp_old, older\n-- drop column: wp_posts.note\n-- drop key: wp_posts.note\n\
               CREATE OR REPLACE VIEW wp_titles AS SELECT wp_posts.title FROM wp_posts;\n";
    let found = parse(&[("schema/1.sql", sql)], Dialect::MySql, "s9_").unwrap();
    insta::assert_snapshot!(found.statements.join(";\n"), @r#"
        CREATE TABLE `s9_posts` (
        id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
        title varchar(200) NOT NULL DEFAULT 'wp_posts;',
        mood text,
        PRIMARY KEY (id), KEY t (title(10)),
        CONSTRAINT `s9_of` FOREIGN KEY (id) REFERENCES `s9_users` (id)
        ) ENGINE=InnoDB;
        create table `s9_users` (id bigint unsigned primary key);
        ALTER TABLE `s9_users` ADD COLUMN name text, ADD KEY n (name(3));
        CREATE UNIQUE INDEX u ON `s9_posts` (title(30));
        CREATE VIEW `s9_titles` AS SELECT `s9_posts`.title FROM `s9_posts`
    "#);
    insta::assert_snapshot!(serde_json::to_string(&found.hints).unwrap(), @r#"{"renamed_tables":{"s9_posts":["s9_articles"]},"renamed_columns":{"s9_posts":{"title":["headline","name"]}},"dropped_tables":["s9_old","s9_older"],"dropped_columns":{"s9_posts":["note"]},"dropped_keys":{"s9_posts":["note","s9_posts_note"]},"dropped_views":[],"may_narrow":{"s9_posts":["mood"]}}"#);
    let placeholder = sql.replace("-- prefix: wp_\n", "").replace("wp_", "{prefix}");
    let again = parse(&[("schema/1.sql", &placeholder)], Dialect::MySql, "s9_").unwrap();
    assert_eq!(again.hints, found.hints);
    // A text is filled in as well.
    assert_eq!(
        again.statements.join(";").replace("'s9_posts;'", "'wp_posts;'").len(),
        found.statements.join(";").len()
    );
}

#[test]
fn plain_names_get_the_prefix_wherever_a_table_is_read() {
    let view = |query: &str| {
        let sql =
            format!("CREATE TABLE posts (id int);\nCREATE TABLE users (id int);\nCREATE VIEW v AS {query}");
        parse(&[("a.sql", &sql)], Dialect::Sqlite, "w_").unwrap().statements[2].clone()
    };
    for (query, expected) in [
        ("SELECT posts FROM posts", "SELECT posts FROM \"w_posts\""),
        (
            "SELECT posts.id, u.id FROM posts, users u",
            "SELECT \"w_posts\".id, u.id FROM \"w_posts\", \"w_users\" u",
        ),
        (
            "SELECT 1 FROM (posts JOIN users ON posts.id = users.id) WHERE posts.id IN (SELECT id FROM users)",
            "SELECT 1 FROM (\"w_posts\" JOIN \"w_users\" ON \"w_posts\".id = \"w_users\".id) WHERE \"w_posts\".id IN (SELECT id FROM \"w_users\")",
        ),
        (
            "WITH r AS (SELECT id FROM posts) SELECT id, users FROM r, users",
            "WITH r AS (SELECT id FROM \"w_posts\") SELECT id, users FROM r, \"w_users\"",
        ),
    ] {
        assert_eq!(view(query), format!("CREATE VIEW \"w_v\" AS {expected}"));
    }
}

#[test]
fn files_for_the_other_dialect_are_passed_over() {
    let files = [("a.mysql.sql", "CREATE TABLE a (id int)"), ("a.sqlite.sql", "CREATE TABLE a (id integer)")];
    assert_eq!(parse(&files, Dialect::MySql, "").unwrap().statements, ["CREATE TABLE `a` (id int)"]);
    assert_eq!(parse(&files, Dialect::Sqlite, "").unwrap().statements, ["CREATE TABLE \"a\" (id integer)"]);
}

#[test]
fn what_is_wrong_in_toml_is_told_with_its_line() {
    let a = "[tables.a.columns]\nid = \"int\"\n";
    for (text, told) in [
        ("x = 1", "a.toml:1: x: not known here | known are format, tables"),
        ("format = 2", "a.toml:1: format: this format is not known"),
        (
            "\n[tables.a.columns]\nid = \"int unique\"",
            "a.toml:3: table a, column id: \"unique\" is not known in the definition of a column | name the key in the table's `unique`",
        ),
        (
            "[tables.a.columns]\nid = \"int\"\nb = { type = \"int\", nul = true }",
            "a.toml:3: table a, column b, nul: not known of a column | known are type, null",
        ),
        (
            "[tables.a.columns]\nid = { type = \"int not null\" }",
            "\"not\" does not belong into a type | say it in a field of its own",
        ),
        (
            "[tables.a.columns]\nid = { type = \"text\", default = \"two words\" }",
            "no single value | texts need quotes within the quotes",
        ),
        ("[tables.a.columns]\nid = { mysql = \"int\", oracle = \"int\" }", "no such dialect"),
        ("[tables.a.columns]\n\"a b\" = \"int\"", "\"a b\" cannot be a name"),
        ("[tables.\"a`b\".columns]\nid = \"int\"", "cannot be a name"),
        ("[tables.a]\ncolums = {}", "a.toml:2: table a, colums: not known of a table"),
        ("[tables.a]\nprimary = [\"id\"]", "a.toml:1: table a has no columns"),
        ("[tables.a]\nprimary = [\"ID\"]\ncolumns.id = \"int\"", "the column is written id, not ID"),
        ("[tables.a]\nkeys.k = [\"b\"]\ncolumns.id = \"int\"", "table a, key k: there is no column b"),
        ("[tables.a]\nkeys.k = [\"id, b\"]\ncolumns.id = \"int\"", "is no part of a key"),
        ("[tables.a]\nkeys.k = [\"(id\"]\ncolumns.id = \"int\"", "is no part of a key"),
        ("[tables.a]\nextends = true\ncolumns.id = \"int\"", "table a is declared nowhere"),
        ("[tables.a]\ncolumns.id = \"int auto_increment\"", "only the primary key can count"),
        ("[tables.a]\nengine = \"InnoDB; DROP\"\ncolumns.id = \"int\"", "no single word"),
        (
            "[tables.a]\nforeign.f = { columns = [\"id\"], table = \"b\" }\ncolumns.id = \"int\"",
            "a foreign key needs columns",
        ),
        (
            "[tables.a]\nforeign.f = { columns = [\"id\"], table = \"b\", references = [\"id\"], on_delete = \"drop\" }\ncolumns.id = \"int\"",
            "\"DROP\" is no action",
        ),
        ("[tables.a]\nchecks.c = \"id > 0) , (b int\"\ncolumns.id = \"int\"", "parentheses do not match"),
        (
            "[tables.a]\ncolumns.id = { type = \"int\", was = [\"b\"] }\ncolumns.b = \"int\"",
            "which is declared itself",
        ),
        ("[views]\nv = \"DROP TABLE x\"", "a view is a query"),
        ("[views]\nv = \"SELECT 1; DROP TABLE x\"", "semicolon"),
        ("order = [\"sql\", \"sql\"]", "a stage stands twice"),
        ("order = [\"later\"]", "\"later\" is no stage"),
        ("[drop]\ntabels = []", "known are tables, views, columns and keys"),
        ("[tables", "a.toml:1: this is no TOML"),
        (&format!("{a}[drop]\ntables = [\"a\"]"), "a is declared and dropped"),
        (&format!("{a}[drop]\ncolumns.a = [\"id\"]"), "the column id is declared and dropped"),
        (&format!("{a}[tables.A.columns]\nid = \"int\""), "table A is declared in a.toml:1 already"),
        (&format!("{a}[views]\na = \"SELECT 1\""), "already"),
    ] {
        let said = refused("a.toml", text, Dialect::MySql);
        assert!(said.contains(told), "{text}\n{said}");
    }
    for (text, told) in [
        ("[tables.a]\ncolumns.id = \"point\"", "say both"),
        ("[tables.a]\ncolumns.id = \"datetime on update now()\"", "SQLite has no ON UPDATE"),
        ("[tables.a]\ncolumns.id = { mysql = \"int\" }", "it has no type for sqlite"),
    ] {
        let said = refused("a.toml", text, Dialect::Sqlite);
        assert!(said.contains(told), "{text}\n{said}");
    }
}

#[test]
fn what_is_wrong_in_sql_is_told_with_its_line() {
    for (text, told) in [
        ("\nINSERT INTO a VALUES (1)", "a.sql:2: \"INSERT INTO A …\" declares nothing"),
        ("DROP TABLE a", "declares nothing"),
        ("SET NAMES utf8", "declares nothing"),
        ("DELIMITER //\nCREATE TABLE a (id int)//", "declares nothing"),
        ("/*!40101 SET NAMES utf8 */;", "a comment that MySQL executes"),
        ("CREATE TABLE a LIKE b", "its columns are missing"),
        ("CREATE TABLE a (LIKE b)", "its columns are missing"),
        ("CREATE TABLE a (id int) AS SELECT 1", "takes rows from elsewhere"),
        ("CREATE TABLE a (id int) SELECT 1", "takes rows from elsewhere"),
        ("CREATE TABLE a SELECT 1 AS id", "its columns are missing"),
        ("CREATE TABLE other.a (id int)", "names a database"),
        ("CREATE TABLE a (id int REFERENCES other.b (id))", "names a database"),
        ("CREATE TEMPORARY TABLE a (id int)", "declares nothing"),
        ("CREATE DEFINER=root@localhost VIEW v AS SELECT 1", "declares nothing"),
        ("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @x = 1", "declares nothing"),
        ("ALTER TABLE a DROP COLUMN b", "declares nothing"),
        ("CREATE TABLE a (id int); ALTER TABLE a ADD b int, DROP COLUMN id", "declares nothing"),
        ("ALTER TABLE a ADD COLUMN b int", "table a is declared in no file of SQL"),
        ("CREATE INDEX i ON a (b)", "table a is declared in no file of SQL"),
        ("-- prefix: wp_\nCREATE TABLE a (id int)", "the table a does not begin with wp_"),
        ("CREATE TABLE a (id int);\n-- prefix: wp_", "a.sql:2: a prefix is told too late"),
        ("-- prefix: wp_\nCREATE TABLE {prefix}a (id int)", "use one of them"),
        ("-- was: b\nCREATE TABLE a (id int)", "a.sql:1: this hint belongs to no single column"),
        ("CREATE TABLE a (id int, b int); -- was: c", "belongs to no single column"),
        ("CREATE TABLE a (id int);\n-- drop column: b", "a table is missing"),
        ("CREATE TABLE a (id int);\n-- drop kitchen: b", "\"drop kitchen\" is not known"),
        ("CREATE TABLE a ('id' int)", "a column cannot begin with"),
        ("CREATE TABLE a (id int", "its columns are missing"),
        ("CREATE TABLE a (b varchar(1) default 'x)", "never closed"),
    ] {
        let said = refused("a.sql", text, Dialect::MySql);
        assert!(said.contains(told), "{text}\n{said}");
    }
    assert!(refused("a.txt", "", Dialect::MySql).contains(".toml or .sql"));
    assert!(matches!(parse(&[], Dialect::MySql, "a b"), Err(DeclarationError::Prefix(_))));
}
