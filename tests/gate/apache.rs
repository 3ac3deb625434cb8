//! Apache with the block in `.htaccess`, with and without its modules.

use std::fs;

use entracte::site::gate::Gate;
use entracte::site::gate::Kind;
use entracte::site::gate::Setup;
use entracte::site::probe::Probe;

use crate::bed::Bed;
use crate::look::PASS;
use crate::look::RULES;
use crate::look::ask;
use crate::look::closes_and_opens;
use crate::look::closing;
use crate::look::expect_open;
use crate::look::gate;
use crate::look::pass;
use crate::look::setup;

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
