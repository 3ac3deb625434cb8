//! What every site of the tests has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use super::bed;
use super::bed::Bed;
use super::bed::Server;
use super::process;
use super::snapshot::Database;
use super::snapshot::Tree;

/// A site on the bed.
pub struct TestSite {
    pub bed: &'static Bed,
    pub name: String,
    /// The folder that is served.
    pub folder: PathBuf,
    /// Whether there is a database of the site's name.
    pub has_database: bool,
    /// What the application itself writes while it answers visitors.
    pub volatile: &'static [&'static str],
}

/// What an answer was.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: String,
}

impl TestSite {
    pub fn url(&self, server: Server) -> String {
        self.bed.url(server, &self.name)
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.folder.join(inside)
    }

    pub fn read(&self, inside: &str) -> Vec<u8> {
        let path = self.path(inside);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, inside: &str) -> bool {
        self.path(inside).symlink_metadata().is_ok()
    }

    /// Writes a file as the site's owner would.
    pub fn write(&self, inside: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        bed::chown(&path);
    }

    pub fn tree(&self) -> Tree {
        Tree::of(&self.folder).without(self.volatile)
    }

    pub fn database(&self) -> Database {
        if self.has_database { Database::of(self.bed, &self.name) } else { Database::default() }
    }

    pub fn get(&self, server: Server, path: &str) -> Answer {
        get(&format!("{}{path}", self.url(server)))
    }

    /// What owners leave in their sites: an upload with a difficult name, an empty
    /// folder, a link, a file with a mode of its own.
    pub(super) fn add_owner_content(&self, uploads: &str) {
        let noise: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let folder = self.path(uploads);
        fs::create_dir_all(folder.join("2026/11")).unwrap();
        fs::create_dir_all(folder.join("empty")).unwrap();
        fs::write(folder.join("2026/11/photo été.jpg"), noise).unwrap();
        fs::write(folder.join("private.txt"), "for the owner alone\n").unwrap();
        fs::set_permissions(folder.join("private.txt"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("2026/11", folder.join("latest")).unwrap();
    }
}

/// Copies a tree as it is.
pub fn copy_tree(from: &Path, to: &Path) {
    process::run("cp", &["-a", "--reflink=auto", from.to_str().unwrap(), to.to_str().unwrap()]);
}

/// One request without following redirects.
pub fn get(url: &str) -> Answer {
    let client = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60))
        .build()
        .unwrap();
    let answer = client.get(url).send().unwrap_or_else(|error| panic!("{url}: {error}"));
    let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    Answer {
        status: answer.status().as_u16(),
        retry_after: header("retry-after"),
        body: answer.text().unwrap_or_default(),
    }
}
