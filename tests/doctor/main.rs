//! A site that is well is said to be; each defect, planted, is found by its
//! name, and what the fix says mends it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]
mod clinic;
mod defect;
mod ground;
mod keeping;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::fs;

use clinic::Clinic;
use clinic::bad;
use clinic::checks;
use clinic::find;
use support::bed::Bed;
use support::bed::Server;
use support::effort;
use support::faketime;
use support::process;
use support::site::TestSite;
use support::small::SmallSite;
use support::snapshot::Tree;
use support::update;

/// One test a bed: it takes longer to make than all of these.
#[test]
fn a_site_that_is_well_is_said_to_be() {
    nothing_is_found_and_nothing_changes();
    while_others_work();
    what_people_read();
}

#[test]
fn a_wordpress_that_is_well() {
    let release = support::releases::tree("wordpress-6.8");
    let site = TestSite::wordpress(Bed::shared(), &release, "blog");
    let entracte = update::adopt(&site, Server::Apache, &release.folder);
    let checks = checks(&entracte, &[]);
    assert!(bad(&checks).is_empty(), "{:#?}", bad(&checks));
    for name in ["php-cli", "php-web", "database rights", "auto-updater", "opcache"] {
        find(&checks, name);
    }
}

#[test]
fn each_defect_is_found_and_its_fix_mends_it() {
    let all = [keeping::DEFECTS, ground::DEFECTS].concat();
    all.iter().for_each(defect::each);
    by_another_clock();
    tls::certificates();
    effort::tried("defects found by the doctor", all.len() as u64);
}

fn nothing_is_found_and_nothing_changes() {
    Clinic::with(|clinic| {
        let parent = clinic.site.folder.parent().unwrap();
        let before = Tree::of(parent);
        for more in [&[][..], &["--deep"]] {
            let checks = checks(&clinic.entracte, more);
            assert!(bad(&checks).is_empty(), "{:#?}", bad(&checks));
            assert!(checks.len() > 20, "{checks:#?}");
        }
        let page = fs::read_to_string("docs/doctor.md").unwrap();
        for check in checks(&clinic.entracte, &[]) {
            assert!(page.contains(&format!("`{}`", check["name"].as_str().unwrap())), "{check:#}");
        }
        before.assert_same(&Tree::of(parent).without(&[".entracte-doctor/space.json"]), "after the doctor");
        let text = clinic.entracte.run(&["doctor"]).code(0).stdout;
        insta::assert_snapshot!(text, @"
        fine: state, settings, run, lock, backup-set, history, baseline, last-update, last-watch, edits, answers, clock, certificate, privacy, privacy-of-backups, gate, closed, gate-effective, maintenance, writable, owners, staged, space, inodes, quota, space-trend, database, auto-updater, opcache, source, notify, schedule
        32 checks: 0 errors, 0 warnings
        ");
        let told = clinic.entracte.run(&["doctor", "-v"]).code(0).stdout;
        assert!(told.contains("fine baseline: version 2, 4 files, known by the release"), "{told}");
    });
}

fn while_others_work() {
    Clinic::with(|clinic| {
        let lock = fs::File::open(clinic.state("lock")).unwrap();
        lock.lock().unwrap();
        let checks = checks(&clinic.entracte, &[]);
        assert!(bad(&checks).is_empty(), "{:#?}", bad(&checks));
        let run = find(&checks, "run");
        assert!(run["detail"].as_str().unwrap().contains("works on the site now"), "{run:#}");
    });
}

fn what_people_read() {
    Clinic::with(|clinic| {
        clinic.set("", "url", "http://127.0.0.1:1/");
        process::run("chmod", &["666", clinic.state("lock").to_str().unwrap()]);
        fs::remove_file(clinic.state("installed/current.json")).unwrap();
        let text = clinic.entracte.run(&["doctor"]).code(7).stdout;
        let text = text.replace(clinic.site.folder.parent().unwrap().to_str().unwrap(), "PARENT");
        insta::assert_snapshot!(text, @"
        error baseline: nothing is recorded as installed
          fix: adopt the site anew: move the state folder away, then `entracte init`
        error answers: nothing answers at http://127.0.0.1:1/: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
          fix: is the web server running, and can this machine reach itself by that name?
        warning lock: other users can open the site's lock, and so hold it
          fix: chmod 600 PARENT/.entracte-doctor/lock
        warning privacy: unknown: nobody answered who could hand out what entracte keeps
          fix: set `url` in entracte.toml, or mend what `answers` says
        warning gate: nothing answers at http://127.0.0.1:1/
          fix: check `url` in entracte.toml
        fine: state, settings, run, backup-set, history, last-update, last-watch, edits, clock, certificate, closed, maintenance, staged, space, inodes, quota, space-trend, database, auto-updater, source, notify, schedule
        27 checks: 2 errors, 3 warnings
        ");
    });
}

/// A site of root's, whom no change of user takes the library from.
fn by_another_clock() {
    if faketime::library().is_none() {
        return;
    }
    let small = SmallSite::new();
    small.adopt();
    Clinic::with(|clinic| {
        let settings = small.root().with_file_name(".entracte-site/entracte.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let url = format!("url = \"{}\"", clinic.site.url(Server::Nginx));
        let line = text.lines().find(|line| line.starts_with("# url")).unwrap().to_owned();
        fs::write(&settings, text.replacen(&line, &url, 1)).unwrap();
        for (offset, check, level, says) in [
            (faketime::NOW, "clock", "ok", "agrees"),
            ("+1h", "clock", "warning", "differs by 3"),
            ("-10y", "clock", "error", "the clock says"),
            ("+200d", "last-update", "warning", "200 days ago"),
        ] {
            let checks = checks(&faketime::at(&small, offset), &[]);
            let found = find(&checks, check);
            assert_eq!(found["level"], level, "{offset}: {checks:#?}");
            assert!(found["detail"].as_str().unwrap().contains(says), "{offset}: {found:#}");
        }
    });
}
