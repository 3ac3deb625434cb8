//! Values that do not fit are counted before anything is touched.

use crate::support::database::field::Field;
use crate::ways::setting;

const NARROW: &str = r#"
[tables.pages]
primary = ["id"]
[tables.pages.columns]
id = "int unsigned not null auto_increment"
title = { type = "varchar(4)", null = false, NARROW }
body = { type = "text", null = false, default = "''", NARROW }
"#;

#[test]
fn what_does_not_fit_is_refused_and_counted() {
    let tables = NARROW.replace(", NARROW", "");
    let field = Field::unfit(&setting(vec![("tables.toml", tables)]));
    let plan = field.entracte.json(&["plan"]).code(0);
    let check = plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "tables").unwrap();
    assert_eq!(check["level"], "error", "{check:#}");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("1 row of pages.title") && detail.contains("1 row of pages.body"), "{detail}");
    let said = field.entracte.json(&["apply", "--foreground"]).refused(5);
    assert!(said.contains("do not fit") || said.contains("does not fit"), "{said}");
    field.is_old("refused");
}

#[test]
fn what_the_release_may_cut_is_shown_approved_and_comes_back() {
    let tables = NARROW.replace("NARROW", "narrow = true");
    let field = Field::new(&setting(vec![("tables.toml", tables)]));
    let plan = field.entracte.json(&["plan"]).code(0);
    let check = plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "tables").unwrap();
    assert_eq!(check["level"], "warning", "{check:#}");
    assert!(
        plan["statements"].to_string().contains("UPDATE"),
        "the loss is a statement of its own: {plan:#}"
    );
    field.entracte.json(&["apply", "--foreground"]).code(0);
    let pages = field.look().database["pages"].join("\n");
    assert!(pages.contains("two'") && !pages.contains("two's"), "{pages}");
    field.entracte.json(&["rollback"]).code(0);
    field.is_old("what was cut is back");
}
