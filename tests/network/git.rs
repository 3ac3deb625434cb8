//! A release from a repository of git.

use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

use crate::bench::Bench;

/// A repository with a work tree.
pub struct Origin {
    folder: TempDir,
}

impl Origin {
    /// A branch `main` with release 2, tagged `v2`.
    pub fn of(bench: &Bench) -> Origin {
        let origin = Origin::empty();
        copy(&bench.small.release(2), origin.path());
        origin.commit("two");
        origin.git(&["tag", "v2"]);
        origin
    }

    fn empty() -> Origin {
        let origin = Origin { folder: tempfile::tempdir_in("/tmp").unwrap() };
        origin.git(&["init", "-q", "-b", "main"]);
        origin
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "core.protectHFS=false"]);
        command.args(arguments).current_dir(self.path()).env("HOME", self.path());
        command.env("GIT_COMMITTER_DATE", "1700000000 +0000").env("GIT_AUTHOR_DATE", "1700000000 +0000");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits all that is there; its name.
    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits a tree with one entry that git itself would not make.
    fn commit_entry(&self, mode: &str, name: &[u8], id: &str) -> String {
        let good = self.git_with(&["hash-object", "-w", "--stdin"], b"good");
        let mut tree = Vec::new();
        let mut entries = vec![(mode, name, id.to_owned()), ("100644", b"index.php", good)];
        entries.sort_by(|one, other| one.1.cmp(other.1));
        for (mode, name, id) in &entries {
            tree.extend_from_slice(format!("{mode} ").as_bytes());
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend(hex::decode(id).unwrap());
        }
        let tree = self.git_with(&["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], &tree);
        let commit = self.git(&["commit-tree", &tree, "-m", "odd"]);
        self.git(&["update-ref", "refs/heads/odd", &commit]);
        commit
    }

    fn source(&self, name: &str) -> String {
        format!("git+{}#{name}", self.path().display())
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}

pub fn stage(bench: &Bench, source: &str) -> crate::support::run::Answered {
    bench.entracte.json(&["stage", "--from", source])
}

/// The digests of all content that is staged.
fn objects(bench: &Bench) -> Vec<String> {
    let objects = walkdir::WalkDir::new(bench.state().join("staging/objects")).sort_by_file_name();
    let files = objects.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// All that the messages of an answer say.
fn said(error: &Value) -> String {
    error.to_string()
}

/// Fails with that code, says so, and leaves what was staged before.
#[track_caller]
pub fn refused(bench: &Bench, source: &str, code: i32, words: &str) -> String {
    let staged = || (bench.staging().0, objects(bench));
    let before = staged();
    let answered = stage(bench, source);
    let text = said(&answered.error);
    assert_eq!(answered.exit, code, "{source}: {text}");
    assert!(text.contains(words), "{source}: {text}");
    assert!(before == staged(), "{source}: what was staged before is not as it was");
    bench.is_untouched(source);
    text
}

#[test]
fn a_branch_a_tag_and_a_commit_are_brought() {
    let bench = Bench::new();
    let origin = Origin::of(&bench);
    let tagged = origin.git(&["rev-parse", "HEAD"]);
    bench.entracte.json(&[
        "stage",
        "--from",
        bench.small.release(2).to_str().unwrap(),
        "--complete",
        "--version",
        "v2",
    ]);
    let expected = objects(&bench);
    for name in ["main", "v2", "", &tagged, "refs/heads/main"] {
        bench.entracte.json(&["discard"]).code(0);
        let result = stage(&bench, &origin.source(name)).code(0);
        assert_eq!((&result["version"], &result["trust"]), (&"v2".into(), &"none".into()), "{name}");
        assert_eq!(result["requests"], 2, "{name}");
        let notes = result["notes"].to_string();
        assert!(notes.contains(&tagged), "{name}: {notes}");
        assert_eq!(objects(&bench), expected, "{name}: another content than that of the folder");
        let (record, _) = bench.staging();
        let record: Value = serde_json::from_slice(&record).unwrap();
        let source = format!("git+{}", origin.path().canonicalize().unwrap().display());
        assert!(record["source"].as_str().unwrap().starts_with(&source), "{record}");
    }
    let plan = bench.entracte.json(&["plan"]).code(0);
    assert_eq!(plan["to"]["version"], "v2");

    let again = stage(&bench, &origin.source("main")).code(0);
    assert_eq!((&again["requests"], &again["fetched_bytes"]), (&1.into(), &0.into()), "it is here already");

    origin.write("app/new.php", "<?php // new");
    let next = origin.commit("three");
    // As a git that was killed leaves them.
    let repository = bench.state().join("staging/git/repository");
    for lock in ["shallow.lock", "refs/entracte/tip.lock", "objects/pack/tmp_pack_x"] {
        fs::write(repository.join(lock), "").unwrap();
    }
    let newer = stage(&bench, &origin.source("main")).code(0);
    assert_eq!((newer["version"].as_str(), &newer["requests"]), (Some(&next[..12]), &2.into()));
    assert!(newer["fetched_bytes"].as_u64().unwrap() < 100_000, "{newer}");
    let older = stage(&bench, &origin.source(&tagged)).code(0);
    assert_eq!(older["version"], "v2");
    bench.is_untouched("after staging from repositories");
}

#[test]
fn what_no_release_may_hold_is_refused() {
    let bench = Bench::new();
    let origin = Origin::empty();
    origin.write("index.php", "x");
    origin.commit("one");
    let evil = origin.git_with(&["hash-object", "-w", "--stdin"], b"evil");
    let out = origin.git_with(&["hash-object", "-w", "--stdin"], b"../../etc/passwd");
    let config = origin.git_with(&["mktree"], format!("100644 blob {evil}\tconfig\n").as_bytes());
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let pointer = origin.git_with(&["hash-object", "-w", "--stdin"], pointer);
    for (mode, name, id, code, words) in [
        ("120000", &b"link"[..], &out, 9, "link"),
        ("40000", b".git", &config, 9, ".git"),
        ("40000", b".GIT", &config, 9, ".GIT"),
        ("40000", b"..", &config, 9, ".."),
        ("100644", b"a\\b", &evil, 9, "backslash"),
        ("100644", b"a\x1b[2Jb", &evil, 9, "\\\\x1b"),
        ("100644", b"a\xffb", &evil, 9, "UTF-8"),
        ("100644", b".maintenance", &evil, 9, "closes"),
        ("40000", b".entracte", &config, 9, "reserved"),
        ("160000", b"module", &"a".repeat(40), 5, "submodule"),
        ("100644", b"logo.png", &pointer, 5, "Git LFS"),
    ] {
        origin.commit_entry(mode, name, id);
        refused(&bench, &origin.source("odd"), code, words);
    }
    // The control: it is the entry that is refused.
    origin.commit_entry("100644", b"fine.php", &evil);
    assert_eq!(stage(&bench, &origin.source("odd")).code(0)["files"], 2);
}

#[test]
fn a_repository_that_is_of_no_use_is_told() {
    let bench = Bench::new();
    let origin = Origin::of(&bench);
    refused(&bench, &origin.source("gone"), 1, "no such branch");
    refused(&bench, &origin.source(&"b".repeat(40)), 1, "git failed");
    refused(&bench, "git+/tmp#main", 1, "git failed");
    refused(&bench, "git+https://127.0.0.1:1/x#main", 1, "cannot be reached");
    refused(&bench, "git+http://192.0.2.1/x", 5, "not protected");
    let text = refused(&bench, "git+https://me:hunter2@127.0.0.1:1/x", 5, "password");
    assert!(!text.contains("hunter2"), "{text}");
    bench.set("total_bytes_are_elsewhere = 1");
    let path = bench.state().join("entracte.toml");
    let text = fs::read_to_string(&path)
        .unwrap()
        .replace("total_bytes_are_elsewhere = 1", "\n[limits]\ntotal_bytes = 300000\n");
    fs::write(&path, text).unwrap();
    let noise: String =
        (0..400_000u32).map(|i| char::from(33 + (i.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
    origin.write("noise.txt", &noise);
    origin.commit("large");
    refused(&bench, &origin.source("main"), 5, "larger than");
}

/// A server that speaks git's own HTTP, by `git http-backend`.
struct Web {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Manner {
    Good,
    /// The first so many answers break off.
    Cut(usize),
    Login,
    Silent,
    Elsewhere,
}

impl Web {
    fn serve(root: &Path, manner: Manner) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let (root, noted) = (root.to_owned(), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (root, noted) = (root.clone(), Arc::clone(&noted));
                // A client that goes away is no failure of the server's.
                thread::spawn(move || drop(answer(&mut &stream, &root, manner, &noted)));
            }
        });
        Web { address, asked }
    }

    fn source(&self, name: &str) -> String {
        format!("git+http://{}/.git#{name}", self.address)
    }
}

pub fn answer<S: Read + Write>(
    stream: &mut S,
    root: &Path,
    manner: Manner,
    noted: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(&mut *stream);
    let (mut first, mut headers) = (String::new(), Vec::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let header =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let mut body = vec![0; header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let number = {
        let mut noted = noted.lock().unwrap();
        noted.push(target.to_owned());
        noted.len()
    };
    match manner {
        Manner::Login => {
            let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes());
        }
        Manner::Elsewhere => {
            let head = "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return stream.write_all(head.as_bytes());
        }
        Manner::Silent => loop {
            thread::park();
        },
        Manner::Good | Manner::Cut(_) => {}
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("CONTENT_TYPE", header("content-type").unwrap_or_default());
    command.env("CONTENT_LENGTH", body.len().to_string()).env("HOME", "/nonexistent");
    command.env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or_default());
    command.env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?.stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let content = &output[end + 4..];
    let head = format!(
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    stream.write_all(head.as_bytes())?;
    let most = match manner {
        Manner::Cut(first) if number <= first => content.len() / 2,
        _ => content.len(),
    };
    stream.write_all(&content[..most])
}

#[test]
fn over_http_what_breaks_is_tried_again() {
    let bench = Bench::new();
    let origin = Origin::of(&bench);
    let web = Web::serve(origin.path(), Manner::Good);
    let result = stage(&bench, &web.source("main")).code(0);
    assert_eq!(result["version"], "v2");
    assert!(web.asked.lock().unwrap().iter().all(|target| target.starts_with("/.git/")));

    bench.entracte.json(&["discard"]).code(0);
    bench.set("tries = 4");
    let web = Web::serve(origin.path(), Manner::Cut(2));
    let result = stage(&bench, &web.source("v2")).code(0);
    assert_eq!(result["version"], "v2");
    assert!(result["requests"].as_u64().unwrap() > 2, "{result}");
}

#[test]
fn a_server_that_asks_leads_astray_or_says_nothing_ends_it() {
    let bench = Bench::new();
    let origin = Origin::of(&bench);
    let refuses = |manner: Manner, words: &str| {
        let web = Web::serve(origin.path(), manner);
        refused(&bench, &web.source("main"), 1, words);
    };
    refuses(Manner::Login, "credential helper");
    refuses(Manner::Elsewhere, "git failed");
    bench.set("total_seconds = 2.5\nstall_seconds = 60");
    refuses(Manner::Silent, "not fetched within");
}
