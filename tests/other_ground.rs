//! File systems and accounts that are not what an update would like: what can
//! be kept there ends in old or new, wherever it was killed; what cannot be
//! kept is refused before anything is touched.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;

use nix::errno::Errno;
use serde_json::Value;

use support::effort;
use support::ground::Ground;
use support::mounts;
use support::mounts::Mounted;
use support::process;
use support::small::SmallSite;
use support::tracer::Answers;
use support::tracer::Call;
use support::tracer::Ended;
use support::tracer::Fault;
use support::tracer::Traced;
use support::tracer::trace_on;

const APPLY: &[&str] = &["apply", "--foreground"];
/// Who owns the sites of the tests in which root does not.
const NOBODY: u32 = 65534;

/// A ground with a peculiarity, laid again before each disturbance.
struct Peculiar<'g> {
    ground: &'g Ground,
    answers: Answers,
    lay: &'g dyn Fn(),
}

impl Peculiar<'_> {
    fn trace(&self, verb: &[&str], fault: Fault) -> Traced {
        trace_on(self.answers, self.ground.entracte.command(verb), fault)
    }

    /// Undisturbed to the new site and back, then killed in an update at points
    /// spread over all of it and recovered, each way in turn.
    fn sweep(&self, what: &str, daily: usize, full: usize) {
        (self.lay)();
        let all = self.ended_well(APPLY, what).calls;
        self.ground.is_new(what);
        self.ended_well(&["rollback", "--foreground"], what);
        self.ground.is_old(what);
        let (points, mut mixes) = (effort::spread(all, effort::points(daily, full)), 0);
        for (number, at) in points.iter().enumerate() {
            (self.lay)();
            let when = format!("{what}: killed before call {at} of {all}");
            let traced = self.trace(APPLY, Fault::Kill { at: *at });
            assert!(traced.ended == Ended::Killed || traced.calls < *at, "{when}: {traced:?}");
            self.ground.status_is_true(&when);
            mixes += u64::from(self.ground.is_a_mix());
            match number % 2 {
                0 => self.go_back(&when),
                _ => self.go_on(&when),
            }
        }
        assert!(mixes > 0, "{what}: no mix was seen before the recoveries");
        effort::tried(&format!("killed before a call, {what}"), points.len() as u64);
    }

    fn go_back(&self, when: &str) {
        self.recover("rollback", when);
        self.ground.is_old(when);
    }

    fn go_on(&self, when: &str) {
        self.recover("resume", when);
        if self.ground.small.read("VERSION") == "1\n" {
            self.ended_well(APPLY, when);
        }
        self.ground.is_new(when);
    }

    fn recover(&self, verb: &str, when: &str) {
        let run = self.ground.entracte.json(&["status"]).result["run"].clone();
        let recovered = self.trace(&[verb, "--foreground"], Fault::Count);
        match recovered.ended {
            Ended::Status(0) => {}
            // Before the first line of the journal there is no run, after the last it is over.
            Ended::Status(3)
                if run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back" => {}
            _ => panic!("{when}: {verb}: {recovered:?}"),
        }
    }

    fn ended_well(&self, verb: &[&str], when: &str) -> Traced {
        let traced = self.trace(verb, Fault::Count);
        assert_eq!(traced.ended, Ended::Status(0), "{when}: {traced:?}");
        traced
    }
}

/// A template of what surrounds the site, to lay it again.
struct Template {
    folder: PathBuf,
    parent: PathBuf,
}

impl Template {
    fn of(ground: &Ground) -> Template {
        let folder = ground.small.folder.path().join("template");
        copy_inside(&ground.parent(), &folder);
        Template { folder, parent: ground.parent() }
    }

    fn lay(&self) {
        let everything = walkdir::WalkDir::new(&self.parent).min_depth(1).contents_first(true);
        for entry in everything.into_iter().map(Result::unwrap) {
            let is_folder = entry.file_type().is_dir();
            let removed =
                if is_folder { fs::remove_dir(entry.path()) } else { fs::remove_file(entry.path()) };
            // Something is mounted there: it stays, empty.
            removed.or_else(|error| if is_folder { Ok(()) } else { Err(error) }).unwrap();
        }
        copy_inside(&self.folder, &self.parent);
    }
}

fn copy_inside(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    process::run("cp", &["-a", from.join(".").to_str().unwrap(), to.to_str().unwrap()]);
}

