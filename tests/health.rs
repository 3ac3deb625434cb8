//! Health on real servers: a release that breaks a page is found and taken
//! back, and nothing else keeps an update from its end.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use support::bed;
use support::bed::Bed;
use support::bed::Server;
use support::ground::Ground;
use support::run::Entracte;
use support::site::TestSite;
use support::snapshot::Tree;
use support::update;

/// A page like any other; `$before` runs first.
fn page(version: u32, before: &str) -> String {
    format!(
        "<?php\n{before}\n?><html><head><title>Shop</title></head><body>Basket (<?= {version} ?>)<p>{}</p></body></html>\n",
        "and so on ".repeat(200)
    )
}

/// A shop of release 1 on nginx, with release 2 planned and approved.
struct Shop {
    site: TestSite,
    entracte: Entracte,
    old: Tree,
}

impl Shop {
    fn new(name: &str, settings: &str, one: &[(&str, &str)], two: &[(&str, &str)]) -> Shop {
        let bed = Bed::shared();
        let parent = bed.make_parent(name);
        let releases = [(1, one), (2, two)].map(|(version, own)| {
            let folder = parent.join(format!("release-{version}"));
            lay_down(&folder, version, own);
            folder
        });
        let folder = parent.join(name);
        support::site::copy_tree(&releases[0], &folder);
        bed::chown(&parent);
        let site = TestSite { bed, name: name.to_owned(), folder, has_database: false, volatile: &[] };
        let entracte = update::adopt(&site, Server::Nginx, &releases[0]);
        let path = parent.join(format!(".entracte-{name}/entracte.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{settings}\n")).unwrap();
        let release = releases[1].to_str().unwrap();
        entracte.json(&["stage", "--from", release, "--complete", "--version", "2"]).code(0);
        update::plan_and_approve(&entracte);
        let old = site.tree();
        Shop { site, entracte, old }
    }

    /// The update fails for that reason, at that step, and is taken back.
    #[track_caller]
    fn is_bad(&self, step: &str, reason: &str) {
        let said = self.entracte.json(&["apply"]);
        assert_eq!(said.result["step"], step, "{}: {:#} {:#}", self.site.name, said.result, said.error);
        let said = said.refused(6);
        assert!(said.contains("not well") && said.contains(reason), "{}: {said}", self.site.name);
        let closed = if step == "verify" { 503 } else { 200 };
        assert_eq!(self.site.get(Server::Nginx, "VERSION").status, closed, "{}", self.site.name);
        self.entracte.json(&["rollback"]).code(0);
        self.old.assert_same(&self.site.tree(), &format!("{}, rolled back", self.site.name));
        let front = self.site.get(Server::Nginx, "");
        assert!(front.status == 200 && front.body.contains("Basket (1)"), "{}: {front:?}", self.site.name);
    }

    /// The update ends well; its warnings.
    #[track_caller]
    fn is_good(&self) -> String {
        let result = update::apply(&self.entracte);
        assert_eq!(self.site.read("VERSION"), b"2\n", "{}", self.site.name);
        result["warnings"].to_string()
    }

    fn notes(&self, run: &Value) -> String {
        self.entracte.json(&["show", run["run"].as_str().unwrap()]).code(0).to_string()
    }
}

fn lay_down(folder: &Path, version: u32, own: &[(&str, &str)]) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // PHP compares whole seconds, and releases are made at different times.
        let made = filetime::FileTime::from_unix_time(1_700_000_000 + 1000 * i64::from(version), 0);
        filetime::set_file_mtime(&path, made).unwrap();
    };
    write("VERSION", &format!("{version}\n"));
    write("index.php", &page(version, ""));
    write("shop.php", &page(version, ""));
    for (path, before) in own {
        write(path, &if path.ends_with(".php") { page(version, before) } else { before.to_string() });
    }
}

/// What is looked at in most of the sites here.
const SHOP: &str = "[health]\npause_seconds = 0.1\n[[health.urls]]\nurl = \"/\"\n\
    [[health.urls]]\nurl = \"shop.php\"\nmarker = \"Basket\"\npattern = \"Basket (*)\"\n";

