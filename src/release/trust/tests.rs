//! The whole of trust, publisher and client, over a plain folder.

mod keys;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;
use crate::release::network::Network;
use crate::release::trust::Change;
use crate::release::trust::Keyring;
use crate::release::trust::Pinned;
use crate::release::trust::Store;
use crate::release::trust::TargetInfo;
use crate::release::trust::TrustError;
use crate::release::trust::Verified;
use crate::release::trust::create;
use crate::release::trust::documents::Source;
use crate::release::trust::error::Unreachable;
use crate::release::trust::last_seen;
use crate::release::trust::reference::ReferenceError;
use crate::release::trust::refresh;
use crate::release::trust::renew;
use crate::release::trust::role::Role;
use crate::release::trust::rotate;
use crate::release::trust::sign;
use crate::release::trust::signed_targets;
use crate::release::trust::status;
use crate::sys::fs;

/// A reference, its keys, and a site that may believe it.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { folder: tempfile::tempdir().unwrap() };
        bench.key(None);
        create(&bench.reference(), &bench.keys()).unwrap();
        bench.sign("a");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn reference(&self) -> PathBuf {
        self.path("reference")
    }

    fn document(&self, name: &str) -> PathBuf {
        self.reference().join("metadata").join(name)
    }

    fn key(&self, role: Option<Role>) -> String {
        Keyring::make(&self.path("keys"), role, None).unwrap().id
    }

    fn keys(&self) -> Keyring {
        Keyring::open(&self.path("keys"), None).unwrap()
    }

    fn sign(&self, text: &str) {
        sign(&self.reference(), &self.keys(), &targets(text)).unwrap();
    }

    fn store(&self) -> Store {
        Store::open(&self.path("trust"))
    }

    fn pin(&self) -> Pinned {
        let root = fs::read(&self.document("1.root.json")).unwrap();
        let folder = self.reference();
        self.store().add(folder.to_str().unwrap(), &root).unwrap()
    }

    fn source(&self) -> Source {
        let folder = self.reference();
        Source::open(folder.to_str().unwrap(), &Network::default()).unwrap()
    }

    fn refresh(&self) -> Result<Verified, TrustError> {
        let (pinned, mut source) = (self.pin(), self.source());
        refresh(&pinned, &mut |name, limit| source.ask(name, limit))
    }

    /// All documents as they lie there now.
    fn saved(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let paths = fs::list(&self.reference().join("metadata")).unwrap();
        paths.into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }

    fn restore(&self, saved: &BTreeMap<PathBuf, Vec<u8>>) {
        for (path, bytes) in saved {
            fs::write_durable(path, bytes).unwrap();
        }
    }
}

fn targets(text: &str) -> BTreeMap<String, TargetInfo> {
    let info = TargetInfo {
        length: text.len() as u64,
        sha256: Sha256::of(text.as_bytes()),
        custom: Some(serde_json::json!({"format": 1, "kind": "manifest"})),
    };
    BTreeMap::from([("one-1.0.manifest.json.zst".to_owned(), info)])
}

#[test]
fn what_was_signed_is_what_is_verified_and_kept_as_it_was_served() {
    let bench = Bench::new();
    assert_eq!(last_seen(&bench.pin()).unwrap(), None);
    let verified = bench.refresh().unwrap();
    assert_eq!((verified.targets.clone(), verified.consistent), (targets("a"), true));
    assert_eq!(verified.warnings, Vec::<String>::new());
    let pinned = bench.pin();
    for (kept, served) in [
        ("root.json", "1.root.json"),
        ("timestamp.json", "timestamp.json"),
        ("snapshot.json", "1.snapshot.json"),
        ("targets.json", "1.targets.json"),
    ] {
        let kept = fs::read(&pinned.folder().join(kept)).unwrap();
        assert_eq!(kept, fs::read(&bench.document(served)).unwrap(), "{served}");
    }
    assert_eq!(last_seen(&pinned).unwrap(), Some(verified));
    assert_eq!(signed_targets(&bench.reference()).unwrap(), targets("a"));
}

#[test]
fn what_did_not_change_is_not_asked_for_again() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    let (pinned, mut source, mut asked) = (bench.pin(), bench.source(), Vec::new());
    let verified = refresh(&pinned, &mut |name, limit| {
        asked.push(name.to_owned());
        source.ask(name, limit)
    });
    assert_eq!(verified.unwrap().targets, targets("a"));
    assert_eq!(asked, ["metadata/2.root.json", "metadata/timestamp.json"]);
}

