//! Databases of many pasts, brought to what a release declares: rows that both
//! can hold are kept, and nothing is left to do.

use std::fs;
use std::path::PathBuf;

use mysql::prelude::Queryable;

use crate::support::database::field::Field;
use crate::support::database::field::Look;
use crate::support::database::field::Setting;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The statements of a fixture, one after the other.
fn statements(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let all = lines.join("\n");
    all.split(";\n").map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

struct Case {
    declared: &'static str,
    /// `None`: an empty database.
    past: Option<&'static str>,
    prefix: &'static str,
    /// Done to the past before the update.
    damage: &'static [&'static str],
}

const NO_DAMAGE: &[&str] = &[];

fn field(case: &Case) -> Field {
    let mut seed = case.past.map(|name| statements(&fixture(name))).unwrap_or_default();
    if case.past.is_some_and(|name| name.starts_with("yacs-like")) {
        seed.extend(statements(&fixture("yacs-like/rows.sql")));
    }
    seed.extend(case.damage.iter().map(|one| (*one).to_owned()));
    let name = if case.declared.ends_with(".toml") { "tables.toml" } else { "tables/now.sql" };
    Field::new(&Setting {
        seed,
        schema: vec![(name, fixture(case.declared))],
        settings: String::new(),
        scripts: Vec::new(),
        only_database: true,
        prefix: case.prefix,
        limits: "",
    })
}

/// The update, the proof, a second look, and the way back; what it became.
#[track_caller]
fn arrives(case: &Case) -> Look {
    let field = field(case);
    let when = format!("{} from {:?} {:?}", case.declared, case.past, case.damage);
    field.entracte.json(&["apply", "--foreground"]).code(0);
    field.is_new(&when);
    let check = field.entracte.json(&["schema", "check"]);
    assert_eq!(check.exit, 0, "{when}: {:#}", check.result);
    let now = field.look();
    field.entracte.json(&["rollback"]).code(0);
    field.is_old(&when);
    now
}

fn definitions(look: &Look) -> Vec<(String, String)> {
    let plain = |text: &str| {
        let words = text.split_whitespace().filter(|word| !word.starts_with("AUTO_INCREMENT="));
        words.collect::<Vec<_>>().join(" ")
    };
    look.database
        .iter()
        .map(|(name, lines)| (name.clone(), plain(lines.first().map(String::as_str).unwrap_or_default())))
        .collect()
}

#[test]
fn tables_like_those_of_yx_from_every_past() {
    let case = |past, damage| Case { declared: "yacs-like/now.toml", past, prefix: "yx_", damage };
    let fresh = arrives(&case(None, NO_DAMAGE));
    assert_eq!(fresh.database.keys().filter(|name| name.starts_with("yx_")).count(), 23 + VIEWS);
    for past in ["yacs-like/v1.sql", "yacs-like/v2.sql", "yacs-like/v3.sql"] {
        let now = arrives(&case(Some(past), NO_DAMAGE));
        let (fresh, now) = (definitions(&fresh), definitions(&now));
        for (name, _) in &fresh {
            assert!(now.iter().any(|(other, _)| other == name), "{past}: {name} is not there");
        }
    }
}

/// Views of the declared schema.
const VIEWS: usize = 3;

#[test]
fn tables_like_those_of_yx_damaged_by_hand() {
    let damage: &[&str] = &[
        "ALTER TABLE yx_profiles DROP PRIMARY KEY, ADD COLUMN ours INT",
        "DROP TABLE yx_servers",
        "ALTER TABLE yx_comments ENGINE=MyISAM",
        "CREATE TABLE yx_added_by_hand (a INT)",
    ];
    let now = arrives(&Case {
        declared: "yacs-like/now.toml",
        past: Some("yacs-like/v3.sql"),
        prefix: "yx_",
        damage,
    });
    assert!(now.database.contains_key("yx_added_by_hand"));
}

#[test]
fn tables_like_those_of_wordpress() {
    let now = arrives(&Case {
        declared: "wordpress-like/now.sql",
        past: Some("wordpress-like/old.sql"),
        prefix: "wp_",
        damage: NO_DAMAGE,
    });
    let posts = &now.database["wp_posts"];
    assert!(posts[0].contains("COLLATE=utf8mb4_unicode_520_ci"), "{}", posts[0]);
    assert!(posts.iter().any(|row| row.contains("Bienvenu")), "{posts:#?}");
    assert!(now.database["wp_plugin_of_the_owner"].iter().any(|row| row.contains("mine")));
}

#[test]
fn tables_like_those_of_roundcube() {
    let now = arrives(&Case {
        declared: "roundcube-like/now.toml",
        past: Some("roundcube-like/old.sql"),
        prefix: "",
        damage: NO_DAMAGE,
    });
    assert!(!now.database.contains_key("messages"), "a table that the release drops");
    assert!(now.database["users"].join("\n").contains("béa"));
    assert!(!now.database["users"][0].contains("alias"));
    assert_eq!(now.database["contactgroupmembers"].iter().filter(|line| line.starts_with('[')).count(), 3);
}

/// What an account may not do is known before anything is touched, or done
/// without it: a scratch database needs a right that sites rarely have.
#[test]
fn nothing_of_the_scratch_stays() {
    let case = Case {
        declared: "wordpress-like/now.sql",
        past: Some("wordpress-like/old.sql"),
        prefix: "wp_",
        damage: NO_DAMAGE,
    };
    let field = field(&case);
    let before = field.look();
    field.entracte.json(&["plan"]).code(0);
    assert_eq!(before, field.look());
    let names: Vec<String> = field.server.root().query("SHOW DATABASES").unwrap();
    assert!(names.iter().all(|name| !name.contains("scratch")), "{names:?}");
}
