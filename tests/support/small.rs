//! A tiny site without servers, for tests of what happens to its files, its
//! SQLite database and its scripts: two releases with every kind of change.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use filetime::FileTime;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use tempfile::TempDir;

use super::run::Entracte;
use super::snapshot::Tree;

/// What a tree of a release holds, by path.
enum Thing {
    File(&'static str, u32),
    Link(&'static str),
    Folder,
}

use Thing::File;
use Thing::Folder;
use Thing::Link;

const OLD: &[(&str, Thing)] = &[
    ("index.html", File("<h1>small 1</h1>\n", 0o644)),
    ("VERSION", File("1\n", 0o644)),
    ("app/same.txt", File("the same in both\n", 0o644)),
    ("app/changed.txt", File("as in 1\n", 0o644)),
    ("app/removed.txt", File("only in 1\n", 0o644)),
    ("app/tool.sh", File("#!/bin/sh\necho tool\n", 0o644)),
    ("app/becomes-folder", File("a file in 1\n", 0o644)),
    ("app/becomes-file/one.txt", File("one\n", 0o644)),
    ("app/becomes-file/two.txt", File("two\n", 0o644)),
    ("app/current", Link("same.txt")),
    ("app/becomes-link.txt", File("a file in 1\n", 0o644)),
    ("app/emptied/last.txt", File("the only file here\n", 0o644)),
];

const NEW: &[(&str, Thing)] = &[
    ("index.html", File("<h1>small 2</h1>\n", 0o644)),
    ("VERSION", File("2\n", 0o644)),
    ("app/same.txt", File("the same in both\n", 0o644)),
    ("app/changed.txt", File("as in 2, and longer\n", 0o644)),
    ("app/added.txt", File("only in 2\n", 0o644)),
    ("app/deep/er/added.txt", File("in folders that are new\n", 0o644)),
    ("app/tool.sh", File("#!/bin/sh\necho tool\n", 0o755)),
    ("app/becomes-folder/inside.txt", File("a folder in 2\n", 0o644)),
    ("app/becomes-file", File("a file in 2\n", 0o644)),
    ("app/current", Link("changed.txt")),
    ("app/becomes-link.txt", Link("added.txt")),
    ("app/empty", Folder),
    ("schema/001.sql", File(SCHEMA, 0o644)),
    ("run_once/001-mark.sh", File(SCRIPT, 0o755)),
];

const SCHEMA: &str = "-- an author for each page\n\
    ALTER TABLE pages ADD COLUMN author TEXT;\n\
    UPDATE pages SET author = 'nobody; or so';\n\
    CREATE TABLE tags (page INTEGER, name TEXT);\n";

const SCRIPT: &str = "#!/bin/sh\n\
    # entracte: repeatable\n\
    # entracte: changes = media/**\n\
    set -eu\n\
    cd \"$ENTRACTE_SITE\"\n\
    echo \"$ENTRACTE_FROM to $ENTRACTE_TO\" > media/marked.txt\n\
    echo changed > media/counter.txt\n";

/// A site of release 1 with its owner's content, and both releases beside it.
pub struct SmallSite {
    pub folder: TempDir,
}

/// Where a site can be, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub tree: Tree,
    pub rows: Vec<String>,
}

impl SmallSite {
    pub fn new() -> SmallSite {
        SmallSite::in_folder(Path::new("/tmp"))
    }

    /// On a file system in memory, where thousands of sites are laid down and
    /// synced in no time; on the disk where there is none.
    pub fn in_memory() -> SmallSite {
        let memory = Path::new("/dev/shm");
        SmallSite::in_folder(if memory.is_dir() { memory } else { Path::new("/tmp") })
    }

    fn in_folder(above: &Path) -> SmallSite {
        let folder = tempfile::Builder::new().prefix("entracte-small-").tempdir_in(above).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let small = SmallSite { folder };
        lay_down(&small.release(1), OLD);
        lay_down(&small.release(2), NEW);
        lay_down(&small.root(), OLD);
        small.add_owner_content();
        age(&small.root());
        small
    }

    /// The folder that would be served.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("parent/site")
    }

    /// The SQLite database, which stands in the site as it does in small ones.
    pub fn database_file(&self) -> PathBuf {
        self.path("data/site.db")
    }

    pub fn release(&self, version: u32) -> PathBuf {
        self.folder.path().join(format!("release-{version}"))
    }

    pub fn path(&self, inside: &str) -> PathBuf {
        self.root().join(inside)
    }

    pub fn read(&self, inside: &str) -> String {
        let path = self.path(inside);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, inside: &str) -> bool {
        self.path(inside).symlink_metadata().is_ok()
    }

