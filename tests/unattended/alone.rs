//! A site that is left to itself, and the mails that it sends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use toml_edit::DocumentMut;

use crate::support::bed;
use crate::support::bed::Bed;
use crate::support::bed::Server;
use crate::support::pages::versions_in;
use crate::support::run::Entracte;
use crate::support::site::TestSite;
use crate::support::snapshot::Tree;
use crate::support::update;

pub const SERVER: Server = Server::Nginx;

/// A PHP site of release 1, with release 2 in a folder beside it.
pub struct Alone {
    pub site: TestSite,
    pub entracte: Entracte,
    pub next: PathBuf,
    pub old: Tree,
    mails: PathBuf,
}

impl Alone {
    /// Ready for everything: proved gate, health check, a mail program; nobody need sign.
    pub fn new(name: &str) -> Alone {
        let alone = Alone::adopted(name);
        alone.settings(|settings| {
            settings["policy"]["from"] = toml_edit::value(alone.next.to_str().unwrap());
            settings["policy"]["trust"] = toml_edit::value("none");
            settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::new());
            alone.with_health(settings);
            alone.with_mail(settings);
        });
        alone.entracte.json(&["close"]).code(0);
        alone.entracte.json(&["open"]).code(0);
        alone.entracte.json(&["notify", "test"]).code(0);
        alone.mails();
        alone
    }

    /// As `init` leaves it.
    pub fn adopted(name: &str) -> Alone {
        let (site, [old, next]) = TestSite::pages(Bed::shared(), name);
        describe(&old, "1");
        describe(&next, "2");
        let entracte = update::adopt(&site, SERVER, &old);
        let mails = site.folder.with_file_name(format!("{name}-mails"));
        fs::create_dir(&mails).unwrap();
        bed::chown(&mails);
        let old = site.tree();
        Alone { site, entracte, next, old, mails }
    }

    pub fn state(&self) -> PathBuf {
        self.site.folder.with_file_name(format!(".entracte-{}", self.site.name))
    }

    /// Edits the settings as their owner would.
    pub fn settings(&self, edit: impl FnOnce(&mut DocumentMut)) {
        let path = self.state().join("entracte.toml");
        let mut settings: DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        edit(&mut settings);
        fs::write(&path, settings.to_string()).unwrap();
    }

    pub fn with_health(&self, settings: &mut DocumentMut) {
        let mut page = toml_edit::Table::new();
        page["url"] = toml_edit::value("page.php");
        page["marker"] = toml_edit::value("<title>Pages</title>");
        let mut pages = toml_edit::ArrayOfTables::new();
        pages.push(page);
        let mut health = toml_edit::Table::new();
        health["urls"] = toml_edit::Item::ArrayOfTables(pages);
        settings["health"] = toml_edit::Item::Table(health);
    }

    /// A mail program that keeps each mail in a file.
    pub fn with_mail(&self, settings: &mut DocumentMut) {
        let program = self.mails.with_extension("sh");
        let keep = format!("#!/bin/sh\nexec cat >\"$(mktemp {}/XXXXXXXX)\"\n", self.mails.display());
        fs::write(&program, keep).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut mail = toml_edit::Table::new();
        mail["to"] = toml_edit::value(toml_edit::Array::from_iter(["admin@example.org"]));
        mail["from"] = toml_edit::value("site@example.org");
        mail["sendmail"] = toml_edit::value(toml_edit::Array::from_iter([program.to_str().unwrap()]));
        let mut notify = toml_edit::Table::new();
        notify["mail"] = toml_edit::Item::Table(mail);
        settings["notify"] = toml_edit::Item::Table(notify);
    }

    /// The mails that came since the last look, decoded.
    pub fn mails(&self) -> Vec<String> {
        let mut mails = Vec::new();
        for entry in fs::read_dir(&self.mails).unwrap() {
            let path = entry.unwrap().path();
            mails.push(decoded(&fs::read_to_string(&path).unwrap()));
            fs::remove_file(path).unwrap();
        }
        mails
    }

    /// The one mail that came, which holds all of this.
    #[track_caller]
    pub fn one_mail(&self, texts: &[&str]) -> String {
        let mails = self.mails();
        assert_eq!(mails.len(), 1, "{mails:#?}");
        for text in texts {
            assert!(mails[0].contains(text), "{text:?} is not in {}", mails[0]);
        }
        mails[0].clone()
    }

    /// The text of a mail, without what is another each time.
    pub fn readable(&self, mail: &str) -> String {
        let (_, behind) = mail.split_once("quoted-printable\n\n").unwrap();
        let text = behind.split("\n--").next().unwrap();
        let host = String::from_utf8(rustix::system::uname().nodename().to_bytes().to_vec()).unwrap();
        let text =
            text.replace(&self.site.url(SERVER), "URL").replace(self.state().to_str().unwrap(), "STATE");
        let text =
            text.replace(self.site.folder.to_str().unwrap(), "FOLDER").replace(&format!(" on {host}"), "");
        text.lines().filter(|line| !line.starts_with("Time:")).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    pub fn no_mail(&self) {
        let mails = self.mails();
        assert!(mails.is_empty(), "{mails:#?}");
    }

    #[track_caller]
    pub fn is_old(&self, when: &str) {
        self.old.assert_same(&self.site.tree(), when);
        self.shows("1 1 1", when);
    }

    #[track_caller]
    pub fn is_new(&self, when: &str) {
        assert!(self.site.has("only-2.txt") && !self.site.has("only-1.txt"), "{when}");
        self.shows("2 2 2", when);
    }

    #[track_caller]
    fn shows(&self, versions: &str, when: &str) {
        let answer = self.site.get(SERVER, "");
        assert_eq!((answer.status, versions_in(&answer.body).as_deref()), (200, Some(versions)), "{when}");
    }

    /// Gives release 2 another content, with a manifest that knows of it.
    pub fn respoil(&self, path: &str, text: &str) {
        fs::write(self.next.join(path), text).unwrap();
        describe(&self.next, "2");
    }
}

/// A folder says itself which release it is, and that it is the whole of it.
fn describe(release: &Path, version: &str) {
    let manifest = release.join("entracte.json");
    let _ = fs::remove_file(&manifest);
    let (folder, file) = (release.to_str().unwrap(), manifest.to_str().unwrap());
    let built = ["manifest", "build", folder, "--product", "generic", "--version", version, "--output", file];
    Entracte::new(release).run(&built).code(0);
    bed::chown(&manifest);
}

/// A mail with its soft line breaks and `=XX` of quoted-printable undone.
fn decoded(mail: &str) -> String {
    let mail = mail.replace("\r\n", "\n").replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), mail.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let code = (*first == b'=').then(|| behind.get(..2)).flatten();
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
