//! Names that play tricks on terminals, shells, databases and readers: they
//! are taken or refused, and never come out as they went in.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use entracte::base::path::SitePath;

use crate::archives::files_below;
use crate::support::effort;
use crate::support::run::Entracte;
use crate::support::run::Ran;
use crate::support::small::SmallSite;

/// File names that a release may have, however strange.
const STRANGE: &[&str] = &[
    "plain.txt",
    "with blank.txt",
    " leading",
    "trailing ",
    "trailing.",
    "-rf",
    "--help",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "~root",
    "$(touch pwned)",
    "`touch pwned`",
    "${IFS}pwned",
    "; touch pwned;",
    "| touch pwned",
    "& touch pwned &",
    "> pwned",
    "'quoted'",
    "\"quoted\"",
    "' OR '1'='1",
    "'); DROP TABLE pages; --",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;&amp;",
    "%2e%2e%2fetc",
    "%00.php",
    "..%c0%af",
    "{{ 7*7 }}",
    "%s%n%x",
    "CON",
    "aux.txt",
    "COM1",
    "a:b",
    "NUL",
    "e\u{301}te\u{301}.txt",
    "été.txt",
    "ﬁle.txt",
    "مرحبا.txt",
    "שלום.txt",
    "日本語.txt",
    "👩‍👩‍👧‍👦.txt",
    "Z̷͓͎a̸l̶g̵o̶",
    "a\u{200b}b",
    "gpj.\u{202e}php",
    "\u{2066}isolated\u{2069}",
    "\u{200e}\u{200f}marks",
    "\u{61c}letter mark",
    "\u{feff}bom",
    "line\u{2028}separator\u{2029}",
    "\u{e0041}\u{e0042}tags",
    "null",
    "undefined",
    "true",
    "1e999",
    "…",
    "...",
    ".hidden",
    "#comment#",
    "file.php.bak",
    "file.new",
];

/// Names that no release may have, as bytes.
const REFUSED: &[&[u8]] = &[
    b"..",
    b".",
    b"a/../b",
    b"../a",
    b"/a",
    b"//a",
    b"a//b",
    b"a/",
    b"./a",
    b"..\\a",
    b"C:\\a",
    b"a\0b",
    b"a\nb",
    b"a\rb",
    b"a\tb",
    b"a\x1b[31mb",
    b"a\x1b]0;title\x07b",
    b"a\x08b",
    b"a\x7fb",
    b"a\xc2\x9bb",
    b"a\xc2\x85b",
    b"\xff\xfe",
    b"\xc0\xae\xc0\xae/a",
    b"\xe0\x80\xae",
    b"\xed\xa0\x80",
    b".entracte",
    b".entracte/lock",
    b".entracte-x/lock",
];

#[test]
fn the_one_parser_takes_or_refuses() {
    for name in STRANGE {
        let path = SitePath::parse(name).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(path.as_str(), *name);
        is_clean(path.to_string().as_bytes(), "a path shown");
        for around in [format!("{name}/.."), format!("../{name}"), format!("/{name}"), format!("{name}//a")] {
            assert!(SitePath::parse(&around).is_err(), "{around:?} was taken");
        }
    }
    for name in REFUSED {
        let error = SitePath::parse_bytes(name).expect_err(&name.escape_ascii().to_string());
        is_clean(error.to_string().as_bytes(), "a refusal");
    }
    let long = ["x".repeat(256), ["d"; 65].join("/"), "é".repeat(128), "x/".repeat(512) + "x"];
    assert!(long.iter().all(|path| SitePath::parse(path).is_err()));
    effort::tried("strange names to the one parser of paths", (STRANGE.len() * 5 + REFUSED.len() + 4) as u64);
}

/// No byte that a terminal acts upon, no mark that turns text around.
#[track_caller]
fn is_clean(bytes: &[u8], what: &str) {
    let text = String::from_utf8_lossy(bytes);
    let bad = text.char_indices().find(|(_, c)| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(*c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    });
    if let Some((at, c)) = bad {
        let around: String =
            text[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what}: {c:?} behind {around:?}");
    }
}

struct Said(u64);

