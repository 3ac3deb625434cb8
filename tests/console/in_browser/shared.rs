//! Two people at two browsers.

use super::*;

#[test]
fn two_people_see_each_other_and_do_one_thing() {
    let ground = Ground::fresh();
    ground.small.stage(&ground.entracte);
    ground.entracte.json(&["plan"]).code(0);
    let entracte = ground.faulty(IN_SWAP);
    let console = Console::start(&entracte, &[]);
    let mut work = Work::on(&ground.small.root());
    tell("two", json!({"link": console.link}), |line| {
        if line["please"] != "edit" {
            return work.does(line);
        }
        fs::write(ground.small.path("app/changed.txt"), "edited here\n").unwrap();
        Value::Null
    });
    assert_eq!(ground.small.read("VERSION"), "2\n");
    assert_eq!(ground.small.read("app/changed.txt"), "edited here\n");
    assert!(!ground.flag().exists());
    assert_eq!(ground.entracte.json(&["history"]).code(0)["runs"].as_array().unwrap().len(), 1);
}
