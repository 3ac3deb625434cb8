//! The application's own lock, and programs of the owner.

use std::fs;
use std::process::Command;

use entracte::site::gate::ApplicationLock;
use entracte::site::gate::Gate;
use entracte::site::gate::GateError;
use entracte::site::gate::Kind;
use entracte::site::gate::Setup;

use crate::bed::Bed;
use crate::look::PASS;
use crate::look::closing;
use crate::look::everything;
use crate::look::gate;
use crate::look::names;
use crate::look::setup;

/// Runs a script as PHP would for one request, with these server variables.
fn php(script: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new("php")
        .args(["-d", "variables_order=EGPCS", "-r", script])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wordpress_s_lock_never_expires_and_lets_the_operator_through() {
    let bed = Bed::new();
    let lock = ApplicationLock::wordpress().unwrap();
    let gate = Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::Nginx) }).unwrap();
    gate.close(&closing()).unwrap();
    let file = bed.site().join(".maintenance");
    let old = Command::new("touch").args(["-d", "2 hours ago"]).arg(&file).status().unwrap();
    assert!(old.success());
    let script = format!("require '{}'; echo time() - $upgrading < 600 ? 'closed' : 'open';", file.display());
    assert_eq!(php(&script, &[]), "closed");
    assert_eq!(php(&script, &[("HTTP_X_ENTRACTE_PASS", PASS)]), "open");
    assert_eq!(php(&script, &[("HTTP_X_ENTRACTE_PASS", "wrong")]), "closed");
    assert_eq!(php(&script, &[("ENTRACTE_PASS", PASS)]), "open");
    let cookie = |value: &str| format!("$_COOKIE['entracte_pass'] = {value};{script}");
    assert_eq!(php(&cookie(&format!("'{PASS}'")), &[]), "open");
    assert_eq!(php(&cookie("['x']"), &[]), "closed");
    fs::remove_file(&file).unwrap();
    gate.keep_fresh().unwrap();
    assert!(file.exists());
    gate.open().unwrap();
    assert!(!file.exists());
}

#[test]
fn another_s_lock_is_respected_before_anything_is_touched() {
    let bed = Bed::new();
    fs::write(bed.site().join(".maintenance"), "<?php $upgrading = 1790000000;").unwrap();
    let before = everything(&bed.site());
    let gate = gate(&bed, Kind::WordPress);
    let error = gate.close(&closing()).unwrap_err();
    assert!(matches!(error, GateError::LockedByOther { .. }), "{error}");
    assert!(!gate.state().unwrap().closed);
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn wordpress_alone_closes_with_a_drop_in_unless_the_owner_has_one() {
    let bed = Bed::new();
    fs::create_dir(bed.site().join("wp-content")).unwrap();
    let gate = gate(&bed, Kind::WordPress);
    gate.close(&closing()).unwrap();
    assert_eq!(names(&gate), [".maintenance", "wp-content/maintenance.php"]);
    fs::write(bed.site().join(".maintenance.entracte-new"), "cut").unwrap();
    assert_eq!(names(&gate)[1], ".maintenance.entracte-new");
    gate.open().unwrap();
    assert!(names(&gate).is_empty());
    fs::write(bed.site().join("wp-content/maintenance.php"), "theirs").unwrap();
    gate.close(&closing()).unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(bed.site().join("wp-content/maintenance.php")).unwrap(), "theirs");
}

#[test]
fn programs_of_the_owner_close_and_open() {
    let bed = Bed::new();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let kind = Kind::Command { close: words("touch closed-by-command"), open: words("rm closed-by-command") };
    let own = gate(&bed, kind);
    own.close(&closing()).unwrap();
    assert!(bed.site().join("closed-by-command").exists());
    own.open().unwrap();
    assert!(!bed.site().join("closed-by-command").exists());
    let lock = ApplicationLock::Command { close: words("ls no-such-file"), open: Vec::new() };
    let locked = Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::None) }).unwrap();
    let error = locked.close(&closing()).unwrap_err().to_string();
    assert!(error.starts_with("ls ended with status 2: ") && error.contains("no-such-file"), "{error}");
    assert!(locked.state().unwrap().closed, "the flag went first");
    locked.open().unwrap();
}
