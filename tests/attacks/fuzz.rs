//! Every reader of foreign bytes, fed with many that are nearly right.

use std::time::Duration;
use std::time::Instant;

use crate::archives;
use crate::support::chance::Chance;
use crate::support::effort;
use crate::targets;
use crate::targets::Target;

/// Longest input that is tried, in bytes.
const LARGEST: usize = 16 << 10;
/// For one input; far more than any takes.
const PATIENCE: Duration = Duration::from_secs(5);

fn target(name: &str) -> Target {
    targets::ALL.iter().find(|(known, _)| *known == name).expect("a target").1
}

/// Tries as many inputs as today asks for, in two threads.
pub(crate) fn feed(name: &str, seeds: &[Vec<u8>], words: &[&[u8]], daily: usize) {
    let (target, wanted) = (target(name), effort::points(daily, 10_000_000));
    for seed in seeds {
        assert!(target(seed), "the good one is refused: {}", seed.escape_ascii());
    }
    let taken: usize = std::thread::scope(|threads| {
        let halves =
            [0, 1].map(|half| threads.spawn(move || feed_half(target, seeds, words, half, wanted / 2)));
        halves.into_iter().map(|half| half.join().expect("no reader falls")).sum()
    });
    // Inputs that are all refused at their first byte would try nothing.
    assert!(taken * 200 > wanted && taken < wanted, "{taken} of {wanted} were taken");
    effort::tried(&format!("bent inputs to the reader: {name}"), wanted as u64);
}

fn feed_half(target: Target, seeds: &[Vec<u8>], words: &[&[u8]], half: u64, wanted: usize) -> usize {
    let (mut chance, mut taken) = (Chance::new(2026 + half), 0);
    for number in 0..wanted {
        let (seed, other) = (&seeds[chance.below(seeds.len())], &seeds[chance.below(seeds.len())]);
        let mut input = chance.bend(seed, other, words);
        input.truncate(LARGEST);
        let since = Instant::now();
        match std::panic::catch_unwind(|| target(&input)) {
            Ok(is_taken) => taken += usize::from(is_taken),
            Err(panic) => {
                eprintln!("input {number} of half {half}: {}", input.escape_ascii());
                std::panic::resume_unwind(panic);
            }
        }
        let took = since.elapsed();
        assert!(took < PATIENCE, "input {number} of half {half} took {took:?}: {}", input.escape_ascii());
    }
    taken
}

/// The harness sees a reader that panics, and one that never ends would hang it.
#[test]
#[should_panic(expected = "a reader that trusts its input")]
fn a_reader_that_trusts_its_input_is_found() {
    let naive: Target = |bytes| {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.split(',').all(|part| part.len() < 12), "a reader that trusts its input");
        true
    };
    feed_half(naive, &[b"one,two,three".to_vec()], &[b",", b"0"], 0, 10_000);
}

pub(crate) const JSON: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\"format\":2",
    b"\"../x\"",
    b"\"path\":\"a\"",
    b"18446744073709551616",
    b"\n",
];

#[test]
fn the_manifest() {
    let text = |extra: &str| {
        let digest = "0".repeat(64);
        format!(
            r#"{{"format": 1, "product": "p", "version": "1.0", "time": "2026-11-21T05:00:00Z", {extra}
            "files": [{{"path": "a.php", "size": 3, "sha256": "{digest}", "mode": "0644"}},
            {{"path": "d", "folder": true}}, {{"path": "d/l", "link": "../a.php"}},
            {{"path": "run_once/1.sh", "size": 0, "sha256": "{digest}"}}]}}"#
        )
        .into_bytes()
    };
    let rules = r#""from": [{"min": "0.1", "below": "1.0"}], "deleted": ["x/y"], "extent": "partial",
        "run_once": [{"path": "run_once/1.sh"}], "extensions": [],"#;
    feed("manifest", &[text(""), text(rules)], JSON, 150_000);
}

#[test]
fn the_footprints() {
    let digest = "900150983cd24fb0d6963f7d28e17f72";
    let list = |entry: &str, date: &str| {
        format!(
            "<?php\n// for git\nglobal $footprints;\nif(!isset($footprints)) $footprints = array();\n\
             {entry}\n$footprints['b/a.php']=array(153, '{digest}');\n$generation['date']='{date}';\n\
             $generation['server']='localhost';\n$generation['lines']='1'; // lines of code\n?>\n"
        )
    };
    let old = format!("$footprints['a/old.php']=array(153, '{digest}', '{digest}');");
    let patch = format!("$footprints['b.css']=array(3,'{digest}');\r");
    let seeds = [list(&old, "101002-13:44:17 GMT"), list(&patch, "2018-04-25T10:00:00+0200")];
    let words: &[&[u8]] = &[
        b"'",
        b"\\",
        b"\n",
        b"/",
        b"../",
        b"?>",
        b";",
        b"(",
        b"$footprints['",
        b"']=array(",
        b"//",
        b"\xff",
    ];
    feed("footprints", &seeds.map(String::into_bytes), words, 100_000);
}

