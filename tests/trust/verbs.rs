//! `key` and `trust`, as people type them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use entracte::base::digest::Sha256;
use entracte::release::trust;
use entracte::release::trust::Keyring;

use crate::support::run::Entracte;
use crate::support::small::SmallSite;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

struct Publisher {
    folder: tempfile::TempDir,
    entracte: Entracte,
}

impl Publisher {
    fn new() -> Publisher {
        let folder = tempfile::tempdir().unwrap();
        let entracte = Entracte::new(folder.path());
        Publisher { folder, entracte }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A verb with the keys folder named.
    fn key(&self, verb: &str, more: &[&str]) -> Vec<String> {
        let keys = self.path("keys");
        let all = ["key", verb, "--keys", text(&keys)].into_iter().chain(more.iter().copied());
        all.map(str::to_owned).collect()
    }

    fn json(&self, verb: &str, more: &[&str]) -> crate::support::run::Answered {
        let all = self.key(verb, more);
        self.entracte.json(&all.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn said(&self, verb: &str, more: &[&str], code: i32) -> String {
        let all = self.key(verb, more);
        let ran = self.entracte.run(&all.iter().map(String::as_str).collect::<Vec<_>>()).code(code);
        ran.stdout
    }

    fn reference(&self) -> PathBuf {
        let reference = self.path("reference");
        let keys = Keyring::open(&self.path("keys"), None).unwrap();
        trust::create(&reference, &keys).unwrap();
        trust::sign(&reference, &keys, &std::collections::BTreeMap::new()).unwrap();
        reference
    }
}

#[test]
fn openssl_reads_the_keys() {
    let publisher = Publisher::new();
    let phrase = publisher.path("phrase");
    fs::write(&phrase, "hunter2\n").unwrap();
    fs::set_permissions(&phrase, fs::Permissions::from_mode(0o600)).unwrap();
    let plain = publisher.json("new", &[]).code(0);
    let locked = publisher.json("new", &["--role", "root", "--passphrase-file", text(&phrase)]).code(0);
    assert_eq!((plain["encrypted"].as_bool(), locked["encrypted"].as_bool()), (Some(false), Some(true)));
    for made in [&plain, &locked] {
        let name = made["keys"][0]["name"].as_str().unwrap();
        let (key, public) =
            (publisher.path(&format!("keys/{name}.key")), publisher.path(&format!("keys/{name}.pub")));
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let mut openssl = Command::new("openssl");
        openssl.args(["pkey", "-pubout", "-passin", &format!("file:{}", text(&phrase)), "-in"]).arg(&key);
        let output = openssl.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, fs::read(&public).unwrap());
    }
    let folder = fs::metadata(publisher.path("keys")).unwrap().permissions().mode() & 0o777;
    assert_eq!(folder, 0o700);
    // What openssl makes is a key, too.
    let own = publisher.path("keys/timestamp-own.key");
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&own).status();
    assert!(made.unwrap().success());
    fs::set_permissions(&own, fs::Permissions::from_mode(0o600)).unwrap();
    let status = publisher.json("status", &[]).code(0);
    let keys = status["keys"].as_array().unwrap();
    let private: Vec<_> = keys.iter().map(|key| key["private"].as_str().unwrap()).collect();
    assert_eq!(private, ["here", "locked", "here"]);
}

#[test]
fn keys_are_made_shown_and_changed() {
    let publisher = Publisher::new();
    let said = publisher.said("new", &[], 0);
    assert!(said.contains("a key for all roles: ") && said.contains("it is not encrypted"), "{said}");
    let reference = publisher.reference();
    let at = ["--reference", text(&reference)];
    let status = publisher.json("status", &at).code(0);
    assert_eq!(status["roles"].as_array().unwrap().len(), 4);
    assert!(status["roles"].as_array().unwrap().iter().all(|role| role["state"] == "ok"), "{status:#}");
    let old = status["keys"][0]["id"].as_str().unwrap()[..12].to_owned();
    for role in ["root", "targets", "snapshot", "timestamp"] {
        publisher.json("new", &["--role", role]).code(0);
    }
    let change = [at[0], at[1], "--remove", &old, "--days", "timestamp=2"];
    let said = publisher.said("rotate", &change, 0);
    assert!(said.starts_with("root 2 is published"), "{said}");
    assert!(said.contains("timestamp: signatures hold 2 days, not 7"), "{said}");
    let said = publisher.said("status", &at, 0);
    assert!(said.contains("counts for nothing in this reference"), "{said}");
    assert_eq!(publisher.json("renew", &at).exit, 3);
    let none = ["--reference", "/nowhere"];
    assert!(publisher.json("renew", &none).refused(5).contains("holds no reference"));
    let wrong = [at[0], at[1], "--remove", "ffffffff"];
    assert!(publisher.json("rotate", &wrong).refused(5).contains("begins with ffffffff"));
    let typed = [at[0], at[1], "--threshold", "boss=2"];
    assert_eq!(publisher.json("rotate", &typed).exit, 2);
}

#[test]
fn a_signature_that_has_expired_is_told_by_the_exit_status() {
    let publisher = Publisher::new();
    publisher.json("new", &[]).code(0);
    let reference = publisher.reference();
    let at = ["--reference", text(&reference)];
    publisher.json("rotate", &[at[0], at[1], "--days", "timestamp=0"]).code(0);
    // What was signed before holds for as long as it says: nothing is due.
    assert_eq!(publisher.json("renew", &at).exit, 3);
    let keys = Keyring::open(&publisher.path("keys"), None).unwrap();
    trust::sign(&reference, &keys, &std::collections::BTreeMap::new()).unwrap();
    let answered = publisher.json("status", &at);
    assert_eq!((answered.exit, answered.error["kind"].as_str()), (9, Some("untrusted")));
    assert_eq!(answered.result["roles"][3]["state"], "expired");
}

#[test]
fn a_site_believes_whom_it_was_told_to() {
    let (small, publisher) = (SmallSite::new(), Publisher::new());
    let entracte = small.adopt();
    publisher.json("new", &[]).code(0);
    let reference = publisher.reference();
    // The site's owner has to read it.
    fs::set_permissions(publisher.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let url = format!("file://{}", text(&reference));
    assert_eq!(entracte.run(&["trust", "list"]).code(0).stdout, "no reference is trusted\n");
    let digest = Sha256::of(&fs::read(reference.join("metadata/1.root.json")).unwrap()).to_string();
    let wrong = Sha256::of(b"x").to_string();
    let refused = entracte.json(&["trust", "add", &url, "--digest", &wrong]).refused(9);
    assert!(refused.contains(&wrong), "{refused}");
    let added = entracte.json(&["trust", "add", &url, "--digest", &digest]).code(0);
    assert_eq!(
        (added["digest"].as_str(), added["url"].as_str()),
        (Some(&*digest), Some(&*format!("{url}/")))
    );
    entracte.json(&["trust", "add", &url, "--root", text(&reference.join("metadata/1.root.json"))]).code(0);
    let listed = entracte.json(&["trust", "list"]).code(0);
    assert_eq!(listed["references"].as_array().unwrap().len(), 1);
    assert_eq!(entracte.json(&["trust", "add", &url]).exit, 2);
    let removed = entracte.json(&["trust", "remove", &url]).code(0);
    assert_eq!(removed["references"].as_array().unwrap().len(), 0);
    assert_eq!(entracte.json(&["trust", "remove", &url]).exit, 3);
}
