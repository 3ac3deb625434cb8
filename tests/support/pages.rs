//! A cheap PHP site whose pages show of which version each of their parts is.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use filetime::FileTime;

use super::bed;
use super::bed::Bed;
use super::site::TestSite;

/// What visitors ask for: the front page, a page of its own, a file that changes,
/// one that goes and one that comes.
pub const URLS: &[&str] = &["", "page.php", "static.txt", "only-1.txt", "only-2.txt"];

/// What lies between the two parts of a page, so that copying takes its time.
const FILLING: usize = 3 << 20;

impl TestSite {
    /// A site of release 1; the folders of both releases.
    pub fn pages(bed: &'static Bed, name: &str) -> (TestSite, [PathBuf; 2]) {
        let parent = bed.make_parent(name);
        let releases = [1, 2].map(|version| {
            let folder = parent.join(format!("release-{version}"));
            lay_down(&folder, version);
            folder
        });
        let folder = parent.join(name);
        super::site::copy_tree(&releases[0], &folder);
        bed::chown(&parent);
        let site = TestSite { bed, name: name.to_owned(), folder, has_database: false, volatile: &[] };
        (site, releases)
    }
}

/// Of which versions a page is made: `1 1 1`.
pub fn versions_in(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("[[")?;
    Some(rest.split_once("]]")?.0.to_owned())
}

fn lay_down(folder: &Path, version: u32) {
    let page = |own: &str| {
        format!(
            "<?php\n$own = '{own}';\n$first = require __DIR__ . '/a-first.php';\n\
             $last = require __DIR__ . '/z/last.php';\necho \"<title>Pages</title>[[$own $first $last]]\";\n"
        )
    };
    let part = format!("<?php\nreturn '{version}';\n");
    let own = version.to_string();
    let filling = own.repeat(FILLING);
    let files = [
        ("index.php", page(&own)),
        ("page.php", page(&own)),
        ("a-first.php", part.clone()),
        ("z/last.php", part),
        ("static.txt", format!("[[{own}]]\n")),
        (if version == 1 { "only-1.txt" } else { "only-2.txt" }, format!("[[{own}]]\n")),
        ("filling.txt", filling),
    ];
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        // Releases are made at different times, as copying tools and PHP expect.
        let made = FileTime::from_unix_time(1_700_000_000 + 1000 * i64::from(version), 0);
        filetime::set_file_mtime(&path, made).unwrap();
    }
}