const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

#[test]
fn lists_of_footprints() {
    let seed = format!(
        "<?php\n// for git\n$footprints['b/a.php']=array(153, '{MD5}');\n$footprints['old.php']=array(1, '{MD5}', '{MD5}');\n\
         $generation['version']='1.0'; // free\n?>\n"
    );
    let words: &[&[u8]] =
        &[b"'", b"\\'", b"\n", b"../", b"?>", b";", b"(", b"$footprints['", b"\xff", b"\xef\xbb\xbf"];
    feed("list_footprints", &[seed.into_bytes()], words, 40_000);
}

#[test]
fn lists_of_tiki() {
    let seeds = [
        format!(
            "INSERT INTO `tiki_secdb` (`md5_value`, `filename`, `tiki_version`, `severity`) VALUES('{MD5}', './a.php', '9.2', 0);\n"
        ),
        format!(
            "start transaction;\nDELETE FROM `tiki_secdb`;\nREPLACE INTO tiki_secdb VALUES \n('{MD5}','./it\\'s.php','1',0),\n('{MD5}','b','2',0);\n-- end\n"
        ),
    ];
    let words: &[&[u8]] = &[
        b"'", b"''", b"\\", b"`", b"(", b"),(", b";", b"--", b"/*", b"*/", b"../", b"\0", b"values", b"\xff",
    ];
    feed("list_secdb", &seeds.map(String::into_bytes), words, 40_000);
}

#[test]
fn lists_of_nextcloud() {
    let signed = include_bytes!("../fixtures/lists/signature.json").to_vec();
    let bare = format!(r#"{{"hashes": {{"a.php": "{}"}}}}"#, "0".repeat(128)).into_bytes();
    feed("list_signature", &[signed, bare], JSON, 10_000);
}

#[test]
fn lists_of_sums() {
    let seeds = [
        format!("{MD5}  a.php\n{MD5} *b/c d\r\n# e\n\\{MD5}  f\\\\g\n"),
        format!("MD5 (a (1).php) = {MD5}\nSHA2-256(b)= {}\n{}  c\n", "0".repeat(64), "1".repeat(40)),
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: x\n\n{MD5}  a\n-----BEGIN PGP SIGNATURE-----\n\nx\n"
        ),
    ];
    let words: &[&[u8]] = &[
        b" ",
        b"*",
        b"\\",
        b"\n",
        b"\r\n",
        b"(",
        b") = ",
        b"../",
        b"/",
        b"\0",
        b"SHA512",
        b"\xff",
        MD5.as_bytes(),
    ];
    feed("list_sums", &seeds.map(String::into_bytes), words, 60_000);
}

