//! The owner's own files: nobody released them, and attackers like them.

use std::fs;

use super::guarded::Guarded;
use super::guarded::told;

const SECRET: &str = "a password that nobody reads";

fn with_settings() -> Guarded {
    let site = Guarded::new();
    site.write("local.php", format!("<?php $password = '{SECRET}';"));
    site.clean("first");
    site
}

#[test]
fn a_change_is_told_once_and_accepted() {
    let site = with_settings();
    site.write("local.php", format!("<?php $password = '{SECRET}'; eval($_POST[1]);"));
    let answer = site.watch(7, &[]);
    assert_eq!(told(&answer), ["modified local.php: code owners"]);
    assert_eq!(answer["modified"], serde_json::json!(["local.php"]));
    assert_eq!(site.watch(7, &[])["news"]["new"], serde_json::json!([]), "it is news once");
    let page = site.small.folder.path().join("report.html");
    let text = site.text(&["--verbose", "--html", page.to_str().unwrap()]);
    assert!(text.contains("the owner's own file, not as it was"), "{text}");
    site.watch(0, &["--accept", "local.php", "--note", "a plugin of mine"]);
    site.clean("accepted");
    site.write("local.php", format!("<?php $password = '{SECRET}';"));
    site.clean("as it was at first");
    fs::remove_file(site.small.path("local.php")).unwrap();
    assert_eq!(told(&site.watch(7, &[])), ["missing local.php: owners"]);
    assert!(!holds(&site.state(), SECRET) && !fs::read_to_string(page).unwrap().contains(SECRET));
}

/// Whether any file below has this text in it.
fn holds(folder: &std::path::Path, text: &str) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => fs::read(&path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
    })
}

#[test]
fn what_comes_later_is_told_and_what_visitors_bring_is_not() {
    let site = with_settings();
    let profile = site.state().join("profile.toml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(
        &profile,
        text.replace("keep = [\"local.php\"", "keep = [\".user.ini\", \"own\", \"local.php\""),
    )
    .unwrap();
    site.write("own/a.txt", "mine");
    site.clean("what stands there when a pattern comes is the owner's");
    site.write("media/visitor.txt", "hello");
    site.write("own/b.txt", "whose?");
    site.write(".user.ini", "auto_prepend_file = /tmp/x\n");
    assert_eq!(
        told(&site.watch(7, &[])),
        ["unexpected .user.ini: turns-handlers-on owners hidden", "unexpected own/b.txt: owners"]
    );
}

#[test]
fn what_programs_of_an_update_do_to_them_is_expected() {
    let site = with_settings();
    site.write("own.php", "as it was");
    let profile = site.state().join("profile.toml");
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, text.replace("keep = [", "keep = [\"own.php\", ")).unwrap();
    site.clean("before");
    let script = "#!/bin/sh\n# entracte: repeatable\n# entracte: changes = local.php\n\
        # entracte: changes = own.php\nset -eu\ncd \"$ENTRACTE_SITE\"\n\
        echo '// 2' >> local.php\necho '// 2' >> own.php\n";
    site.small.write(&site.small.release(2).join("run_once/001-mark.sh"), script);
    // Somebody was at one of them before.
    site.write("own.php", "not as it was");
    assert_eq!(told(&site.watch(7, &[])), ["modified own.php: code owners"]);
    super::updated::update(&site, 2);
    assert_eq!(told(&site.watch(7, &[])), ["modified own.php: code owners"], "the update makes nothing good");
    site.entracte.json(&["rollback", "--foreground"]).code(0);
    assert_eq!(told(&site.watch(7, &[])), ["modified own.php: code owners"], "and neither does its end");
    site.write("own.php", "as it was");
    site.clean("all is as before the update");
}

#[test]
fn closing_and_opening_by_hand_raises_no_alarm() {
    let site = with_settings();
    let profile = site.state().join("profile.toml");
    let lock = "[lock]\nclose = [\"sh\", \"-c\", \"echo // closed >> local.php; touch switch.off\"]\n\
        open = [\"sh\", \"-c\", \"echo // open >> local.php; rm -f switch.off\"]\n\
        changes = [\"local.php\", \"switch.*\"]\n";
    let text = fs::read_to_string(&profile).unwrap();
    fs::write(&profile, format!("{text}\n{lock}")).unwrap();
    site.clean("before");
    site.entracte.json(&["close"]).code(0);
    assert!(site.small.has("switch.off"));
    site.clean("closed");
    site.entracte.json(&["open"]).code(0);
    site.clean("open");
    super::updated::update(&site, 2);
    site.clean("updated");
    site.entracte.json(&["rollback", "--foreground"]).code(0);
    site.clean("rolled back");
    site.write("local.php", "<?php evil();");
    site.entracte.json(&["close"]).code(0);
    site.entracte.json(&["open"]).code(0);
    assert_eq!(told(&site.watch(7, &[])), ["modified local.php: code owners"]);
}
