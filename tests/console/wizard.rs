//! The update from a source to an approved plan, by a browser without a script
//! and as the script of the page does it.

mod left;
mod offered;
mod script;
mod uploads;

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::release::trust::Keyring;
use reqwest::Method;
use serde_json::Value;

use super::desk::Answer;
use super::desk::Desk;
use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::worker;

const SITE: &str = "/sites/site";

struct Bed {
    small: SmallSite,
    entracte: Entracte,
    desk: Desk,
}

impl Bed {
    fn new() -> Bed {
        Bed::of(SmallSite::new())
    }

    fn of(small: SmallSite) -> Bed {
        let entracte = small.adopt();
        let desk = Desk::open(&small.root());
        Bed { small, entracte, desk }
    }

    fn state(&self) -> PathBuf {
        let state = self.small.root().parent().unwrap().join(".entracte-site");
        assert!(state.is_dir(), "{}", state.display());
        state
    }

    fn inbox(&self) -> Vec<String> {
        let names = fs::read_dir(self.state().join("inbox")).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Release 2 as an archive with so many bytes more.
    fn archive(&self, name: &str, more: usize) -> Vec<u8> {
        if more > 0 {
            let noise: Vec<u8> = (0..more).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            fs::write(self.small.release(2).join("noise.bin"), noise).unwrap();
        }
        self.pack(name);
        fs::read(self.small.folder.path().join(name)).unwrap()
    }

    fn pack(&self, name: &str) {
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(self.small.folder.path().join(name)).arg("-C").arg(self.small.release(2)).arg(".");
        assert!(tar.status().unwrap().success());
    }

    fn get(&self, rest: &str) -> Answer {
        self.desk.get(&format!("{SITE}{rest}"))
    }

    fn post(&self, rest: &str, fields: &[(&str, &str)]) -> Answer {
        self.desk.post(&format!("{SITE}{rest}"), fields)
    }

    /// Posts what begins work, and waits for its answer.
    fn work(&self, rest: &str, fields: &[(&str, &str)]) -> Value {
        let begun = self.post(rest, fields).is(303);
        let id = begun.header("location").strip_prefix(&format!("{SITE}/work/")).unwrap();
        worker::answer(&self.small.root(), id)
    }

    #[track_caller]
    fn leads_to(&self, rest: &str, to: &str) {
        assert_eq!(self.get(rest).is(303).header("location"), format!("{SITE}{to}"));
    }

    fn begin(&self, name: &str, size: usize, mark: &str) -> Answer {
        self.post("/update/upload", &[("name", name), ("size", &size.to_string()), ("mark", mark)])
    }

    fn put(&self, upload: &str, offset: u64, body: &[u8]) -> Answer {
        let path = format!("{SITE}/update/upload/{upload}");
        self.desk.put(&path, body.to_vec(), &[("upload-offset", &offset.to_string())])
    }

    /// Looks through the plan and approves it; its id.
    fn approve(&self) -> String {
        let page = self.get("/update/review").is(200);
        let id = page.field("plan").unwrap_or_else(|| panic!("{}", page.text));
        let approved = self.post("/update/approve", &[("plan", &id), ("typed", &id[..6])]).is(303);
        assert_eq!(approved.header("location"), format!("{SITE}/update"));
        self.leads_to("/update", "/update/run");
        id
    }

    fn history(&self) -> String {
        fs::read_to_string(self.state().join("history.jsonl")).unwrap()
    }
}

/// An upload, with where it stands.
fn upload(answer: Answer) -> (String, u64) {
    let said = answer.is(200).json();
    (said["upload"].as_str().unwrap().to_owned(), said["offset"].as_u64().unwrap())
}

#[test]
fn an_archive_comes_through_a_broken_line_and_a_killed_server() {
    let mut bed = Bed::new();
    bed.leads_to("/update", "/update/source");
    let archive = bed.archive("small-2.tar", 1 << 20);
    let (id, offset) = upload(bed.begin("small-2.tar", archive.len(), "7"));
    assert_eq!(offset, 0);
    assert_eq!(upload(bed.put(&id, 0, &archive[..1000])), (id.clone(), 1000));

    // A server that is killed in the middle of a piece.
    let faulty = Entracte::with_fault(&bed.small.root(), "upload.write:3=kill");
    bed.desk = Desk::open_with(&faulty, &[]);
    let path = format!("{SITE}/update/upload/{id}");
    let request = bed.desk.request(Method::PUT, &path).header("x-entracte-token", &bed.desk.token);
    let sent = request.header("upload-offset", "1000").body(archive[1000..].to_vec()).send();
    assert!(sent.is_err(), "it was killed");

    // Another one, and another browser: the same file is chosen again.
    bed.desk = Desk::open(&bed.small.root());
    let page = bed.get("/update/source").is(200);
    assert!(page.text.contains("small-2.tar") && page.text.contains(&format!("{path}/cancel")));
    let (again, offset) = upload(bed.begin("small-2.tar", archive.len(), "7"));
    assert_eq!(again, id);
    assert!(offset > 1000 && offset < archive.len() as u64, "{offset}");
    assert_eq!(bed.get(&format!("/update/upload/{id}")).is(200).json()["offset"], offset);

    // The token is wrong half-way: nothing is taken, nothing is lost.
    let token = std::mem::replace(&mut bed.desk.token, "0".repeat(64));
    bed.put(&id, offset, &archive[offset as usize..]).is(403);
    bed.desk.token = token;
    bed.put(&id, offset, &archive[offset as usize..]).is(200);
    let finished = bed.post(&format!("/update/upload/{id}/finish"), &[]).is(200).json();
    let digest = entracte::base::digest::Sha256::of(&archive).to_string();
    assert_eq!(finished["sha256"], digest.as_str());
    let page = bed.desk.get(finished["next"].as_str().unwrap()).is(200);
    assert!(page.text.contains(&digest) && page.text.contains("small-2.tar has arrived"));

    let staged = bed.work("/update/stage", &[("from", "inbox"), ("name", "small-2.tar"), ("version", "2")]);
    assert_eq!((&staged["verb"], &staged["exit"]), (&"stage".into(), &0.into()), "{staged:#}");
    bed.leads_to("/update", "/update/review");
    let id = bed.approve();
    assert!(bed.history().contains("the one who started the console (console)"));
    assert_eq!(staged["result"]["plan"], id.as_str());
    let applied = bed.work("/update/apply", &[("how", "all"), ("seen", &seen(&bed))]);
    assert_eq!(applied["result"]["outcome"], "finished", "{applied:#}");
    assert_eq!(bed.small.read("VERSION"), "2\n");
    bed.leads_to("/update", "/update/source");
}

fn seen(bed: &Bed) -> String {
    bed.get("/update/run").is(200).field("seen").unwrap()
}

#[test]
fn a_plan_is_approved_by_one_who_saw_it() {
    let bed = Bed::new();
    bed.leads_to("/update/review", "/update/source");
    let folder = bed.small.release(2);
    fs::write(bed.small.path("app/changed.txt"), "edited <here>\n").unwrap();
    let staged = bed.work(
        "/update/stage",
        &[("from", "typed"), ("typed", folder.to_str().unwrap()), ("complete", "1"), ("version", "2")],
    );
    assert_eq!(staged["exit"], 0, "{staged:#}");
    let page = bed.get("/update/review").is(200);
    let id = page.field("plan").unwrap();
    for text in ["app/changed.txt", "ALTER TABLE pages", "run_once/001-mark.sh", "Nobody signed it", &id] {
        assert!(page.text.contains(text), "{text}");
    }
    let diff = bed.get("/update/review/diff?path=app%2Fchanged.txt").is(200).text;
    assert!(diff.contains("-edited &#60;here&#62;") && diff.contains("+as in 2, and longer"), "{diff}");
    let diff = bed.get("/update/review/diff?path=app%2Fchanged.txt&view=beside").is(200).text;
    assert!(diff.contains("edited &#60;here&#62;</td>"), "{diff}");
    for path in ["nothing", "..%2f..%2fetc%2fpasswd", "", "data%2Fsite.db"] {
        bed.get(&format!("/update/review/diff?path={path}")).is(404);
        bed.get(&format!("/update/review/script?path={path}")).is(404);
    }
    assert!(bed.get("/update/review/script?path=run_once%2F001-mark.sh").text.contains("set -eu"));
    assert!(bed.get("/update/review/database").text.contains("CREATE TABLE tags"));

    // Another plan than the one that was seen, or too little typed.
    let other = format!("{}{}", if id.starts_with('0') { "1" } else { "0" }, &id[1..]);
    bed.post("/update/approve", &[("plan", &other), ("typed", &other[..6])]).is(409);
    bed.post("/update/approve", &[("plan", &id), ("typed", &id[..5])]).is(400);
    bed.post("/update/approve", &[("plan", &id[..12]), ("typed", &id[..6])]).is(409);
    assert!(!bed.history().contains("approved"));

    // Drift is told before anybody applies.
    fs::write(bed.small.path("app/removed.txt"), "edited\n").unwrap();
    let page = bed.get("/update/review").is(200);
    assert!(page.text.contains("1 path is no longer as it was:"), "{}", page.text);
    let planned = bed.work("/update/plan", &[]);
    assert_eq!(planned["exit"], 0, "{planned:#}");
    bed.post("/update/approve", &[("plan", &id), ("typed", &id[..6])]).is(409);
    let now = bed.approve();
    assert_ne!(now, id);

    // The second operator learns who was first.
    let second = bed.post("/update/approve", &[("plan", &now), ("typed", &now)]).is(409);
    assert!(second.text.contains("approved this plan already"), "{}", second.text);
    assert_eq!(bed.history().matches("\"approved\"").count(), 1);
    bed.post("/update/discard", &[]).is(303);
    bed.leads_to("/update", "/update/source");
}

#[test]
fn what_a_check_forbids_nobody_approves() {
    let bed = Bed::new();
    let settings = bed.state().join("entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let strict = text.replace("\nconflicts = \"ours\"\n", "\nconflicts = \"stop\"\n");
    assert_ne!(strict, text);
    fs::write(&settings, strict).unwrap();
    fs::write(bed.small.path("app/changed.txt"), "edited here\n").unwrap();
    bed.small.stage(&bed.entracte);
    let page = bed.get("/update/source").is(200);
    assert!(page.text.contains("Fetched: version 2"), "{}", page.text);
    let planned = bed.work("/update/plan", &[]);
    let id = planned["result"]["id"].as_str().unwrap().to_owned();
    let page = bed.get("/update/review").is(200);
    assert!(
        page.text.contains("notice error") && page.text.contains("somebody has to decide"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("name=\"typed\""));
    bed.post("/update/approve", &[("plan", &id), ("typed", &id)]).is(409);
    assert!(!bed.history().contains("approved"));
}

#[test]
fn sources_that_are_no_sources() {
    let bed = Bed::new();
    for fields in [
        vec![("from", "nonsense")],
        vec![("from", "typed"), ("typed", "--complete")],
        vec![("from", "typed"), ("typed", "https://me:secret@127.0.0.1/")],
        vec![("from", "incoming"), ("version", "2\n--complete")],
    ] {
        let refused = bed.post("/update/stage", &fields).is(400);
        assert!(!refused.text.contains("secret"));
    }
    let missing = bed.work("/update/stage", &[("from", "inbox"), ("name", "../../x.zip")]);
    assert_eq!(missing["exit"], 5, "{missing:#}");
    let empty = bed.work("/update/stage", &[("from", "incoming")]);
    assert_eq!(empty["exit"], 3, "{empty:#}");
    let incoming = bed.state().join("incoming");
    fs::write(incoming.join("index.html"), "new\n").unwrap();
    let page = bed.get("/update/source").is(200);
    assert!(page.text.contains("1 file, 4 B"), "{}", page.text);
}

struct Served(Child, String);

impl Served {
    fn start(entracte: &Entracte, reference: &Path) -> Served {
        let mut command = entracte.command(&["serve", reference.to_str().unwrap()]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Served(child, url.trim().trim_end_matches('/').to_owned() + "/")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reference_is_followed() {
    let bed = Bed::new();
    let (press, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (reference, keys) = (press.path().join("reference"), press.path().join("keys"));
    Keyring::make(&keys, None, None).unwrap();
    let publisher = Entracte::new(other.path());
    let release = bed.small.release(2);
    let place = [release.to_str().unwrap(), "--to", reference.to_str().unwrap(), "--version", "2"];
    let named = ["--product", "generic", "--keys", keys.to_str().unwrap()];
    publisher.json(&[&["publish"], &place[..], &named[..]].concat()).code(0);
    let served = Served::start(&publisher, &reference);
    let untrusted = bed.work("/update/stage", &[("from", "typed"), ("typed", &served.1)]);
    assert_eq!(untrusted["exit"], 9, "{untrusted:#}");
    let root = reference.join("metadata/1.root.json");
    fs::copy(&root, bed.small.folder.path().join("root.json")).unwrap();
    let root = bed.small.folder.path().join("root.json");
    bed.entracte.json(&["trust", "add", &served.1, "--root", root.to_str().unwrap()]).code(0);
    let staged = bed.work("/update/stage", &[("from", "typed"), ("typed", &served.1)]);
    assert_eq!((&staged["exit"], &staged["result"]["trust"]), (&0.into(), &"signed".into()), "{staged:#}");
    assert!(bed.get("/update/review").is(200).text.contains("Signed by keys that this site trusts."));
    bed.approve();
}

#[test]
fn ten_thousand_changes_are_a_small_page() {
    let bed = Bed::of(SmallSite::in_memory());
    for folder in 0..100 {
        let folder = bed.small.release(2).join(format!("many/folder-number-{folder:03}/with a longer name"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            fs::write(
                folder.join(format!("file-of-the-release-{file:03}.php")),
                format!("<?php // {file}\n"),
            )
            .unwrap();
        }
    }
    bed.small.stage(&bed.entracte);
    bed.entracte.json(&["plan"]).code(0);
    let since = Instant::now();
    let page = bed.get("/update/review").is(200);
    println!("the page of 10,000 changes has {} bytes after {:?}", page.text.len(), since.elapsed());
    assert!(page.text.len() < 250_000, "{}", page.text.len());
    assert!(page.text.contains("10,0") && page.text.contains("page 1 of 51"), "{}", &page.text[..4000]);
    let found = |query: &str| bed.get(&format!("/update/review?{query}")).is(200).text;
    let one = found("kind=add&text=FILE-of-the-release-042&folder=many%2Ffolder-number-007");
    assert!(one.contains(">1 path<") || one.contains(">1 path,"), "{one}");
    assert_eq!(one.matches("file-of-the-release-042.php</a>").count(), 1);
    assert!(found("page=51").contains("page 51 of 51") && found("page=99999").contains("page 51 of 51"));
    assert!(found("kind=%3Cscript%3E&text=%3Cscript%3E&folder=%22%3E%3Cscript%3E").contains("0 paths"));
    assert!(!found("text=%22%3E%3Cscript%3Ex").contains("<script>x"));
}