#[test]
fn what_cannot_be_asked_for_is_told_from_what_is_not_believed() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    let pinned = bench.pin();
    for unreachable in ["metadata/2.root.json", "metadata/timestamp.json"] {
        let mut source = bench.source();
        let error = refresh(&pinned, &mut |name, limit| match name == unreachable {
            true => Err(Unreachable::from(fs::IoError::new("read", "/x", std::io::Error::other("gone")))),
            false => source.ask(name, limit),
        });
        let error = error.unwrap_err();
        assert!(matches!(error, TrustError::CannotCheck { .. }), "{unreachable}: {error:?}");
        assert_eq!(error.exit(), Exit::Failed);
    }
    fs::remove_file(&bench.document("timestamp.json")).unwrap();
    let error = bench.refresh().unwrap_err();
    assert!(matches!(&error, TrustError::Missing { name, .. } if name == "metadata/timestamp.json"));
    assert_eq!((error.exit(), error.is_network()), (Exit::Failed, true));
    assert_eq!(last_seen(&pinned).unwrap().unwrap().targets, targets("a"));
}

#[test]
fn a_reference_is_not_trusted_before_its_root_is_pinned() {
    let bench = Bench::new();
    let (url, mut source) = (bench.reference(), bench.source());
    let url = url.to_str().unwrap();
    let digest = Sha256::of(&fs::read(&bench.document("1.root.json")).unwrap());
    let error = bench.store().require(url, &mut |name, limit| source.ask(name, limit)).unwrap_err();
    assert!(matches!(&error, TrustError::NotTrusted { offered: Some(offered), .. } if *offered == digest));
    assert_eq!(error.exit(), Exit::Untrusted);
    assert!(error.hints()[1].contains(&digest.to_string()));
    let ask = &mut |name: &str, limit: u64| source.ask(name, limit);
    let wrong = bench.store().add_by_digest(url, Sha256::of(b"x"), ask).unwrap_err();
    assert!(matches!(wrong, TrustError::NoSuchRoot { .. }));
    let pinned = bench.store().add_by_digest(url, digest, ask).unwrap();
    assert_eq!((pinned.digest(), bench.store().list().unwrap().len()), (digest, 1));
    assert_eq!(bench.store().require(url, ask).unwrap().url(), pinned.url());
    bench.store().remove(url).unwrap();
    assert!(bench.store().find(url).unwrap().is_none());
    assert_eq!(bench.store().remove(url).unwrap_err().exit(), Exit::NothingToDo);
}

#[test]
fn addresses_of_one_reference_are_one_and_hold_no_secret() {
    let store = Store::open(std::path::Path::new("/nowhere"));
    let bench = Bench::new();
    let root = fs::read(&bench.document("1.root.json")).unwrap();
    let pinned = bench.store().add("https://me:hunter2@example.org/r?token=hunter2", &root).unwrap();
    assert_eq!(pinned.url(), "https://example.org/r/");
    assert!(bench.store().find("https://example.org/r/").unwrap().is_some());
    assert!(store.list().unwrap().is_empty());
    for wrong in ["ftp://example.org/", "https://"] {
        assert_eq!(store.find(wrong).unwrap_err().exit(), Exit::Usage, "{wrong}");
    }
}

#[test]
fn what_was_seen_is_not_taken_back() {
    let bench = Bench::new();
    let older = bench.saved();
    bench.sign("b");
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
    bench.restore(&older);
    let error = bench.refresh().unwrap_err();
    assert!(matches!(error, TrustError::Older { .. }), "{error:?}");
    assert_eq!(error.exit(), Exit::Untrusted);
    assert_eq!(last_seen(&bench.pin()).unwrap().unwrap().targets, targets("b"));
}

#[test]
fn documents_of_two_rounds_do_not_fit_together() {
    let bench = Bench::new();
    bench.sign("b");
    for (newer, older) in [("2.snapshot.json", "1.snapshot.json"), ("2.targets.json", "1.targets.json")] {
        let saved = bench.saved();
        fs::write_durable(&bench.document(newer), &fs::read(&bench.document(older)).unwrap()).unwrap();
        let error = bench.refresh().unwrap_err();
        assert!(matches!(error, TrustError::Mixed { .. }), "{newer}: {error:?}");
        bench.restore(&saved);
    }
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
}