impl Said {
    /// Runs a verb in text and in JSON; what is said is clean.
    fn both(&mut self, entracte: &Entracte, arguments: &[&str]) -> Ran {
        self.one(entracte, &[&["--json"], arguments].concat());
        self.one(entracte, arguments)
    }

    fn one(&mut self, entracte: &Entracte, arguments: &[&str]) -> Ran {
        let ran = entracte.run(arguments);
        is_clean(ran.stdout.as_bytes(), &format!("standard output of {arguments:?}"));
        is_clean(ran.stderr.as_bytes(), &format!("standard error of {arguments:?}"));
        assert!(ran.status.code().is_some_and(|code| (0..=9).contains(&code)), "{ran}");
        self.0 += 1;
        ran
    }
}

const TALK: &str = "#!/bin/sh\n# entracte: changes = media/**\n\
    printf 'red \\033[31m bell \\007 title \\033]0;x\\007 back\\b\\b turned \\342\\200\\256 c1 \\302\\233 raw \\377\\n'\n\
    printf 'to stderr \\033[2J\\r over\\n' >&2\n";

/// A site whose own name, files, rows, scripts and reasons are strange.
#[test]
fn nothing_dangerous_comes_out() {
    let small = SmallSite::new();
    let root = small.root().with_file_name("na\u{202e}me \u{1b}[31m'$(id)");
    fs::rename(small.root(), &root).unwrap();
    for (release, text) in [(1, "as in 1\n"), (2, "as in 2, longer \u{202e} \u{1b}[31m\n")] {
        for (number, name) in STRANGE.iter().enumerate() {
            // Some come, some go, some change, some are the owner's since.
            if number % 4 != release {
                small.write(&small.release(release as u32).join("strange").join(name), text);
            }
        }
    }
    for (number, name) in STRANGE.iter().enumerate() {
        if number % 4 != 1 {
            small.write(
                &root.join("strange").join(name),
                if number % 3 == 0 { "mine\n" } else { "as in 1\n" },
            );
        }
    }
    for name in REFUSED.iter().filter(|name| !name.contains(&0) && !name.contains(&b'/') && name.len() > 2) {
        let path = root.join("media").join(OsStr::from_bytes(name));
        fs::write(path, "an upload\n").unwrap();
    }
    let script = small.release(2).join("run_once/002-talk.sh");
    fs::write(&script, TALK).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let schema = small.release(2).join("schema/002.sql");
    fs::write(&schema, "CREATE TABLE \"t \u{1b}[31m \u{202e}\" (a TEXT);\n").unwrap();
    let entracte = Entracte::new(&root);
    let mut said = Said(0);
    let (old, new) = (small.release(1), small.release(2));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let database = format!("sqlite:{}", root.join("data/site.db").display());
    let init =
        ["init", root.to_str().unwrap(), "--profile", "generic", "--database", &database, "--release", old];
    said.one(&entracte, &[&init[..], &["--dry-run"]].concat()).code(0);
    said.one(&entracte, &init).code(0);
    update(&mut said, &entracte, new, &small);
    refusals(&mut said, &entracte, &small);
    let state = root.with_file_name(format!(".entracte-{}", root.file_name().unwrap().to_str().unwrap()));
    let mut kept = 0;
    for file in files_below(&state) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if ["journal.jsonl", "history.jsonl", "plan.json", "closed"].contains(&name)
            || name.ends_with(".html")
        {
            is_clean(&fs::read(&file).unwrap(), name);
            kept += 1;
        }
    }
    assert!(kept >= 3, "only {kept} files were looked at");
    assert!(
        files_below(small.folder.path()).iter().all(|path| !path.ends_with("pwned")),
        "a shell was at work"
    );
    effort::tried("calls with strange names, text and JSON", said.0);
}

