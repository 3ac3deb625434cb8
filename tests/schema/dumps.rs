//! What a run saved, held against what the database is now.

use mysql::prelude::Queryable;

use crate::support::database::field::Field;
use crate::ways::setting;

#[test]
fn a_dump_is_compared_with_the_database_that_it_was_made_of() {
    let field =
        Field::unfit(&setting(vec![("001.sql", "UPDATE pages SET body = 'new' WHERE id = 2;\n".into())]));
    field.entracte.json(&["apply", "--foreground"]).code(0);
    let runs = field.flag().ancestors().nth(2).unwrap().join("runs");
    let run = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let (site, dump) = (field.small.root(), run.join("dump"));
    let compare = ["compare", site.to_str().unwrap(), dump.to_str().unwrap(), "--database"];
    // The site's user may make no database, and nothing is left half done.
    let said = field.entracte.json(&compare).refused(5);
    assert!(said.contains("may not make databases") && said.contains("GRANT"), "{said}");
    let mut root = field.server.root();
    root.query_drop("GRANT ALL ON `entracte\\_aside\\_%`.* TO site@localhost").unwrap();
    let found = field.entracte.json(&compare).code(7);
    let rows = found["database"]["rows"].as_array().unwrap();
    let differing: Vec<&serde_json::Value> = rows.iter().filter(|row| row["different"] != 0).collect();
    assert_eq!(differing.len(), 1, "{found:#}");
    assert_eq!(
        (&differing[0]["table"], &differing[0]["different"]),
        (&"pages".into(), &1.into()),
        "{found:#}"
    );
    field.entracte.json(&["rollback"]).code(0);
    field.entracte.json(&compare).code(0);
    let left: Vec<String> = root.query("SHOW DATABASES LIKE 'entracte%'").unwrap();
    assert!(left.is_empty(), "{left:?}");
    root.query_drop("REVOKE ALL ON `entracte\\_aside\\_%`.* FROM site@localhost").unwrap();
}
