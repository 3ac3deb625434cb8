//! What is not the server's doing: addresses, digests, settings, disks,
//! signals.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::base::digest::Sha256;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::bench;
use crate::bench::Bench;
use crate::bench::Shelf;
use crate::host::Host;
use crate::host::Thing;
use crate::host::head;
use crate::host::reply;
use crate::support::effort;
use crate::support::limited::Limit;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

fn good(thing: &Thing) -> Host {
    let thing = thing.clone();
    Host::serve(Box::new(move |asked, stream| thing.send(asked, stream)))
}

/// Where nobody listens.
fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/release.tar")
}

#[test]
fn what_is_here_and_unchanged_is_not_fetched_again() {
    let bench = Bench::new();
    let host = good(&bench.thing);
    let numbers = |url: &str| {
        let result = bench.staged(url);
        (result["fetched_bytes"].as_u64().unwrap(), result["requests"].as_u64().unwrap())
    };
    let all = bench.thing.bytes.len() as u64;
    assert_eq!(numbers(&host.url()), (all, 1));
    assert_eq!(numbers(&host.url()), (0, 1), "it did not change");
    let digest = Sha256::of(&bench.thing.bytes);
    assert_eq!(numbers(&format!("{}#sha256={digest}", host.url())), (0, 0), "it cannot have changed");
    let whole = fs::read_dir(bench.downloads()).unwrap().map(|entry| entry.unwrap().path());
    let whole = whole.into_iter().find(|path| path.extension().unwrap() == "archive").unwrap();
    let mut damaged = fs::read(&whole).unwrap();
    damaged[1000] ^= 1;
    fs::write(&whole, damaged).unwrap();
    assert_eq!(numbers(&host.url()), (all, 1), "what is here is damaged");
    let other = good(&bench.thing);
    assert_eq!(numbers(&other.url()), (all, 1));
    assert_eq!(bench.rests().len(), 1, "what another address sent is still here");
    bench.entracte.run(&["discard"]).code(0);
    assert_eq!(bench.rests(), []);
}

#[test]
fn addresses_that_are_refused() {
    let bench = Bench::new();
    let staged = bench.staging();
    let digest = Sha256::of(b"something else");
    let file = bench.small.folder.path().join("release.tar");
    fs::write(&file, &*bench.thing.bytes).unwrap();
    let host = good(&bench.thing);
    let nobody = nobody();
    for (url, code, said) in [
        ("http://192.0.2.1/release.tar".to_owned(), 5, "not protected by TLS"),
        (nobody.clone(), 1, "refuses the connection"),
        ("https://no-such-host.invalid/release.tar".to_owned(), 1, "no-such-host.invalid"),
        (format!("{}#sha256={digest}", host.url()), 9, "has the SHA-256"),
        (format!("file://{}#sha256={digest}", file.display()), 9, "has the SHA-256"),
        (format!("file://{}", bench.small.folder.path().display()), 5, "names a folder"),
        ("file:///no/such.tar".to_owned(), 5, "there is no file or folder /no/such.tar"),
        (format!("file://{}/", bench.small.folder.path().display()), 5, "names a folder"),
        (format!("{nobody}/"), 1, "cannot be checked now"),
        ("http://192.0.2.1/releases/".to_owned(), 5, "not protected by TLS"),
        ("ftp://127.0.0.1/release.tar".to_owned(), 5, "kind ftp:"),
        ("vendor".to_owned(), 5, "nobody is known who publishes"),
    ] {
        let told = bench.stage(&url).refused(code);
        assert!(told.contains(said), "{url}: {told}");
        assert_eq!(bench.staging(), staged, "{url}");
        assert_eq!(bench.rests(), [], "{url}");
        bench.is_untouched(&url);
    }
}

#[test]
fn a_file_is_taken_where_it_is() {
    let bench = Bench::new();
    let file = bench.small.folder.path().join("release 2.tar");
    fs::write(&file, &*bench.thing.bytes).unwrap();
    let digest = Sha256::of(&bench.thing.bytes);
    let url = format!("file://{}#sha256={digest}", file.display().to_string().replace(' ', "%20"));
    assert_eq!(bench.staged(&url)["requests"], 0);
    assert_eq!(bench.rests(), []);
}

/// The release that is installed may be somewhere else, too.
#[test]
fn a_site_is_adopted_by_a_release_of_the_network() {
    let small = SmallSite::new();
    let host = good(&Thing::new(&bench::release(&small)));
    let (entracte, root) = (Entracte::new(&small.root()), small.root());
    let arguments = ["init", root.to_str().unwrap(), "--profile", "generic", "--release", &host.url()];
    let result = entracte.json(&arguments).code(0);
    assert_eq!((&result["baseline"], host.asked().len()), (&"release".into(), 1), "{result:#}");
}

