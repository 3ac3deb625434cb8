//! The gate on real servers: what visitors and the operator see, what the site's
//! folder looks like afterwards, and what a kill in the middle leaves.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod gate_support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use entracte::base::secret::Secret;
use entracte::site::gate::ApplicationLock;
use entracte::site::gate::Closing;
use entracte::site::gate::Gate;
use entracte::site::gate::GateError;
use entracte::site::gate::Kind;
use entracte::site::gate::PageOptions;
use entracte::site::gate::Setup;
use entracte::site::probe::Probe;
use entracte::site::proof::NotClosed;
use gate_support::Bed;
use gate_support::Server;

const PASS: &str = "0123456789abcdef0123456789abcdef";
const RULES: &str = "Options +FollowSymLinks\nErrorDocument 503 \"their own page\"\nRewriteEngine On\n\
                     RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^pretty/(.*)$ index.php?q=$1 [L]\n\
                     RewriteRule ^moved$ http://elsewhere.invalid/ [R=301,L]\n";

fn pass() -> Secret {
    Secret::new(PASS)
}

fn setup(bed: &Bed, kind: Kind) -> Setup {
    Setup {
        kind,
        site_root: bed.site(),
        folder: bed.gate_folder(),
        url_path: "/".into(),
        pass: pass(),
        application_lock: None,
        page: PageOptions::default(),
    }
}

fn gate(bed: &Bed, kind: Kind) -> Gate {
    Gate::new(setup(bed, kind)).unwrap()
}

fn closing() -> Closing {
    Closing {
        reason: "a <new> version".into(),
        by: "operator".into(),
        since: "2026-11-21T05:00:00Z".parse().unwrap(),
        retry_after_seconds: 300,
    }
}

/// Status, lower-case headers and body of one request by curl.
fn ask(server: &Server, path: &str, arguments: &[&str]) -> (u16, String, String) {
    let output = Command::new("curl")
        .args(["-s", "-i", "--max-time", "20"])
        .args(arguments)
        .arg(format!("{}{path}", server.base))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

const WAYS: [(&str, &[&str]); 6] = [
    ("/", &[]),
    ("/assets/deep/page.php?a=1", &[]),
    ("/assets/style.css", &[]),
    ("/no/such/page", &[]),
    ("/", &["--head"]),
    ("/index.php", &["--data", "comment=1"]),
];

fn expect_closed(server: &Server, retry_after: &str) {
    for (path, arguments) in WAYS {
        let (status, head, body) = ask(server, path, arguments);
        let what = format!("{path} {arguments:?}\n{head}\n{body}");
        assert_eq!(status, 503, "{what}");
        assert!(head.contains(&format!("retry-after: {retry_after}")), "{what}");
        assert!(head.contains("cache-control: no-store"), "{what}");
        assert!(head.contains("x-entracte: closed"), "{what}");
        assert_eq!(head.matches("cache-control").count(), 1, "{what}");
        match arguments.contains(&"--head") {
            true => assert!(body.is_empty(), "{what}"),
            false => assert!(body.contains("right back") && body.contains("a &lt;new&gt; version"), "{what}"),
        }
    }
    let french = ask(server, "/", &["-H", "Accept-Language: fr-FR,fr;q=0.9,en;q=0.5"]).2;
    assert!(french.contains("lang=\"fr\"") && french.contains("Ferm&#233; depuis"), "{french}");
}

fn expect_operator_gets_through(server: &Server) {
    let header = format!("X-Entracte-Pass: {PASS}");
    let cookie = format!("a=b; entracte_pass={PASS}; c=d");
    for arguments in [["-H", &header], ["-b", &cookie]] {
        for (path, wanted) in
            [("/", "home"), ("/assets/deep/page.php", "deep"), ("/assets/style.css", "body")]
        {
            let (status, head, body) = ask(server, path, &arguments);
            assert!(status == 200 && body.contains(wanted), "{path} {arguments:?}\n{head}\n{body}");
            assert!(!head.contains("x-entracte:"), "{head}");
        }
    }
    for wrong in ["X-Entracte-Pass: 0", "X-Entracte-Pass;", "Cookie: xentracte_pass=0"] {
        assert_eq!(ask(server, "/", &["-H", wrong]).0, 503, "{wrong}");
    }
}

fn expect_open(server: &Server) {
    for (path, wanted) in [("/", "home"), ("/assets/deep/page.php", "deep"), ("/assets/style.css", "body")] {
        let (status, head, body) = ask(server, path, &[]);
        assert!(status == 200 && body.contains(wanted), "{path}\n{head}\n{body}");
        assert!(!head.contains("x-entracte:"), "{head}");
    }
}

/// Everything below a folder: path, inode, times, mode, bytes.
fn everything(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let meta = fs::symlink_metadata(&entry).unwrap();
        if meta.is_dir() {
            found.extend(everything(&entry));
        } else {
            let (ino, mode) = (meta.ino(), meta.mode());
            let bytes = String::from_utf8_lossy(&fs::read(&entry).unwrap()).into_owned();
            found.push(format!("{entry:?} {ino} {mode:o} {}.{} {bytes}", meta.mtime(), meta.mtime_nsec()));
        }
    }
    found.sort();
    found
}