/// NFS: no renames with flags, no files without a name, no room taken beforehand,
/// no attributes, no waiting for a folder.
fn as_nfs(call: &Call) -> Option<i64> {
    as_old(call, Errno::EINVAL)
}

/// The same on a kernel that does not have such calls at all.
fn as_old_kernel(call: &Call) -> Option<i64> {
    as_old(call, Errno::ENOSYS)
}

fn as_old(call: &Call, unknown: Errno) -> Option<i64> {
    let errno = match call.number {
        libc::SYS_renameat2 if call.arguments[4] != 0 => unknown,
        libc::SYS_openat if call.arguments[2] as i32 & libc::O_TMPFILE == libc::O_TMPFILE => {
            Errno::EOPNOTSUPP
        }
        libc::SYS_fallocate => Errno::EOPNOTSUPP,
        libc::SYS_fgetxattr | libc::SYS_fsetxattr | libc::SYS_flistxattr => Errno::EOPNOTSUPP,
        libc::SYS_fsync if call.file().is_some_and(|file| file.is_dir()) => Errno::EINVAL,
        _ => return None,
    };
    Some(-(errno as i64))
}

#[test]
fn where_names_cannot_be_exchanged() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    for (what, answers, daily, full) in [
        ("calls refused as on NFS", as_nfs as Answers, 24, 400),
        ("calls unknown to an old kernel", as_old_kernel, 4, 60),
    ] {
        Peculiar { ground: &ground, answers, lay: &|| template.lay() }.sweep(what, daily, full);
    }
}

/// Neither exchanges nor second names, as on vfat.
fn as_vfat(call: &Call) -> Option<i64> {
    match call.number {
        libc::SYS_linkat => Some(-(Errno::EPERM as i64)),
        _ => as_nfs(call),
    }
}

#[test]
fn where_names_cannot_even_be_doubled() {
    let ground = Ground::new();
    let plan = trace_on(as_vfat, ground.entracte.command(&["--json", "plan"]), Fault::Count);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let checks = plan["result"]["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == "file-system").unwrap();
    assert_eq!(found["level"], "error", "{found:#}");
    let applied = trace_on(as_vfat, ground.entracte.command(APPLY), Fault::Count);
    assert_eq!(applied.ended, Ended::Status(5), "{applied:?}");
    ground.is_old("on a ground without second names");
    effort::tried("a ground without second names, refused by preflight", 1);
}

#[test]
fn a_rollback_where_names_cannot_be_exchanged() {
    let ground = Ground::new();
    let template = Template::of(&ground);
    let peculiar = Peculiar { ground: &ground, answers: as_nfs, lay: &|| template.lay() };
    peculiar.ended_well(APPLY, "NFS");
    template.lay();
    peculiar.ended_well(APPLY, "NFS");
    let all = peculiar.ended_well(&["rollback", "--foreground"], "NFS").calls;
    let points = effort::spread(all, effort::points(12, 200));
    for at in &points {
        template.lay();
        let when = format!("a rollback as on NFS, killed before call {at} of {all}");
        peculiar.ended_well(APPLY, &when);
        peculiar.trace(&["rollback", "--foreground"], Fault::Kill { at: *at });
        ground.status_is_true(&when);
        peculiar.go_back(&when);
    }
    effort::tried("rollback killed before a call, calls refused as on NFS", points.len() as u64);
}

#[test]
fn on_an_overlay() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    let base = ground.small.folder.path();
    let lower = base.join("lower");
    copy_inside(&ground.parent(), &lower);
    let mounted = std::cell::RefCell::new(None);
    let lay = || {
        mounted.take();
        let scratch = ["upper", "work"].map(|name| base.join(name));
        for folder in &scratch {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir(folder).unwrap();
        }
        fs::set_permissions(&scratch[0], fs::metadata(&lower).unwrap().permissions()).unwrap();
        let [upper, work] = scratch.map(|path| path.display().to_string());
        let options = format!("lowerdir={},upperdir={upper},workdir={work}", lower.display());
        mounted.replace(Some(overlay(&options, &ground.parent())));
    };
    lay();
    if let Some(Err(reason)) = &*mounted.borrow() {
        return effort::skipped("other ground", reason);
    }
    Peculiar { ground: &ground, answers: |_| None, lay: &lay }.sweep("overlayfs", 20, 300);
}

fn overlay(options: &str, at: &Path) -> Result<Mounted, String> {
    Mounted::new(&["-t", "overlay", "-o", options], Path::new("overlay"), at)
}

