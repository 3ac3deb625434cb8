//! What `plan` finds out before anything is touched, each on the real thing:
//! flags, mounts, access lists, other file systems, PHP.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use support::process;
use support::run::Entracte;
use support::small::SmallSite;
use support::update::apply;

const ACCESS: &str = "system.posix_acl_access";
const INHERITED: &str = "system.posix_acl_default";
/// user::rw- user:65534:r-- group::r-- mask::r-- other::r--, as the kernel stores it.
const LIST: [u8; 44] = [
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 254, 255, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255,
    16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
];

#[test]
fn the_checks_of_an_ordinary_plan() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = entracte.json(&["plan"]).code(0);
    for name in [
        "staged",
        "version",
        "conflicts",
        "readable",
        "space",
        "inodes",
        "quota",
        "names",
        "writable",
        "owners",
        "file-system",
        "attributes",
        "lock",
        "gate",
        "clock",
        "auto-updater",
        "database",
    ] {
        let check = check(&plan, name);
        assert_ne!(check["level"], "error", "{check:#}");
    }
}

/// `chattr +i` withstands even root.
#[test]
fn an_immutable_file_refuses_before_anything_is_touched() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let path = small.path("app/changed.txt");
    process::run("chattr", &["+i", path.to_str().unwrap()]);
    let before = small.look();
    let plan = entracte.json(&["plan"]);
    let approved = entracte.run(&["approve", plan.result["id"].as_str().unwrap()]);
    let refused = entracte.json(&["apply"]).refused(5);
    process::run("chattr", &["-i", path.to_str().unwrap()]);
    assert_eq!(check(&plan.result, "writable")["level"], "error", "{:#}", plan.result["checks"]);
    assert!(refused.contains("app/changed.txt (immutable"), "{refused} {}", approved.stderr);
    before.assert_same(&small.look(), "after a refused apply");
}

/// Names cannot move between mounts, though both are of one file system.
#[test]
fn a_bind_mount_inside_the_site_refuses() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let plan = json(&mut mounted(&small.path("app"), &entracte, &["--json", "plan"]));
    let found = check(&plan, "file-system");
    assert_eq!(found["level"], "error", "{found:#}");
    assert!(
        found["detail"].as_str().unwrap().starts_with("app is on another file system or mount"),
        "{found:#}"
    );
    // Without the mount the same plan has no fault.
    let plan = entracte.json(&["plan"]).code(0);
    assert_eq!(check(&plan, "file-system")["level"], "ok");
}

#[test]
fn access_lists_stay_with_the_name_and_come_back_with_the_file() {
    let small = SmallSite::new();
    let (changed, added) = (small.path("app/changed.txt"), small.path("app/added.txt"));
    set(&changed, ACCESS);
    set(&small.path("app"), INHERITED);
    let entracte = small.ready();
    apply(&entracte);
    assert_eq!(small.read("app/changed.txt"), "as in 2, and longer\n");
    assert_eq!(get(&changed).as_deref(), Some(&LIST[..]), "a replaced file lost its access list");
    assert_eq!(get(&added).as_deref(), Some(&LIST[..]), "a new file did not inherit one");
    let mode = fs::metadata(&added).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644);
    assert!(get(&small.path("index.html")).is_none());
    entracte.json(&["rollback"]).code(0);
    assert_eq!(small.read("app/changed.txt"), "as in 1\n");
    assert_eq!(get(&changed).as_deref(), Some(&LIST[..]));
}

#[test]
fn attributes_that_cannot_be_kept_are_named() {
    let small = SmallSite::new();
    // cap_net_bind_service+ep, as the kernel stores it.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let path = small.path("app/tool.sh");
    rustix::fs::setxattr(&path, "security.capability", &capability, rustix::fs::XattrFlags::empty()).unwrap();
    let entracte = small.adopt();
    small.stage(&entracte);
    let found = check(&entracte.json(&["plan"]).code(0), "attributes");
    assert_eq!(found["level"], "warning");
    assert!(found["detail"].as_str().unwrap().contains("security.capability of app/tool.sh"), "{found:#}");
}

