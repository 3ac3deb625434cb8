use std::path::Path;

use super::edit::FieldChange;
use super::edit::changed;
use super::masks::masked;
use super::masks::unmasked;
use super::*;

const FILE: &str = "# mine\nformat = 1 # one\nroot = \"/srv/site\"\nprofile = \"generic\"\nkeep = [\n  \"media/**\", # theirs\n]\n\n# the curtain\n[gate]\nkind = \"none\" # for now\n# not yet\n\n[notify.webhook]\nurl = \"https://hooks.example.org/T0/hush\"\n# the end\n";

fn change(text: &str, key: &str, value: &[&str]) -> String {
    let value = Some(value.iter().map(|text| (*text).to_owned()).collect());
    changed(text, &[FieldChange { key: key.into(), value }])
        .unwrap_or_else(|error| panic!("{key}: {error:?}"))
}

fn remove(text: &str, key: &str) -> Result<String, Failure> {
    changed(text, &[FieldChange { key: key.into(), value: None }])
}

#[test]
fn one_value_changes_and_every_other_byte_stays() {
    for (key, value, old, new) in [
        ("gate.kind", &["nginx"][..], "kind = \"none\" # for now", "kind = \"nginx\" # for now"),
        ("keep", &["a", "b c"], "[\n  \"media/**\", # theirs\n]", "[\"a\", \"b c\"]"),
        (
            "url",
            &["https://x.example/"],
            "]\n\n# the curtain",
            "]\nurl = \"https://x.example/\"\n\n# the curtain",
        ),
        ("gate.title", &["Soon \"back\""], "# for now\n", "# for now\ntitle = 'Soon \"back\"'\n"),
        ("gate.drain_seconds", &["2.5"], "# for now\n", "# for now\ndrain_seconds = 2.5\n"),
        ("retention.runs", &["7"], "# the end\n", "# the end\n\n[retention]\nruns = 7\n"),
        ("notify.language", &["fr"], "# the end\n", "# the end\n\n[notify]\nlanguage = \"fr\"\n"),
        (
            "notify.webhook.url",
            &["https://b.example/x"],
            "https://hooks.example.org/T0/hush",
            "https://b.example/x",
        ),
        ("database.none", &["true"], "# the end\n", "# the end\n\n[database]\nnone = true\n"),
    ] {
        assert_eq!(change(FILE, key, value), FILE.replacen(old, new, 1), "{key}");
        // The same with long line ends, and without the last one.
        let long = FILE.replace('\n', "\r\n");
        let new_long = FILE.replacen(old, new, 1).replace('\n', "\r\n");
        assert_eq!(change(&long, key, value), new_long, "{key}");
    }
    let torn = FILE.trim_end();
    assert_eq!(change(torn, "retention.runs", &["7"]), format!("{torn}\n\n[retention]\nruns = 7\n"));
}

#[test]
fn every_way_to_write_a_table() {
    for (text, key, value, new) in [
        ("gate.kind = \"none\" # x\n[php]\n", "gate.kind", "nginx", "gate.kind = \"nginx\" # x\n[php]\n"),
        (
            "gate.kind = \"none\" # x\n[php]\n",
            "gate.title",
            "t",
            "gate.kind = \"none\" # x\ngate.title = \"t\"\n[php]\n",
        ),
        ("gate = { kind = \"none\" } # x\n", "gate.kind", "nginx", "gate = { kind = \"nginx\" } # x\n"),
        (
            "[notify]\nmail.from = \"a@b\"\n",
            "notify.mail.smtp",
            "s",
            "[notify]\nmail.from = \"a@b\"\nmail.smtp = \"s\"\n",
        ),
        ("[gate]\n[php]\n", "gate.kind", "none", "[gate]\nkind = \"none\"\n[php]\n"),
        ("", "url", "u", "url = \"u\"\n"),
        ("[gate]\n", "url", "u", "url = \"u\"\n[gate]\n"),
        ("\"url\" = 'a'\n", "url", "b", "\"url\" = \"b\"\n"),
    ] {
        assert_eq!(change(text, key, &[value]), new, "{text}");
    }
    for text in ["gate = { kind = \"none\" }\n", "gate = 1\n", "[[gate]]\n"] {
        let value = Some(vec!["x".into()]);
        let refused = changed(text, &[FieldChange { key: "gate.title".into(), value }]).unwrap_err();
        assert!(refused.message.contains("change it in the text"), "{text}: {refused:?}");
    }
    let unknown = changed(FILE, &[FieldChange { key: "root".into(), value: None }]);
    assert!(unknown.is_err(), "only what a form offers");
}

