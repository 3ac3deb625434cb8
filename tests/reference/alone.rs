//! A reference behind TLS of an own authority, and behind a proxy, where no
//! site's settings say so yet.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use entracte::base::digest::Sha256;

use crate::bed::Also;
use crate::bed::Bed;
use crate::support::proxy::Manner;
use crate::support::proxy::Proxy;
use crate::support::run::Entracte;
use crate::support::tls::Authority;
use crate::support::tls::Served;

/// me:hunter2
const KNOWN: Manner = Manner::Known("Basic bWU6aHVudGVyMg==");

/// Three versions are published, and a folder holds the second.
struct Scene {
    bed: Bed,
    authority: Authority,
    server: Served,
    digest: String,
    root: String,
    entracte: Entracte,
}

impl Scene {
    fn new() -> Scene {
        let bed = Bed::usual(Also { archive: false, packs: 0 });
        let authority = Authority::make(bed.folder.path());
        authority.sign("server", "IP:127.0.0.1", None);
        let server = Served::start(&bed.reference(), &authority, "server");
        let digest = Sha256::of(&fs::read(bed.reference().join("metadata/1.root.json")).unwrap()).to_string();
        let root = bed.path("site").to_str().unwrap().to_owned();
        let configuration = bed.path("configuration");
        fs::create_dir_all(configuration.join("entracte")).unwrap();
        let entracte =
            Entracte::new(&bed.path("site")).with("XDG_CONFIG_HOME", configuration.to_str().unwrap());
        Scene { bed, authority, server, digest, root, entracte }
    }

    fn init<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let all = ["init", &self.root, "--release", &self.server.url, "--version", "2"];
        [&all[..], more].concat()
    }

    /// What the user says for all that no site speaks for.
    fn set(&self, text: &str) {
        fs::write(self.bed.path("configuration/entracte/network.toml"), text).unwrap();
    }

    /// A file that nobody else reads.
    fn private(&self, name: &str, text: &str) -> String {
        let path = self.bed.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.bed.path(".entracte-site/entracte.toml")).unwrap()
    }
}

#[test]
fn a_site_is_adopted_and_keeps_how_it_was_asked() {
    let scene = Scene::new();
    let (ca, digest) = (scene.authority.certificate(), scene.digest.as_str());
    let unknown = scene.entracte.json(&scene.init(&["--digest", digest]));
    assert_eq!(unknown.exit, 1, "{:#}", unknown.error);
    assert!(unknown.error["hints"].to_string().contains("--cacert FILE"), "{:#}", unknown.error);
    let untrusted = scene.entracte.json(&scene.init(&["--cacert", &ca]));
    assert_eq!(untrusted.exit, 9, "{:#}", untrusted.error);
    let command = format!("--release {} --cacert {ca} --digest {digest}`", scene.server.url);
    assert!(untrusted.error["hints"].to_string().contains(&command), "{:#}", untrusted.error);
    assert!(!scene.bed.path(".entracte-site").exists(), "what was refused left something");

    let found = scene.entracte.json(&scene.init(&["--cacert", &ca, "--digest", digest])).code(0);
    assert_eq!((&found["version"], &found["follows"]), (&"2".into(), &scene.server.url.as_str().into()));
    assert!(scene.settings().contains(&format!("[network]\nca_file = \"{ca}\"\n")), "{}", scene.settings());
    let staged = scene.entracte.json(&["stage"]).code(0);
    assert_eq!((&staged["version"], &staged["trust"]), (&"3".into(), &"signed".into()), "{staged:#}");
    let two = format!("{}#2", scene.server.url);
    scene.entracte.json(&["compare", &scene.root, &two, "--files"]).code(0);
    // Another authority's certificate: the doctor says which setting it is.
    let other = scene.bed.path("other");
    fs::create_dir(&other).unwrap();
    let wrong = scene.settings().replace(&ca, &Authority::make(&other).certificate());
    let right = scene.settings();
    fs::write(scene.bed.path(".entracte-site/entracte.toml"), wrong).unwrap();
    let said = scene.entracte.json(&["doctor"]);
    let check =
        said.result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "source").unwrap();
    assert!(check["detail"].as_str().unwrap().contains("is not trusted"), "{check:#}");
    assert!(check["fix"].as_str().unwrap().contains("network.ca_file"), "{check:#}");
    fs::write(scene.bed.path(".entracte-site/entracte.toml"), right).unwrap();
    let known = scene.entracte.json(&["identify", &scene.root, "--from", &scene.server.url]).code(0);
    assert_eq!(known["nearest"]["version"], "2", "{known:#}");
}

