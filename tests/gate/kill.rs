//! A kill in the middle of closing or opening.

use std::fs;
use std::path::Path;
use std::process::Command;

use entracte::site::gate::ApplicationLock;
use entracte::site::gate::Gate;
use entracte::site::gate::Kind;
use entracte::site::gate::PageOptions;
use entracte::site::gate::Setup;

use crate::bed::Bed;
use crate::look::RULES;
use crate::look::closing;
use crate::look::everything;
use crate::look::names;
use crate::look::pass;
use crate::look::setup;

/// What the killed process of [`a_kill_at_any_point_ends_open_or_closed`] does.
#[test]
#[ignore = "run by another test, which kills it"]
fn killed_in_the_middle() {
    let folder = std::env::var("GATE_TEST_BED").unwrap();
    let folder = Path::new(&folder);
    let gate = Gate::new(Setup {
        kind: Kind::Apache,
        site_root: folder.join("site"),
        folder: folder.join("state/gate"),
        url_path: "/".into(),
        pass: pass(),
        application_lock: Some(ApplicationLock::wordpress().unwrap()),
        page: PageOptions::default(),
    })
    .unwrap();
    match std::env::var("GATE_TEST_VERB").unwrap().as_str() {
        "close" => gate.close(&closing()).unwrap(),
        _ => drop(gate.open().unwrap()),
    }
}

fn run_and_kill(bed: &Bed, verb: &str, point: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::killed_in_the_middle", "--ignored", "--nocapture"])
        .env("GATE_TEST_BED", bed.folder.path())
        .env("GATE_TEST_VERB", verb)
        .env("ENTRACTE_FAULT", format!("{point}=kill"))
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(status.status.signal(), Some(9), "{verb} did not pass {point}: {status:?}");
}

#[test]
fn a_kill_at_any_point_ends_open_or_closed() {
    let close = ["gate-flag-written", "gate-htaccess-prepared", "gate-htaccess-placed", "gate-server-closed"];
    let open = ["gate-unlocked", "gate-htaccess-restored", "gate-server-opened"];
    for existing in [None, Some(RULES)] {
        for (verb, point) in close.map(|p| ("close", p)).into_iter().chain(open.map(|p| ("open", p))) {
            if existing.is_none() && point == "gate-htaccess-shelved" {
                continue;
            }
            for after in ["close", "open"] {
                let bed = Bed::new();
                if let Some(text) = existing {
                    fs::write(bed.site().join(".htaccess"), text).unwrap();
                }
                let before = everything(&bed.site());
                let lock = ApplicationLock::wordpress().unwrap();
                let gate =
                    Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::Apache) }).unwrap();
                if verb == "open" {
                    gate.close(&closing()).unwrap();
                }
                run_and_kill(&bed, verb, point);
                let what = format!("{verb} killed at {point}, then {after}, {existing:?}");
                assert!(gate.state().unwrap().closed, "{what}");
                if after == "close" {
                    gate.close(&closing()).unwrap();
                    assert_eq!(names(&gate), [".htaccess", ".maintenance", "entracte-closed.php"], "{what}");
                    let text = fs::read_to_string(bed.site().join(".htaccess")).unwrap();
                    assert!(text.starts_with("# BEGIN entracte gate"), "{what}");
                    assert_eq!(text.ends_with(RULES), existing.is_some(), "{what}");
                    assert_eq!(text.matches("# BEGIN").count(), 1, "{what}");
                }
                gate.open().unwrap();
                assert_eq!(everything(&bed.site()), before, "{what}");
                assert!(!gate.state().unwrap().closed, "{what}");
            }
        }
    }
}
