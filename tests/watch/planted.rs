//! Changes of every class, planted while the site works.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::guarded::Guarded;
use super::guarded::told;

/// What the site itself does all the time: logs, caches, uploads, sessions.
fn work(site: &Guarded, until: &AtomicBool) {
    let mut number = 0u32;
    while !until.load(Ordering::Relaxed) {
        number += 1;
        site.write("tmp/cache.php", format!("<?php return {number};"));
        site.write("app/log.txt", format!("{number}\n"));
        site.write(&format!("media/{}/new.jpg", number % 7), number.to_le_bytes());
        site.write("media/upload.part", vec![7; 4096]);
        fs::rename(site.small.path("media/upload.part"), site.small.path("media/upload.jpg")).unwrap();
        let session = site.small.path(&format!("media/session-{number}"));
        fs::write(&session, "x").unwrap();
        fs::remove_file(session).unwrap();
    }
}

fn plant(site: &Guarded) {
    let path = |inside: &str| site.small.path(inside);
    // Modified.
    site.write("index.html", "<h1>small 1</h1><script src=evil>\n");
    site.write("VERSION", "1\r\n");
    site.write("app/same.txt", "");
    fs::remove_file(path("app/changed.txt")).unwrap();
    symlink("/etc/passwd", path("app/changed.txt")).unwrap();
    fs::remove_file(path("app/current")).unwrap();
    symlink("becomes-folder", path("app/current")).unwrap();
    site.mode("app/becomes-folder", 0o666);
    site.mode("app/removed.txt", 0o4755);
    fs::remove_file(path("app/becomes-link.txt")).unwrap();
    fs::create_dir(path("app/becomes-link.txt")).unwrap();
    // Missing; one that may be.
    fs::remove_file(path("app/becomes-file/one.txt")).unwrap();
    fs::remove_file(path("app/tool.sh")).unwrap();
    // Unexpected.
    site.write("app/shell.php", "<?php eval($_POST[1]);");
    site.write("app/.hidden.txt", "x");
    site.write("app/note.txt", "x");
    site.mode("app/note.txt", 0o666);
    site.write("app/.htaccess", "AddType application/x-httpd-php .txt\n");
    site.write("app/deny/.htaccess", "Require all denied\n");
    symlink("../..", path("app/up")).unwrap();
    symlink("same.txt", path("app/near")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("app/pipe"), rustix::fs::Mode::RWXU).unwrap();
    // In what visitors fill: only what is dangerous.
    site.write("media/a/shell.phtml", "<?php eval($_POST[1]);");
    site.write("media/a/b.php.jpg", "<?php eval($_POST[1]);");
    site.write("media/index.php", "<?php\n// Silence is golden.\n");
    site.write("media/polyglot.gif", "GIF89a\0\0\0<?php eval($_POST[1]);");
    site.write("media/honest.gif", "GIF89a\0\0\0<?xpacket");
    site.write("media/article.txt", "how to write <?php echo 1; ?>");
    site.write("media/.htaccess", "php_flag engine off\n");
    site.write("media/a/.user.ini", "auto_prepend_file = b.jpg\n");
    symlink("/etc", path("media/etc")).unwrap();
    site.write("media/open.txt", "x");
    site.mode("media/open.txt", 0o666);
    // The owner's, and what is never judged.
    site.write("local.php", "<?php $password = 1;");
    site.write("tmp/x/shell.php", "<?php eval($_POST[1]);");
}

const PLANTED: &[&str] = &[
    "unexpected app/.hidden.txt: hidden",
    "unexpected app/.htaccess: turns-handlers-on hidden",
    "modified app/becomes-folder: world-writable",
    "missing app/becomes-file/one.txt",
    "modified app/becomes-link.txt: other-kind",
    "modified app/changed.txt: points-out other-kind",
    "modified app/current",
    "unexpected app/deny/.htaccess: hidden",
    "unexpected app/near",
    "unexpected app/note.txt: world-writable",
    "unexpected app/pipe: special",
    "modified app/removed.txt: set-id",
    "modified app/same.txt: emptied",
    "unexpected app/shell.php: code",
    "unexpected app/up: points-out",
    "modified VERSION: line-endings",
    "modified index.html",
    "unexpected local.php: code owners",
    "unexpected media/a/.user.ini: turns-handlers-on hidden",
    "unexpected media/a/b.php.jpg: code-in-uploads",
    "unexpected media/a/shell.phtml: code-in-uploads",
    "unexpected media/etc: points-out",
    "unexpected media/polyglot.gif: polyglot",
];

