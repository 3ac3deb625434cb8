//! nginx with its snippet, and PHP with the guard before every script.

use std::fs;

use entracte::base::secret::Secret;
use entracte::site::gate::Gate;
use entracte::site::gate::GateError;
use entracte::site::gate::Kind;
use entracte::site::gate::Setup;
use entracte::site::probe::Probe;

use crate::bed::Bed;
use crate::look::ask;
use crate::look::closes_and_opens;
use crate::look::closing;
use crate::look::everything;
use crate::look::expect_open;
use crate::look::expect_operator_gets_through;
use crate::look::gate;
use crate::look::pass;
use crate::look::setup;

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
    // What is ours in a site is nobody's to fetch.
    fs::create_dir_all(bed.site().join(".entracte-run-1/bak")).unwrap();
    fs::write(bed.site().join(".entracte-run-1/bak/old.php.bak"), "secret").unwrap();
    assert_eq!(ask(&server, "/.entracte-run-1/bak/old.php.bak", &[]).0, 404);
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
