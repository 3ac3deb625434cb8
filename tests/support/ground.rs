//! A small site that is ready to be updated, what it was and what it will be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use super::run::Entracte;
use super::small::Look;
use super::small::SmallSite;
use super::update;

/// A site of release 1 with release 2 staged, planned and approved.
pub struct Ground {
    pub small: SmallSite,
    pub entracte: Entracte,
    pub old: Look,
    /// The version that is installed at the beginning.
    version: Value,
}

impl Ground {
    pub fn new() -> Ground {
        Ground::with(|_| ())
    }

    /// With another release 2.
    pub fn with(spoil: impl FnOnce(&SmallSite)) -> Ground {
        Ground::adopted(spoil, |_| ())
    }

    /// See [`SmallSite::in_memory`].
    pub fn in_memory() -> Ground {
        Ground::of(SmallSite::in_memory(), |_| ())
    }

    /// With something done to it before it is adopted, and after.
    pub fn adopted(before: impl FnOnce(&SmallSite), after: impl FnOnce(&SmallSite)) -> Ground {
        let small = SmallSite::new();
        before(&small);
        Ground::of(small, after)
    }

    /// Adopted, and nothing more.
    pub fn fresh() -> Ground {
        Ground::as_it_is(SmallSite::new(), |_, _| ())
    }

    fn of(small: SmallSite, after: impl FnOnce(&SmallSite)) -> Ground {
        Ground::as_it_is(small, |small, entracte| {
            after(small);
            small.stage(entracte);
            update::plan_and_approve(entracte);
        })
    }

    fn as_it_is(small: SmallSite, after: impl FnOnce(&SmallSite, &Entracte)) -> Ground {
        let entracte = small.adopt();
        after(&small, &entracte);
        let old = small.look();
        let version = entracte.json(&["status"]).result["installed"]["version"].clone();
        Ground { small, entracte, old, version }
    }

    /// The program with a fault: `swap.operation:3=kill`.
    pub fn faulty(&self, fault: &str) -> Entracte {
        Entracte::with_fault(&self.small.root(), fault)
    }

    /// The folder of the site and what stands beside it.
    pub fn parent(&self) -> PathBuf {
        self.small.root().parent().unwrap().to_owned()
    }

    /// Whether the site is neither the old one nor the new one.
    pub fn is_a_mix(&self) -> bool {
        let now = self.small.look().without_workshops();
        !self.old.is_same_content(&now) && !undisturbed().is_same_content(&now)
    }

    /// Where visitors find the site, in its settings.
    pub fn set_url(&self, url: Option<&str>) {
        let path = self.parent().join(".entracte-site/entracte.toml");
        let mut settings: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        match url {
            Some(url) => settings["url"] = toml_edit::value(url),
            None => drop(settings.remove("url")),
        }
        fs::write(path, settings.to_string()).unwrap();
    }

    /// There while the gate is closed.
    pub fn flag(&self) -> PathBuf {
        self.small.root().parent().unwrap().join(".entracte-site/gate/closed")
    }

    #[track_caller]
    pub fn is_old(&self, when: &str) {
        self.old.assert_same(&self.small.look(), when);
        assert!(!self.flag().exists(), "the gate is closed, {when}");
        let status = self.entracte.json(&["status"]);
        assert_eq!(status.result["gate"]["closed"], false, "{when}: {:#}", status.result);
        assert_eq!(status.result["installed"]["version"], self.version, "{when}: {:#}", status.result);
    }

    /// The new site is what another site became that nobody disturbed.
    #[track_caller]
    pub fn is_new(&self, when: &str) {
        undisturbed().assert_same_content(&self.small.look().without_workshops(), when);
        assert!(!self.flag().exists(), "the gate is closed, {when}");
        let status = self.entracte.json(&["status"]);
        assert_eq!(status.exit, 0, "{when}: {:#}", status.result);
        assert_eq!(status.result["installed"]["version"], "2", "{when}: {:#}", status.result);
        assert_eq!(status.result["run"]["state"], "finished", "{when}: {:#}", status.result);
    }

