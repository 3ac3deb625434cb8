//! Declared tables, versioned SQL and the application's own upgrade in one release.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::database::field::Field;
use crate::support::database::field::Setting;

const SEED: [&str; 4] = [
    "CREATE TABLE pages (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(60) NOT NULL, \
     body TEXT, ours VARCHAR(10) DEFAULT 'here')",
    "INSERT INTO pages (title, body) VALUES ('one', 'first'), ('two''s', NULL), ('été', '')",
    "CREATE TABLE visits (day DATE NOT NULL PRIMARY KEY, n INT NOT NULL)",
    "INSERT INTO visits VALUES ('2026-01-01', 7)",
];

const TABLES: &str = r#"
[tables.pages]
primary = ["id"]
keys = { by_title = ["title"] }

[tables.pages.columns]
id = "int unsigned not null auto_increment"
headline = { type = "varchar(200)", null = false, was = ["title"] }
body = "mediumtext"
author = { type = "varchar(80)", null = false, default = "'nobody'" }

[tables.tags]
primary = ["page", "name"]
foreign.tags_page = { columns = ["page"], table = "pages", references = ["id"], on_delete = "cascade" }

[tables.tags.columns]
page = "int unsigned not null"
name = "varchar(40) not null"

[views]
untagged = "SELECT p.id, p.headline FROM {prefix}pages p LEFT JOIN {prefix}tags t ON t.page = p.id WHERE t.page IS NULL"
"#;

pub fn setting(schema: Vec<(&'static str, String)>) -> Setting {
    Setting {
        seed: SEED.map(str::to_owned).to_vec(),
        schema,
        settings: String::new(),
        scripts: Vec::new(),
        only_database: true,
        prefix: "",
        limits: "",
    }
}

fn declared() -> Field {
    Field::new(&setting(vec![(
        "tables.toml",
        TABLES.replace("keys = { by_title = [\"title\"] }", "keys = { by_headline = [\"headline\"] }"),
    )]))
}

#[test]
fn a_plan_shows_what_becomes_of_the_tables_and_nothing_else_is_done() {
    let field = declared();
    let before = field.look();
    let plan = field.entracte.json(&["plan"]).code(0);
    assert_eq!(before, field.look(), "a plan touched something");
    let steps = plan["schema"].as_array().unwrap();
    let of = |table: &str| -> Vec<&Value> { steps.iter().filter(|step| step["table"] == table).collect() };
    assert_eq!(of("pages").len(), 1, "one statement a table: {plan:#}");
    assert!(of("visits").is_empty(), "{plan:#}");
    let statements: Vec<&str> =
        plan["statements"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let of_steps: Vec<&str> = steps
        .iter()
        .flat_map(|step| step["statements"].as_array().unwrap())
        .map(|one| one.as_str().unwrap())
        .collect();
    assert_eq!(statements, of_steps);
    assert!(statements.iter().all(|one| !one.contains("ours")), "{statements:#?}");

    field.entracte.json(&["apply", "--foreground"]).code(0);
    field.is_new("applied");
    let check = field.entracte.json(&["schema", "check"]).code(0);
    assert_eq!(check["steps"], Value::Array(Vec::new()));
    let pages = &field.look().database["pages"];
    assert!(pages[0].contains("`headline` varchar(200)") && pages[0].contains("`ours`"), "{}", pages[0]);
    assert!(pages.iter().any(|row| row.contains("two's")), "{pages:#?}");

    // Only what the plan touches is saved.
    let runs = field.flag().ancestors().nth(2).unwrap().join("runs");
    let run = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let plan = std::fs::read_to_string(run.join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let saved = plan["sealed"]["database"]["tables"]["names"].to_string();
    assert!(saved.contains("pages") && !saved.contains("visits"), "{saved}");

    field.entracte.json(&["rollback"]).code(0);
    field.is_old("rolled back");
}

#[test]
fn a_table_that_somebody_damaged_is_mended() {
    let field = declared();
    field.entracte.json(&["apply", "--foreground"]).code(0);
    let whole = field.look();
    let mut site = field.server.site();
    use mysql::prelude::Queryable;
    for statement in [
        "ALTER TABLE pages DROP KEY by_headline, MODIFY body TEXT, DROP COLUMN author",
        "DROP VIEW untagged",
        "DROP TABLE tags",
    ] {
        site.query_drop(statement).unwrap();
    }
    let damaged = field.look();
    let check = field.entracte.json(&["schema", "check"]);
    assert_eq!(check.exit, 7, "{:#}", check.result);
    let steps = check.result["steps"].as_array().unwrap();
    let tables: BTreeSet<&str> = steps.iter().map(|step| step["table"].as_str().unwrap()).collect();
    assert_eq!(tables, BTreeSet::from(["tags", "pages", "untagged"]), "{:#}", check.result);
    // Nobody has said yes.
    assert_eq!(field.entracte.json(&["schema", "apply"]).exit, 4);
    assert_eq!(damaged.database, field.look().database);
    field.entracte.json(&["--yes", "schema", "apply"]).code(0);
    let same = |database: &std::collections::BTreeMap<String, Vec<String>>| {
        database.iter().map(|(name, lines)| (name.clone(), lines.first().cloned())).collect::<Vec<_>>()
    };
    let named = |look: &crate::support::database::field::Look| {
        let mut all = same(&look.database);
        all.retain(|(name, _)| name != "(triggers)" && name != "pages");
        all
    };
    assert_eq!(named(&whole), named(&field.look()));
    field.entracte.json(&["schema", "check"]).code(0);
    assert_eq!(field.entracte.json(&["--yes", "schema", "apply"]).exit, 3);
    field.entracte.json(&["rollback"]).code(0);
    assert_eq!(damaged.database, field.look().database, "the way back leads to the damage");
}

#[test]
fn three_ways_in_one_release_in_the_order_that_it_says() {
    let ordered = format!("order = [\"sql\", \"tables\", \"upgrade\"]\n{TABLES}")
        .replace("keys = { by_title = [\"title\"] }", "keys = { by_headline = [\"headline\"] }");
    let mut setting = setting(vec![
        ("001.sql", "UPDATE pages SET title = CONCAT(title, '!');\n".into()),
        ("tables.toml", ordered),
    ]);
    setting.settings = "\n[upgrade]\nargv = [\"sh\", \"-c\", \"grep -q 2 VERSION && echo upgraded\"]\nexpect = \"upgraded\"\n".into();
    let field = Field::new(&setting);
    let plan = field.entracte.json(&["plan"]).code(0);
    let first = plan["statements"][0].as_str().unwrap();
    assert!(first.starts_with("UPDATE pages"), "{plan:#}");
    field.entracte.json(&["apply", "--foreground"]).code(0);
    field.is_new("applied");
    assert!(field.look().database["pages"].iter().any(|row| row.contains("one!")));
    field.entracte.json(&["rollback"]).code(0);
    field.is_old("rolled back");
}

/// SQL that breaks what the release declares is found before visitors are back.
#[test]
fn sql_that_contradicts_the_declared_tables_fails_the_update() {
    let tables = TABLES.replace("keys = { by_title = [\"title\"] }", "");
    let contradicting = "ALTER TABLE pages DROP COLUMN author;\n";
    let field = Field::unfit(&setting(vec![("001.sql", contradicting.into()), ("tables.toml", tables)]));
    let said = field.entracte.json(&["apply", "--foreground"]).refused(6);
    assert!(said.contains("not what the release declares") && said.contains("author"), "{said}");
    field.recover("rollback", "contradicted");
    field.is_old("rolled back");
}