#[test]
fn taken_away_with_its_line_alone() {
    assert_eq!(
        remove(FILE, "gate.kind").unwrap(),
        FILE.replacen("kind = \"none\" # for now\n", "", 1).replacen("[gate]\n", "", 1)
    );
    let keep = "keep = [\n  \"media/**\", # theirs\n]\n";
    assert_eq!(remove(FILE, "keep").unwrap(), FILE.replacen(keep, "", 1));
    // A table that means something by being there goes with its last value.
    let hook = "[notify.webhook]\nurl = \"https://hooks.example.org/T0/hush\"\n";
    assert_eq!(remove(FILE, "notify.webhook.url").unwrap(), FILE.replacen(hook, "", 1));
    assert_eq!(remove(FILE, "url").unwrap(), FILE);
    assert!(remove("gate = { kind = \"none\", title = \"t\" }\n", "gate.title").is_err());
}

#[test]
fn hostile_values_stay_values() {
    for value in
        ["\"\n[gate]\nkind = \"command\"", "a\\", "'''", "\u{202e}", "x # y", "\t", "\u{0}", "\"\"\"\n"]
    {
        let new = change(FILE, "gate.title", &[value]);
        let table: toml::Table = new.parse().unwrap_or_else(|error| panic!("{value:?}: {error}\n{new}"));
        assert_eq!(table["gate"]["title"].as_str(), Some(value.trim()), "{new}");
        assert_eq!(table["gate"]["kind"].as_str(), Some("none"));
    }
    for (key, value) in
        [("retention.runs", "7\nx = 1"), ("gate.drain_seconds", "nan"), ("retention.days", "")]
    {
        let value = Some(vec![value.to_owned()]);
        assert!(changed(FILE, &[FieldChange { key: key.into(), value }]).is_err(), "{key}");
    }
}

#[test]
fn secrets_are_marks_and_come_back() {
    let text = "# Authorization: Bearer hush1\nurl = \"https://x.example/\" # plain\nx = 'https://ann:hush2@h/'\n\
        from = \"https://h/p?key=hush3\"\n[notify]\nheartbeat = { url = \"https://hc/hush4\" }\n\
        [[hooks.before]]\nargv = [\"curl\", \"--token\", \"hush5\", \"-d\", \"password=hush6\"]\n\
        [notify.webhook]\nurl = \"\"\"https://h/hush7\"\"\"\nsecret_file = \"/home/x\"\n\
        [database]\nurl = \"mysql://u@h/n?socket=/run/x\"\n# smtps://u@h is none\n";
    let shown = masked(text);
    assert!(!shown.contains("hush"), "{shown}");
    for stays in [
        "url = \"https://x.example/\" # plain",
        "mysql://u@h/n?socket=/run/x",
        "secret_file = \"/home/x\"",
        "smtps://u@h",
    ] {
        assert!(shown.contains(stays), "{stays}: {shown}");
    }
    assert!(shown.contains("url = \"(secret: notify.webhook.url)\""), "{shown}");
    assert_eq!(unmasked(&shown, text).unwrap(), text);
    let edited = shown.replace("# plain", "# plainer").replace("\"curl\", ", "\"curl\", \"-s\", ");
    assert_eq!(
        unmasked(&edited, text).unwrap(),
        text.replace("# plain", "# plainer").replace("\"curl\", ", "\"curl\", \"-s\", ")
    );
    let typed = shown.replace("\"(secret: notify.webhook.url)\"", "\"https://new/\"");
    assert!(unmasked(&typed, text).unwrap().contains("url = \"https://new/\""));
}

