//! The small site with its database on MariaDB, laid again as it was before
//! each disturbance.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use mysql::Row;
use mysql::prelude::Queryable;
use serde_json::Value;

use crate::support::database::proxy::Proxy;
use crate::support::database::server::Server;
use crate::support::process;
use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;
use crate::support::snapshot::Tree;
use crate::support::update;

/// Tables with more rows than this are judged by the server's checksum.
const MOST_ROWS: u64 = 200;

/// Where the site can be, as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub tree: Tree,
    /// What each table or view is, and what is in it.
    pub database: BTreeMap<String, Vec<String>>,
}

/// What a site's database is, and what an update makes of it.
pub struct Setting {
    /// Statements that make the database of release 1.
    pub seed: Vec<String>,
    /// The files of release 2 that change it.
    pub schema: Vec<(&'static str, String)>,
    /// More of `entracte.toml`.
    pub settings: String,
    pub scripts: Vec<(&'static str, String)>,
    /// Release 2 has no script of its own: only its SQL and its tables touch the database.
    pub only_database: bool,
    /// Of the site's tables.
    pub prefix: &'static str,
    /// More lines under `[database]`.
    pub limits: &'static str,
}

pub struct Field {
    pub server: &'static Server,
    pub proxy: Proxy,
    pub small: SmallSite,
    pub entracte: Entracte,
    pub old: Look,
    new: Option<Look>,
    seed: Vec<String>,
    template: PathBuf,
    /// The version that is installed at the beginning.
    version: Value,
}

impl Field {
    /// A site of release 1 with release 2 staged, planned and approved.
    pub fn new(setting: &Setting) -> Field {
        let mut field = Field::unfit(setting);
        update::apply(&field.entracte);
        field.new = Some(field.look());
        assert!(field.old != field.look(), "the update changed nothing");
        field.lay();
        field
    }

    /// The same with a release that cannot be brought to its end.
    pub fn unfit(setting: &Setting) -> Field {
        let server = Server::shared();
        let proxy = Proxy::start(&server.socket());
        let small = SmallSite::new();
        fs::remove_dir_all(small.path("data")).unwrap();
        let release = small.release(2);
        fs::remove_file(release.join("schema/001.sql")).unwrap();
        for (name, text) in &setting.schema {
            small.write(&release.join("schema").join(name), text);
        }
        for (name, text) in &setting.scripts {
            let path = release.join("run_once").join(name);
            small.write(&path, text);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        if setting.only_database {
            fs::remove_dir_all(release.join("run_once")).unwrap();
        }
        sow(server, &setting.seed);
        let url = format!("mysql://site:hush@127.0.0.1:{}/site", proxy.port);
        let entracte = small.adopt_on(&url, &[]);
        let settings = small.folder.path().join("parent/.entracte-site/entracte.toml");
        let text = fs::read_to_string(&settings).unwrap() + &setting.settings;
        assert!(text.contains("[database]\n"), "{text}");
        let text = text.replace(
            "[database]\n",
            &format!("[database]\nprefix = {:?}\n{}", setting.prefix, setting.limits),
        );
        fs::write(&settings, text).unwrap();
        small.stage(&entracte);
        let plan = entracte.json(&["plan"]).code(0);
        entracte.json(&["approve", &plan["id"].as_str().unwrap()[..16]]).code(0);
        let template = small.folder.path().join("template");
        process::run(
            "cp",
            &["-a", small.folder.path().join("parent").to_str().unwrap(), template.to_str().unwrap()],
        );
        let old = look(&small, server);
        let version = entracte.json(&["status"]).result["installed"]["version"].clone();
        Field {
            version,
            server,
            proxy,
            small,
            entracte,
            old,
            new: None,
            seed: setting.seed.clone(),
            template,
        }
    }

    /// The site and its database as they were.
    pub fn lay(&self) {
        self.proxy.forget();
        let parent = self.small.folder.path().join("parent");
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
        sow(self.server, &self.seed);
    }

    pub fn look(&self) -> Look {
        look(&self.small, self.server)
    }

    pub fn flag(&self) -> PathBuf {
        self.small.folder.path().join("parent/.entracte-site/gate/closed")
    }

    /// The journal of the last run.
    pub fn journal(&self) -> PathBuf {
        let runs = self.small.folder.path().join("parent/.entracte-site/runs");
        let mut all: Vec<PathBuf> = fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all.last().expect("a run").join("journal.jsonl")
    }

    /// Whether the site is neither the old one nor the new one.
    pub fn is_a_mix(&self) -> bool {
        let (now, new) = (self.look(), self.new_look());
        !self.old.is_same_content(&now) && !new.is_same_content(&now)
    }

    pub fn new_look(&self) -> &Look {
        self.new.as_ref().expect("made with the field")
    }

    #[track_caller]
    pub fn is_old(&self, when: &str) {
        let now = self.look();
        self.old.tree.assert_same(&now.tree, when);
        assert_eq!(self.old.database, now.database, "the database is not the old one, {when}");
        let status = self.is_open(when);
        assert_eq!(status["installed"]["version"], self.version, "{when}: {status:#}");
    }

    #[track_caller]
    pub fn is_new(&self, when: &str) {
        let now = self.look();
        self.new_look().tree.assert_same_content(&now.tree, when);
        assert_eq!(self.new_look().database, now.database, "the database is not the new one, {when}");
        let status = self.is_open(when);
        assert_eq!(status["installed"]["version"], "2", "{when}: {status:#}");
    }

    #[track_caller]
    fn is_open(&self, when: &str) -> Value {
        assert!(!self.flag().exists(), "the gate is closed, {when}");
        let status = self.entracte.json(&["status"]).code(0);
        assert_eq!(status["gate"]["closed"], false, "{when}: {status:#}");
        status
    }

    /// What `status` says is what is the case, wherever the run stands.
    #[track_caller]
    pub fn status_is_true(&self, when: &str) -> Value {
        let status = self.entracte.json(&["status"]);
        let gate = &status.result["gate"]["closed"];
        assert_eq!(gate.as_bool(), Some(self.flag().exists()), "{when}: {:#}", status.result);
        let run = &status.result["run"];
        if !run.is_null() && run["state"] != "finished" && run["state"] != "rolled-back" {
            assert_eq!(status.exit, 6, "{when}: {:#}", status.result);
        }
        status.result
    }

    /// Goes on or back until the end.
    #[track_caller]
    pub fn recover(&self, verb: &str, when: &str) {
        let answered = self.try_to(verb, when);
        assert!(matches!(answered.exit, 0 | 3), "{when}: {verb}: {answered:?}");
        if verb == "resume" && self.small.read("VERSION") == "1\n" {
            self.entracte.json(&["apply"]).code(0);
        }
    }

    /// One attempt; that there is nothing to do is right only when that is so.
    #[track_caller]
    pub fn try_to(&self, verb: &str, when: &str) -> Answered {
        let run = self.entracte.json(&["status"]).result["run"].clone();
        let answered = self.entracte.json(&[verb, "--foreground"]);
        if answered.exit == 3 {
            let is_over = run.is_null() || run["state"] == "finished" || run["state"] == "rolled-back";
            assert!(is_over, "{when}: {verb} finds nothing to do: {run:#}");
        }
        answered
    }
}

impl Look {
    /// Times of files do not count.
    pub fn is_same_content(&self, other: &Look) -> bool {
        self.tree.is_same_content(&other.tree) && self.database == other.database
    }
}

fn sow(server: &Server, seed: &[String]) {
    let mut root = server.root();
    root.query_drop("DROP DATABASE IF EXISTS site").unwrap();
    root.query_drop("CREATE DATABASE site CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci").unwrap();
    let mut site = server.owner();
    for statement in seed {
        site.query_drop(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

fn look(small: &SmallSite, server: &Server) -> Look {
    let mut database = server.site();
    let names: Vec<(String, String)> = database.query("SHOW FULL TABLES").unwrap();
    let mut found = BTreeMap::new();
    for (name, kind) in names {
        let made: Row = database.query_first(format!("SHOW CREATE TABLE `{name}`")).unwrap().unwrap();
        let mut lines = vec![made.get::<String, _>(1).unwrap()];
        let rows: u64 = database.query_first(format!("SELECT COUNT(*) FROM `{name}`")).unwrap().unwrap();
        let sum = kind == "BASE TABLE" && rows > MOST_ROWS;
        let query =
            if sum { format!("CHECKSUM TABLE `{name}` EXTENDED") } else { format!("SELECT * FROM `{name}`") };
        let mut content: Vec<String> =
            database.query_map(query, |row: Row| format!("{:?}", row.unwrap())).unwrap();
        content.sort();
        lines.push(format!("{rows} rows"));
        lines.extend(content);
        found.insert(name, lines);
    }
    let triggers: Vec<Row> = database.query("SHOW TRIGGERS").unwrap();
    let triggers =
        triggers.iter().map(|row| format!("{:?} {:?}", row.get::<String, _>(0), row.get::<String, _>(3)));
    found.insert("(triggers)".to_owned(), triggers.collect());
    Look { tree: Tree::of(&small.root()), database: found }
}