/// Bytes, and of how many: what bars and rates are made of.
#[test]
fn progress_is_told() {
    let bench = Bench::new();
    let events = bench.small.folder.path().join("events");
    let arguments = Bench::arguments(&good(&bench.thing).url());
    let mut all = vec!["--events", events.to_str().unwrap()];
    all.extend(arguments.iter().map(String::as_str));
    let ran = bench.entracte.run(&all).code(0);
    let length = bench.thing.bytes.len();
    let lines = fs::read_to_string(&events).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let told: Vec<_> = lines.filter(|line| line["text"] == "downloading").collect();
    assert!(told.iter().all(|line| line["event"] == "progress" && line["total_bytes"] == length), "{told:?}");
    assert_eq!(told.last().unwrap()["bytes"], length);
    assert!(ran.stdout.contains("fetched by 1 request"), "{ran}");
}

/// What a person reads when a server keeps programs out.
#[test]
fn a_refusal_as_it_is_read() {
    let bench = Bench::new();
    let host = Host::serve(Box::new(|_, stream| reply(stream, "403 Forbidden", "", b"")));
    let arguments = Bench::arguments(&host.url());
    let ran = bench.entracte.run(&arguments.each_ref().map(String::as_str)).code(1);
    insta::assert_snapshot!(ran.stderr.replace(&host.address.to_string(), "HOST"), @r"
    error: http://HOST/release.tar answers 403 Forbidden
      hint: the server, or something before it, keeps programs out: fetch the archive in another way and stage the file
    ");
}

/// User, password and the query of an address are for the server alone.
#[test]
fn secrets_of_an_address_stay_secret() {
    let bench = Bench::new();
    let thing = bench.thing.clone();
    let host = Host::serve(Box::new(move |asked, stream| match asked.number {
        0 => reply(stream, "503 Service Unavailable", "", b""),
        1 | 2 => thing.send(asked, stream),
        _ => reply(stream, "404 Not Found", "", b""),
    }));
    let url = format!("http://me:hunter2@{}/release.tar?key=hunter2", host.address);
    let events = bench.small.folder.path().join("events");
    let mut told = String::new();
    for _ in 0..3 {
        let arguments = Bench::arguments(&url);
        let mut all = vec!["--events", events.to_str().unwrap(), "-v"];
        all.extend(arguments.iter().map(String::as_str));
        told += &bench.entracte.run(&all).to_string().replace(&arguments.join(" "), "");
    }
    assert!(told.contains("release.tar?…"), "{told}");
    let mut read = vec![("what was said".to_owned(), told.into_bytes())];
    for entry in walkdir::WalkDir::new(bench.small.folder.path()).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            read.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
    for (place, bytes) in read {
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{place}");
    }
    let asked = host.asked();
    assert_eq!((asked.len(), asked[0].target.as_str()), (4, "/release.tar?key=hunter2"));
    // me:hunter2
    assert_eq!(asked[1].header("authorization"), Some("Basic bWU6aHVudGVyMg=="));
}

#[test]
fn the_settings_name_a_proxy() {
    let bench = Bench::new();
    let host = good(&bench.thing);
    bench.set(&format!("insecure_http = true\nproxy = \"http://{}\"\n", host.address));
    let result = bench.staged("http://releases.invalid/release.tar");
    assert!(result["notes"].to_string().contains("came without TLS"), "{result:#}");
    let asked = host.asked();
    assert_eq!((asked.len(), asked[0].target.as_str()), (1, "http://releases.invalid/release.tar"));
}

/// A part of it comes, then the server waits for longer than anybody.
fn waits_once(thing: &Thing) -> Host {
    let thing = thing.clone();
    Host::serve(Box::new(move |asked, stream| {
        if asked.number > 0 {
            return thing.send(asked, stream);
        }
        thing.send_up_to(250_000, asked, stream)?;
        thread::sleep(Duration::from_secs(60));
        Ok(())
    }))
}

/// Starts `arguments`, sends the signal once a part is here; the exit code.
fn end_by(bench: &Bench, arguments: &[&str], signal: Signal) -> (Option<i32>, String) {
    let mut command = bench.entracte.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while bench.rests() != [("part".to_owned(), 250_000)] {
        assert!(since.elapsed() < Duration::from_secs(30), "{:?}", bench.rests());
        thread::sleep(Duration::from_millis(10));
    }
    nix::sys::signal::kill(Pid::from_raw(child.id() as i32), signal).unwrap();
    let since = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(since.elapsed() < Duration::from_secs(10), "{signal}: it took {:?}", since.elapsed());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn who_is_interrupted_goes_on_where_it_was() {
    let bench = Bench::new();
    bench.set("stall_seconds = 50\nrate_seconds = 50\n");
    let all = bench.thing.bytes.len() as u64;
    for (verb, signal, code) in [
        ("stage", Signal::SIGINT, None),
        ("stage", Signal::SIGKILL, None),
        ("update", Signal::SIGINT, Some(1)),
    ] {
        bench.forget_downloads();
        let staged = bench.staging();
        let host = waits_once(&bench.thing);
        let url = host.url();
        let ended = end_by(&bench, &[verb, "--from", &url, "--version", "2"], signal);
        assert_eq!(ended.0, code, "{verb} {signal}: {}", ended.1);
        if code.is_some() {
            assert!(
                ended.1.contains("interrupted") && ended.1.contains("goes on where it stopped"),
                "{}",
                ended.1
            );
        }
        assert_eq!(bench.staging(), staged, "{verb} {signal}");
        let result = bench.staged(&url);
        assert_eq!(result["fetched_bytes"], all - 250_000, "{verb} {signal}: {result:#}");
        bench.is_untouched(verb);
        bench.small.stage(&bench.entracte);
    }
}

#[test]
fn a_part_without_mark_of_its_version_is_completed_by_its_digest() {
    let bench = Bench::new();
    let host = waits_once(&bench.thing.unmarked());
    let (all, digest) = (bench.thing.bytes.len() as u64, Sha256::of(&bench.thing.bytes));
    let url = format!("{}#sha256={digest}", host.url());
    let result = bench.staged(&url);
    assert_eq!((&result["fetched_bytes"], &result["requests"]), (&all.into(), &2.into()), "{result:#}");
}

/// Pieces of two versions are found out by the digest, and fetched as one.
#[test]
fn a_part_of_something_else_does_not_pass_the_digest() {
    let bench = Bench::new();
    let (thing, other) =
        (bench.thing.unmarked(), Thing::new(&vec![b'x'; bench.thing.bytes.len()]).unmarked());
    let host = Host::serve(Box::new(move |asked, stream| match asked.number {
        0 => other.send_up_to(5000, asked, stream),
        _ => thing.send(asked, stream),
    }));
    let url = format!("{}#sha256={}", host.url(), Sha256::of(&bench.thing.bytes));
    assert_eq!(bench.staged(&url)["requests"], 3);
}

#[test]
fn a_full_disk_is_told_with_its_path_and_left_free() {
    // Mounts belong to a thread, and the programs that it starts see them.
    thread::spawn(full_disk).join().unwrap();
}

fn full_disk() {
    if let Err(reason) = mounts::become_private() {
        return effort::skipped("full disks", &reason);
    }
    let bench = Bench::new();
    fs::create_dir_all(bench.downloads()).unwrap();
    let disk = Mounted::new(&["-t", "tmpfs", "-o", "size=256k"], Path::new("tmpfs"), &bench.downloads());
    let _disk = match disk {
        Ok(disk) => disk,
        Err(reason) => return effort::skipped("full disks", &reason),
    };
    let bytes = Arc::clone(&bench.thing.bytes);
    let unannounced = Host::serve(Box::new(move |_, stream| {
        stream.write_all(head("200 OK", "").as_bytes())?;
        stream.write_all(&bytes)
    }));
    for (host, said) in
        [(good(&bench.thing), "bytes are to come"), (unannounced, "bytes are free, and 16777216 are left")]
    {
        is_full(&bench, &bench.stage(&host.url()).refused(1), said);
        assert_eq!(host.asked().len(), 1);
    }
}

/// Somebody else fills the disk while it comes.
#[test]
fn a_disk_that_fills_up_is_left_free() {
    let mut bench = Bench::new();
    bench.entracte = bench.entracte.with("ENTRACTE_FAULT", "fetch.write:2=enospc");
    let host = good(&bench.thing);
    is_full(&bench, &bench.stage(&host.url()).refused(1), "No space left on device");
    assert_eq!(host.asked().len(), 1);
}

#[track_caller]
fn is_full(bench: &Bench, told: &str, said: &str) {
    let part = format!("the disk is full: failed to write {}", bench.downloads().display());
    assert!(told.contains(&part) && told.contains(said) && told.contains("free some space"), "{told}");
    assert_eq!(bench.rests(), [], "what fills the disk is still there");
    bench.is_untouched(said);
}

/// Neither endless nor large answers are held in memory.
#[test]
fn what_comes_is_not_held_in_memory() {
    let bench = Bench::new();
    bench.set("[limits]\ntotal_bytes = 100000000\n");
    let host = Host::serve(Box::new(|_, stream| {
        stream.write_all(head("200 OK", "").as_bytes())?;
        let piece = vec![b'x'; 1 << 20];
        loop {
            stream.write_all(&piece)?;
        }
    }));
    let arguments = Bench::arguments(&host.url());
    let command = bench.entracte.command(&arguments.each_ref().map(String::as_str));
    let used = Limit::watching().run(command);
    assert_eq!(used.output.status.code(), Some(5), "{}", String::from_utf8_lossy(&used.output.stderr));
    assert!(used.peak < 64 << 20, "{} bytes of memory", used.peak);
}

/// What a caller learns who works unattended.
#[test]
fn trouble_of_the_network_is_told_from_all_else() {
    let shelf = Shelf::of("generic");
    let missing = Host::serve(Box::new(|_, stream| reply(stream, "404 Not Found", "", b"")));
    for (url, is_network, exit) in [
        (nobody(), true, Exit::Failed),
        (missing.url(), false, Exit::Failed),
        ("http://192.0.2.1/x.tar".to_owned(), false, Exit::Refused),
    ] {
        let error = shelf.stage(&url).unwrap_err();
        assert_eq!((error.is_network(), error.exit()), (is_network, exit), "{error}");
    }
}