fn names(gate: &Gate) -> Vec<String> {
    gate.paths_in_site().unwrap().iter().map(|path| path.as_str().to_owned()).collect()
}

fn closes_and_opens(server: &Server, bed: &Bed, gate: &Gate, retry_after: &str) {
    let before = everything(&bed.site());
    expect_open(server);
    gate.close(&closing()).unwrap();
    gate.close(&closing()).unwrap();
    assert!(gate.state().unwrap().closed);
    expect_closed(server, retry_after);
    expect_operator_gets_through(server);
    Probe::new().unwrap().prove_closed(&server.url("/"), &pass()).unwrap();
    gate.open().unwrap();
    gate.open().unwrap();
    assert!(!gate.state().unwrap().closed);
    expect_open(server);
    assert_eq!(everything(&bed.site()), before);
    assert!(names(gate).is_empty());
    let error = Probe::new().unwrap().prove_closed(&server.url("/"), &pass()).unwrap_err();
    assert!(matches!(error, NotClosed::Open { status: 200, .. }));
}

#[test]
fn nginx_closes_everything_and_opens_again() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Nginx);
    gate.install().unwrap();
    let server = bed.nginx(&gate.instructions()[gate.instructions().find("    # BEGIN").unwrap()..]);
    let probe = Probe::new().unwrap();
    assert!(probe.gate_is_installed(&server.url("/"), &pass()).unwrap());
    assert!(!probe.gate_is_installed(&server.url("/"), &Secret::new("0".repeat(32))).unwrap());
    closes_and_opens(&server, &bed, &gate, "300");
    // The application's own 503 is not ours.
    assert!(!ask(&server, "/busy", &[]).1.contains("x-entracte:"));
    assert!(!probe.get(&server.url("/busy"), None).unwrap().closed_by_us);
}

#[test]
fn nginx_closes_one_site_of_two() {
    let bed = Bed::new();
    fs::create_dir_all(bed.site().join("blog")).unwrap();
    fs::write(bed.site().join("blog/index.php"), "<?php echo 'blog';").unwrap();
    let blog_folder = bed.state().join("blog/gate");
    let blog = Gate::new(Setup {
        site_root: bed.site().join("blog"),
        folder: blog_folder,
        url_path: "/blog".into(),
        ..setup(&bed, Kind::Nginx)
    })
    .unwrap();
    let root = gate(&bed, Kind::Nginx);
    let snippet =
        |gate: &Gate| gate.instructions()[gate.instructions().find("    # BEGIN").unwrap()..].to_owned();
    blog.install().unwrap();
    root.install().unwrap();
    let server = bed.nginx(&(snippet(&blog) + &snippet(&root)));
    let statuses = || ["/", "/blog", "/blog/", "/blogger"].map(|path| ask(&server, path, &[]).0);
    assert_eq!(statuses(), [200, 301, 200, 200]);
    blog.close(&closing()).unwrap();
    assert_eq!(statuses(), [200, 503, 503, 200]);
    root.close(&closing()).unwrap();
    for path in ["/", "/blog/"] {
        let (status, head, body) = ask(&server, path, &[]);
        assert!(
            status == 503 && head.contains("retry-after") && body.contains("right back"),
            "{path}\n{head}"
        );
    }
    blog.open().unwrap();
    root.open().unwrap();
    assert_eq!(statuses(), [200, 301, 200, 200]);
}