#[test]
fn a_proxy_is_told_who_asks_and_nobody_else_is() {
    let scene = Scene::new();
    let proxy = Proxy::start(KNOWN);
    let (ca, digest) = (scene.authority.certificate(), scene.digest.as_str());
    let (address, plain) = (format!("http://me@{}", proxy.address), format!("http://{}", proxy.address));
    let password = scene.private("proxy-password", "hunter2\n");
    let usual = ["--cacert", &ca, "--digest", digest];
    let asks = scene.entracte.json(&scene.init(&[&usual[..], &["--proxy", &plain]].concat()));
    assert_eq!(asks.exit, 1, "{:#}", asks.error);
    let said = asks.error.to_string();
    assert!(said.contains("wants to know who asks") && said.contains("--proxy-password-file"), "{said}");
    let loud = format!("http://me:hunter2@{}", proxy.address);
    scene.entracte.json(&scene.init(&[&usual[..], &["--proxy", &loud]].concat())).refused(2);
    scene.entracte.run(&scene.init(&["--proxy-password-file", &password])).code(2);
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    let known = [&usual[..], &["--proxy", &address, "--proxy-password-file", &password]].concat();
    let exposed = scene.entracte.json(&scene.init(&known)).refused(5);
    assert!(exposed.contains("proxy-password"), "{exposed}");
    assert_eq!(proxy.opened(), <[&str; 0]>::default());

    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    scene.entracte.json(&scene.init(&known)).code(0);
    let opened = proxy.opened().len();
    assert!(opened > 0, "the proxy was passed by");
    let settings = scene.settings();
    assert!(settings.contains(&format!("proxy = \"{address}/\"")), "{settings}");
    assert!(!settings.contains("hunter2"), "{settings}");
    scene.entracte.json(&["stage"]).code(0);
    assert!(proxy.opened().len() > opened, "the site's own settings pass the proxy by");
}

#[test]
fn the_user_says_it_once_for_all_that_no_site_speaks_for() {
    let scene = Scene::new();
    let two = format!("{}#2", scene.server.url);
    let compare = ["compare", &scene.root, &two, "--digest", &scene.digest, "--files"];
    assert_eq!(scene.entracte.json(&compare).exit, 1);
    scene.entracte.json(&[&compare[..], &["--cacert", &scene.authority.certificate()]].concat()).code(0);
    // What is named stands beside the file that names it.
    fs::copy(scene.authority.certificate(), scene.bed.path("configuration/entracte/own.pem")).unwrap();
    scene.set("ca_file = \"own.pem\"\ntries = 2\n");
    scene.entracte.json(&compare).code(0);
    // A site is told all of it, since its settings speak for it from then on.
    scene.entracte.json(&scene.init(&["--digest", &scene.digest])).code(0);
    scene.set("");
    let settings = scene.settings();
    assert!(settings.contains("own.pem\"\n") && settings.contains("tries = 2\n"), "{settings}");
    scene.entracte.json(&["stage"]).code(0);
    for (text, said) in
        [("mirrors = [\"https://m/\"]", "copies of one reference"), ("ca_files = \"x\"", "unknown field")]
    {
        scene.set(text);
        let folder = scene.bed.reference();
        let other = ["compare", &scene.root, folder.to_str().unwrap(), "--digest", &scene.digest];
        // With a site there is no need for the user's word.
        assert_eq!(scene.entracte.json(&other).exit, 7);
        let folder = scene.bed.path("configuration");
        let alone = ["compare", folder.to_str().unwrap(), &two, "--digest", &scene.digest];
        let refused = scene.entracte.json(&alone).refused(5);
        assert!(refused.contains(said), "{refused}");
    }
}

/// A copy that answers is asked where the reference does not.
#[test]
fn a_mirror_is_named_where_the_reference_is_away() {
    let scene = Scene::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scene.set("tries = 2\nbackoff_seconds = 0.05\n");
    let (away, root) = (format!("https://{nobody}/"), scene.bed.reference().join("metadata/1.root.json"));
    let init = ["init", &scene.root, "--release", &away, "--version", "2", "--root", root.to_str().unwrap()];
    let ca = scene.authority.certificate();
    assert_eq!(scene.entracte.json(&[&init[..], &["--cacert", &ca]].concat()).exit, 1);
    let mirrored = [&init[..], &["--cacert", &ca, "--mirror", &scene.server.url]].concat();
    scene.entracte.json(&mirrored).code(0);
    assert!(
        scene.settings().contains(&format!("mirrors = [\"{}\"]", scene.server.url)),
        "{}",
        scene.settings()
    );
    scene.entracte.json(&["stage"]).code(0);
}
