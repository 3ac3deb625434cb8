//! A real server that does not mean well.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use entracte::base::digest::Sha256;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use entracte::release::network::Network;
use entracte::release::trust;
use entracte::release::trust::Keyring;
use entracte::release::trust::Pinned;
use entracte::release::trust::Store;
use entracte::release::trust::TargetInfo;
use entracte::release::trust::TrustError;
use entracte::release::trust::Verified;
use entracte::release::trust::documents::Source;

use crate::host::Asked;
use crate::host::Host;
use crate::host::drip;
use crate::host::endless;
use crate::host::head;
use crate::host::reply;

/// What the server does when it is asked for a name that ends so.
#[derive(Clone, Debug)]
enum Mood {
    Endless,
    Dripping,
    Status(&'static str),
    Cut,
    Longer,
    Page,
}

struct Bench {
    folder: tempfile::TempDir,
    host: Host,
    mood: Arc<Mutex<Option<(&'static str, Mood)>>>,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        Keyring::make(&folder.path().join("keys"), None, None).unwrap();
        let reference = folder.path().join("reference");
        let mood = Arc::new(Mutex::new(None));
        let (served, its_mood) = (reference.clone(), Arc::clone(&mood));
        let host = Host::serve(Box::new(move |asked, stream| {
            let mood: Option<(&str, Mood)> = its_mood.lock().unwrap().clone();
            match mood.filter(|(end, _)| asked.target.ends_with(end)) {
                Some((_, mood)) => misbehave(&mood, &served, asked, stream),
                None => serve(&served, asked, stream),
            }
        }));
        let bench = Bench { folder, host, mood };
        trust::create(&reference, &bench.keys()).unwrap();
        bench.sign("a");
        bench
    }

    fn keys(&self) -> Keyring {
        Keyring::open(&self.folder.path().join("keys"), None).unwrap()
    }

    fn sign(&self, text: &str) {
        trust::sign(&self.folder.path().join("reference"), &self.keys(), &targets(text)).unwrap();
    }

    fn url(&self) -> String {
        format!("http://{}/shop", self.host.address)
    }

    fn source(&self) -> Source {
        let mut network = Network::default();
        let settings = &mut network.settings;
        settings.tries = 1;
        settings.stall_seconds = 0.5.try_into().unwrap();
        settings.rate_seconds = 1.0.try_into().unwrap();
        Source::open(&self.url(), &network).unwrap()
    }

    fn pin(&self) -> Pinned {
        let root = fs::read(self.folder.path().join("reference/metadata/1.root.json")).unwrap();
        Store::open(&self.folder.path().join("trust")).add(&self.url(), &root).unwrap()
    }

    fn refresh(&self) -> Result<Verified, TrustError> {
        let (pinned, mut source) = (self.pin(), self.source());
        trust::refresh(&pinned, &mut |name, limit| source.ask(name, limit))
    }

