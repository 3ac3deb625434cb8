//! Visitors ask without pause, several at once, while a site is updated and
//! taken back again and again: they see the old site, a closed gate that says
//! when to come back, the new site, and nothing else.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::thread;
use std::time::Duration;

use support::bed::Bed;
use support::bed::Server;
use support::effort;
use support::pages::URLS;
use support::pages::versions_in;
use support::process;
use support::releases;
use support::run::Entracte;
use support::site::TestSite;
use support::update;
use support::visitors::Stretch;
use support::visitors::Visitors;
use support::wordpress::VERSION_PAGE;
use support::wordpress::version_in;

type Marker = fn(&str) -> Option<String>;

/// What a page answers while the site is open: its status and its marker.
type Answer = (u16, Option<String>);

#[test]
fn pages_on_nginx() {
    pages(Server::Nginx);
}

#[test]
fn pages_on_apache() {
    pages(Server::Apache);
}

fn pages(server: Server) {
    let (site, [old, new]) = TestSite::pages(Bed::shared(), &format!("pages{}", server.name()));
    let entracte = update::adopt(&site, server, &old);
    entracte.json(&["stage", "--from", new.to_str().unwrap(), "--complete", "--version", "2"]).code(0);
    update::plan_and_approve(&entracte);
    // The front page twice, as most ask for that.
    let urls: Vec<&str> = URLS.iter().chain(&[""]).copied().collect();
    let cycles = effort::points(2, 50);
    let requests = come_and_go(&site, server, &entracte, &urls, versions_in, cycles);
    effort::tried(&format!("requests during {cycles} updates and rollbacks on {}", server.name()), requests);
}

/// By day `wordpress.rs` has its visitors; this is the long way.
#[test]
fn wordpress_on_nginx() {
    if !effort::is_full() {
        return effort::skipped("WordPress with visitors, again and again", "only with --full");
    }
    let old = releases::tree("wordpress-6.1");
    let site = TestSite::wordpress(Bed::shared(), &old, "visited50");
    let server = Server::Nginx;
    let entracte = update::adopt(&site, server, &old.folder);
    let archive = releases::archive("wordpress-6.8.zip");
    entracte.json(&["stage", "--from", archive.to_str().unwrap()]).code(0);
    update::plan_and_approve(&entracte);
    let cycles = 10;
    let urls = [VERSION_PAGE, VERSION_PAGE];
    let requests = come_and_go(&site, server, &entracte, &urls, version_in, cycles);
    effort::tried(&format!("requests during {cycles} updates and rollbacks of WordPress"), requests);
}

/// Updates and takes back so many times, visitors at every URL; how many requests
/// there were.
fn come_and_go(
    site: &TestSite,
    server: Server,
    entracte: &Entracte,
    urls: &[&str],
    marker: Marker,
    cycles: usize,
) -> u64 {
    let before = urls.iter().map(|url| answer(site, server, url, marker)).collect::<Vec<_>>();
    let at = |url: &&str| Visitors::at(&format!("{}{url}", site.url(server)), marker);
    let visitors: Vec<Visitors> = urls.iter().map(at).collect();
    let mut after = Vec::new();
    for cycle in 0..cycles {
        if cycle > 0 {
            update::plan_and_approve(entracte);
        }
        let look_around = || thread::sleep(Duration::from_millis(400));
        look_around();
        update::apply(entracte);
        look_around();
        after = urls.iter().map(|url| answer(site, server, url, marker)).collect();
        entracte.json(&["rollback"]).code(0);
        look_around();
    }
    let mut requests = 0;
    for (number, visitors) in visitors.into_iter().enumerate() {
        let seen = visitors.seen();
        requests += seen.iter().map(|stretch| stretch.count as u64).sum::<u64>();
        assert_ne!(before[number], after[number], "{:?} shows no difference", urls[number]);
        alternates(&seen, &before[number], &after[number], cycles)
            .unwrap_or_else(|why| panic!("{:?} on {}: {why}: {seen:#?}", urls[number], server.name()));
    }
    requests
}

fn answer(site: &TestSite, server: Server, url: &str, marker: Marker) -> Answer {
    let answer = site.get(server, url);
    (answer.status, marker(&answer.body).filter(|_| answer.status == 200))
}

/// Old, closed, new, closed, old … to the end, each of them seen.
fn alternates(seen: &[Stretch], old: &Answer, new: &Answer, cycles: usize) -> Result<(), String> {
    let mut phases: Vec<Option<Answer>> = Vec::new();
    for stretch in seen {
        let is_closed = stretch.status == 503;
        let retry = stretch.retry_after.as_ref().and_then(|text| text.parse::<u32>().ok());
        if is_closed && retry.is_none() {
            return Err("a 503 does not say when to come back".into());
        }
        let phase = (!is_closed).then(|| (stretch.status, stretch.marker.clone()));
        if phases.last() != Some(&phase) {
            phases.push(phase);
        }
    }
    let turns = (0..=2 * cycles).map(|turn| if turn % 2 == 0 { old } else { new });
    let mut expected: Vec<Option<Answer>> = turns.flat_map(|open| [Some(open.clone()), None]).collect();
    expected.pop();
    if phases == expected { Ok(()) } else { Err("something else was seen".into()) }
}

/// The control: the same visitors, while the files are copied by hand.
#[test]
fn copied_by_hand_a_mix_is_seen() {
    let (site, [_, new]) = TestSite::pages(Bed::shared(), "byhand");
    let server = Server::Nginx;
    let old = answer(&site, server, "", versions_in);
    let visitors = Visitors::at(&site.url(server), versions_in);
    thread::sleep(Duration::from_millis(300));
    let (from, to) = (format!("{}/", new.display()), format!("{}/", site.folder.display()));
    process::run("rsync", &["-a", "--bwlimit=1000", "--delete-after", &from, &to]);
    settle(&site, server);
    let (seen, new) = (visitors.seen(), answer(&site, server, "", versions_in));
    assert_eq!(new.1.as_deref(), Some("2 2 2"));
    let mixed = seen.iter().filter(|stretch| {
        let answer = (stretch.status, stretch.marker.clone());
        answer != old && answer != new
    });
    assert!(mixed.count() > 0, "no mix was seen: {seen:#?}");
    assert!(alternates(&seen, &old, &new, 1).is_err());
}

/// Waits until PHP has seen every new file.
fn settle(site: &TestSite, server: Server) {
    let log = site.bed.folder.join("log/php.log");
    process::wait_for("the new pages", &log, || {
        answer(site, server, "", versions_in).1.as_deref() == Some("2 2 2")
    });
}