    /// Writes a file of the site, or of a release below `folder`, with an old time.
    pub fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        set_old_time(path);
    }

    pub fn look(&self) -> Look {
        let database = Connection::open(self.database_file()).unwrap();
        let mut rows = Vec::new();
        let tables = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
        for (name, sql) in pairs(&database, tables) {
            let has_rows = sql.starts_with("CREATE TABLE");
            rows.push(sql);
            if !has_rows {
                continue;
            }
            let mut statement =
                database.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY rowid")).unwrap();
            let columns = statement.column_count();
            let shown = |row: &rusqlite::Row| -> rusqlite::Result<String> {
                let values = (0..columns).map(|at| {
                    Ok(match row.get_ref(at)? {
                        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                        other => format!("{other:?}"),
                    })
                });
                Ok(format!("{name}: {}", values.collect::<rusqlite::Result<Vec<_>>>()?.join(", ")))
            };
            rows.extend(statement.query_map([], shown).unwrap().map(Result::unwrap));
        }
        drop(database);
        // A SQLite file is judged by what it holds, its helpers come and go.
        let database_files = ["data/site.db", "data/site.db-wal", "data/site.db-shm", "data/site.db-journal"];
        Look { tree: Tree::of(&self.root()).without(&database_files), rows }
    }

    /// Adopts the site as release 1.
    pub fn adopt(&self) -> Entracte {
        self.adopt_with(&[])
    }

    pub fn adopt_with(&self, more: &[&str]) -> Entracte {
        self.adopt_on(&format!("sqlite:{}", self.database_file().display()), more)
    }

    /// With its database elsewhere.
    pub fn adopt_on(&self, database: &str, more: &[&str]) -> Entracte {
        let entracte = Entracte::new(&self.root());
        let (root, release) = (self.root(), self.release(1));
        let usual = [
            "init",
            root.to_str().unwrap(),
            "--profile",
            "generic",
            "--database",
            database,
            "--release",
            release.to_str().unwrap(),
        ];
        entracte.json(&[&usual, more].concat()).code(0);
        entracte
    }

    /// Stages release 2 as a whole.
    pub fn stage(&self, entracte: &Entracte) -> Value {
        let release = self.release(2);
        let arguments = ["stage", "--from", release.to_str().unwrap(), "--complete", "--version", "2"];
        entracte.json(&arguments).code(0)
    }

    /// Adopted, staged, planned and approved.
    pub fn ready(&self) -> Entracte {
        let entracte = self.adopt();
        self.stage(&entracte);
        super::update::plan_and_approve(&entracte);
        entracte
    }

    fn add_owner_content(&self) {
        let root = self.root();
        fs::create_dir_all(root.join("media/empty")).unwrap();
        fs::write(root.join("media/photo été.jpg"), [0xff, 0xd8, 0, 1, 2, 3]).unwrap();
        fs::write(root.join("media/counter.txt"), "0\n").unwrap();
        fs::set_permissions(root.join("media/counter.txt"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("photo été.jpg", root.join("media/latest")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        let database = Connection::open(self.database_file()).unwrap();
        database
            .execute_batch(
                "CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT);\n\
                 INSERT INTO pages (title) VALUES ('one'), ('two''s'), ('été');",
            )
            .unwrap();
    }
}

impl Look {
    /// Where the state is on another mount, what a run replaced rests in the site
    /// itself for as long as it may go back.
    #[must_use]
    pub fn without_workshops(self) -> Look {
        Look { tree: self.tree.only(|path| !path.starts_with(".entracte-run-")), ..self }
    }

    #[track_caller]
    pub fn assert_same(&self, now: &Look, when: &str) {
        self.tree.assert_same(&now.tree, when);
        assert_eq!(self.rows, now.rows, "the database is not as it was, {when}");
    }

    /// Times of files do not count.
    pub fn is_same_content(&self, other: &Look) -> bool {
        self.tree.is_same_content(&other.tree) && self.rows == other.rows
    }

    /// As `assert_same`, but the times of files that were written anew do not count.
    #[track_caller]
    pub fn assert_same_content(&self, now: &Look, when: &str) {
        self.tree.assert_same_content(&now.tree, when);
        assert_eq!(self.rows, now.rows, "the database is not as it should be, {when}");
    }
}

fn lay_down(folder: &Path, things: &[(&str, Thing)]) {
    for (path, thing) in things {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match thing {
            File(text, mode) => {
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            Link(target) => symlink(target, &path).unwrap(),
            Folder => fs::create_dir(&path).unwrap(),
        }
    }
}

/// Nothing of a real site was written a second ago.
fn age(folder: &Path) {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        set_old_time(entry.unwrap().path());
    }
}

fn set_old_time(path: &Path) {
    let then = FileTime::from_unix_time(1_700_000_000, 123_456_789);
    filetime::set_symlink_file_times(path, then, then).unwrap();
}

fn pairs(database: &Connection, query: &str) -> Vec<(String, String)> {
    let mut statement = database.prepare(query).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