    fn in_mood(&self, end: &'static str, mood: Mood) -> TrustError {
        *self.mood.lock().unwrap() = Some((end, mood));
        let error = self.refresh().unwrap_err();
        *self.mood.lock().unwrap() = None;
        error
    }
}

fn targets(text: &str) -> BTreeMap<String, TargetInfo> {
    let (length, sha256) = (text.len() as u64, Sha256::of(text.as_bytes()));
    BTreeMap::from([("one".to_owned(), TargetInfo { length, sha256, custom: None })])
}

fn path_of(reference: &Path, asked: &Asked) -> PathBuf {
    reference.join(asked.target.trim_start_matches("/shop/"))
}

fn serve(reference: &Path, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
    match fs::read(path_of(reference, asked)) {
        Ok(bytes) => reply(stream, "200 OK", "", &bytes),
        Err(_) => reply(stream, "404 Not Found", "", b"no"),
    }
}

fn misbehave(mood: &Mood, reference: &Path, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
    let bytes = fs::read(path_of(reference, asked)).unwrap_or_else(|_| b"{}".to_vec());
    let begin = |stream: &mut TcpStream| io::Write::write_all(stream, head("200 OK", "").as_bytes());
    match mood {
        Mood::Endless => {
            begin(stream)?;
            endless(stream, &[b' '; 8192])
        }
        Mood::Dripping => {
            begin(stream)?;
            drip(stream, b" ", Duration::from_millis(200))
        }
        Mood::Status(status) => reply(stream, status, "", b"no"),
        Mood::Cut => {
            let announced = format!("Content-Length: {}\r\n", bytes.len());
            io::Write::write_all(stream, head("200 OK", &announced).as_bytes())?;
            io::Write::write_all(stream, &bytes[..bytes.len() / 2])
        }
        Mood::Longer => reply(stream, "200 OK", "", &[&bytes[..], b" "].concat()),
        Mood::Page => reply(stream, "200 OK", "", b"<!DOCTYPE html><p>Please log in"),
    }
}

#[test]
fn a_server_that_does_not_mean_well_changes_nothing() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    bench.sign("b");
    let documents = ["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"];
    for end in documents {
        for mood in
            [Mood::Endless, Mood::Dripping, Mood::Status("500 Internal Server Error"), Mood::Cut, Mood::Page]
        {
            let error = bench.in_mood(end, mood.clone());
            let is_page = matches!(mood, Mood::Page);
            let expected = matches!(error, TrustError::CannotCheck { .. } if !is_page)
                || matches!(error, TrustError::Malformed { .. } if is_page);
            assert!(expected, "{end} {mood:?}: {error:?}");
            let is_passing = matches!(mood, Mood::Dripping | Mood::Status(_) | Mood::Cut);
            assert_eq!(error.is_network(), is_passing, "{end} {mood:?}: {error:?}");
        }
    }
    let seen = trust::last_seen(&bench.pin()).unwrap();
    // The new timestamp was verified and is kept; the list that goes with it never came.
    assert_eq!(seen.unwrap().targets, targets("a"));
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
}

#[test]
fn a_document_of_another_length_is_refused() {
    let bench = Bench::new();
    for end in ["1.snapshot.json", "1.targets.json"] {
        let error = bench.in_mood(end, Mood::Longer);
        // It is asked for as many bytes as are signed, and no more.
        assert!(matches!(error, TrustError::CannotCheck { .. }), "{end}: {error:?}");
        assert_eq!(error.exit(), Exit::Refused);
    }
    bench.refresh().unwrap();
}

#[test]
fn what_is_not_there_is_missing() {
    let bench = Bench::new();
    for end in ["timestamp.json", "1.snapshot.json", "1.targets.json"] {
        for status in ["404 Not Found", "410 Gone", "403 Forbidden"] {
            let error = bench.in_mood(end, Mood::Status(status));
            assert!(
                matches!(&error, TrustError::Missing { name, .. } if name.ends_with(end)),
                "{end}: {error:?}"
            );
        }
    }
    let asked = bench.host.asked();
    assert!(asked.iter().all(|asked| asked.target.starts_with("/shop/metadata/")), "{asked:?}");
}

#[test]
fn a_rotation_is_followed_over_the_network() {
    let bench = Bench::new();
    bench.refresh().unwrap();
    let old = bench.keys().keys()[0].id.clone();
    Keyring::make(&bench.folder.path().join("keys"), None, None).unwrap();
    let change = trust::Change { remove: vec![old], ..trust::Change::default() };
    trust::rotate(&bench.folder.path().join("reference"), &bench.keys(), &change).unwrap();
    let verified = bench.refresh().unwrap();
    assert_eq!((verified.root_version, verified.targets), (2, targets("a")));
    // Whoever offers the old chain now is not believed: the new keys are known.
    let error = bench.in_mood("timestamp.json", Mood::Status("404 Not Found"));
    assert!(matches!(error, TrustError::Missing { .. }));
}
