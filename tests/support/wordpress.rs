//! A real WordPress on the bed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::bed;
use super::bed::Bed;
use super::bed::Server;
use super::process;
use super::releases::Release;
use super::site::TestSite;
use super::site::copy_tree;

/// What a client asks for to learn the version that answers.
pub const VERSION_PAGE: &str = "?feed=rss2";

impl TestSite {
    /// A fresh site of that release with its own database and content.
    pub fn wordpress(bed: &'static Bed, release: &Release, name: &str) -> TestSite {
        let parent = bed.make_parent(name);
        let folder = parent.join(name);
        copy_tree(&release.folder, &folder);
        bed.make_database(name);
        let site = TestSite { bed, name: name.to_owned(), folder, has_database: true, volatile: &[] };
        let sample = String::from_utf8(site.read("wp-config-sample.php")).unwrap();
        site.write("wp-config.php", settings(&site, &sample));
        site.add_owner_content("wp-content/uploads");
        bed::chown(&site.folder);
        let script = bed.folder.join("conf/install-wordpress.php");
        fs::write(&script, include_str!("install-wordpress.php")).unwrap();
        let argv =
            ["php", "-d", "memory_limit=512M", script.to_str().unwrap(), site.folder.to_str().unwrap(), name];
        let host = format!("127.0.0.1:{}", bed.port(Server::Nginx));
        let printed = process::as_www_data(&argv, &site.folder, &[("HTTP_HOST", &host)]);
        let expected = release.database.unwrap().to_string();
        assert!(printed.ends_with(&expected), "WordPress was not installed: {printed}");
        // The first views write options that stay as they are from then on.
        for server in Server::ALL {
            for page in ["", VERSION_PAGE, "wp-login.php"] {
                assert_eq!(site.get(server, page).status, 200, "{server:?} {page}");
            }
        }
        site
    }

    /// Every file of the new release is there as published, and nothing that only the old one had.
    #[track_caller]
    pub fn is_release(&self, old: &Release, new: &Release) {
        let mut wrong = Vec::new();
        for path in files(&new.folder) {
            let live = fs::read(self.path(&path));
            if live.is_err() || live.unwrap() != fs::read(new.folder.join(&path)).unwrap() {
                wrong.push(format!("{path} is not as published"));
            }
        }
        let new_files = files(&new.folder);
        let gone = files(&old.folder).into_iter().filter(|path| !new_files.contains(path));
        let mut count = 0;
        for path in gone {
            count += 1;
            if self.has(&path) {
                wrong.push(format!("{path} is obsolete and still there"));
            }
        }
        assert!(wrong.is_empty(), "{} paths: {:#?}", wrong.len(), wrong.iter().take(20).collect::<Vec<_>>());
        assert!(count > 10, "these releases have no obsolete files, which proves nothing");
    }

    /// The version that WordPress says it is, over HTTP.
    pub fn wordpress_version(&self, server: Server) -> Option<String> {
        version_in(&self.get(server, VERSION_PAGE).body)
    }

    /// WordPress's number of its database layout, from the database.
    pub fn wordpress_database(&self) -> u32 {
        let query = "SELECT option_value FROM wp_options WHERE option_name = 'db_version'";
        self.bed.sql(&self.name, query).trim().parse().unwrap()
    }
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect()
}

/// The version in a feed of WordPress.
pub fn version_in(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<generator>https://wordpress.org/?v=")?;
    Some(rest.split_once('<')?.0.to_owned())
}

fn settings(site: &TestSite, sample: &str) -> String {
    let name = &site.name;
    let nginx = site.bed.port(Server::Nginx);
    let extra = format!(
        "define('WP_HTTP_BLOCK_EXTERNAL', true);\n\
         define('DISABLE_WP_CRON', true);\n\
         define('AUTOMATIC_UPDATER_DISABLED', true);\n\
         define('WP_HOME', 'http://' . ($_SERVER['HTTP_HOST'] ?? '127.0.0.1:{nginx}') . '/{name}');\n\
         define('WP_SITEURL', WP_HOME);\n"
    );
    let end = "/* That's all, stop editing!";
    assert!(sample.contains(end), "wp-config-sample.php is not what it was");
    sample
        .replace("database_name_here", name)
        .replace("username_here", name)
        .replace("password_here", &format!("pw-{name}"))
        .replace("'localhost'", &format!("'127.0.0.1:{}'", site.bed.database_port))
        .replace("put your unique phrase here", &format!("a phrase of {name} that is long enough for a test"))
        .replace(end, &format!("{extra}\n{end}"))
}
