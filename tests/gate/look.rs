//! What visitors and the operator see of a gate, and what a folder holds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use entracte::base::secret::Secret;
use entracte::site::gate::Closing;
use entracte::site::gate::Gate;
use entracte::site::gate::Kind;
use entracte::site::gate::PageOptions;
use entracte::site::gate::Setup;
use entracte::site::probe::Probe;
use entracte::site::proof::NotClosed;

use crate::bed::Bed;
use crate::bed::Server;

pub const PASS: &str = "0123456789abcdef0123456789abcdef";
pub const RULES: &str = "Options +FollowSymLinks\nErrorDocument 503 \"their own page\"\nRewriteEngine On\n\
                     RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^pretty/(.*)$ index.php?q=$1 [L]\n\
                     RewriteRule ^moved$ http://elsewhere.invalid/ [R=301,L]\n";

pub fn pass() -> Secret {
    Secret::new(PASS)
}

pub fn setup(bed: &Bed, kind: Kind) -> Setup {
    Setup {
        kind,
        site_root: bed.site(),
        folder: bed.gate_folder(),
        url_path: "/".into(),
        pass: pass(),
        application_lock: None,
        page: PageOptions::default(),
    }
}

pub fn gate(bed: &Bed, kind: Kind) -> Gate {
    Gate::new(setup(bed, kind)).unwrap()
}

pub fn closing() -> Closing {
    Closing {
        reason: "a <new> version".into(),
        by: "operator".into(),
        since: "2026-11-21T05:00:00Z".parse().unwrap(),
        retry_after_seconds: 300,
    }
}

/// Status, lower-case headers and body of one request by curl.
pub fn ask(server: &Server, path: &str, arguments: &[&str]) -> (u16, String, String) {
    let output = Command::new("curl")
        .args(["-s", "-i", "--max-time", "20"])
        .args(arguments)
        .arg(format!("{}{path}", server.base))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

pub const WAYS: [(&str, &[&str]); 6] = [
    ("/", &[]),
    ("/assets/deep/page.php?a=1", &[]),
    ("/assets/style.css", &[]),
    ("/no/such/page", &[]),
    ("/", &["--head"]),
    ("/index.php", &["--data", "comment=1"]),
];

pub fn expect_closed(server: &Server, retry_after: &str) {
    for (path, arguments) in WAYS {
        let (status, head, body) = ask(server, path, arguments);
        let what = format!("{path} {arguments:?}\n{head}\n{body}");
        assert_eq!(status, 503, "{what}");
        assert!(head.contains(&format!("retry-after: {retry_after}")), "{what}");
        assert!(head.contains("cache-control: no-store"), "{what}");
        assert!(head.contains("x-entracte: closed"), "{what}");
        assert_eq!(head.matches("cache-control").count(), 1, "{what}");
        match arguments.contains(&"--head") {
            true => assert!(body.is_empty(), "{what}"),
            false => assert!(body.contains("right back") && body.contains("a &lt;new&gt; version"), "{what}"),
        }
    }
    let french = ask(server, "/", &["-H", "Accept-Language: fr-FR,fr;q=0.9,en;q=0.5"]).2;
    assert!(french.contains("lang=\"fr\"") && french.contains("Ferm&#233; depuis"), "{french}");
}

pub fn expect_operator_gets_through(server: &Server) {
    let header = format!("X-Entracte-Pass: {PASS}");
    let cookie = format!("a=b; entracte_pass={PASS}; c=d");
    for arguments in [["-H", &header], ["-b", &cookie]] {
        for (path, wanted) in
            [("/", "home"), ("/assets/deep/page.php", "deep"), ("/assets/style.css", "body")]
        {
            let (status, head, body) = ask(server, path, &arguments);
            assert!(status == 200 && body.contains(wanted), "{path} {arguments:?}\n{head}\n{body}");
            assert!(!head.contains("x-entracte:"), "{head}");
        }
    }
    for wrong in ["X-Entracte-Pass: 0", "X-Entracte-Pass;", "Cookie: xentracte_pass=0"] {
        assert_eq!(ask(server, "/", &["-H", wrong]).0, 503, "{wrong}");
    }
}

pub fn expect_open(server: &Server) {
    for (path, wanted) in [("/", "home"), ("/assets/deep/page.php", "deep"), ("/assets/style.css", "body")] {
        let (status, head, body) = ask(server, path, &[]);
        assert!(status == 200 && body.contains(wanted), "{path}\n{head}\n{body}");
        assert!(!head.contains("x-entracte:"), "{head}");
    }
}

/// Everything below a folder: path, inode, times, mode, bytes.
pub fn everything(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let meta = fs::symlink_metadata(&entry).unwrap();
        if meta.is_dir() {
            found.extend(everything(&entry));
        } else {
            let (ino, mode) = (meta.ino(), meta.mode());
            let bytes = String::from_utf8_lossy(&fs::read(&entry).unwrap()).into_owned();
            found.push(format!("{entry:?} {ino} {mode:o} {}.{} {bytes}", meta.mtime(), meta.mtime_nsec()));
        }
    }
    found.sort();
    found
}

pub fn names(gate: &Gate) -> Vec<String> {
    gate.paths_in_site().unwrap().iter().map(|path| path.as_str().to_owned()).collect()
}

pub fn closes_and_opens(server: &Server, bed: &Bed, gate: &Gate, retry_after: &str) {
    let before = everything(&bed.site());
    expect_open(server);
    gate.close(&closing()).unwrap();
    gate.close(&closing()).unwrap();
    assert!(gate.state().unwrap().closed);
    expect_closed(server, retry_after);
    expect_operator_gets_through(server);
    Probe::new().unwrap().prove_closed(&server.url("/"), &pass()).unwrap();
    gate.open().unwrap();
    gate.open().unwrap();
    assert!(!gate.state().unwrap().closed);
    expect_open(server);
    assert_eq!(everything(&bed.site()), before);
    assert!(names(gate).is_empty());
    let error = Probe::new().unwrap().prove_closed(&server.url("/"), &pass()).unwrap_err();
    assert!(matches!(error, NotClosed::Open { status: 200, .. }));
}