#[test]
fn a_guard_before_every_script_closes_what_php_serves() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Prepend);
    gate.install().unwrap();
    gate.install().unwrap();
    let ini = fs::read_to_string(bed.site().join(".user.ini")).unwrap();
    assert_eq!(ini.matches("auto_prepend_file").count(), 1);
    let server = bed.nginx("");
    let probe = Probe::new().unwrap();
    expect_open(&server);
    assert!(probe.gate_is_installed(&server.url("/"), &pass()).unwrap());
    let before = everything(&bed.site());
    gate.close(&closing()).unwrap();
    probe.prove_closed(&server.url("/"), &pass()).unwrap();
    for arguments in [&["--head"][..], &["--data", "a=b"], &["-H", "Accept-Language: fr"]] {
        let (status, head, _) = ask(&server, "/assets/deep/page.php", arguments);
        assert!(status == 503 && head.contains("retry-after: 300") && head.contains("no-store"), "{head}");
    }
    expect_operator_gets_through(&server);
    gate.open().unwrap();
    expect_open(&server);
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn another_prepended_script_is_not_pushed_aside() {
    let bed = Bed::new();
    fs::write(bed.site().join(".user.ini"), "auto_prepend_file = 'waf.php'").unwrap();
    let error = gate(&bed, Kind::Prepend).install().unwrap_err();
    assert!(matches!(error, GateError::Prepended { .. }), "{error}");
    fs::write(bed.site().join(".user.ini"), "memory_limit = 1G").unwrap();
    gate(&bed, Kind::Prepend).install().unwrap();
    let text = fs::read_to_string(bed.site().join(".user.ini")).unwrap();
    assert!(text.starts_with("memory_limit = 1G\n; entracte gate"), "{text}");
}

#[test]
fn apache_with_and_without_modules_closes_everything_and_opens_again() {
    for modules in [&["headers", "rewrite"][..], &["rewrite"], &["headers"], &[]] {
        for existing in [None, Some(RULES), Some("DirectoryIndex index.php\n")] {
            let bed = Bed::new();
            if let Some(text) =
                existing.filter(|text| !text.contains("Rewrite") || modules.contains(&"rewrite"))
            {
                fs::write(bed.site().join(".htaccess"), text).unwrap();
            }
            let server = bed.apache(modules);
            closes_and_opens(&server, &bed, &gate(&bed, Kind::Apache), "300");
        }
    }
}

#[test]
fn apache_closes_what_a_folder_s_own_rules_would_open() {
    let bed = Bed::new();
    fs::write(bed.site().join(".htaccess"), RULES).unwrap();
    fs::write(bed.site().join("assets/.htaccess"), "RewriteEngine On\nRewriteRule ^x$ style.css [L]\n")
        .unwrap();
    let server = bed.apache(&["headers", "rewrite"]);
    let gate = gate(&bed, Kind::Apache);
    assert_eq!(ask(&server, "/assets/x", &[]).0, 200);
    assert_eq!(ask(&server, "/moved", &[]).0, 301);
    gate.close(&closing()).unwrap();
    assert_eq!(["/assets/x", "/assets/style.css", "/moved"].map(|path| ask(&server, path, &[]).0), [503; 3]);
    let header = format!("X-Entracte-Pass: {PASS}");
    let (status, _, body) = ask(&server, "/pretty/a", &["-H", &header]);
    assert!(status == 200 && body.contains("/pretty/a"), "{status} {body}");
    gate.open().unwrap();
    assert_eq!(ask(&server, "/pretty/a", &[]).0, 200);
}

#[test]
fn apache_closes_one_folder_without_mod_headers() {
    let bed = Bed::new();
    fs::create_dir_all(bed.site().join("blog")).unwrap();
    fs::write(bed.site().join("blog/index.php"), "<?php echo 'blog';").unwrap();
    let server = bed.apache(&["rewrite"]);
    let site_root = bed.site().join("blog");
    let blog =
        Gate::new(Setup { site_root, url_path: "/blog/".into(), ..setup(&bed, Kind::Apache) }).unwrap();
    blog.close(&closing()).unwrap();
    Probe::new().unwrap().prove_closed(&server.url("/blog/"), &pass()).unwrap();
    expect_open(&server);
    blog.open().unwrap();
    assert_eq!(ask(&server, "/blog/", &[]).0, 200);
}

