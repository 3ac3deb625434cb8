//! Somebody without privilege, and what in the site is not theirs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;

use crate::peculiar::APPLY;
use crate::peculiar::Template;
use crate::refused_calls::as_nfs;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::tracer::Traced;
use crate::support::tracer::trace_on;

/// Who owns the sites of the tests in which root does not.
const NOBODY: u32 = 65534;

/// The owner of everything becomes somebody without privilege.
fn give_to_nobody(small: &SmallSite, path: &str) {
    let path = small.root().parent().unwrap().join(path);
    process::run("chown", &["-Rh", &format!("{NOBODY}:{NOBODY}"), path.to_str().unwrap()]);
}

/// A site of somebody without privilege in which something is root's.
fn foreign(spoil: impl FnOnce(&SmallSite)) -> (SmallSite, Entracte) {
    let small = SmallSite::new();
    give_to_nobody(&small, ".");
    let entracte = small.adopt();
    small.stage(&entracte);
    spoil(&small);
    (small, entracte)
}

/// What could not be put back, or not even be moved, is refused by name.
#[test]
fn files_of_others_are_refused_beforehand() {
    type Spoil = fn(&SmallSite);
    let cases: [(&str, &str, Spoil); 6] = [
        ("owners", "app/changed.txt", |small| root_owns(small, "app/changed.txt", 0o644)),
        ("owners", "app/becomes-file", |small| root_owns(small, "app/becomes-file", 0o777)),
        ("owners", "media/counter.txt", |small| root_owns(small, "media/counter.txt", 0o666)),
        ("writable", "app", |small| root_owns(small, "app", 0o755)),
        ("writable", "app/removed.txt", |small| {
            root_owns(small, "app/removed.txt", 0o644);
            root_owns(small, "app", 0o1777);
        }),
        ("readable", "app/changed.txt", |small| root_owns(small, "app/changed.txt", 0o600)),
    ];
    for (check, path, spoil) in cases {
        let (small, entracte) = foreign(spoil);
        let before = small.look();
        let plan = entracte.json(&["plan"]).result;
        let found = plan["checks"].as_array().unwrap().iter().find(|found| found["name"] == check);
        let found = found.unwrap_or_else(|| panic!("{path}: {plan:#}"));
        let text = found["detail"].as_str().unwrap();
        assert!(found["level"] == "error" && text.contains(path), "{path}: {:#}", plan["checks"]);
        assert!(!found["fix"].as_str().unwrap_or_default().is_empty(), "{path}: {found:#}");
        entracte.run(&["approve", plan["id"].as_str().unwrap()]);
        entracte.json(&["apply"]).refused(5);
        before.assert_same(&small.look(), &format!("{path} of root's, refused"));
    }
    effort::tried("something of another owner, refused by preflight", cases.len() as u64);
}

/// Taken over as the owner wishes, foreign files come back as the foreigner's.
#[test]
fn files_of_others_that_are_taken_over() {
    let ground = taken_over();
    let template = Template::of(&ground);
    let (all, mut tried) = (traced(&ground, APPLY, Fault::Count).calls, 0);
    for at in effort::spread(all, effort::points(16, 300)) {
        template.lay();
        traced(&ground, APPLY, Fault::Kill { at });
        let when = format!("foreign files taken over, killed before call {at} of {all}");
        ground.recover("rollback", &when);
        ground.is_old(&when);
        tried += 1;
    }
    effort::tried("files of others taken over, killed before a call, rolled back", tried);
}

/// Linux gives files of others no second name, which is how NFS would do it.
#[test]
fn files_of_others_where_names_cannot_be_exchanged() {
    let ground = taken_over();
    let plan = trace_on(as_nfs, ground.entracte.command(&["--json", "plan"]), Fault::Count);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let checks = plan["result"]["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == "file-system").unwrap();
    assert!(
        found["level"] == "error" && found["detail"].as_str().unwrap().contains("is another's"),
        "{found:#}"
    );
    let applied = trace_on(as_nfs, ground.entracte.command(APPLY), Fault::Count);
    assert_eq!(applied.ended, Ended::Status(5), "{applied:?}");
    ground.is_old("files of others as on NFS");
}

fn taken_over() -> Ground {
    Ground::adopted(
        |small| give_to_nobody(small, "."),
        |small| {
            for path in ["app/changed.txt", "app/removed.txt", "app/becomes-link.txt", "VERSION"] {
                root_owns(small, path, 0o644);
            }
            let settings = small.root().with_file_name(".entracte-site/entracte.toml");
            let text = fs::read_to_string(&settings).unwrap();
            fs::write(&settings, format!("{text}\n[files]\nowner = \"mine\"\n")).unwrap();
        },
    )
}

fn traced(ground: &Ground, verb: &[&str], fault: Fault) -> Traced {
    trace_on(|_| None, ground.entracte.command(verb), fault)
}

fn root_owns(small: &SmallSite, path: &str, mode: u32) {
    let path = small.path(path);
    chown(&path, Some(0), Some(0)).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
}