#[test]
fn every_document_with_one_other_byte_is_refused() {
    let bench = Bench::new();
    let saved = bench.saved();
    let every = if crate::sys::env::variable("ENTRACTE_TEST_FULL").is_some() { 1 } else { 41 };
    let mut tried = 0;
    for (path, bytes) in &saved {
        if path.ends_with("1.root.json") {
            continue;
        }
        for at in (0..bytes.len()).step_by(every) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            if serde_json::from_slice::<serde_json::Value>(&changed).ok()
                == serde_json::from_slice(bytes).ok()
            {
                // White space: the signature covers the meaning. Snapshot and targets are held by their digest too.
                if path.ends_with("timestamp.json") {
                    continue;
                }
            }
            fs::write_durable(path, &changed).unwrap();
            let error = bench.refresh().expect_err(&format!("{} at {at}", path.display()));
            assert_eq!(error.exit(), Exit::Untrusted, "{} at {at}: {error:?}", path.display());
            tried += 1;
        }
        bench.restore(&saved);
    }
    assert!(tried > 30, "{tried}");
    bench.refresh().unwrap();
    assert!(!bench.path("trust").join("checking").exists());
}

#[test]
fn a_root_with_one_other_byte_is_not_followed() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    rotate(&bench.reference(), &bench.keys(), &Change::default()).unwrap();
    let path = bench.document("2.root.json");
    let good = fs::read(&path).unwrap();
    let mut tried = 0;
    for at in (0..good.len()).step_by(29) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        if serde_json::from_slice::<serde_json::Value>(&changed).ok() == serde_json::from_slice(&good).ok() {
            continue;
        }
        fs::write_durable(&path, &changed).unwrap();
        assert_eq!(bench.refresh().expect_err(&format!("at {at}")).exit(), Exit::Untrusted);
        tried += 1;
    }
    assert!(tried > 30, "{tried}");
    fs::write_durable(&path, &good).unwrap();
    assert_eq!(bench.refresh().unwrap().root_version, 2);
}

#[test]
fn a_clock_that_was_turned_back_is_told() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    let record = bench.pin().folder().parent().unwrap().join("clock.json");
    fs::write_durable(&record, br#"{"format": 1, "checked": "2199-01-01T00:00:00Z"}"#).unwrap();
    let error = bench.refresh().unwrap_err();
    assert!(matches!(error, TrustError::Clock { .. }) && error.exit() == Exit::Untrusted);
    fs::remove_file(&record).unwrap();
    bench.refresh().unwrap();
}

#[test]
fn keys_behind_a_passphrase_sign_only_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, reference) = (folder.path().join("keys"), folder.path().join("reference"));
    let secret = Secret::new("hunter2");
    Keyring::make(&keys, None, Some(&secret)).unwrap();
    let error = create(&reference, &Keyring::open(&keys, None).unwrap()).unwrap_err();
    assert!(error.to_string().contains("cannot be opened without its passphrase"), "{error}");
    assert!(error.hints()[0].contains("--passphrase-file"));
    create(&reference, &Keyring::open(&keys, Some(&secret)).unwrap()).unwrap();
    let again = create(&reference, &Keyring::open(&keys, Some(&secret)).unwrap()).unwrap_err();
    assert!(matches!(again, TrustError::Reference(ReferenceError::Exists { .. })));
}

#[test]
fn names_of_targets_are_flat() {
    let bench = Bench::new();
    for name in ["../x", "a/b", "", "..", "a\\b", "./a"] {
        let infos = BTreeMap::from([(name.to_owned(), targets("a").into_values().next().unwrap())]);
        let error = sign(&bench.reference(), &bench.keys(), &infos).unwrap_err();
        assert!(matches!(error, TrustError::Reference(ReferenceError::Name { .. })), "{name}");
    }
}

#[test]
fn another_timestamp_of_the_same_version_is_not_taken() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    let (path, first) = (bench.document("timestamp.json"), bench.saved());
    bench.sign("b");
    let later = fs::read(&path).unwrap();
    // Signed by the same key, under the version that was seen.
    fs::write_durable(&path, &first[&path].clone()).unwrap();
    let again = sign_as(&bench, 1);
    assert_ne!(again, first[&path]);
    assert_eq!(bench.refresh().unwrap().targets, targets("a"));
    assert_eq!(fs::read(&bench.pin().folder().join("timestamp.json")).unwrap(), first[&path]);
    fs::write_durable(&path, &later).unwrap();
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
}

/// A timestamp with this version for what is signed now.
fn sign_as(bench: &Bench, version: u64) -> Vec<u8> {
    let path = bench.document("timestamp.json");
    fs::remove_file(&path).unwrap();
    bench.sign("c");
    let signed = fs::read(&path).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&signed).unwrap();
    assert_eq!(value["signed"]["version"], version);
    signed
}