#[test]
fn apache_s_page_is_not_kept_by_caches_that_the_site_allows() {
    let bed = Bed::new();
    let rules = "ExpiresActive On\nExpiresDefault \"access plus 1 month\"\nHeader set Cache-Control \"public\"\n\
                 Header always set Cache-Control \"public, max-age=99\"\n";
    fs::write(bed.site().join(".htaccess"), rules).unwrap();
    let server = bed.apache(&["headers", "expires"]);
    let gate = gate(&bed, Kind::Apache);
    gate.close(&closing()).unwrap();
    let (status, head, _) = ask(&server, "/", &[]);
    assert_eq!(status, 503, "{head}");
    let kept: Vec<&str> = head.lines().filter(|line| line.starts_with("cache-control")).collect();
    assert!(kept.iter().any(|line| line.contains("no-store")), "{head}");
    assert!(!kept.iter().any(|line| line.contains("public")), "{head}");
}

#[test]
fn a_state_folder_on_another_file_system_holds_the_original_in_the_site() {
    let bed = Bed::new();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(elsewhere.path()), device(&bed.site()), "the test needs two file systems");
    fs::write(bed.site().join(".htaccess"), RULES).unwrap();
    let before = everything(&bed.site());
    let folder = elsewhere.path().join("gate");
    let gate = Gate::new(Setup { folder, ..setup(&bed, Kind::Apache) }).unwrap();
    gate.close(&closing()).unwrap();
    assert_eq!(gate.held().unwrap().unwrap().stands_at, bed.site().join(".htaccess.entracte-held"));
    assert_eq!(names(&gate), [".htaccess", ".htaccess.entracte-held", "entracte-closed.php"]);
    gate.open().unwrap();
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn an_update_of_the_held_file_goes_live_with_open() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Apache);
    let live = bed.site().join(".htaccess");
    fs::write(&live, "# old\n").unwrap();
    gate.close(&closing()).unwrap();
    let held = gate.held().unwrap().unwrap();
    assert_eq!(held.path.as_str(), ".htaccess");
    assert_eq!(fs::read_to_string(&held.stands_at).unwrap(), "# old\n");
    assert_eq!(names(&gate), [".htaccess", "entracte-closed.php"]);
    fs::write(&held.stands_at, "# new\n").unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# new\n");

    // Removed by the update.
    gate.close(&closing()).unwrap();
    fs::remove_file(&gate.held().unwrap().unwrap().stands_at).unwrap();
    gate.open().unwrap();
    assert!(!live.exists());

    // Added by the update.
    gate.close(&closing()).unwrap();
    fs::write(gate.held().unwrap().unwrap().stands_at, "# added\n").unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# added\n");
    assert!(gate.held().unwrap().is_none());
}

#[test]
fn an_edit_made_while_closed_is_kept() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Apache);
    let live = bed.site().join(".htaccess");
    fs::write(&live, "# old\n").unwrap();
    gate.close(&closing()).unwrap();
    let edited = fs::read_to_string(&live).unwrap() + "Deny from 192.0.2.1\n";
    fs::write(&live, edited).unwrap();
    gate.close(&closing()).unwrap();
    let aside = gate.open().unwrap().set_aside.unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# old\nDeny from 192.0.2.1\n");
    assert_eq!(fs::read_to_string(aside).unwrap(), "# old\n");

    // Put over the whole block.
    gate.close(&closing()).unwrap();
    fs::write(&live, "# theirs\n").unwrap();
    assert!(gate.open().unwrap().set_aside.is_some());
    assert_eq!(fs::read_to_string(&live).unwrap(), "# theirs\n");
}

#[test]
fn a_lost_state_folder_costs_no_rule_of_the_owner() {
    let bed = Bed::new();
    let live = bed.site().join(".htaccess");
    fs::write(&live, RULES).unwrap();
    gate(&bed, Kind::Apache).close(&closing()).unwrap();
    fs::remove_dir_all(bed.state()).unwrap();
    let gate = gate(&bed, Kind::Apache);
    assert!(gate.state().unwrap().closed, "the block alone closes");
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), RULES);
    assert!(!gate.state().unwrap().closed && names(&gate).is_empty());
}