    /// Goes on, or back, until the end.
    #[track_caller]
    pub fn recover(&self, verb: &str, when: &str) {
        let run = self.entracte.json(&["status"]).result["run"].clone();
        let recovered = self.entracte.json(&[verb, "--foreground"]);
        match recovered.exit {
            0 => {}
            // Before the first line of the journal there is no run, after the last it is over.
            3 if run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back" => {}
            code => panic!("{when}: {verb} ended with {code}: {recovered:?}"),
        }
    }

    /// Goes on to the new site, from wherever a run stands; begins it where none was.
    #[track_caller]
    pub fn go_on(&self, when: &str) {
        self.recover("resume", when);
        if self.small.read("VERSION") == "1\n" {
            self.entracte.json(&["apply", "--foreground"]).code(0);
        }
    }

    /// What `status` says is what is the case, wherever the run stands.
    #[track_caller]
    pub fn status_is_true(&self, when: &str) -> Value {
        let status = self.entracte.json(&["status"]);
        let gate = &status.result["gate"]["closed"];
        assert_eq!(gate.as_bool(), Some(self.flag().exists()), "{when}: {:#}", status.result);
        let run = &status.result["run"];
        if !run.is_null() && run["state"] != "finished" && run["state"] != "rolled-back" {
            assert_eq!(status.exit, 6, "{when}: {:#}", status.result);
            let next = status.result["next"].to_string();
            assert!(next.contains("rollback"), "{when}: {next}");
            // Who goes back cannot turn round.
            assert_eq!(next.contains("resume"), run["goes_back"] == false, "{when}: {:#}", status.result);
        }
        status.result
    }
}

/// What a site looks like after an update that nobody disturbed.
fn undisturbed() -> &'static Look {
    static LOOK: OnceLock<Look> = OnceLock::new();
    LOOK.get_or_init(|| {
        let ground = Ground::new();
        update::apply(&ground.entracte);
        is_release_2(&ground.small);
        ground.small.look()
    })
}

/// Release 2 with the owner's content: by hand, so that not everything hangs on
/// one run being right.
fn is_release_2(small: &SmallSite) {
    for entry in walkdir::WalkDir::new(small.release(2)).min_depth(1) {
        let entry = entry.unwrap();
        let inside = entry.path().strip_prefix(small.release(2)).unwrap();
        if inside.starts_with("run_once") {
            continue;
        }
        let live = small.root().join(inside);
        let meta = fs::symlink_metadata(&live).unwrap_or_else(|error| panic!("{}: {error}", live.display()));
        assert_eq!(meta.file_type(), entry.file_type(), "{}", live.display());
        if entry.file_type().is_file() {
            assert_eq!(fs::read(&live).unwrap(), fs::read(entry.path()).unwrap(), "{}", live.display());
            let mode = |meta: fs::Metadata| meta.permissions().mode();
            assert_eq!(mode(meta), mode(entry.metadata().unwrap()), "{}", live.display());
        } else if entry.file_type().is_symlink() {
            assert_eq!(fs::read_link(&live).unwrap(), fs::read_link(entry.path()).unwrap());
        }
    }
    for gone in ["app/removed.txt", "app/emptied", "run_once/001-mark.sh"] {
        assert!(!small.has(gone), "{gone} is still there");
    }
    assert!(small.has("run_once/001-mark.sh.done"));
    assert!(small.read("media/marked.txt").ends_with("to 2\n"));
    assert_eq!(small.read("media/counter.txt"), "changed\n");
    assert!(small.has("media/empty") && small.has("media/photo été.jpg") && small.has("media/latest"));
    let rows = small.look().rows.join("\n");
    assert!(
        rows.contains("author TEXT") && rows.contains("nobody; or so") && rows.contains("tags"),
        "{rows}"
    );
}
