//! What the policy leaves, and what it wants a person for.

use crate::alone::Alone;
use crate::support::faketime;

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
