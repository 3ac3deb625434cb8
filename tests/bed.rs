//! The tests' own ground: each real release works on both servers.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::bed::Bed;
use support::bed::Server;
use support::releases;
use support::releases::Release;
use support::site::TestSite;
use support::small::SmallSite;
use support::snapshot::Database;
use support::visitors::Visitors;
use support::wordpress::VERSION_PAGE;
use support::wordpress::version_in;

#[test]
fn every_wordpress_answers_on_both_servers() {
    let known = [releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8")];
    for (number, release) in known.into_iter().chain(releases::newest_wordpress()).enumerate() {
        answers(&release, &format!("wp{number}"));
    }
}

fn answers(release: &Release, name: &str) {
    let site = TestSite::wordpress(Bed::shared(), release, name);
    assert_eq!(Some(site.wordpress_database()), release.database);
    for server in Server::ALL {
        let front = site.get(server, "");
        assert_eq!(front.status, 200, "{server:?} {}", front.body);
        assert!(front.body.contains("Post 25 é"), "{server:?} {}", front.body);
        assert!(front.body.contains(&format!("Site {name}")), "{server:?} {}", front.body);
        assert_eq!(site.wordpress_version(server).as_ref(), Some(&release.version), "{server:?}");
        assert_eq!(site.get(server, "wp-content/uploads/2026/11/photo%20%C3%A9t%C3%A9.jpg").status, 200);
        assert_eq!(site.get(server, "wp-login.php").status, 200);
    }
}

#[test]
fn every_dokuwiki_answers_on_both_servers() {
    for name in ["dokuwiki-old", "dokuwiki-new"] {
        let release = releases::tree(name);
        let site = TestSite::dokuwiki(Bed::shared(), &release, name);
        let tree = site.tree();
        for server in Server::ALL {
            let page = site.get(server, "doku.php?id=page7");
            assert_eq!(page.status, 200, "{server:?} {}", page.body);
            assert!(page.body.contains("Hello <strong>7</strong>, été."), "{server:?} {}", page.body);
            assert!(page.body.contains("Wiki of the bed"), "{server:?} {}", page.body);
            for asset in ["lib/exe/css.php", "lib/exe/js.php", "lib/exe/jquery.php", "feed.php"] {
                let answer = site.get(server, asset);
                assert!(answer.status == 200 && answer.body.len() > 500, "{server:?} {asset} {answer:?}");
            }
            assert!(site.get(server, "VERSION").body.starts_with(&release.version));
        }
        tree.assert_same(&site.tree(), "after visitors looked at pages");
    }
}

/// The state of a site stands beside it, so nobody may be served from there.
#[test]
fn what_stands_beside_a_site_is_not_served() {
    let bed = Bed::shared();
    let parent = bed.make_parent("beside");
    std::fs::create_dir(parent.join("beside")).unwrap();
    std::fs::write(parent.join("beside/index.html"), "served").unwrap();
    std::fs::write(parent.join("secret.txt"), "not served").unwrap();
    for server in Server::ALL {
        assert_eq!(support::site::get(&bed.url(server, "beside")).body, "served");
        for path in ["../secret.txt", "%2e%2e/secret.txt", "../../secret.txt"] {
            let answer = support::site::get(&format!("{}{path}", bed.url(server, "beside")));
            assert_ne!(answer.status, 200, "{server:?} {path}");
        }
        let above = format!("http://127.0.0.1:{}/secret.txt", bed.port(server));
        assert_ne!(support::site::get(&above).status, 200, "{server:?}");
    }
}

/// The instruments themselves: a change that must be seen is seen, and one that
/// does not count is not.
#[test]
fn the_snapshots_see_what_they_must() {
    let site = TestSite::wordpress(Bed::shared(), &releases::tree("wordpress-6.1"), "instruments");
    let (tree, database) = (site.tree(), site.database());
    site.get(Server::Nginx, "");
    site.bed.sql(
        "instruments",
        "INSERT INTO wp_options (option_name, option_value) VALUES ('_transient_x', '1')",
    );
    database.assert_same(&site.database(), "after a page view");
    tree.assert_same(&site.tree(), "after a page view");
    site.bed.sql("instruments", "UPDATE wp_posts SET post_title = 'other' WHERE ID = 7");
    let seen = database.difference(&Database::of(site.bed, "instruments"));
    assert!(seen.contains("wp_posts: +") && seen.contains("other"), "{seen}");
    filetime::set_file_mtime(site.path("index.php"), filetime::FileTime::from_unix_time(1, 0)).unwrap();
    std::fs::remove_dir(site.path("wp-content/uploads/empty")).unwrap();
    let seen = tree.difference(&site.tree());
    assert!(seen.lines().count() == 2 && seen.contains("index.php: file 0644"), "{seen}");
    assert!(seen.contains("wp-content/uploads/empty: folder 0755"), "{seen}");
}

#[test]
fn a_visitor_sees_the_gate_that_a_snippet_is() {
    let release = releases::tree("wordpress-6.1");
    let version = release.version.clone();
    let site = TestSite::wordpress(Bed::shared(), &release, "visited");
    let url = format!("{}{VERSION_PAGE}", site.url(Server::Nginx));
    let visitors = Visitors::at(&url, version_in);
    std::thread::sleep(std::time::Duration::from_millis(500));
    site.bed
        .put_snippet("visited", "if ($uri ~ \"^/visited/\") { return 590; } error_page 590 =503 /none;\n");
    std::thread::sleep(std::time::Duration::from_millis(100));
    site.bed.put_snippet("visited", "");
    std::thread::sleep(std::time::Duration::from_millis(500));
    let seen = visitors.seen();
    assert!(
        seen.iter()
            .any(|stretch| stretch.status == 200 && stretch.marker.as_deref() == Some(version.as_str()))
    );
    assert!(seen.iter().any(|stretch| stretch.status == 503 || stretch.status == 404), "{seen:?}");
    // A reload of nginx may cut a connection; what it must not show is an error of the site.
    assert!(!seen.iter().any(|stretch| stretch.status == 500), "{seen:?}");
}

#[test]
fn the_small_site_shows_every_change() {
    let small = SmallSite::new();
    let before = small.look();
    before.assert_same(&small.look(), "after a look");
    assert_eq!(before.rows.len(), 4, "{:?}", before.rows);
    let database = rusqlite::Connection::open(small.database_file()).unwrap();
    database.execute("UPDATE pages SET title = 'x' WHERE id = 2", []).unwrap();
    assert_ne!(before.rows, small.look().rows);
    assert_eq!(before.tree, small.look().tree);
    std::fs::set_permissions(small.path("app/tool.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    let seen = before.tree.difference(&small.look().tree);
    assert!(seen.contains("app/tool.sh: file 0644") && seen.contains("-> file 0755"), "{seen}");
}