#[test]
fn a_link_in_place_of_htaccess_is_refused_untouched() {
    let bed = Bed::new();
    fs::write(bed.state().join("elsewhere"), "secret").unwrap();
    std::os::unix::fs::symlink(bed.state().join("elsewhere"), bed.site().join(".htaccess")).unwrap();
    let before = everything(&bed.site());
    let gate = gate(&bed, Kind::Apache);
    assert!(gate.close(&closing()).is_err());
    assert!(!gate.state().unwrap().closed);
    assert_eq!(everything(&bed.site()), before);
}

/// What the killed process of [`a_kill_at_any_point_ends_open_or_closed`] does.
#[test]
#[ignore = "run by another test, which kills it"]
fn killed_in_the_middle() {
    let folder = std::env::var("GATE_TEST_BED").unwrap();
    let folder = Path::new(&folder);
    let gate = Gate::new(Setup {
        kind: Kind::Apache,
        site_root: folder.join("site"),
        folder: folder.join("state/gate"),
        url_path: "/".into(),
        pass: pass(),
        application_lock: Some(ApplicationLock::wordpress().unwrap()),
        page: PageOptions::default(),
    })
    .unwrap();
    match std::env::var("GATE_TEST_VERB").unwrap().as_str() {
        "close" => gate.close(&closing()).unwrap(),
        _ => drop(gate.open().unwrap()),
    }
}

fn run_and_kill(bed: &Bed, verb: &str, point: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed_in_the_middle", "--ignored", "--nocapture"])
        .env("GATE_TEST_BED", bed.folder.path())
        .env("GATE_TEST_VERB", verb)
        .env("ENTRACTE_FAULT", format!("{point}=kill"))
        .output()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(status.status.signal(), Some(9), "{verb} did not pass {point}: {status:?}");
}

#[test]
fn a_kill_at_any_point_ends_open_or_closed() {
    let close = ["gate-flag-written", "gate-htaccess-prepared", "gate-htaccess-placed", "gate-server-closed"];
    let open = ["gate-unlocked", "gate-htaccess-restored", "gate-server-opened"];
    for existing in [None, Some(RULES)] {
        for (verb, point) in close.map(|p| ("close", p)).into_iter().chain(open.map(|p| ("open", p))) {
            if existing.is_none() && point == "gate-htaccess-shelved" {
                continue;
            }
            for after in ["close", "open"] {
                let bed = Bed::new();
                if let Some(text) = existing {
                    fs::write(bed.site().join(".htaccess"), text).unwrap();
                }
                let before = everything(&bed.site());
                let lock = ApplicationLock::wordpress().unwrap();
                let gate =
                    Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::Apache) }).unwrap();
                if verb == "open" {
                    gate.close(&closing()).unwrap();
                }
                run_and_kill(&bed, verb, point);
                let what = format!("{verb} killed at {point}, then {after}, {existing:?}");
                assert!(gate.state().unwrap().closed, "{what}");
                if after == "close" {
                    gate.close(&closing()).unwrap();
                    assert_eq!(names(&gate), [".htaccess", ".maintenance", "entracte-closed.php"], "{what}");
                    let text = fs::read_to_string(bed.site().join(".htaccess")).unwrap();
                    assert!(text.starts_with("# BEGIN entracte gate"), "{what}");
                    assert_eq!(text.ends_with(RULES), existing.is_some(), "{what}");
                    assert_eq!(text.matches("# BEGIN").count(), 1, "{what}");
                }
                gate.open().unwrap();
                assert_eq!(everything(&bed.site()), before, "{what}");
                assert!(!gate.state().unwrap().closed, "{what}");
            }
        }
    }
}

