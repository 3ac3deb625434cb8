//! What has to hold before a site is left to itself.

use crate::alone::Alone;

const AUTO: &[&str] = &["update", "--auto"];
const UNPROVEN: &[&str] = &["update", "--auto", "--unproven"];

#[test]
fn a_site_is_not_left_to_itself_before_everything_is_proved() {
    let alone = Alone::adopted("conditions");
    alone.settings(|settings| {
        settings["policy"]["from"] = toml_edit::value(alone.next.to_str().unwrap());
        settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::new());
    });
    let refused = alone.entracte.json(AUTO).refused(5);
    for lacking in ["no health check is set", "the gate was never proved", "nobody would be told"] {
        assert!(refused.contains(lacking), "{lacking}: {refused}");
    }
    assert!(alone.entracte.json(UNPROVEN).refused(5).contains("no health check is set"));
    alone.settings(|settings| alone.with_health(settings));
    let refused = alone.entracte.json(AUTO).refused(5);
    assert!(!refused.contains("no health check"), "{refused}");
    alone.entracte.json(&["close"]).code(0);
    alone.entracte.json(&["open"]).code(0);
    let refused = alone.entracte.json(AUTO).refused(5);
    assert!(!refused.contains("the gate") && refused.contains("nobody would be told"), "{refused}");
    alone.settings(|settings| alone.with_mail(settings));
    assert!(
        alone.entracte.json(AUTO).refused(5).contains("nobody knows whether a notice would arrive"),
        "mail was not tried"
    );
    alone.entracte.json(&["notify", "test"]).code(0);
    // All is proved: what is left is that nobody signed the release.
    assert!(alone.entracte.json(AUTO).refused(5).contains("nobody that the site trusts signed it"));
    alone.is_old("before everything was proved");
    // Another gate is another proof.
    alone.settings(|settings| settings["gate"]["drain_seconds"] = toml_edit::value(0.5));
    assert!(!alone.entracte.json(AUTO).refused(5).contains("the gate"), "the gate is the same");
    alone.settings(|settings| settings["gate"]["kind"] = toml_edit::value("none"));
    assert!(alone.entracte.json(AUTO).refused(5).contains("the gate was never proved"));
    alone.settings(|settings| settings["gate"]["kind"] = toml_edit::value("nginx"));
    alone.entracte.json(UNPROVEN).code(0);
    alone.is_new("unproven");
}

#[test]
fn a_policy_of_one_version_is_senseless() {
    let alone = Alone::new("pinned");
    for versions in ["2", "=2", ">=2, <=2"] {
        alone.settings(|settings| settings["policy"]["versions"] = toml_edit::value(versions));
        assert!(alone.entracte.json(AUTO).refused(5).contains("takes only one version"), "{versions}");
    }
    alone.settings(|settings| settings["policy"]["versions"] = toml_edit::value("two"));
    assert!(alone.entracte.json(AUTO).refused(5).contains("is no range of versions"));
}
