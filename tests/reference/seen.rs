//! What people and scripts see, by the program itself; and kills.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use entracte::base::digest::Sha256;
use entracte::release::trust::Keyring;
use entracte::release::trust::Store;
use serde_json::Value;

use crate::server::Server;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;
use crate::support::tls::Authority;
use crate::support::tls::Served;

/// A small site of release 1, and both releases in a reference.
struct Scene {
    small: SmallSite,
    entracte: Entracte,
}

impl Scene {
    fn new() -> Scene {
        let small = SmallSite::new();
        let entracte = small.adopt();
        Keyring::make(&small.folder.path().join("keys"), None, None).unwrap();
        let scene = Scene { small, entracte };
        scene.publish(1);
        scene.publish(2);
        scene
    }

    fn text(&self, name: &str) -> String {
        self.small.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn publish(&self, version: u32) {
        let release = self.small.release(version);
        self.publish_as(&release, &version.to_string(), &[]);
    }

    fn publish_as(&self, release: &Path, version: &str, more: &[&str]) {
        let (to, keys) = (self.text("reference"), self.text("keys"));
        let what = ["publish", release.to_str().unwrap(), "--to", &to, "--version", version];
        let how = ["--keys", &keys, "--product", "generic"];
        self.entracte.json(&[&what[..], &how, more].concat()).code(0);
    }

    fn trust(&self, url: &str) {
        let root = fs::read(self.small.folder.path().join("reference/metadata/1.root.json")).unwrap();
        let trust = self.small.root().parent().unwrap().join(".entracte-site/trust");
        Store::open(&trust).add(url, &root).unwrap();
    }

    fn is_staged(&self, content: &[u8]) -> bool {
        let digest = Sha256::of(content).to_string();
        let staging = self.small.root().parent().unwrap().join(".entracte-site/staging");
        staging.join("objects").join(&digest[..2]).join(&digest).exists()
    }

    /// A line for a section of the settings.
    fn set(&self, section: &str, line: &str) {
        let path = self.small.root().parent().unwrap().join(".entracte-site/entracte.toml");
        let before = fs::read_to_string(&path).unwrap();
        let head = format!("\n[{section}]\n");
        let text = match before.contains(&head) {
            true => before.replace(&head, &format!("{head}{line}\n")),
            false => format!("{before}{head}{line}\n"),
        };
        fs::write(&path, text).unwrap();
    }
}

#[test]
fn a_site_follows_a_reference() {
    let scene = Scene::new();
    let server = Server::good(&scene.small.folder.path().join("reference"));
    let said = scene.entracte.json(&["stage", "--from", &server.url()]).refused(9);
    assert!(said.contains("is not trusted here") && said.contains("entracte trust add"), "{said}");
    scene.trust(&server.url());
    let result = scene.entracte.json(&["stage", "--from", &server.url()]).code(0);
    assert_eq!((&result["version"], &result["trust"]), (&"2".into(), &"signed".into()), "{result:#}");
    assert!(result["requests"].as_u64().unwrap() <= 8, "{result:#}");
    assert_eq!(result["signed"]["reference"], server.url());
    let plan = scene.entracte.json(&["plan"]).code(0);
    assert_eq!(plan["source"]["trust"], "signed", "{:#}", plan["source"]);
    let text = scene.entracte.run(&["plan"]).code(0).stdout;
    let root = result["signed"]["root"].as_str().unwrap();
    assert!(
        text.contains(&format!(
            "signed: {}, by keys that lead back to the root {}",
            server.url(),
            &root[..12]
        )),
        "{text}"
    );
    let text = scene.entracte.run(&["stage", "--from", server.url().trim_end_matches('/')]).code(0).stdout;
    assert!(text.contains("signed: http"), "an address that is trusted needs no slash: {text}");
}

#[test]
fn the_settings_name_the_reference() {
    let scene = Scene::new();
    let server = Server::good(&scene.small.folder.path().join("reference"));
    scene.trust(&server.url());
    scene.set("policy", &format!("from = \"{}\"", server.url()));
    let result = scene.entracte.json(&["stage"]).code(0);
    assert_eq!((&result["version"], &result["trust"]), (&"2".into(), &"signed".into()), "{result:#}");
}

/// A file that the release leaves as it is stays where it is until it is needed: the mode of `tool.sh` changes.
#[test]
fn unchanged_content_is_not_copied_and_found_when_it_is_needed() {
    let scene = Scene::new();
    let server = Server::good(&scene.small.folder.path().join("reference"));
    scene.trust(&server.url());
    let tool = scene.small.root().join("app/tool.sh");
    let content = fs::read(&tool).unwrap();
    scene.entracte.json(&["stage", "--from", &server.url()]).code(0);
    assert!(!scene.is_staged(&content));
    crate::support::update::plan_and_approve(&scene.entracte);
    crate::support::update::apply(&scene.entracte);
    assert_eq!(fs::read(&tool).unwrap(), content);
    assert_eq!(fs::metadata(&tool).unwrap().permissions().mode() & 0o777, 0o755);
    let doctor = scene.entracte.json(&["doctor"]).result;
    let staged = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "staged");
    assert_eq!(staged.unwrap()["level"], "ok", "{staged:?}");
    let again = scene.entracte.json(&["update", "--reinstall", "--yes", "--from", &server.url()]).code(0);
    assert_eq!(again["outcome"], "finished", "{again:#}");
}

/// Killed anywhere, the next stage ends well, and the site is as it was.
#[test]
fn killed_at_any_write_it_goes_on() {
    let scene = Scene::new();
    let server = Server::good(&scene.small.folder.path().join("reference"));
    scene.trust(&server.url());
    let before = scene.small.look();
    for fault in ["fetch.write:1=kill", "stage.write:1=kill", "stage.write:5=kill"] {
        scene.entracte.json(&["discard"]).code(0);
        let killed = Entracte::with_fault(&scene.small.root(), fault);
        killed.run(&["stage", "--from", &server.url()]).killed();
        let result = scene.entracte.json(&["stage", "--from", &server.url()]).code(0);
        assert_eq!(result["version"], "2", "{fault}");
        before.assert_same(&scene.small.look(), fault);
        scene.entracte.json(&["plan"]).code(0);
    }
}

/// Our own server, with a certificate: all of it over one connection.
#[test]
fn over_http_2_with_a_certificate() {
    let scene = Scene::new();
    let authority = Authority::make(scene.small.folder.path());
    authority.sign("server", "IP:127.0.0.1", None);
    let server = Served::start(&scene.small.folder.path().join("reference"), &authority, "server");
    scene.trust(&server.url);
    let refused = scene.entracte.json(&["stage", "--from", &server.url]);
    assert_eq!(refused.exit, 1, "nobody signed its certificate: {:#}", refused.error);
    scene.set("network", &format!("ca_file = \"{}\"", authority.certificate()));
    let result: Value = scene.entracte.json(&["stage", "--from", &server.url]).code(0);
    assert_eq!((&result["version"], &result["trust"]), (&"2".into(), &"signed".into()), "{result:#}");
}
