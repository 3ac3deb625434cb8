//! What the policy leaves, and what it wants a person for.

use std::fs;

use crate::alone::Alone;
use crate::support::faketime;
use crate::support::process;

const AUTO: &[&str] = &["update", "--auto"];

#[test]
fn what_needs_a_person_is_mailed_approved_and_done_by_the_next_tick() {
    let alone = Alone::new("asks");
    alone.settings(|settings| {
        settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::from_iter(["major"]));
        settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
    });
    // The schedule is new: nothing of the past is due.
    alone.entracte.json(&["tick"]).code(0);
    assert!(alone.entracte.json(AUTO).refused(4).contains("1 -> 2 is a major step"));
    let plan = alone.entracte.json(&["status"]).result["plan"]["id"].as_str().unwrap().to_owned();
    let short = &plan[..16];
    let mail = alone.one_mail(&[
        "1 -> 2",
        &format!(" approve {short}"),
        "is a major step",
        "visitors are kept out for",
    ]);
    insta::assert_snapshot!(alone.readable(&mail).replace(&plan, "PLAN").replace(short, "SHORT"));
    // The same question is not asked twice.
    alone.entracte.json(AUTO).refused(4);
    alone.no_mail();
    alone.entracte.json(&["tick"]).code(0);
    alone.is_old("nobody has answered");
    alone.entracte.json(&["approve", short]).code(0);
    let ticked = alone.entracte.json(&["tick"]).code(0);
    assert_eq!(ticked["jobs"][0]["run"]["outcome"], "finished", "{ticked:#}");
    alone.is_new("a person has answered");
}

#[test]
fn what_the_policy_does_not_take_is_left() {
    let alone = Alone::new("choosy");
    for (name, value, told) in [
        ("versions", toml_edit::value(">=1, <2"), "is not in the policy's versions"),
        ("min_age_hours", toml_edit::value(48), "0 hours old; the policy waits for 48"),
        ("windows", toml_edit::value(toml_edit::Array::from_iter(["00:00-00:01"])), "only in 00:00-00:01"),
    ] {
        alone.settings(|settings| settings["policy"][name] = value);
        // Noon, by the clock of the zone.
        let at_noon = faketime::entracte(&alone.site.folder, "@2026-11-21 12:00:00");
        let refused = at_noon.json(AUTO).refused(3);
        assert!(refused.contains(told), "{name}: {refused}");
        alone.settings(|settings| drop(settings["policy"].as_table_mut().unwrap().remove(name)));
    }
    alone.is_old("nothing was taken");
    alone.no_mail();
}

/// Times in archives are not believed, so nobody says for how long it has been out.
#[test]
fn what_was_published_from_an_archive_is_as_old_as_it_is_known_here() {
    let alone = Alone::new("archived");
    let beside = |name: &str| alone.state().with_file_name(format!("archived-{name}"));
    let (archive, keys, reference) = (beside("2.tar"), beside("keys"), beside("reference"));
    let [archive, keys, folder] = [&archive, &keys, &reference].map(|path| path.to_str().unwrap());
    let next = alone.next.to_str().unwrap();
    process::run("tar", &["-cf", archive, "-C", next, "--exclude=./entracte.json", "."]);
    alone.entracte.json(&["key", "new", "--keys", keys]).code(0);
    let publish =
        ["publish", archive, "--to", folder, "--version", "2", "--keys", keys, "--product", "generic"];
    let root = alone.entracte.json(&publish).code(0)["root"].as_str().unwrap().to_owned();
    assert!(!fs::read_to_string(reference.join("index.html")).unwrap().contains("1970"));
    alone.entracte.json(&["trust", "add", folder, "--digest", &root]).code(0);
    alone.settings(|settings| {
        settings["policy"]["from"] = toml_edit::value(format!("file://{folder}/"));
        settings["policy"]["trust"] = toml_edit::value("signed");
        settings["policy"]["min_age_hours"] = toml_edit::value(48);
    });
    let refused = alone.entracte.json(AUTO).refused(3);
    assert!(refused.contains("0 hours old; the policy waits for 48"), "{refused}");
    alone.settings(|settings| settings["policy"]["min_age_hours"] = toml_edit::value(0));
    assert_eq!(alone.entracte.json(AUTO).code(0)["outcome"], "finished");
}

/// What was approved and is no longer true is asked about anew, and not refused for ever.
#[test]
fn an_approved_plan_that_is_no_longer_true_is_made_again() {
    let alone = Alone::new("drifts");
    alone.settings(|settings| {
        settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::from_iter(["always"]));
        settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
    });
    alone.entracte.json(AUTO).refused(4);
    let plan = alone.entracte.json(&["status"]).result["plan"]["id"].as_str().unwrap().to_owned();
    alone.entracte.json(&["approve", &plan]).code(0);
    alone.site.write("page.php", "<?php echo '<title>Pages</title>[[mine]]';");
    alone.entracte.json(&["tick"]).refused(5);
    alone.mails();
    alone.entracte.json(AUTO).refused(4);
    let again = alone.entracte.json(&["status"]).result["plan"]["id"].as_str().unwrap().to_owned();
    assert_ne!(plan, again);
    alone.one_mail(&["waits for your approval", "page.php"]);
}