#[test]
fn lists_of_wordpress() {
    let seeds = [
        format!(r#"{{"checksums": {{"wp-login.php": "{MD5}", "b\/c.php": "{MD5}"}}}}"#),
        format!(r#"{{"checksums": {{"6.8": {{"wp-login.php": "{MD5}"}}}}}}"#),
        format!(
            r#"{{"plugin": "x", "version": "1", "files": {{"a": {{"md5": ["{MD5}"], "sha256": "{}"}}}}}}"#,
            "0".repeat(64)
        ),
    ];
    feed("list_wordpress", &seeds.map(String::into_bytes), JSON, 40_000);
}

#[test]
fn the_journal() {
    let line = |entry: &str| format!("{{\"at\":\"2026-11-21T05:00:00Z\",\"entry\":{{{entry}}}}}\n");
    let digest = "0".repeat(64);
    let opened =
        line(&format!(r#""event":"opened","format":1,"run":"r","plan":"{digest}","from":"1","to":"2""#));
    let steps: String = ["close", "save", "swap", "scan", "migrate", "run-once", "verify", "reopen"]
        .map(|step| {
            line(&format!(r#""event":"started","step":"{step}""#))
                + &line(&format!(r#""event":"done","step":"{step}","note":"n""#))
        })
        .concat();
    let script = line(r#""event":"script","path":"run_once/1.sh","state":"started","status":null"#);
    let back = line(r#""event":"undo-opened","why":"asked","database":"restore""#);
    let seeds =
        [opened.clone() + &steps + &line(r#""event":"finished""#), opened.clone() + &script, opened + &back];
    feed("journal", &seeds.map(String::into_bytes), JSON, 100_000);
}

#[test]
fn archives_before_they_are_used() {
    let seeds: Vec<Vec<u8>> = archives::small_ones().into_iter().map(|(_, bytes)| bytes).collect();
    let words: &[&[u8]] = &[
        b"PK\x01\x02",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"PK\x06\x06",
        b"PK\x07\x08",
        b"ustar\x0000",
        b"../",
        b"30 path=",
        b"19 size=",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0",
        b"BZh9",
        b"././@LongLink",
    ];
    feed("archive", &seeds, words, 20_000);
}

#[test]
fn sql_text() {
    let seeds = [
        "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT ';' ; END //\nDELIMITER ;\nINSERT INTO `a``b` VALUES ('it''s', \"x\\\"\");\n",
        "CREATE TRIGGER t AFTER INSERT ON [a b] BEGIN UPDATE x SET y = ';'; END;\n-- a comment\nSELECT 5--1; # more\n",
        "/*!40101 SET NAMES utf8mb4 */; /* plain */ ALTER TABLE x ADD y TEXT; /*M!100 z */;",
    ];
    let words: &[&[u8]] = &[
        b"'",
        b"\"",
        b"`",
        b"\\",
        b";",
        b"/*",
        b"*/",
        b"/*!",
        b"-- ",
        b"#",
        b"\nDELIMITER ",
        b"END",
        b"\xf0\x9f",
    ];
    feed("sql", &seeds.map(|text| text.as_bytes().to_vec()), words, 40_000);
}

#[test]
fn paths() {
    let seeds = ["wp-content/plugins/a/b.php", "été/ü.css", ".htaccess", "a/.entracte-x", "run_once/1.sh"];
    let words: &[&[u8]] = &[
        b"..",
        b"/",
        b"//",
        b"\\",
        b"%2e%2e",
        b"\xc0\xae",
        b"\0",
        b"\x1b[",
        "\u{202e}".as_bytes(),
        b".entracte",
        b".entracte-",
        b"C:",
        b"\r\n",
    ];
    feed("path", &seeds.map(|text| text.as_bytes().to_vec()), words, 400_000);
}

#[test]
fn hook_files() {
    let seeds = [
        "<?php\nglobal $hooks;\n$hooks[] = array('id' => 'one', 'type' => 'link', 'script' => 'a.php', 'n' => 1 . \"x\");\n",
        "<?php $hooks[] = ['id' => 'two', 'type' => 'call', 'a' => ['b' => array(true, -1.5)]]; /* c */ # d\n?>",
    ];
    let words: &[&[u8]] = &[
        b"$hooks[] = ",
        b"array(",
        b"[",
        b"]",
        b")",
        b"=>",
        b"'",
        b"\"",
        b"\\",
        b"<<<X\n",
        b"?>",
        b"<?php",
        b"/*",
        b"*/",
        b"//",
        b"\xff",
    ];
    feed("hooks", &seeds.map(|text| text.as_bytes().to_vec()), words, 50_000);
}

const TOML: &[&[u8]] = &[
    b"[",
    b"]",
    b"[[",
    b"=",
    b"\"",
    b"'''",
    b"\\u0000",
    b"\n",
    b"{",
    b"}",
    b"inf",
    b"1979-05-27",
    b"format = 2\n",
];

#[test]
fn extension_files() {
    let seeds = [
        "format = 1\nid = \"mail\"\nkind = \"extension\"\nname = \"Mail\"\n",
        "format = 1\nid = 'x'\n[more]\na = [1]\n",
    ];
    feed("extension", &seeds.map(|text| text.as_bytes().to_vec()), TOML, 30_000);
}

#[test]
fn settings_files() {
    let head = "format = 1\nroot = \"/srv/www\"\nprofile = \"generic\"\n";
    let seeds = [
        format!("{head}url = \"https://example.org/\"\n[database]\nurl = \"sqlite:data/site.db\"\n"),
        format!("{head}keep = [\"a/**\"]\n[[policy.rule]]\npattern = \"t/**\"\nconflicts = \"stop\"\n"),
        format!(
            "{head}[gate]\nkind = \"nginx\"\ndrain_seconds = 1.0\n[limits]\nentries = 7\n[php]\nrevalidate_seconds = 2.0\n"
        ),
    ];
    feed("settings", &seeds.map(String::into_bytes), TOML, 100_000);
}
