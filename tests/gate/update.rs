//! Releases that change `.htaccess`, which the gate itself works on: the site's
//! version is held beside the gate or, where the state is on another file
//! system, in the site.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::bed::Bed;
use crate::bed::Server;
use crate::look::ask;
use crate::support::effort;
use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::snapshot::Tree;

const OLD: &str = "RewriteEngine On\nRewriteRule ^old$ index.php [L]\n";
const NEW: &str = "RewriteEngine On\nRewriteRule ^new$ index.php [L]\n# longer than the old one\n";
const HELD: &str = ".htaccess.entracte-held";

/// What becomes of `.htaccess`: what a plan calls it, the old text and the new.
type Shape = (&'static str, Option<&'static str>, Option<&'static str>);

const SHAPES: [Shape; 3] =
    [("replace", Some(OLD), Some(NEW)), ("add", None, Some(NEW)), ("remove", Some(OLD), None)];

/// A site of release 1 with release 2 staged.
struct Ground {
    bed: Bed,
    state: TempDir,
    entracte: Entracte,
    server: Option<Server>,
    old: Tree,
    version: Value,
    shape: Shape,
}

impl Ground {
    /// The state rests below `above`, which decides where the file is held.
    fn new(shape: Shape, above: &Path, is_served: bool) -> Ground {
        let bed = Bed::new();
        let state = tempfile::Builder::new().prefix("entracte-gate-").tempdir_in(above).unwrap();
        let server = is_served.then(|| bed.apache(&["headers", "rewrite"]));
        let (_, old, new) = shape;
        lay(&bed.site(), "1", old);
        for (version, rules) in [("1", old), ("2", new)] {
            lay(&release(&bed, version), version, rules);
        }
        let entracte = Entracte::new(&bed.site());
        let mut ground =
            Ground { old: Tree::of(&bed.site()), bed, state, entracte, server, version: Value::Null, shape };
        ground.adopt();
        ground.old = ground.tree();
        ground.version = ground.json(&["status"]).result["installed"]["version"].clone();
        ground
    }

    fn adopt(&self) {
        let (site, release_1) = (self.bed.site(), release(&self.bed, "1"));
        let mut init = vec!["init", site.to_str().unwrap(), "--profile", "generic", "--release"];
        init.push(release_1.to_str().unwrap());
        let url = self.server.as_ref().map(|server| server.base.clone());
        init.extend(url.iter().flat_map(|url| ["--url", url]));
        self.json(&init).code(0);
        let profile = include_str!("../../manifests/profiles/generic.toml").replace("\".htaccess\", ", "");
        fs::write(self.state_folder().join("profile.toml"), profile).unwrap();
        self.choose_gate("apache");
        self.stage();
    }

    fn choose_gate(&self, kind: &str) {
        let path = self.state_folder().join("entracte.toml");
        let mut settings: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        settings["gate"]["kind"] = toml_edit::value(kind);
        settings["gate"]["drain_seconds"] = toml_edit::value(0.0);
        settings["php"]["revalidate_seconds"] = toml_edit::value(0.0);
        fs::write(path, settings.to_string()).unwrap();
    }

    fn stage(&self) {
        let release_2 = release(&self.bed, "2");
        self.json(&["stage", "--from", release_2.to_str().unwrap(), "--complete", "--version", "2"]).code(0);
    }

    fn state_folder(&self) -> PathBuf {
        self.state.path().join("state")
    }

    fn json(&self, arguments: &[&str]) -> Answered {
        let state = self.state_folder();
        self.entracte.json(&[&["--state", state.to_str().unwrap()], arguments].concat())
    }

    fn approve(&self) {
        let plan = self.json(&["plan"]).code(0);
        self.json(&["approve", plan["id"].as_str().unwrap()]).code(0);
    }

    fn killed_at(&self, verb: &str, point: &str) {
        let state = self.state_folder();
        let faulty = Entracte::with_fault(&self.bed.site(), &format!("{point}=kill"));
        faulty.run(&["--state", state.to_str().unwrap(), verb, "--foreground"]).killed();
    }

    /// The site without what a run keeps in it for the way back.
    fn tree(&self) -> Tree {
        Tree::of(&self.bed.site()).only(|path| !path.starts_with(".entracte-run-"))
    }

    fn rules(&self) -> Option<String> {
        fs::read_to_string(self.bed.site().join(".htaccess")).ok()
    }

    #[track_caller]
    fn is_old(&self, when: &str) {
        self.old.assert_same(&self.tree(), when);
        self.is_open(&self.version, self.shape.1, when);
    }

    #[track_caller]
    fn is_new(&self, when: &str) {
        assert_eq!(self.rules().as_deref(), self.shape.2, "{when}");
        assert_eq!(fs::read_to_string(self.bed.site().join("VERSION")).unwrap(), "2\n", "{when}");
        assert!(!self.bed.site().join(HELD).exists(), "{when}");
        self.is_open(&Value::from("2"), self.shape.2, when);
    }

    #[track_caller]
    fn is_open(&self, version: &Value, rules: Option<&str>, when: &str) {
        let status = self.json(&["status"]).result;
        assert_eq!(status["gate"]["closed"], false, "{when}: {status:#}");
        assert_eq!(&status["installed"]["version"], version, "{when}: {status:#}");
        if let Some(server) = &self.server {
            let expected = [OLD, NEW].map(|text| if rules == Some(text) { 200 } else { 404 });
            assert_eq!(["/old", "/new"].map(|path| ask(server, path, &[]).0), expected, "{when}");
        }
    }
}

fn release(bed: &Bed, version: &str) -> PathBuf {
    bed.folder.path().join(format!("release-{version}"))
}

/// What both releases have, and the rules of one of them.
fn lay(folder: &Path, version: &str, rules: Option<&str>) {
    fs::create_dir_all(folder.join("assets/deep")).unwrap();
    fs::write(folder.join("index.php"), "<?php echo '<title>Home</title>home';").unwrap();
    fs::write(folder.join("assets/style.css"), "body { color: red }").unwrap();
    fs::write(folder.join("assets/deep/page.php"), "<?php echo 'deep';").unwrap();
    fs::write(folder.join("VERSION"), format!("{version}\n")).unwrap();
    if let Some(rules) = rules {
        fs::write(folder.join(".htaccess"), rules).unwrap();
    }
}

/// Where the state can be, and whether the original is held in the site then.
fn places() -> [(&'static Path, bool); 2] {
    [(Path::new("/tmp"), false), (Path::new("/dev/shm"), true)]
}

#[test]
fn a_release_changes_htaccess_on_a_real_server_and_goes_back() {
    for shape in SHAPES {
        for (above, is_inside) in places() {
            let ground = Ground::new(shape, above, true);
            let when = format!("{} with the state in {}", shape.0, above.display());
            ground.is_old(&when);
            ground.approve();
            ground.json(&["apply", "--foreground", "--stop-before", "verify"]).code(0);
            let is_held = ground.bed.site().join(HELD).exists();
            assert_eq!(is_held, is_inside && shape.2.is_some(), "{when}");
            assert_eq!(ask(ground.server.as_ref().unwrap(), "/old", &[]).0, 503, "{when}");
            // While a run is open nothing is judged and nothing planned.
            assert_eq!(ground.json(&["status"]).result["gate"]["closed"], true, "{when}");
            assert!(ground.json(&["watch"]).refused(5).contains("resume"), "{when}");
            assert_eq!(ground.json(&["plan"]).exit, 5, "{when}");
            ground.json(&["resume", "--foreground"]).code(0);
            ground.is_new(&when);
            ground.json(&["watch"]).code(0);
            ground.json(&["rollback", "--foreground"]).code(0);
            ground.is_old(&when);
        }
    }
}

#[test]
fn a_closed_site_is_planned_and_watched_as_if_it_were_open() {
    for shape in SHAPES {
        for (above, _) in places() {
            let ground = Ground::new(shape, above, false);
            let when = format!("{} with the state in {}", shape.0, above.display());
            let open = ground.json(&["plan"]).code(0);
            ground.json(&["close"]).code(0);
            let closed = ground.json(&["plan"]).code(0);
            assert_eq!(closed["changes"], open["changes"], "{when}");
            let changes = closed["changes"].as_array().unwrap();
            let change = changes.iter().find(|change| change["path"] == ".htaccess").expect(&when);
            assert_eq!(change["kind"], shape.0, "{when}");
            let watched = ground.json(&["watch"]).code(0);
            assert_eq!(watched["unexpected"], serde_json::json!([]), "{when}");
            assert_eq!(ground.json(&["status"]).code(6)["gate"]["closed"], true, "{when}");
            // An edit of what is held is seen.
            if shape.1.is_some() {
                let names = [ground.bed.site().join(HELD), ground.state_folder().join("gate-held/.htaccess")];
                let held = names.iter().find(|path| path.exists()).expect(&when);
                let text = fs::read_to_string(held).unwrap();
                fs::write(held, format!("{text}Deny from 192.0.2.1\n")).unwrap();
                assert_eq!(
                    ground.json(&["watch"]).code(7)["modified"],
                    serde_json::json!([".htaccess"]),
                    "{when}"
                );
                fs::remove_file(held).unwrap();
                assert_eq!(
                    ground.json(&["watch"]).code(7)["missing"],
                    serde_json::json!([".htaccess"]),
                    "{when}"
                );
                fs::write(held, text).unwrap();
            }
            ground.json(&["open"]).code(0);
            ground.json(&["watch"]).code(0);
        }
    }
}

#[test]
fn a_script_that_changes_htaccess_is_refused_beforehand() {
    for shape in [SHAPES[0], SHAPES[1]] {
        let ground = Ground::new(shape, Path::new("/dev/shm"), false);
        let script = release(&ground.bed, "2").join("run_once/001-rules.sh");
        fs::create_dir(script.parent().unwrap()).unwrap();
        fs::write(&script, "#!/bin/sh\n# entracte: changes = .htaccess\necho >> .htaccess\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        ground.stage();
        let gate = |plan: Value| {
            plan["checks"].as_array().unwrap().iter().find(|check| check["name"] == "gate").unwrap().clone()
        };
        let check = gate(ground.json(&["plan"]).code(0));
        assert_eq!(check["level"], "error", "{}: {check:#}", shape.0);
        assert!(check["fix"].as_str().unwrap().contains("prepend"), "{check:#}");
        ground.choose_gate("none");
        assert_eq!(gate(ground.json(&["plan"]).code(0))["level"], "warning", "{}", shape.0);
    }
}

/// Where an update is killed that has the file held in the site, and where the way back is.
const FORWARD: [&str; 9] = [
    "gate-htaccess-shelved",
    "gate-htaccess-placed",
    "swap.operation:1",
    "swap.exchanged:1",
    "swap.operation:2",
    "swap.exchanged:2",
    "swap.synced",
    "gate-htaccess-restored",
    "gate-server-opened",
];
const BACK: [&str; 5] =
    ["swap.undo:1", "swap.exchanged-back:1", "swap.undo:2", "swap.undone", "gate-htaccess-restored"];

/// Whether an update of this shape comes by there; of the two shapes that only
/// place or withdraw, every day where that is done.
fn is_tried(kind: &str, point: &str) -> bool {
    match kind {
        "replace" => true,
        "add" if point == "gate-htaccess-shelved" => false,
        _ if point == "swap.exchanged:2" => false,
        _ => effort::is_full() || point.starts_with("swap.operation") || point.starts_with("swap.undo:"),
    }
}

#[test]
fn an_update_killed_while_htaccess_is_held_in_the_site_is_finished_or_taken_back() {
    let mut tried = 0;
    for shape in SHAPES {
        let ground = Ground::new(shape, Path::new("/dev/shm"), false);
        for point in FORWARD.into_iter().filter(|point| is_tried(shape.0, point)) {
            killed_forward(&ground, point);
            tried += 2;
        }
        for point in BACK.into_iter().filter(|point| is_tried(shape.0, point)) {
            killed_on_the_way_back(&ground, point);
            tried += 1;
        }
    }
    effort::tried("kills of updates that change .htaccess, held in the site", tried);
}

fn killed_forward(ground: &Ground, point: &str) {
    let when = format!("{}, killed at {point}", ground.shape.0);
    ground.approve();
    ground.killed_at("apply", point);
    ground.json(&["rollback", "--foreground"]).code(0);
    ground.is_old(&format!("{when}, taken back"));
    ground.approve();
    ground.killed_at("apply", point);
    ground.json(&["resume", "--foreground"]).code(0);
    ground.is_new(&format!("{when}, finished"));
    ground.json(&["rollback", "--foreground"]).code(0);
    ground.is_old(&format!("{when}, finished, taken back"));
}

fn killed_on_the_way_back(ground: &Ground, point: &str) {
    let when = format!("{}, killed at {point} on the way back", ground.shape.0);
    ground.approve();
    ground.json(&["apply", "--foreground"]).code(0);
    ground.killed_at("rollback", point);
    ground.json(&["rollback", "--foreground"]).code(0);
    ground.is_old(&when);
}