/// Runs a script as PHP would for one request, with these server variables.
fn php(script: &str, environment: &[(&str, &str)]) -> String {
    let output = Command::new("php")
        .args(["-d", "variables_order=EGPCS", "-r", script])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn wordpress_s_lock_never_expires_and_lets_the_operator_through() {
    let bed = Bed::new();
    let lock = ApplicationLock::wordpress().unwrap();
    let gate = Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::Nginx) }).unwrap();
    gate.close(&closing()).unwrap();
    let file = bed.site().join(".maintenance");
    let old = Command::new("touch").args(["-d", "2 hours ago"]).arg(&file).status().unwrap();
    assert!(old.success());
    let script = format!("require '{}'; echo time() - $upgrading < 600 ? 'closed' : 'open';", file.display());
    assert_eq!(php(&script, &[]), "closed");
    assert_eq!(php(&script, &[("HTTP_X_ENTRACTE_PASS", PASS)]), "open");
    assert_eq!(php(&script, &[("HTTP_X_ENTRACTE_PASS", "wrong")]), "closed");
    assert_eq!(php(&script, &[("ENTRACTE_PASS", PASS)]), "open");
    let cookie = |value: &str| format!("$_COOKIE['entracte_pass'] = {value};{script}");
    assert_eq!(php(&cookie(&format!("'{PASS}'")), &[]), "open");
    assert_eq!(php(&cookie("['x']"), &[]), "closed");
    fs::remove_file(&file).unwrap();
    gate.keep_fresh().unwrap();
    assert!(file.exists());
    gate.open().unwrap();
    assert!(!file.exists());
}

#[test]
fn another_s_lock_is_respected_before_anything_is_touched() {
    let bed = Bed::new();
    fs::write(bed.site().join(".maintenance"), "<?php $upgrading = 1790000000;").unwrap();
    let before = everything(&bed.site());
    let gate = gate(&bed, Kind::WordPress);
    let error = gate.close(&closing()).unwrap_err();
    assert!(matches!(error, GateError::LockedByOther { .. }), "{error}");
    assert!(!gate.state().unwrap().closed);
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn wordpress_alone_closes_with_a_drop_in_unless_the_owner_has_one() {
    let bed = Bed::new();
    fs::create_dir(bed.site().join("wp-content")).unwrap();
    let gate = gate(&bed, Kind::WordPress);
    gate.close(&closing()).unwrap();
    assert_eq!(names(&gate), [".maintenance", "wp-content/maintenance.php"]);
    fs::write(bed.site().join(".maintenance.entracte-new"), "cut").unwrap();
    assert_eq!(names(&gate)[1], ".maintenance.entracte-new");
    gate.open().unwrap();
    assert!(names(&gate).is_empty());
    fs::write(bed.site().join("wp-content/maintenance.php"), "theirs").unwrap();
    gate.close(&closing()).unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(bed.site().join("wp-content/maintenance.php")).unwrap(), "theirs");
}

#[test]
fn a_gate_that_no_server_could_read_is_refused() {
    let bed = Bed::new();
    let refused = |change: &dyn Fn(&mut Setup)| {
        let mut setup = setup(&bed, Kind::Nginx);
        change(&mut setup);
        Gate::new(setup).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|setup| setup.pass = Secret::new("x; return 200")));
    assert!(refused(&|setup| setup.url_path = "/a\" ;".into()));
    assert!(refused(&|setup| setup.url_path = "relative".into()));
    assert!(refused(&|setup| setup.folder = "/srv/a$b/gate".into()));
}

/// Every child of the program starts through this verb; here it is a test's
/// name, since the program that runs is the tests'.
#[test]
fn __child() {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|verb| verb == entracte::sys::process::CHILD_VERB) {
        let parent = arguments[2].to_str().unwrap().parse().unwrap();
        panic!("{}", entracte::sys::process::become_child(parent, &arguments[4..]));
    }
}

#[test]
fn programs_of_the_owner_close_and_open() {
    let bed = Bed::new();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let kind = Kind::Command { close: words("touch closed-by-command"), open: words("rm closed-by-command") };
    let own = gate(&bed, kind);
    own.close(&closing()).unwrap();
    assert!(bed.site().join("closed-by-command").exists());
    own.open().unwrap();
    assert!(!bed.site().join("closed-by-command").exists());
    let lock = ApplicationLock::Command { close: words("ls no-such-file"), open: Vec::new() };
    let locked = Gate::new(Setup { application_lock: Some(lock), ..setup(&bed, Kind::None) }).unwrap();
    let error = locked.close(&closing()).unwrap_err().to_string();
    assert!(error.starts_with("ls ended with status 2: ") && error.contains("no-such-file"), "{error}");
    assert!(locked.state().unwrap().closed, "the flag went first");
    locked.open().unwrap();
}
