//! What people and scripts see, by the program itself; and kills.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;

use entracte::base::digest::Sha256;
use entracte::release::trust::Keyring;
use entracte::release::trust::Store;
use serde_json::Value;

use crate::server::Server;
use crate::support::effort;
use crate::support::limited::Limit;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

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
    let (key, certificate, authority) = certificates(&scene);
    let reference = scene.text("reference");
    let serve = ["serve", &reference, "--certificate", &certificate, "--key", &key];
    let server = Serving::start(&scene.entracte, &serve);
    scene.trust(&server.url);
    let refused = scene.entracte.json(&["stage", "--from", &server.url]);
    assert_eq!(refused.exit, 1, "nobody signed its certificate: {:#}", refused.error);
    scene.set("network", &format!("ca_file = \"{authority}\""));
    let result: Value = scene.entracte.json(&["stage", "--from", &server.url]).code(0);
    assert_eq!((&result["version"], &result["trust"]), (&"2".into(), &"signed".into()), "{result:#}");
}

/// Key and certificate of a server, and the authority that signed it.
fn certificates(scene: &Scene) -> (String, String, String) {
    let folder = scene.text("");
    let openssl = |arguments: &str| {
        let arguments: Vec<String> = arguments.split(' ').map(|word| word.replace("DIR", &folder)).collect();
        process::run("openssl", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout DIRca.key -out DIRca.pem -subj /CN=tests -days 2"));
    openssl(&format!("req {key} -keyout DIRserver.key -out DIRserver.csr -subj /CN=server"));
    fs::write(scene.text("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl(
        "x509 -req -in DIRserver.csr -CA DIRca.pem -CAkey DIRca.key -CAcreateserial -days 1 \
         -extfile DIRnames -out DIRserver.pem",
    );
    (scene.text("server.key"), scene.text("server.pem"), scene.text("ca.pem"))
}

/// What a client may take of memory, whatever the size of a release.
const MEMORY: u64 = 80 << 20;

/// Twenty thousand files, first all of them, then five hundred that changed.
#[test]
fn many_files_take_little_memory() {
    if !effort::is_full() {
        return;
    }
    let scene = Scene::new();
    let release = scene.small.folder.path().join("release-many");
    for number in 0..20_000u32 {
        let path = release.join(format!("lib/{:03}/file-{number}.php", number % 400));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, crate::bed::noise(number, 2000)).unwrap();
    }
    scene.publish_as(&release, "3", &["--no-archive"]);
    let server = Server::good(&scene.small.folder.path().join("reference"));
    scene.trust(&server.url());
    let stage = ["stage", "--from", &server.url()].map(str::to_owned);
    let stage = || scene.entracte.command(&stage.each_ref().map(String::as_str));
    Limit::watching().run(stage()).ended_within(MEMORY);
    scene.entracte.json(&["plan"]).code(0);
    for number in 0..500u32 {
        let path = release.join(format!("lib/{:03}/file-{number}.php", number % 400));
        fs::write(path, crate::bed::noise(number, 1900)).unwrap();
    }
    crate::support::update::plan_and_approve(&scene.entracte);
    scene.entracte.json(&["apply", "--foreground"]).code(0);
    scene.publish_as(&release, "4", &["--no-archive"]);
    Limit::watching().run(stage()).ended_within(MEMORY);
    let asked = server.asked();
    assert!(asked.last().is_some_and(|name| name.ends_with(".pack")), "{:?}", asked.last());
    effort::tried("files of a release that is fetched in 80 MiB", 20_000);
}

struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(entracte: &Entracte, arguments: &[&str]) -> Serving {
        let mut command = entracte.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Serving { child, url: url.trim().to_owned() }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
