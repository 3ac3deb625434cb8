//! Other people's lists: one for the whole site, or one for each part of it.

use std::fs;
use std::process::Command;

use crate::guarded::Guarded;
use crate::guarded::told;

/// `md5sum` of these files of the site, from `below`.
fn md5sums(site: &Guarded, below: &str, files: &[&str]) -> Vec<u8> {
    let done = Command::new("md5sum").args(files).current_dir(site.small.path(below)).output().unwrap();
    assert!(done.status.success());
    done.stdout
}

#[test]
fn a_list_of_another_format_is_held_against_the_site() {
    let site = Guarded::new();
    let list = site.small.folder.path().join("sums");
    fs::write(&list, md5sums(&site, ".", &["index.html", "app/same.txt", "app/removed.txt"])).unwrap();
    site.write("app/same.txt", "not the same\n");
    fs::remove_file(site.small.path("app/removed.txt")).unwrap();
    let answer = site.watch(7, &["--manifest", list.to_str().unwrap()]);
    let found = told(&answer);
    for expected in ["modified app/same.txt", "missing app/removed.txt", "unexpected app/changed.txt"] {
        assert!(found.contains(&expected.to_owned()), "{expected}: {found:#?}");
    }
    assert!(!answer["details"].to_string().contains("index.html"));
}

#[test]
fn what_has_a_layer_is_judged_by_it() {
    let site = Guarded::new();
    site.write("plugins/shop/shop.php", "<?php return 1;\n");
    site.write("plugins/shop/view.php", "<?php return 2;\n");
    let shelf = site.state().join("installed/layers");
    fs::create_dir_all(&shelf).unwrap();
    fs::write(shelf.join("shop.md5"), md5sums(&site, "plugins/shop", &["shop.php", "view.php"])).unwrap();
    assert!(!told(&site.watch(7, &[])).is_empty(), "nobody knows the plugin");
    site.set("[[layers]]\nmanifest = \"shop.md5\"\nbelow = \"plugins/shop\"");
    site.clean("with its layer");
    site.write("plugins/shop/view.php", "<?php return 3;\n");
    site.write("plugins/shop/more.php", "<?php return 4;\n");
    fs::remove_file(site.small.path("plugins/shop/shop.php")).unwrap();
    assert_eq!(
        told(&site.watch(7, &[])),
        [
            "unexpected plugins/shop/more.php: code",
            "missing plugins/shop/shop.php",
            "modified plugins/shop/view.php"
        ]
    );
    fs::remove_file(shelf.join("shop.md5")).unwrap();
    site.entracte.json(&["watch"]).refused(5);
}