fn update(said: &mut Said, entracte: &Entracte, new: &str, small: &SmallSite) {
    said.both(entracte, &["status"]);
    said.both(entracte, &["stage", "--from", new, "--complete", "--version", "2"]).code(0);
    for verb in [
        &["plan"][..],
        &["plan", "--all"],
        &["plan", "--diff"],
        &["plan", "--diff", "strange/gpj.\u{202e}php"],
    ] {
        said.both(entracte, verb);
    }
    let plan = entracte.json(&["plan"]).code(0);
    said.both(entracte, &["approve", plan["id"].as_str().unwrap()]).code(0);
    let events = small.folder.path().join("events");
    said.one(entracte, &["-v", "--events", events.to_str().unwrap(), "apply"]).code(0);
    is_clean(&fs::read(&events).unwrap(), "the events");
    for verb in [
        &["status"][..],
        &["history"],
        &["history", "--verify"],
        &["scan"],
        &["run-once", "list"],
        &["schema", "show"],
        &["attach"],
    ] {
        said.both(entracte, verb);
    }
    said.both(entracte, &["compare", new, small.release(1).to_str().unwrap()]).code(7);
    let run = entracte.json(&["status"]).result["run"]["id"].as_str().unwrap().to_owned();
    said.both(entracte, &["show", &run]).code(0);
    said.one(entracte, &["-v", "rollback"]).code(0);
    let manifest = small.folder.path().join("manifest.json");
    let manifest = manifest.to_str().unwrap();
    let build = ["manifest", "build", new, "--product", "p", "--version", "2"];
    said.one(entracte, &build).code(0);
    said.both(entracte, &[&build[..], &["-o", manifest]].concat()).code(0);
    is_clean(&fs::read(manifest).unwrap(), "the manifest");
    said.both(entracte, &["manifest", "show", manifest]).code(0);
    said.both(entracte, &["manifest", "verify", manifest, small.release(1).to_str().unwrap(), "--strict"])
        .code(7);
    said.both(entracte, &["manifest", "diff", manifest, manifest]);
    said.both(entracte, &["close", "--for", "red \u{1b}[31m turned \u{202e} <script>alert(1)</script>"]);
    said.both(entracte, &["status"]);
    said.both(entracte, &["gate", "show"]);
    said.both(entracte, &["open"]);
}

/// What is typed wrong, and what fails.
fn refusals(said: &mut Said, entracte: &Entracte, small: &SmallSite) {
    let red = "\u{1b}[31m\u{202e}";
    for wrong in [
        &["show", red][..],
        &["approve", red],
        &["rollback", red],
        &["resume", "--done", red],
        &["stage", "--from", red],
        &["stage", "--from", &format!("inbox:{red}")],
        &["plan", "--diff", red],
        &["apply", "--stop-before", red],
        &["apply", "--budget", red],
        &["manifest", "show", red],
        &["init", red],
        &["init", "--profile", red, "--url", red],
        &["init", "--database", red, small.folder.path().to_str().unwrap()],
        &["--state", red, "status"],
        &["--events", red, "--state", red, "status"],
        &[red],
        &["status", red],
        &["status", &format!("--{red}")],
    ] {
        said.both(entracte, wrong);
    }
    for version in [red, "2\n3", "2/../3", "a b", ""] {
        let new = small.release(2);
        let stage = ["stage", "--from", new.to_str().unwrap(), "--complete", "--version", version];
        let ran = said.both(entracte, &stage);
        assert_ne!(ran.status.code(), Some(0), "version {version:?} was taken");
    }
    // A state that stands in a release's folder is passed over.
    let is_file_name = |name: &[u8]| !name.iter().any(|byte| matches!(byte, 0 | b'/')) && name.len() > 2;
    for name in REFUSED.iter().filter(|name| is_file_name(name) && !name.starts_with(b".entracte")) {
        let folder = small.folder.path().join("hostile");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.html"), "x").unwrap();
        fs::write(folder.join(Path::new(OsStr::from_bytes(name))), "x").unwrap();
        let stage = ["stage", "--from", folder.to_str().unwrap(), "--complete", "--version", "3"];
        let ran = said.both(entracte, &stage);
        assert_ne!(ran.status.code(), Some(0), "{} was staged", name.escape_ascii());
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn the_eye_sees_what_is_not_clean() {
    for bad in ["a\u{1b}[31m", "a\rb", "a\u{202e}", "a\u{2069}", "a\u{9b}b", "a\u{200f}"] {
        assert!(std::panic::catch_unwind(|| is_clean(bad.as_bytes(), "control")).is_err(), "{bad:?}");
    }
    is_clean("a\tb\né \\x1b".as_bytes(), "control");
}
