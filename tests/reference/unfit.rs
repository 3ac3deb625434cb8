//! What no release may bring, whatever way it comes.

use std::fs;
use std::path::Path;
use std::process::Command;

use entracte::base::exit::Exit;
use entracte::base::exit::Fault;

use crate::bed::ALL;
use crate::bed::Also;
use crate::bed::Bed;
use crate::bed::Files;
use crate::bed::all;
use crate::server::Server;

/// The path of a file, what it holds, and why it is refused.
const UNFIT: [(&str, &str, &str); 8] = [
    (".maintenance", "<?php\n", "closes a WordPress site"),
    (".moult/journal", "x\n", "state folder"),
    ("scripts/run_once/1.php.done", "x\n", "one-time script"),
    ("blog/entracte-closed.php", "<?php\n", "gate"),
    ("vendor/x/.git/config", "x\n", ".git"),
    (
        ".htaccess",
        "Options -Indexes\nAddHandler application/x-httpd-php .jpg\n",
        "line 2 makes PHP run files",
    ),
    ("blog/.user.ini", "auto_prepend_file = x.php\n", "before or after every page"),
    (".user.ini", "allow_url_include = 1\n", "from other servers"),
];

#[track_caller]
fn is_refused(bed: &Bed, from: &str, said: &str) {
    let Err(error) = bed.stage(from) else { panic!("{from} was staged, in spite of: {said}") };
    let told = all(&error);
    assert_eq!(error.exit(), Exit::Untrusted, "{told}");
    assert!(told.contains(said), "{told}");
    assert!(!error.hints().is_empty(), "{told}");
    assert!(bed.staging().staged().unwrap().is_none(), "{told}");
}

fn put(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn in_a_folder_and_in_an_archive() {
    for (at, (path, content, said)) in UNFIT.into_iter().enumerate() {
        let bed = Bed::new();
        let (folder, tar) = (bed.path(&format!("release-{at}")), bed.path(&format!("release-{at}.tar")));
        put(&folder, "index.php", "<?php\n");
        put(&folder, path, content);
        is_refused(&bed, folder.to_str().unwrap(), said);
        assert!(
            Command::new("tar")
                .arg("-cf")
                .arg(&tar)
                .arg("-C")
                .arg(&folder)
                .arg(".")
                .status()
                .unwrap()
                .success()
        );
        is_refused(&bed, tar.to_str().unwrap(), said);
    }
}

#[test]
fn at_whoever_publishes() {
    for (path, content, said) in UNFIT {
        let bed = Bed::new();
        let files = [("index.php".to_owned(), b"<?php\n".to_vec()), (path.to_owned(), content.into())].into();
        let error = bed.try_publish("1", &files, ALL).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{}", all(&error));
        assert!(all(&error).contains(said), "{}", all(&error));
        let is_empty =
            |folder: &str| fs::read_dir(bed.reference().join(folder)).map_or(0, Iterator::count) == 0;
        assert!(is_empty("metadata") && is_empty("objects") && is_empty("targets"), "{path}");
    }
}

/// Keys are stolen, and programs are not only ours.
#[test]
fn though_it_is_signed() {
    for (path, content, said) in UNFIT {
        let bed = Bed::new();
        let files = [("innocent.txt".to_owned(), content.into())].into();
        bed.publish_as("1", &files, Also { archive: false, packs: 0 });
        let server = Server::good(&bed.reference());
        bed.trust(&server.url());
        bed.stage(&server.url()).unwrap_or_else(|error| panic!("{}", all(&error)));
        bed.staging().discard().unwrap();
        bed.rename("innocent.txt", path);
        is_refused(&bed, &server.url(), said);
    }
}

/// What the site has of a content, under a harmless name, is not fetched and not staged.
#[test]
fn though_the_site_has_it_under_another_name() {
    for (path, content, said) in
        UNFIT.into_iter().filter(|(path, ..)| path.contains(".htaccess") || path.contains(".user"))
    {
        let bed = Bed::new();
        let mut files: Files = [("notes.txt".to_owned(), content.into())].into();
        bed.publish_as("1", &files, Also { archive: false, packs: 0 });
        bed.install_as("1", &files);
        files.insert("more.txt".to_owned(), content.into());
        bed.publish_as("2", &files, Also { archive: false, packs: 0 });
        bed.rename("more.txt", path);
        let server = Server::good(&bed.reference());
        bed.trust(&server.url());
        is_refused(&bed, &server.url(), said);
    }
}