/// The state on another file system: old and new files rest inside the site
/// for as long as the run may go back, and not longer.
#[test]
fn a_state_on_another_file_system_leaves_nothing_in_the_site() {
    let small = SmallSite::new();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let state = elsewhere.path().join("state");
    let entracte = small.adopt_with(&["--state", state.to_str().unwrap()]);
    let with_state = |verb: &[&str]| entracte.json(&[&["--state", state.to_str().unwrap()], verb].concat());
    let before = small.look();
    let update = || {
        let release = small.release(2);
        let from = release.to_str().unwrap();
        with_state(&["stage", "--from", from, "--complete", "--version", "2"]).code(0);
        let plan = with_state(&["plan"]).code(0);
        with_state(&["approve", plan["id"].as_str().unwrap()]).code(0);
        with_state(&["apply"]).code(0);
        assert_eq!(small.read("VERSION"), "2\n");
        assert_eq!(workshops(&small).len(), 1);
    };
    update();
    // What somebody writes after the update is not lost with the folder.
    fs::write(small.path("app/changed.txt"), "mine\n").unwrap();
    let run = with_state(&["rollback"]).code(0);
    before.assert_same(&small.look(), "after a rollback");
    let undone = state.join("runs").join(run["run"].as_str().unwrap()).join("undone/app/changed.txt");
    assert_eq!(fs::read_to_string(undone).unwrap(), "mine\n");

    update();
    with_state(&["commit"]).code(0);
    assert!(workshops(&small).is_empty(), "{:?}", workshops(&small));
    assert_eq!(small.read("app/added.txt"), "only in 2\n");
}

/// What the application asks of PHP is asked of the command line's and of the
/// web server's, each with its own configuration.
#[test]
fn a_php_that_is_too_old_or_lacks_an_extension() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    small.stage(&entracte);
    let asking = |requirements: &str| {
        let generic = include_str!("../manifests/profiles/generic.toml");
        let profile = small.root().with_file_name(".entracte-site").join("profile.toml");
        fs::write(profile, format!("{generic}\n[requirements]\n{requirements}")).unwrap();
        entracte.json(&["plan"]).result
    };
    let plan = asking("extensions = [\"JSON\"]\n[[requirements.php]]\nfrom = \"0\"\nmin = \"7.0\"\n");
    assert_eq!((check(&plan, "php-cli")["level"].as_str(), check(&plan, "php-web")["level"].as_str()), OK);
    let plan = asking("[[requirements.php]]\nfrom = \"0\"\nmin = \"99\"\n");
    assert!(check(&plan, "php-cli")["detail"].as_str().unwrap().contains("and 2 needs 99"), "{plan:#}");
    assert_eq!(check(&plan, "php-web")["level"], "error");
    let plan = asking("extensions = [\"nonesuch\"]\n");
    assert!(check(&plan, "php-web")["detail"].as_str().unwrap().contains("lacks nonesuch"), "{plan:#}");
}

const OK: (Option<&str>, Option<&str>) = (Some("ok"), Some("ok"));

fn check(plan: &Value, name: &str) -> Value {
    let checks = plan["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {checks:#?}")).clone()
}

fn set(path: &Path, name: &str) {
    rustix::fs::setxattr(path, name, &LIST, rustix::fs::XattrFlags::empty()).unwrap();
}

fn get(path: &Path) -> Option<Vec<u8>> {
    let mut value = vec![0; 1024];
    let size = rustix::fs::getxattr(path, ACCESS, &mut value[..]).ok()?;
    value.truncate(size);
    Some(value)
}

/// A call in a mount namespace of its own, in which `folder` is mounted onto itself.
fn mounted(folder: &Path, entracte: &Entracte, arguments: &[&str]) -> Command {
    let called = entracte.command(arguments);
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" \"$0\" && exec \"$@\""]).arg(folder);
    command.arg(called.get_program()).args(called.get_args()).current_dir("/");
    command
}

fn json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    answer["result"].clone()
}

fn workshops(small: &SmallSite) -> Vec<String> {
    let names = fs::read_dir(small.root()).unwrap().map(|entry| entry.unwrap().file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".entracte-"))
        .collect()
}
