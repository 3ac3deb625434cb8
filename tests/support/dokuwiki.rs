//! A real DokuWiki on the bed.

use super::bed;
use super::bed::Bed;
use super::bed::Server;
use super::process;
use super::releases::Release;
use super::site::TestSite;
use super::site::copy_tree;

/// What DokuWiki writes by itself when somebody looks at a page.
const VOLATILE: &[&str] =
    &["data/cache", "data/index", "data/locks", "data/log", "data/tmp", "data/meta", "data/_dummy"];

impl TestSite {
    /// A wiki of that release with users, access rules and twenty pages.
    pub fn dokuwiki(bed: &'static Bed, release: &Release, name: &str) -> TestSite {
        let parent = bed.make_parent(name);
        let folder = parent.join(name);
        copy_tree(&release.folder, &folder);
        let site = TestSite { bed, name: name.to_owned(), folder, has_database: false, volatile: VOLATILE };
        site.write(
            "conf/local.php",
            "<?php\n$conf['title'] = 'Wiki of the bed';\n$conf['useacl'] = 1;\n$conf['superuser'] = '@admin';\n\
             $conf['updatecheck'] = 0;\n$conf['license'] = 'cc-by-sa';\n",
        );
        site.write("conf/acl.auth.php", "*\t@ALL\t8\n");
        let hash = process::run("php", &["-r", "echo password_hash('admin-pw', PASSWORD_BCRYPT);"]);
        let users = format!("admin:{hash}:Admin:admin@example.org:admin,user\n");
        site.write("conf/users.auth.php", users);
        for number in 1..=20 {
            let text = format!("====== Page {number} ======\n\nHello **{number}**, été.\n");
            site.write(&format!("data/pages/page{number}.txt"), text);
        }
        site.add_owner_content("data/media");
        bed::chown(&site.folder);
        // The first view writes the list of the plugins.
        for server in Server::ALL {
            assert_eq!(site.get(server, "doku.php").status, 200, "{server:?}");
        }
        site
    }
}
