//! An archive of the network as one side of a comparison.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::base::digest::Sha256;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::json;

use crate::bench;
use crate::host::Host;
use crate::host::Thing;
use crate::host::head;
use crate::host::reply;
use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

/// A folder, an archive of its next release, and whatever may be left of it.
struct Scene {
    small: SmallSite,
    thing: Thing,
    entracte: Entracte,
    temporary: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let small = SmallSite::new();
        let thing = Thing::new(&bench::release(&small));
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        fs::create_dir_all(temporary.path().join("c/entracte")).unwrap();
        let quick = "tries = 2\nbackoff_seconds = 0.05\nstall_seconds = 20\n";
        fs::write(temporary.path().join("c/entracte/network.toml"), quick).unwrap();
        fs::create_dir(temporary.path().join("t")).unwrap();
        let path = |name: &str| temporary.path().join(name).to_str().unwrap().to_owned();
        let entracte =
            Entracte::new(temporary.path()).with("TMPDIR", &path("t")).with("XDG_CONFIG_HOME", &path("c"));
        Scene { small, thing, entracte, temporary }
    }

    /// The folder of the release that the archive was made of, but for one file.
    fn folder(&self) -> String {
        self.small.release(2).to_str().unwrap().to_owned()
    }

    fn compare(&self, url: &str) -> Answered {
        self.entracte.json(&["compare", &self.folder(), url])
    }

    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temporary.path().join("t")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn good(&self) -> Host {
        let thing = self.thing.clone();
        Host::serve(Box::new(move |asked, stream| thing.send(asked, stream)))
    }
}

#[test]
fn it_is_compared_as_if_it_were_here() {
    let scene = Scene::new();
    let (host, file) = (scene.good(), scene.temporary.path().join("release 2.tar"));
    fs::write(&file, &*scene.thing.bytes).unwrap();
    let by_hand = scene.compare(file.to_str().unwrap()).code(7);
    assert_eq!(by_hand["files"]["only_b"], json!(["app/noise.bin"]), "{by_hand:#}");
    let digest = Sha256::of(&scene.thing.bytes);
    let local = format!("file://{}", file.display().to_string().replace(' ', "%20"));
    for url in [
        host.url(),
        format!("{}#sha256={digest}", host.url()),
        local.clone(),
        format!("{local}#sha256={digest}"),
    ] {
        let found = scene.compare(&url).code(7);
        assert_eq!(found["files"], by_hand["files"], "{url}");
        assert_eq!(found["b"], url.split('#').next().unwrap(), "{found:#}");
    }
    assert_eq!(scene.left(), <[PathBuf; 0]>::default());
    let lines = ["compare", &host.url(), &scene.folder(), "--diff", "--html"];
    let report = scene.temporary.path().join("report.html");
    let found = scene.entracte.json(&[&lines[..], &[report.to_str().unwrap()]].concat()).code(7);
    assert_eq!(found["files"]["only_a"], json!(["app/noise.bin"]), "{found:#}");
    assert!(report.exists() && scene.left().is_empty());
}

#[test]
fn what_is_not_what_it_should_be_is_not_compared() {
    let scene = Scene::new();
    let host = scene.good();
    let page = Host::serve(Box::new(|_, stream| {
        let headers = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
        std::io::Write::write_all(stream, headers.as_bytes())
    }));
    let thing = scene.thing.clone();
    let short = Host::serve(Box::new(move |asked, stream| thing.send_up_to(1000, asked, stream)));
    let endless = Host::serve(Box::new(|_, stream| {
        std::io::Write::write_all(stream, head("200 OK", "Content-Length: 99999999999\r\n").as_bytes())
    }));
    let missing = Host::serve(Box::new(|_, stream| reply(stream, "404 Not Found", "", b"")));
    let other = Sha256::of(b"something else");
    let file = scene.temporary.path().join("release.tar");
    fs::write(&file, &*scene.thing.bytes).unwrap();
    for (url, code, said) in [
        (format!("{}#sha256={other}", host.url()), 9, "has the SHA-256"),
        (format!("file://{}#sha256={other}", file.display()), 9, "has the SHA-256"),
        (format!("{}#sha256=00", host.url()), 5, "sha256=DIGEST"),
        (format!("{}#2.1", host.url()), 2, "is no reference, of which a version could be named"),
        (page.url(), 1, "it sent a web page"),
        (short.url(), 1, "broke after"),
        (endless.url(), 5, "is larger than"),
        (missing.url(), 1, "answers 404"),
        ("http://192.0.2.1/release.tar".to_owned(), 5, "not protected by TLS"),
        ("file:///no/such.tar".to_owned(), 5, "there is no file or folder"),
    ] {
        let told = scene.compare(&url).refused(code);
        assert!(told.contains(said), "{url}: {told}");
        assert_eq!(scene.left(), <[PathBuf; 0]>::default(), "{url}");
    }
}

/// A download under way, ended by a signal once a part is here; the exit code.
fn end_by(scene: &Scene, signal: Signal) -> Option<i32> {
    let thing = scene.thing.clone();
    let host = Host::serve(Box::new(move |asked, stream| {
        thing.send_up_to(250_000, asked, stream)?;
        thread::sleep(Duration::from_secs(60));
        Ok(())
    }));
    let mut command = scene.entracte.command(&["compare", &scene.folder(), &host.url()]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    let is_part = |path: &Path| fs::metadata(path).is_ok_and(|part| part.is_file() && part.len() == 250_000);
    while !walkdir::WalkDir::new(scene.temporary.path().join("t"))
        .into_iter()
        .flatten()
        .any(|one| is_part(one.path()))
    {
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}", scene.left());
        thread::sleep(Duration::from_millis(10));
    }
    nix::sys::signal::kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    child.wait_with_output().unwrap().status.code()
}

#[test]
fn nothing_of_a_download_that_was_ended_stays() {
    let scene = Scene::new();
    assert_eq!(end_by(&scene, Signal::SIGINT), Some(1));
    assert_eq!(scene.left(), <[PathBuf; 0]>::default());
    assert_eq!(end_by(&scene, Signal::SIGKILL), None);
    assert_eq!(scene.left().len(), 1, "a killed one cannot have cleared away");
    scene.compare(&scene.good().url()).code(7);
    assert_eq!(scene.left(), <[PathBuf; 0]>::default(), "the next one does");
}

/// The settings of the site on the other side say how it is fetched.
#[test]
fn the_other_side_says_how_it_is_fetched() {
    let scene = Scene::new();
    let root = scene.small.root();
    let entracte = scene.small.adopt();
    let proxy = scene.good();
    let settings = root.parent().unwrap().join(".entracte-site/entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let said = format!("{text}\n[network]\ninsecure_http = true\nproxy = \"http://{}\"\n", proxy.address);
    fs::write(&settings, said).unwrap();
    let url = "http://releases.invalid/release.tar";
    let found = entracte.json(&["compare", root.to_str().unwrap(), url, "--files"]).code(7);
    assert!(found["notes"].to_string().contains("came without TLS"), "{found:#}");
    assert_eq!(proxy.asked()[0].target, url);
    let typed = scene.good();
    let other =
        ["compare", root.to_str().unwrap(), url, "--files", "--proxy", &format!("http://{}", typed.address)];
    entracte.json(&other).code(7);
    assert_eq!((typed.asked().len(), proxy.asked().len()), (1, 1), "what is typed stands before what is set");
}
