//! Links that were planted in the live tree before an update came.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::races::Canary;
use crate::support::effort;
use crate::support::small::SmallSite;

/// What is planted: a name, and how, given the site and the tree outside.
type Plant = fn(&SmallSite, &Path);

fn put_link(small: &SmallSite, inside: &str, target: impl AsRef<Path>) {
    let path = small.path(inside);
    if path.is_dir() {
        fs::remove_dir_all(&path).unwrap();
    } else {
        let _ = fs::remove_file(&path);
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

const PLANTS: &[(&str, Plant)] = &[
    ("a folder of the release is a link", |small, outside| put_link(small, "app", outside)),
    ("a folder that is to come is a link", |small, outside| {
        put_link(small, "app/deep", outside.join("deep"))
    }),
    ("a folder below a new one", |small, outside| put_link(small, "app/deep/er", outside.join("deep/er"))),
    ("a folder that becomes a file", |small, outside| put_link(small, "app/becomes-file", outside)),
    ("a folder that goes away", |small, outside| put_link(small, "app/emptied", outside)),
    ("a file that changes", |small, outside| put_link(small, "app/changed.txt", outside.join("changed.txt"))),
    ("a file that is to come", |small, outside| put_link(small, "app/added.txt", outside.join("added.txt"))),
    ("a file that goes away", |small, outside| put_link(small, "app/removed.txt", outside.join("one.txt"))),
    ("a file whose mode changes", |small, outside| put_link(small, "app/tool.sh", outside.join("two.txt"))),
    ("the page", |small, outside| put_link(small, "index.html", outside.join("last.txt"))),
    ("a folder of the system", |small, _| put_link(small, "app/deep", "/etc")),
    ("the root of everything", |small, _| put_link(small, "app/deep", "/")),
    ("a process's own folder", |small, _| put_link(small, "app/deep", "/proc/self/root/tmp")),
    ("to nothing, relative", |small, _| put_link(small, "app/added.txt", "../../../canary/never")),
    ("to nothing, absolute", |small, outside| put_link(small, "app/added.txt", outside.join("never"))),
    ("to itself", |small, _| put_link(small, "app/deep", "deep")),
    ("in a circle", |small, _| {
        put_link(small, "app/deep", "emptied");
        put_link(small, "app/emptied", "deep");
    }),
    ("up and down again", |small, _| put_link(small, "app/deep", "../app")),
    ("a folder of scripts", |small, outside| put_link(small, "run_once", outside)),
    ("a folder of SQL files", |small, outside| put_link(small, "schema", outside)),
];

#[test]
fn nothing_is_done_through_a_planted_link() {
    let etc = fs::read_dir("/etc").unwrap().count();
    let mut applied = 0;
    for (name, plant) in PLANTS {
        let small = SmallSite::new();
        let canary = Canary::like(&small.path("app"), &small.folder.path().join("canary"));
        let entracte = small.adopt();
        plant(&small, &canary.folder);
        applied += u32::from(update_and_back(&small, &entracte, name, &canary));
        assert!(
            !Path::new("/er").exists() && !Path::new("/etc/er").exists() && !Path::new("/tmp/er").exists()
        );
    }
    assert_eq!(fs::read_dir("/etc").unwrap().count(), etc, "something came to /etc");
    assert!(applied >= 5, "only {applied} updates went through");
    effort::tried("links planted before an update and a rollback", PLANTS.len() as u64);
}

/// Updates as far as that goes, then goes back; whether the update went through.
fn update_and_back(
    small: &SmallSite,
    entracte: &crate::support::run::Entracte,
    name: &str,
    canary: &Canary,
) -> bool {
    let before = small.look();
    small.stage(entracte);
    let plan = entracte.json(&["plan"]);
    assert!(matches!(plan.exit, 0 | 5), "{name}: plan ended with {}: {:#}", plan.exit, plan.error);
    before.assert_same(&small.look(), &format!("{name}, planned"));
    if plan.exit != 0 {
        canary.is_alive(name);
        return false;
    }
    entracte.run(&["approve", plan.result["id"].as_str().unwrap()]);
    let applied = entracte.json(&["apply"]);
    canary.is_alive(&format!("{name}, applied: {:#}", applied.error));
    assert!(matches!(applied.exit, 0 | 1 | 5 | 6), "{name}: {} {:#}", applied.exit, applied.error);
    let back = entracte.json(&["rollback"]);
    assert!(matches!(back.exit, 0 | 3), "{name}: rollback ended with {}: {:#}", back.exit, back.error);
    canary.is_alive(&format!("{name}, rolled back"));
    before.assert_same(&small.look(), &format!("{name}, rolled back"));
    applied.exit == 0
}

/// A second name of a file outside: writing in place would change that too.
#[test]
fn a_second_name_of_a_file_outside_is_never_written_through() {
    let small = SmallSite::new();
    let outside = small.folder.path().join("outside.txt");
    fs::write(&outside, "as in 1\n").unwrap();
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).unwrap();
    filetime::set_file_mtime(&outside, filetime::FileTime::from_unix_time(1_600_000_000, 0)).unwrap();
    for name in ["app/changed.txt", "app/removed.txt", "app/tool.sh"] {
        fs::remove_file(small.path(name)).unwrap();
    }
    fs::hard_link(&outside, small.path("app/changed.txt")).unwrap();
    for (name, text) in [("app/removed.txt", "only in 1\n"), ("app/tool.sh", "#!/bin/sh\necho tool\n")] {
        let outside = small.folder.path().join(name.replace('/', "-"));
        fs::write(&outside, text).unwrap();
        fs::hard_link(&outside, small.path(name)).unwrap();
    }
    let look = || {
        ["outside.txt", "app-removed.txt", "app-tool.sh"].map(|name| {
            let path = small.folder.path().join(name);
            let meta = fs::metadata(&path).unwrap();
            let time = filetime::FileTime::from_last_modification_time(&meta);
            (fs::read(&path).unwrap(), meta.permissions().mode(), time)
        })
    };
    let (before, entracte) = (look(), small.ready());
    let old = small.look();
    entracte.json(&["apply"]).code(0);
    assert_eq!(small.read("VERSION"), "2\n");
    assert_eq!(before, look(), "written through a second name by the update");
    entracte.json(&["rollback"]).code(0);
    assert_eq!(before, look(), "written through a second name by the rollback");
    old.assert_same(&small.look(), "rolled back");
    effort::tried("second names of files outside", 3);
}

/// Makes a link to the first at the second.
type PlantFile = fn(&Path, &Path);

/// The gate's own files in the site, planted as links: closing and opening leave
/// what they lead to alone, and put the links back.
#[test]
fn the_gate_writes_through_no_link() {
    let kinds = [("apache", ".htaccess"), ("prepend", ".user.ini"), ("wordpress", ".maintenance")];
    let plants: [(&str, PlantFile); 4] = [
        ("a link", |target, link| symlink(target, link).unwrap()),
        ("a second name", |target, link| fs::hard_link(target, link).unwrap()),
        ("to nothing", |target, link| symlink(target.with_file_name("never"), link).unwrap()),
        ("to a folder", |target, link| symlink(target.parent().unwrap(), link).unwrap()),
    ];
    let mut tried = 0;
    for (kind, name) in kinds {
        for (how, plant) in plants {
            let when = format!("{name} is {how}");
            let small = SmallSite::new();
            let outside = small.folder.path().join("outside/rules");
            fs::create_dir(outside.parent().unwrap()).unwrap();
            fs::write(&outside, "# rules of somebody else\n").unwrap();
            let entracte = small.adopt();
            plant(&outside, &small.path(name));
            let settings = small.root().with_file_name(".entracte-site").join("entracte.toml");
            crate::bedded::edit_settings(&settings, |settings| {
                settings["gate"]["kind"] = toml_edit::value(kind);
            });
            let before = small.look();
            for verb in [&["gate", "install"][..], &["close"], &["close"], &["open"], &["open"]] {
                let ran = entracte.run(verb);
                assert!(matches!(ran.status.code(), Some(0 | 1 | 3 | 5 | 6)), "{when}: {ran}");
                assert_eq!(
                    fs::read_to_string(&outside).unwrap(),
                    "# rules of somebody else\n",
                    "{when}: {ran}"
                );
                assert_eq!(fs::read_dir(outside.parent().unwrap()).unwrap().count(), 1, "{when}: {ran}");
            }
            // What is installed once for a gate stays; what stood there before is there again.
            if kind != "prepend" {
                before.assert_same(&small.look(), &when);
            }
            tried += 1;
        }
    }
    effort::tried("links in place of the gate's own files", tried);
}