#[test]
fn what_is_planted_under_load_is_found_and_nothing_is_invented() {
    let site = Guarded::new();
    let until = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let worker = threads.spawn(|| work(&site, &until));
        let before = (0..5).map(|_| site.entracte.json(&["watch"])).find(|answer| answer.exit != 0);
        plant(&site);
        let after: Vec<_> = (0..5)
            .map(|turn| {
                let more: &[&str] = if turn == 4 { &["watch", "--paranoid"] } else { &["watch"] };
                site.entracte.json(more)
            })
            .collect();
        until.store(true, Ordering::Relaxed);
        worker.join().unwrap();
        assert!(before.is_none(), "invented: {:#}", before.unwrap().result["details"]);
        let mut expected: Vec<String> = PLANTED.iter().map(|line| (*line).to_owned()).collect();
        expected.sort();
        for answer in after {
            let mut found = told(&answer.code(7));
            found.sort();
            assert_eq!(found, expected);
        }
    });
    let answer = site.watch(7, &[]);
    let lists: usize = ["modified", "missing", "unexpected", "unreadable"]
        .map(|kind| answer[kind].as_array().unwrap().len())
        .iter()
        .sum();
    assert_eq!(lists, PLANTED.len());
    assert!(answer["details"][0]["why"].to_string().contains("recent"), "{answer:#}");
    assert_eq!(site.history("found").len(), 1, "what stays the same is noted once");
}

#[test]
fn what_cannot_be_read_is_neither_missing_nor_fine() {
    let site = Guarded::new();
    // Root may read everything, so a file that fails is one that is no file: here, a folder without rights.
    let by_owner = nobody(&site);
    site.mode("app/becomes-file", 0o000);
    site.mode("app/same.txt", 0o000);
    let answer = by_owner.json(&["watch"]).code(7);
    assert_eq!(
        told(&answer),
        [
            "unreadable app/becomes-file: reason",
            "unreadable app/becomes-file/one.txt: reason",
            "unreadable app/becomes-file/two.txt: reason",
            "unreadable app/same.txt: reason"
        ]
    );
    site.mode("app/becomes-file", 0o755);
}

/// The site given to a user without rights.
fn nobody(site: &Guarded) -> super::support::run::Entracte {
    super::support::process::run(
        "chown",
        &["-R", "33:33", site.small.root().parent().unwrap().to_str().unwrap()],
    );
    super::support::run::Entracte::new(&site.small.root()).by_owner()
}

#[test]
fn what_an_older_release_left_is_told_apart() {
    let site = Guarded::new();
    super::updated::update(&site, 2);
    site.clean("after the update");
    site.write("app/removed.txt", "only in 1\n");
    site.write("app/emptied/last.txt", "planted\n");
    site.write("app/changed.txt", "as in 1\n");
    let answer = site.watch(7, &[]);
    assert_eq!(
        told(&answer),
        [
            "modified app/changed.txt: of-release",
            "unexpected app/emptied/last.txt: named-in-release",
            "unexpected app/removed.txt: of-release"
        ]
    );
    let texts = answer["details"].to_string();
    assert!(texts.contains("exactly the file of release"), "{texts}");
}

#[test]
fn a_manifest_from_elsewhere_and_a_report() {
    let site = Guarded::new();
    let (manifest, page) = (site.small.folder.path().join("m.json"), site.small.folder.path().join("r.html"));
    let release = site.small.release(2);
    let build = ["manifest", "build", release.to_str().unwrap(), "--version", "2", "--product", "generic"];
    site.entracte.json(&[&build[..], &["--output", manifest.to_str().unwrap()]].concat()).code(0);
    site.write("media/shell.php", "<?php eval($_POST[1]);");
    site.watch(7, &[]);
    let memory = fs::read(site.state().join("watch/last.json")).unwrap();
    let answer = site.watch(7, &["--manifest", manifest.to_str().unwrap(), "--html", page.to_str().unwrap()]);
    assert_eq!(answer["against"], serde_json::json!({"version": "2", "baseline": "manifest", "accepted": 0}));
    assert!(answer["news"].is_null());
    let found = told(&answer);
    assert!(found.contains(&"missing app/added.txt".to_owned()), "{found:#?}");
    assert!(found.contains(&"unexpected media/shell.php: code-in-uploads".to_owned()), "{found:#?}");
    assert_eq!(fs::read(site.state().join("watch/last.json")).unwrap(), memory, "nothing is remembered");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("Look at these first (1)") && text.contains("app&#x2f;added.txt"), "{text}");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(page).unwrap().permissions()) & 0o777,
        0o600
    );
    site.entracte.json(&["watch", "--manifest", "/no/such"]).refused(5);
}

#[test]
fn what_the_gate_puts_into_the_site_is_no_finding() {
    let site = Guarded::new();
    site.entracte.json(&["close", "--for", "a look"]).code(0);
    site.clean("closed by hand");
    site.entracte.json(&["open"]).code(0);
    site.clean("open again");
}
