//! A real WordPress with its database, on nginx and on Apache, from release to
//! release and back, with visitors who ask without pause.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use support::bed::Bed;
use support::bed::Server;
use support::releases;
use support::releases::Release;
use support::run::Entracte;
use support::site::TestSite;
use support::snapshot::Database;
use support::snapshot::Tree;
use support::update::adopt;
use support::update::apply;
use support::update::paths_of;
use support::update::plan_and_approve;
use support::visitors::Visitors;
use support::wordpress::VERSION_PAGE;
use support::wordpress::version_in;

/// A site as a whole, and the release that it is of.
struct State {
    tree: Tree,
    database: Database,
    release: Release,
}

impl State {
    fn of(site: &TestSite, release: &Release) -> State {
        State { tree: site.tree(), database: site.database(), release: release.clone() }
    }

    #[track_caller]
    fn assert_is(&self, site: &TestSite, server: Server, when: &str) {
        self.tree.assert_same(&site.tree(), when);
        self.database.assert_same(&site.database(), when);
        let front = site.get(server, "");
        assert_eq!(front.status, 200, "{when}: {}", front.body);
        assert!(front.body.contains("Post 25 é"), "{when}: {}", front.body);
        assert_eq!(site.wordpress_version(server), Some(self.release.version.clone()), "{when}");
    }
}

#[test]
fn nginx_from_archives() {
    let newest = || releases::archive("wordpress-7.tar.zst");
    there_and_back(Server::Nginx, &releases::archive("wordpress-6.8.zip"), &[], newest, &[]);
}

#[test]
fn apache_from_folders() {
    let folder = releases::tree("wordpress-6.8").folder;
    let newest = || releases::tree("wordpress-7").folder;
    there_and_back(Server::Apache, &folder, &["--complete"], newest, &["--complete"]);
}