/// Sites side by side, since most of their time is waiting for PHP's cache.
fn at_once(sites: Vec<Box<dyn FnOnce() + Send>>) {
    thread::scope(|threads| {
        let all: Vec<_> = sites.into_iter().map(|site| threads.spawn(site)).collect();
        let ended: Vec<_> = all.into_iter().map(|thread| thread.join()).collect();
        assert!(ended.iter().all(Result::is_ok), "see above");
    });
}

fn boxed(test: impl FnOnce() + Send + 'static) -> Box<dyn FnOnce() + Send> {
    Box::new(test)
}

const FATAL: &str = "try { nosuch(); } catch (Error $e) { exit(\"<title>Shop</title>Basket (2)<b>Fatal error</b>:  Uncaught $e \
    thrown in <b>\" . __FILE__ . \"</b> on line <b>3</b>\" . str_repeat(' and so on', 200)); }";

#[test]
fn what_a_release_breaks_is_found_and_taken_back() {
    let broken = [
        ("gone500", "nosuch();", "shop.php answers 500"),
        ("fatal200", FATAL, "shop.php shows a fatal error of PHP"),
        ("blank", "exit;", "shop.php is blank"),
        (
            "unmarked",
            "exit('<title>Shop</title>' . str_repeat('Bags', 500));",
            "lost the text it is known by",
        ),
        ("installer", "header('Location: install/index.php'); exit;", "/install/index.php"),
    ];
    let sites = broken.map(|(name, code, reason)| {
        let two = [("shop.php", code), ("install/index.php", "")];
        boxed(move || Shop::new(name, SHOP, &[], &two).is_bad("verify", reason))
    });
    at_once(sites.into());
}

#[test]
fn what_is_not_the_releases_fault_stops_nothing() {
    at_once(vec![
        boxed(|| {
            let shop = Shop::new("fine", SHOP, &[], &[]);
            let run = update::apply(&shop.entracte);
            assert_eq!(run["warnings"], serde_json::json!([]), "{run:#}");
            assert!(shop.notes(&run).matches("the site is well").count() == 2, "{}", shop.notes(&run));
        }),
        boxed(|| {
            let broken = [("shop.php", "http_response_code(500);")];
            assert_eq!(Shop::new("brokenbefore", SHOP, &broken, &broken).is_good(), "[]");
        }),
        boxed(|| {
            let once =
                "$f = __DIR__ . '/../asked'; if (!is_file($f)) { touch($f); http_response_code(500); exit; }";
            let shop = Shop::new("flapping", SHOP, &[], &[("shop.php", once)]);
            assert_eq!(shop.is_good(), "[]");
            assert!(shop.site.folder.parent().unwrap().join("asked").is_file(), "nobody asked for the page");
        }),
        boxed(|| {
            let slow = "[health]\ntries = 1\n[[health.urls]]\nurl = \"shop.php\"\n";
            let warned = Shop::new("slow", slow, &[], &[("shop.php", "usleep(2300000);")]).is_good();
            assert!(warned.contains("shop.php takes 2.") && warned.contains("before"), "{warned}");
        }),
    ]);
}

/// What only visitors see is seen when they are back.
#[test]
fn what_breaks_when_the_site_opens_is_found_too() {
    let open = "if (!isset($_COOKIE['entracte_pass'])) nosuch();";
    let limited = "[health]\ntries = 1\n[[health.urls]]\nurl = \"shop.php\"\nlimit_seconds = 1\n";
    at_once(vec![
        boxed(move || Shop::new("opened", SHOP, &[], &[("shop.php", open)]).is_bad("reopen", "answers 500")),
        boxed(move || {
            let slow = [("shop.php", "usleep(1500000);")];
            Shop::new("limited", limited, &[], &slow).is_bad("verify", "shop.php takes longer than 1 s");
        }),
    ]);
}

#[test]
fn the_owners_own_checks_count() {
    let checks = |argv: &str| format!("{SHOP}[[health.command]]\nargv = [{argv}]\n");
    let (good, ill) = (checks("\"test\", \"-f\", \"index.php\""), checks("\"false\""));
    let version =
        checks("\"/bin/sh\", \"-c\", \"echo looking; grep 1 VERSION || { echo no release 1 >&2; exit 3; }\"");
    let slow = checks("\"/bin/sh\", \"-c\", \"grep 1 VERSION || sleep 70\"") + "limit_seconds = 1\n";
    let other = checks("\"/bin/sh\", \"-c\", \"exit 7\"") + "status = 7\n";
    at_once(vec![
        boxed(move || assert_eq!(Shop::new("checked", &good, &[], &[]).is_good(), "[]")),
        boxed(move || assert_eq!(Shop::new("illbefore", &ill, &[], &[]).is_good(), "[]")),
        boxed(move || assert_eq!(Shop::new("seven", &other, &[], &[]).is_good(), "[]")),
        boxed(move || {
            Shop::new("ill", &version, &[], &[]).is_bad("verify", "ended with status 3: no release 1")
        }),
        boxed(move || {
            Shop::new("late", &slow, &[], &[]).is_bad("verify", "took longer than 1 s and was ended")
        }),
    ]);
}

