//! A real WordPress that is left to itself, with a real mail server: what a
//! release brings that is ill, cut off by a reboot, or well; a full disk, a network
//! that is away, a person who is asked; and who is told.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::Value;
use toml_edit::DocumentMut;

use support::bed;
use support::bed::Bed;
use support::bed::Server;
use support::releases;
use support::releases::Release;
use support::run::Entracte;
use support::site::TestSite;
use support::smtp::Line;
use support::smtp::MailServer;
use support::snapshot::Database;
use support::snapshot::Tree;
use support::update;

const SERVER: Server = Server::Nginx;
const AUTO: &[&str] = &["update", "--auto"];

struct Press {
    site: TestSite,
    entracte: Entracte,
    old: Release,
    new: Release,
    tree: Tree,
    database: Database,
    post: MailServer,
    read: usize,
}

#[test]
fn in_trouble_ill_cut_off_asked_about_and_well() {
    let mut press = Press::new();
    press.meets_trouble();
    // A page that only the old release shows: every new one looks ill.
    press.known_by(&format!("WordPress {}", press.old.version));
    press.entracte.json(AUTO).refused(1);
    press.is_old("its health was bad");
    let mail = press.one_mail();
    assert!(mail.contains("rolled back") && mail.contains("lost the text it is known by"), "{mail}");
    assert!(mail.contains(&format!("{} -> {}", press.old.version, press.new.version)), "{mail}");
    // The next tick leaves it, and says nothing.
    press.entracte.json(AUTO).refused(5);
    assert!(press.mails().is_empty());

    let listed = press.entracte.json(&["blocklist", "list"]).code(0);
    let digest = listed["releases"][0]["digest"].as_str().unwrap();
    press.entracte.json(&["blocklist", "clear", digest]).code(0);
    press.known_by("Post 25 é");

    // The machine goes down in the middle of the swap.
    Entracte::with_fault(&press.site.folder, "swap.exchanged:300=kill").run(AUTO).killed();
    assert_eq!(press.site.get(SERVER, "").status, 503);
    let ticked = press.entracte.json(&["tick"]);
    assert_eq!(ticked.exit, 1, "{:#}", ticked.result);
    press.is_old("the tick took it back");
    let mail = press.one_mail();
    assert!(mail.contains("the process or the machine ended at swap"), "{mail}");

    press.asks_and_is_answered();
    press.site.is_release(&press.old, &press.new);
    assert_eq!(Some(press.site.wordpress_database()), press.new.database);
    assert_eq!(press.site.wordpress_version(SERVER).as_ref(), Some(&press.new.version));
    assert!(press.mails().is_empty());
    press.entracte.json(AUTO).refused(3);
}

impl Press {
    fn new() -> Press {
        let (old, new) = (releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8"));
        let site = TestSite::wordpress(Bed::shared(), &old, "pressalone");
        let entracte = update::adopt(&site, SERVER, &old.folder);
        let (tree, database) = (site.tree(), site.database());
        let post = MailServer::start(Line::Plain);
        let mut press = Press { site, entracte, old, new, tree, database, post, read: 0 };
        let archive = releases::archive("wordpress-6.8.zip");
        let mail = press.post.settings(&press.state());
        press.settings(|settings| {
            settings["policy"]["from"] = toml_edit::value(archive.to_str().unwrap());
            settings["policy"]["trust"] = toml_edit::value("none");
            settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::from_iter(["major"]));
            let text =
                format!("[notify.mail]\nto = [\"ann@example.org\"]\nfrom = \"web@example.org\"\n{mail}");
            let mail: DocumentMut = text.parse().unwrap();
            settings["notify"] = mail["notify"].clone();
        });
        press.known_by("Post 25 é");
        press.entracte.json(&["close"]).code(0);
        press.entracte.json(&["open"]).code(0);
        press.entracte.json(&["notify", "test"]).code(0);
        assert_eq!(press.mails().len(), 1);
        press
    }

    /// A disk that is full, a network that is away.
    fn meets_trouble(&mut self) {
        let full = Entracte::with_fault(&self.site.folder, "stage.write:100=enospc");
        full.json(AUTO).refused(1);
        let mail = self.one_mail();
        assert!(mail.contains("No space left on device") && mail.contains("entracte prune"), "{mail}");
        self.is_old("the disk was full");

        let archive = releases::archive("wordpress-6.8.zip");
        // Nobody listens at the port of a socket that is gone.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.settings(|settings| {
            settings["policy"]["from"] = toml_edit::value(format!("http://127.0.0.1:{port}/latest.zip"));
            settings["network"]["tries"] = toml_edit::value(1);
            settings["schedule"]["update"] = toml_edit::value("0 0 1 1 *");
        });
        self.entracte.json(AUTO).refused(1);
        for _ in 0..3 {
            self.entracte.json(&["tick"]).refused(1);
        }
        let mail = self.one_mail();
        assert!(mail.contains("3 times in a row"), "{mail}");
        self.settings(|settings| settings["policy"]["from"] = toml_edit::value(archive.to_str().unwrap()));
    }

    /// It asks by mail, and the tick after the answer does it.
    fn asks_and_is_answered(&mut self) {
        self.settings(|settings| {
            settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::from_iter(["schema"]));
        });
        self.entracte.json(AUTO).refused(4);
        let mail = self.one_mail();
        let plan = self.entracte.json(&["status"]).result["plan"]["id"].as_str().unwrap().to_owned();
        assert!(mail.contains(&format!(" approve {}", &plan[..16])), "{mail}");
        assert!(mail.contains("the structure of the database may change"), "{mail}");
        self.is_old("nobody has answered");
        self.entracte.json(&["approve", &plan[..16]]).code(0);
        let ticked = self.entracte.json(&["tick"]).code(0);
        assert_eq!(ticked["jobs"][0]["run"]["outcome"], "finished", "{ticked:#}");
    }

    fn state(&self) -> PathBuf {
        self.site.folder.with_file_name(format!(".entracte-{}", self.site.name))
    }

    fn settings(&self, edit: impl FnOnce(&mut DocumentMut)) {
        let path = self.state().join("entracte.toml");
        let mut settings: DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        edit(&mut settings);
        fs::write(&path, settings.to_string()).unwrap();
        bed::chown(&path);
    }

    /// The text by which a good front page is known.
    fn known_by(&self, marker: &str) {
        self.settings(|settings| {
            let mut page = toml_edit::Table::new();
            page["url"] = toml_edit::value("");
            page["marker"] = toml_edit::value(marker);
            let mut pages = toml_edit::ArrayOfTables::new();
            pages.push(page);
            let mut health = toml_edit::Table::new();
            health["urls"] = toml_edit::Item::ArrayOfTables(pages);
            settings["health"] = toml_edit::Item::Table(health);
        });
    }

    /// What arrived since the last look, as text.
    fn mails(&mut self) -> Vec<String> {
        let all = self.post.mails();
        let new = all[self.read..].iter().map(Value::to_string).collect();
        self.read = all.len();
        new
    }

    #[track_caller]
    fn one_mail(&mut self) -> String {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:#?}");
        mails.remove(0)
    }

    #[track_caller]
    fn is_old(&self, when: &str) {
        self.tree.assert_same(&self.site.tree(), when);
        self.database.assert_same(&self.site.database(), when);
        assert_eq!(self.site.wordpress_version(SERVER).as_ref(), Some(&self.old.version), "{when}");
        let front = self.site.get(SERVER, "");
        assert!(front.status == 200 && front.body.contains("Post 25 é"), "{when}: {}", front.body);
    }
}