#[test]
fn a_mark_elsewhere_shows_nothing() {
    let mark = "\"(secret: notify.webhook.url)\"";
    for typed in [
        format!("product = {mark}\n"),
        format!("[gate]\ntitle = {mark}\n"),
        "# (secret: notify.webhook.url)\n".to_owned(),
        "x = \"a (secret: notify.webhook.url) b\"\n".to_owned(),
        "url = \"(secret: notify.mail.to)\"\n".to_owned(),
        "(secret: ".to_owned(),
    ] {
        let refused = unmasked(&typed, FILE).unwrap_err();
        assert!(!format!("{refused:?}").contains("hush"), "{typed}");
    }
    // Where the file is broken, its lines are hidden whole.
    let broken = "format = \n[notify.webhook]\nurl = \"https://hooks/hush\"\n#x = \"https://a:hush@h\"\n";
    let shown = masked(broken);
    assert!(!shown.contains("hush"), "{shown}");
    assert_eq!(unmasked(&shown, broken).unwrap().replace(' ', ""), broken.replace(' ', ""));
}

#[test]
fn fields_show_what_the_file_says() {
    let views = fields::views(FILE);
    let view = |key: &str| views.iter().find(|view| view.field.key == key).unwrap();
    assert_eq!(view("keep").text(), "media/**");
    assert!(view("gate.kind").is_set && !view("url").is_set);
    let hook = view("notify.webhook.url");
    assert!(hook.is_masked && hook.is_set && hook.values.is_empty());
    assert!(view("policy.ask").has("major") && !view("policy.ask").has("always"));
}

#[test]
fn what_differs_is_told_by_name() {
    let new = change(&change(FILE, "gate.kind", &["nginx"]), "url", &["https://x/"]);
    assert_eq!(places::differing(FILE, &new), ["gate.kind", "url"]);
    assert_eq!(places::differing(FILE, &FILE.replace("# mine", "# yours")), [] as [&str; 0]);
    assert_eq!(places::key_at(FILE, 11).as_deref(), Some("gate.kind"));
    assert_eq!(places::key_at(FILE, 10).as_deref(), Some("gate"));
    assert_eq!(places::key_at(FILE, 6).as_deref(), Some("keep"));
}

#[test]
fn every_field_is_a_setting() {
    // What a form writes the program has to know: no name is unknown to it.
    for field in FIELDS {
        let value = match field.kind {
            Kind::Choice(all) => all[0],
            Kind::Several { all, .. } => all[0],
            Kind::Whole => "3",
            Kind::Decimal => "1.5",
            Kind::Flag => "true",
            _ => match field.key.rsplit('.').next().unwrap() {
                "windows" => "02:00-03:00",
                "zone" => "Europe/Paris",
                "pin" => "6.",
                "locale" => "fr_FR",
                "versions" => ">=6",
                "url" | "mirrors" => "https://x.example/",
                "smtp" => "smtp://127.0.0.1:25",
                "proxy" => "http://127.0.0.1:3128",
                "mirror" => "https://x.example/",
                _ => "a@b.example",
            },
        };
        let text = change("format = 1\nroot = \"/srv\"\nprofile = \"generic\"\n", field.key, &[value]);
        let parsed = Settings::parse(Path::new("/x"), &text);
        let said = parsed.err().map(|error| format!("{:?}", Failure::from(error))).unwrap_or_default();
        assert!(!said.contains("unknown field"), "{}: {said}", field.key);
        if !field.key.starts_with("notify.mail") && field.key != "notify.webhook.secret_file" {
            assert_eq!(said, "", "{}", field.key);
        }
    }
}