/// Programs need no web server.
#[test]
fn a_site_without_an_address_has_its_own_checks_too() {
    let ground = Ground::adopted(
        |_| (),
        |small| {
            let path = small.folder.path().join("parent/.entracte-site/entracte.toml");
            let text = fs::read_to_string(&path).unwrap();
            let check = "[health]\npause_seconds = 0\n[[health.command]]\n\
                argv = [\"/bin/sh\", \"-c\", \"echo $PWD $ENTRACTE_SITE; grep -q 1 VERSION\"]\n";
            fs::write(&path, format!("{text}\n{check}")).unwrap();
        },
    );
    let said = ground.entracte.json(&["apply"]).refused(6);
    let root = ground.small.root();
    let reason = format!("ended with status 1: {0} {0}", root.display());
    assert!(said.contains("the check `/bin/sh -c") && said.contains(&reason), "{said}");
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("rolled back");
}

#[test]
fn a_server_that_is_away_and_a_gate_of_ours_are_unknown() {
    let away = Elsewhere::new();
    let closed = Shop::new("closed", SHOP, &[], &[]);
    let urls = format!(
        "[[health.urls]]\nurl = \"{}\"\n[[health.urls]]\nurl = \"{}\"\n",
        away.url,
        closed.site.url(Server::Nginx)
    );
    let shop = Shop::new("asking", &format!("{SHOP}{urls}"), &[], &[]);
    shop.entracte.json(&["apply", "--stop-before", "verify"]).code(0);
    away.leave();
    closed.entracte.json(&["close"]).code(0);
    let run = shop.entracte.json(&["resume"]).code(0);
    assert_eq!(run["outcome"], "finished", "{run:#}");
    let warned = run["warnings"].to_string();
    assert!(warned.contains("could not be judged") && warned.contains("could not be reached"), "{warned}");
    assert!(warned.contains("was answered by the gate itself"), "{warned}");
    assert!(shop.notes(&run).contains("its health could not be judged"), "{}", shop.notes(&run));
}

/// What PHP writes to its log is judged by what has come to it.
#[test]
fn phps_error_log() {
    let log = Bed::shared().folder.join("log/php.log");
    let settings = SHOP.replace("[health]\n", &format!("[health]\nerror_log = \"{}\"\n", log.display()));
    // The answer is whole, and behind it the script dies.
    let dies = "register_shutdown_function(function () { ob_end_flush(); flush(); nosuch(); }); ob_start();";
    let warns = "trigger_error('so so', E_USER_WARNING);";

    let warned = Shop::new("warns", &settings, &[], &[("shop.php", warns)]).is_good();
    assert!(warned.contains("PHP's error log grew by"), "{warned}");
    let old = [("shop.php", dies)];
    let warned = Shop::new("diedbefore", &settings, &old, &old).is_good();
    assert!(warned.contains("PHP's error log grew by"), "{warned}");
    let shop = Shop::new("dies", &settings, &[], &[("shop.php", dies)]);
    shop.is_bad(
        "verify",
        "PHP's error log says: PHP Fatal error:  Uncaught Error: Call to undefined function nosuch()",
    );
}

/// A server of its own that answers until it leaves.
struct Elsewhere {
    url: String,
    leaves: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Elsewhere {
    fn new() -> Elsewhere {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let leaves = Arc::new(AtomicBool::new(false));
        listener.set_nonblocking(true).unwrap();
        let is_over = leaves.clone();
        let thread = thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((mut stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        let _ = stream.read(&mut [0; 4096]);
                        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
                        let _ = stream.write_all(answer.as_bytes());
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Elsewhere { url, leaves, thread }
    }

    fn leave(self) {
        self.leaves.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
    }
}