#[test]
fn the_state_on_another_mount() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let mut mounted = None;
    let ground = Ground::with(|small| {
        let state = small.root().with_file_name(".entracte-site");
        fs::create_dir(&state).unwrap();
        mounted = Some(tmpfs("size=32m,mode=0711", &state));
    });
    if let Some(Err(reason)) = &mounted {
        return effort::skipped("other ground", reason);
    }
    let template = Template::of(&ground);
    Peculiar { ground: &ground, answers: |_| None, lay: &|| template.lay() }.sweep(
        "state on another mount than the site",
        20,
        300,
    );
}

fn tmpfs(options: &str, at: &Path) -> Result<Mounted, String> {
    Mounted::new(&["-t", "tmpfs", "-o", options], Path::new("tmpfs"), at)
}

/// Room that ends: an update is either refused before anything is touched, or
/// there is enough of it until the end, and for the way back.
#[test]
fn where_room_is_short() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    let template = Template::of(&ground);
    let (mut refused, mut updated) = (0, 0);
    let sizes = effort::points(24, 240);
    for number in 0..sizes {
        let kibibytes = 512 + number * 16384 / sizes;
        let when = format!("in {kibibytes} KiB");
        let limited = tmpfs(&format!("size={kibibytes}k,mode=0755"), &ground.parent());
        let _limited = match limited {
            Ok(limited) => limited,
            Err(reason) => return effort::skipped("other ground", &reason),
        };
        template.lay();
        let applied = ground.entracte.json(&["apply", "--foreground"]);
        match applied.exit {
            0 => {
                ground.is_new(&when);
                ground.entracte.json(&["rollback", "--foreground"]).code(0);
                updated += 1;
            }
            _ => {
                let said = applied.refused(5);
                assert!(said.contains("bytes"), "{when}: {said}");
                refused += 1;
            }
        }
        ground.is_old(&when);
    }
    assert!(refused > 0 && updated > 0, "{refused} refused, {updated} updated");
    effort::tried("update on a tmpfs, each a little larger", sizes as u64);
}

/// The owner of everything becomes somebody without privilege.
fn give_to_nobody(small: &SmallSite, path: &str) {
    let path = small.root().parent().unwrap().join(path);
    process::run("chown", &["-Rh", &format!("{NOBODY}:{NOBODY}"), path.to_str().unwrap()]);
}

/// A site of somebody without privilege in which something is root's.
fn foreign(spoil: impl FnOnce(&SmallSite)) -> (SmallSite, support::run::Entracte) {
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
    let ground = Ground::adopted(
        |small| give_to_nobody(small, "."),
        |small| {
            for path in ["app/changed.txt", "app/removed.txt", "app/becomes-link.txt", "VERSION"] {
                root_owns(small, path, 0o644);
            }
            let settings = small.root().with_file_name(".entracte-site/entracte.toml");
            let text = fs::read_to_string(&settings).unwrap();
            fs::write(&settings, format!("{text}\n[files]\nowner = \"mine\"\n")).unwrap();
        },
    );
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

fn traced(ground: &Ground, verb: &[&str], fault: Fault) -> Traced {
    trace_on(|_| None, ground.entracte.command(verb), fault)
}

fn root_owns(small: &SmallSite, path: &str, mode: u32) {
    let path = small.path(path);
    chown(&path, Some(0), Some(0)).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
}

/// A disk that was set to read only while the site lived on.
#[test]
fn a_read_only_disk_is_refused_beforehand() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("other ground", &reason);
    }
    let ground = Ground::new();
    for place in [ground.small.root(), ground.parent().join(".entracte-site")] {
        let mounted = match Mounted::new(&["--bind"], &place, &place) {
            Ok(mounted) => mounted,
            Err(reason) => return effort::skipped("other ground", &reason),
        };
        let shown = place.display().to_string();
        process::run("mount", &["-o", "remount,ro,bind", &shown]);
        let refused = ground.entracte.json(&["apply", "--foreground"]);
        let code = refused.exit;
        let said: Value = refused.error;
        assert!([1, 5].contains(&code), "{shown}: {code} {said:#}");
        assert!(said.to_string().contains("read-only") || said.to_string().contains("Read-only"), "{said:#}");
        drop(mounted);
        ground.is_old(&format!("{shown} was read only"));
    }
    effort::tried("site or state read only, refused", 2);
}