fn there_and_back(
    server: Server,
    middle: &Path,
    middle_options: &[&str],
    newest: impl Fn() -> PathBuf,
    newest_options: &[&str],
) {
    let (first, second) = (releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8"));
    let site = TestSite::wordpress(Bed::shared(), &first, &format!("press{}", server.name()));
    let start = State::of(&site, &first);
    let entracte = adopt(&site, server, &first.folder);
    start.tree.assert_same(&site.tree(), "after init");

    hop(&site, &entracte, server, &start, middle, middle_options, &second);
    entracte.json(&["rollback"]).code(0);
    start.assert_is(&site, server, "after rollback");

    hop(&site, &entracte, server, &start, middle, middle_options, &second);
    entracte.json(&["commit"]).code(0);
    if let Some(third) = releases::newest_wordpress() {
        let between = State::of(&site, &second);
        hop(&site, &entracte, server, &between, &newest(), newest_options, &third);
        entracte.json(&["rollback"]).code(0);
        between.assert_is(&site, server, "after the second rollback");
    }
}

/// One update, looked at from all sides.
fn hop(
    site: &TestSite,
    entracte: &Entracte,
    server: Server,
    old: &State,
    source: &Path,
    options: &[&str],
    new: &Release,
) {
    let staged = entracte.json(&[&["stage", "--from", source.to_str().unwrap()], options].concat()).code(0);
    assert_eq!(staged["version"], new.version.as_str(), "{staged:#}");
    let plan = plan_and_approve(entracte);
    assert_eq!(plan["to"]["version"], new.version.as_str());
    assert!(paths_of(&plan, "conflict").is_empty(), "{:?}", paths_of(&plan, "conflict"));
    old.tree.assert_same(&site.tree(), "after plan");
    let owners = owners_part(site);

    let visitors = Visitors::at(&format!("{}{VERSION_PAGE}", site.url(server)), version_in);
    thread::sleep(Duration::from_millis(500));
    let result = apply(entracte);
    thread::sleep(Duration::from_millis(500));
    visitors.saw_a_clean_change(&old.release.version, &new.version);
    println!(
        "{} on {}: closed for {} s",
        new.version,
        server.name(),
        result["closed_seconds"].as_f64().expect("how long it was closed")
    );

    assert_eq!(Some(site.wordpress_database()), new.database);
    owners.assert_same(&owners_part(site), "after the update");
    site.is_release(&old.release, new);
    let status = entracte.json(&["status"]).code(0);
    assert_eq!(status["installed"]["version"], new.version.as_str(), "{status:#}");
    assert_eq!(status["gate"]["closed"], false, "{status:#}");
}

fn owners_part(site: &TestSite) -> Tree {
    site.tree().only(|path| path == "wp-config.php" || path.starts_with("wp-content/uploads"))
}

/// Killed once in every stage of the run, each time going on from the marker.
const KILLS: &[&str] = &[
    "prepare.copy:900",
    "gate-flag-written",
    "swap.operation:40",
    "swap.exchanged:700",
    "swap.synced",
    "migrate.upgrade",
    "journal.written:3",
];

#[test]
fn killed_in_every_step_then_resumed() {
    let (old, new) = (releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8"));
    let server = Server::Nginx;
    let site = TestSite::wordpress(Bed::shared(), &old, "killedforward");
    let start = State::of(&site, &old);
    let owners = owners_part(&site);
    let entracte = ready(&site, server, &old);
    let visitors = Visitors::at(&format!("{}{VERSION_PAGE}", site.url(server)), version_in);
    thread::sleep(Duration::from_millis(300));
    for (number, point) in KILLS.iter().enumerate() {
        let verb = if number == 0 { "apply" } else { "resume" };
        let killed = Entracte::with_fault(&site.folder, &format!("{point}=kill"));
        killed.run(&[verb, "--foreground"]).killed();
        let status = entracte.json(&["status"]);
        assert_eq!(status.exit, 6, "{point}: {:#}", status.result);
        // New files are made ready before visitors are shut out.
        let expected = if point.starts_with("prepare") { 200 } else { 503 };
        assert_eq!(site.get(server, "").status, expected, "killed at {point}");
    }
    assert_eq!(entracte.json(&["resume"]).code(0)["outcome"], "finished");
    thread::sleep(Duration::from_millis(300));
    visitors.saw_a_clean_change(&old.version, &new.version);
    assert_eq!(Some(site.wordpress_database()), new.database);
    owners.assert_same(&owners_part(&site), "after the update");
    site.is_release(&old, &new);
    entracte.json(&["rollback"]).code(0);
    start.assert_is(&site, server, "after rollback");
}

#[test]
fn killed_or_failed_in_every_step_then_rolled_back() {
    let old = releases::tree("wordpress-6.1");
    let server = Server::Apache;
    let site = TestSite::wordpress(Bed::shared(), &old, "killedback");
    let start = State::of(&site, &old);
    let entracte = ready(&site, server, &old);
    for (number, point) in KILLS.iter().enumerate() {
        if number > 0 {
            plan_and_approve(&entracte);
        }
        let action = if number % 2 == 0 { "kill" } else { "eio" };
        let fault = format!("{point}={action}");
        let ran = Entracte::with_fault(&site.folder, &fault).run(&["apply", "--foreground"]);
        if ran.status.code() == Some(1) {
            start.assert_is(&site, server, &format!("{fault}, reopened by itself"));
            continue;
        }
        assert!(ran.status.code().is_none_or(|code| code == 6), "{fault}: {ran}");
        assert_eq!(entracte.json(&["rollback"]).code(0)["outcome"], "rolled-back", "{fault}");
        start.assert_is(&site, server, &format!("{fault}, rolled back"));
    }
}

fn ready(site: &TestSite, server: Server, old: &Release) -> Entracte {
    let entracte = adopt(site, server, &old.folder);
    let archive = releases::archive("wordpress-6.8.zip");
    entracte.json(&["stage", "--from", archive.to_str().unwrap()]).code(0);
    plan_and_approve(&entracte);
    entracte
}
