//! A folder of files for verbs that need no site, and the program.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::run::Answered;
use super::run::Entracte;

pub struct Shelf {
    pub folder: TempDir,
    pub entracte: Entracte,
}

impl Shelf {
    /// With these files below it.
    pub fn with(files: &[(&str, &str)]) -> Shelf {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let shelf = Shelf { entracte: Entracte::new(folder.path()), folder };
        for (name, text) in files {
            fs::create_dir_all(shelf.folder.path().join(name).parent().unwrap()).unwrap();
            shelf.write(name, text);
        }
        shelf
    }

    /// As an argument.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.folder.path().join(name), content).unwrap();
        self.path(name)
    }

    pub fn manifest(&self, call: &[&str]) -> Answered {
        self.entracte.json(&[&["manifest"], call].concat())
    }

    /// Makes a manifest of a folder or archive.
    pub fn build(&self, release: &str, manifest: &str) -> String {
        let (from, to) = (self.path(release), self.path(manifest));
        let call = ["manifest", "build", &from, "--product", "shop", "--version", "1", "-o", &to];
        self.entracte.run(&call).code(0);
        to
    }

    /// The exit code and what was found.
    pub fn verify(&self, manifest: &str, folder: &str, more: &[&str]) -> (i32, Value) {
        let answer = self.manifest(&[&["verify", manifest, &self.path(folder)], more].concat());
        (answer.exit, answer.result)
    }
}
