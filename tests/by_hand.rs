//! The same update done by hand and with entracte, side by side: how long it
//! took and what visitors saw. `cargo test --test by_hand -- --nocapture`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use support::bed::Bed;
use support::bed::Server;
use support::process;
use support::releases;
use support::site::TestSite;
use support::update::adopt;
use support::update::apply;
use support::update::plan_and_approve;
use support::visitors::Visitors;
use support::wordpress::VERSION_PAGE;
use support::wordpress::version_in;

/// What visitors saw: answers by status.
type Seen = BTreeMap<u16, usize>;

#[test]
fn wordpress_by_hand_and_with_entracte() {
    let (by_hand, seen_by_hand) = by_hand();
    let (total, closed, seen) = with_entracte();
    println!(
        "6.1 -> 6.8 by hand (rsync --backup, upgrade.php): {by_hand:.2} s, visitors saw {seen_by_hand:?}"
    );
    println!(
        "6.1 -> 6.8 with entracte (stage to reopen): {total:.2} s, closed {closed:.2} s, visitors saw {seen:?}"
    );
    assert!(seen.keys().all(|status| [200, 503].contains(status)), "{seen:?}");
    assert!(closed < total, "closed for {closed} s of {total} s");
}

fn by_hand() -> (f64, Seen) {
    let (site, visitors) = visited("handmade");
    let since = Instant::now();
    let from = format!("{}/", releases::tree("wordpress-6.8").folder.display());
    let (to, backup) = (format!("{}/", site.folder.display()), site.bed.folder.join("handmade-backup"));
    let backup = format!("--backup-dir={}", backup.display());
    process::run("rsync", &["-a", "--chown=www-data:www-data", "--backup", &backup, &from, &to]);
    // PHP's opcode cache still answers with the old version number for a while:
    // whoever asks too early upgrades nothing.
    let wanted = releases::tree("wordpress-6.8").database;
    while Some(site.wordpress_database()) != wanted {
        assert!(since.elapsed() < Duration::from_secs(60), "the upgrade by hand does not end");
        site.get(Server::Nginx, "wp-admin/upgrade.php?step=1");
        std::thread::sleep(Duration::from_millis(200));
    }
    let took = since.elapsed().as_secs_f64();
    (took, counted(visitors))
}

fn with_entracte() -> (f64, f64, Seen) {
    let (site, visitors) = visited("machinemade");
    let entracte = adopt(&site, Server::Nginx, &releases::tree("wordpress-6.1").folder);
    let since = Instant::now();
    let folder = releases::tree("wordpress-6.8").folder;
    entracte.json(&["stage", "--from", folder.to_str().unwrap(), "--complete"]).code(0);
    plan_and_approve(&entracte);
    let result = apply(&entracte);
    (since.elapsed().as_secs_f64(), result["closed_seconds"].as_f64().unwrap(), counted(visitors))
}

fn visited(name: &str) -> (TestSite, Visitors) {
    let site = TestSite::wordpress(Bed::shared(), &releases::tree("wordpress-6.1"), name);
    let visitors = Visitors::at(&format!("{}{VERSION_PAGE}", site.url(Server::Nginx)), version_in);
    (site, visitors)
}

fn counted(visitors: Visitors) -> Seen {
    std::thread::sleep(Duration::from_millis(300));
    let mut seen = Seen::new();
    for stretch in visitors.seen() {
        *seen.entry(stretch.status).or_default() += stretch.count;
    }
    seen
}
