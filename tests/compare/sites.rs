use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::support::bed;
use crate::support::bed::Bed;
use crate::support::releases;
use crate::support::run::Entracte;
use crate::support::site::TestSite;
use crate::support::site::copy_tree;

/// A copy of the site with its tables under other names in another database.
fn copy(site: &TestSite, name: &str) -> std::path::PathBuf {
    let folder = site.bed.make_parent(name).join(name);
    copy_tree(&site.folder, &folder);
    site.bed.make_database(name);
    let settings = folder.join("wp-config.php");
    let text = fs::read_to_string(&settings).unwrap().replace(&site.name, name);
    fs::write(&settings, text.replace("= 'wp_'", "= 'wp2_'")).unwrap();
    bed::chown(&folder);
    let tables = site.bed.sql(&site.name, "SHOW TABLES");
    for table in tables.lines() {
        let other = table.replacen("wp_", "wp2_", 1);
        site.bed.sql(
            name,
            &format!(
                "CREATE TABLE {other} LIKE {}.{table}; INSERT INTO {other} SELECT * FROM {}.{table}",
                site.name, site.name
            ),
        );
    }
    folder
}

fn adopt(folder: &Path) -> Entracte {
    let entracte = Entracte::new(folder);
    entracte.json(&["init", folder.to_str().unwrap()]).code(0);
    entracte
}

fn found(value: &Value) -> Vec<String> {
    let rows = value["database"]["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        format!("{} {} {} {}", row["table"].as_str().unwrap(), row["only_a"], row["only_b"], row["different"])
    })
    .collect()
}

#[test]
fn two_wordpress_sites() {
    let site = TestSite::wordpress(Bed::shared(), &releases::tree("wordpress-6.1"), "comparea");
    let other = copy(&site, "compareb");
    let entracte = adopt(&site.folder);
    adopt(&other);
    let (a, b) = (site.folder.to_str().unwrap(), other.to_str().unwrap());
    let same = entracte.json(&["compare", a, b]).code(7);
    assert_eq!(same["files"]["different"], json!(["wp-config.php"]), "{same:#}");
    assert_eq!((found(&same), &same["database"]["schema"]), (vec![], &json!([])), "{same:#}");
    for statement in [
        "UPDATE wp2_posts SET post_title = 'planted', post_modified = '0000-00-00 00:00:00' WHERE ID = 7",
        "DELETE FROM wp2_comments LIMIT 1",
        "INSERT INTO wp2_options (option_name, option_value) VALUES ('_transient_new', '1'), ('planted', '')",
        "UPDATE wp2_options SET option_value = 'x' WHERE option_name = 'cron'",
        "INSERT INTO wp2_usermeta (user_id, meta_key, meta_value) VALUES (1, 'session_tokens', 'x')",
        "ALTER TABLE wp2_links ADD COLUMN extra INT NULL",
        "CREATE TABLE wp2_plugin (id INT)",
        "CREATE TABLE elsewhere (id INT)",
    ] {
        site.bed.sql("compareb", statement);
    }
    fs::write(other.join("wp-content/cache.php"), "x").unwrap();
    fs::create_dir_all(other.join("wp-content/cache")).unwrap();
    fs::write(other.join("wp-content/cache/page.html"), "volatile").unwrap();
    let differs = entracte.json(&["compare", a, b]).code(7);
    assert_eq!(found(&differs), ["comments 1 0 0", "options 0 1 0", "posts 0 0 1"], "{differs:#}");
    let schema = json!(["table links: column extra (int(11)) only in B", "table plugin: only in B"]);
    assert_eq!(differs["database"]["schema"], schema);
    assert_eq!(differs["files"]["only_b"], json!(["wp-content/cache.php"]));
    let exact = entracte.json(&["compare", a, b, "--exact", "--database"]).code(7);
    assert_eq!(exact["database"]["rows"], differs["database"]["rows"]);
    assert_eq!(exact["files"]["only_b"], json!([]));
    let files = entracte.json(&["compare", a, b, "--files"]).code(7);
    assert_eq!((&files["database"], &files["files"]), (&Value::Null, &differs["files"]));
    let text = entracte.run(&["compare", a, b, "--database"]).code(7).stdout;
    assert!(
        text.contains("different ID=7  post_title, post_modified") && !text.contains("planted"),
        "{text}"
    );
}
