use super::*;

const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn with_files(files: &str) -> String {
    with(&format!("\"files\": [{files}]"))
}

fn with(rest: &str) -> String {
    format!(r#"{{"format": 1, "product": "shop", "version": "2.0", "time": "2026-01-02T03:04:05Z", {rest}}}"#)
}

fn file(path: &str) -> String {
    format!(r#"{{"path": "{path}", "size": 3, "sha256": "{DIGEST}", "mode": "0644"}}"#)
}

#[test]
fn what_is_written_is_read_and_written_the_same() {
    let text = with(&format!(
        r#""extent": "partial", "made": "built", "from": [{{"min": "1.0"}}], "deleted": ["old", "a.old"],
           "schema": ["schema/1.sql"], "run_once": [{{"path": "run/1.php", "repeatable": true, "changes": ["x/**"]}}],
           "extensions": ["e.toml"], "files": [{}, {}, {}, {{"path": "l", "link": "run/1.php"}}, {{"path": "d", "folder": true}}]"#,
        file("schema/1.sql"),
        file("run/1.php"),
        file("e.toml")
    ));
    let manifest = Manifest::parse(text.as_bytes()).unwrap();
    assert_eq!(manifest.files[0].path.as_str(), "d");
    let again = Manifest::parse(&manifest.to_json()).unwrap();
    assert_eq!(again, manifest);
    assert_eq!(again.to_json(), manifest.to_json());
}

#[test]
fn what_must_be_refused() {
    let double = format!("{}, {}", file("a"), file("a"));
    let below = format!("{}, {}", file("a"), file("a/b"));
    for (name, text) in [
        ("empty", String::new()),
        ("not-json", "{".into()),
        ("trailing-garbage", with_files("") + "x"),
        ("unknown-field", with("\"files\": [], \"extra\": 1")),
        ("duplicate-key", with("\"files\": [], \"product\": \"b\"")),
        ("path-twice", with_files(&double)),
        ("file-and-folder", with_files(&below)),
        ("dotdot-path", with_files(&file("../a"))),
        ("absolute-path", with_files(&file("/a"))),
        ("reserved-path", with_files(&file(".entracte/lock"))),
        ("nul-in-path", with_files(&file("a\\u0000b"))),
        ("no-digest", with_files(r#"{"path": "a", "size": 3}"#)),
        ("short-digest", with_files(r#"{"path": "a", "size": 3, "sha256": "00"}"#)),
        ("negative-size", with_files(&file("a").replace('3', "-3"))),
        (
            "link-and-file",
            with_files(&format!(r#"{{"path": "a", "size": 3, "sha256": "{DIGEST}", "link": "b"}}"#)),
        ),
        ("link-out", with_files(r#"{"path": "a/l", "link": "../../etc"}"#)),
        ("link-absolute", with_files(r#"{"path": "l", "link": "/etc"}"#)),
        ("setuid-mode", with_files(&file("a").replace("0644", "4755"))),
        ("bad-product", with_files("").replace("shop", "Sh op")),
        ("bad-version", with_files("").replace("2.0", "2/0")),
        ("schema-not-listed", with("\"files\": [], \"schema\": [\"s.sql\"]")),
        (
            "script-without-digit",
            with(&format!("\"files\": [{}], \"run_once\": [{{\"path\": \"x.php\"}}]", file("x.php"))),
        ),
        ("deleted-dotdot", with("\"files\": [], \"deleted\": [\"../x\"]")),
        ("deep", with(&format!("\"files\": {}{}", "[".repeat(100_000), "]".repeat(100_000)))),
    ] {
        assert!(Manifest::parse(text.as_bytes()).is_err(), "{name} was taken");
    }
}

#[test]
fn a_newer_format_is_named_before_its_fields_are_judged() {
    let text = with("\"files\": [], \"new\": 1").replace("\"format\": 1", "\"format\": 2");
    let error = Manifest::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the manifest is of format 2; this entracte knows 1");
}

#[test]
fn the_example_of_the_documentation_is_read() {
    let page = include_str!("../../../../docs/manifest.md");
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    Manifest::parse(example.as_bytes()).unwrap();
}

#[test]
fn two_hundred_thousand_files_are_the_most() {
    let lines = |count: usize| (0..count).map(|n| file(&format!("d/{n}"))).collect::<Vec<_>>().join(",");
    let whole = with_files(&lines(MAX_FILES));
    assert_eq!(Manifest::parse(whole.as_bytes()).unwrap().files.len(), MAX_FILES);
    let over = with_files(&lines(MAX_FILES + 1));
    assert!(Manifest::parse(over.as_bytes()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Manifest::parse(text.as_bytes());
        let _ = Manifest::parse(with_files(&text).as_bytes());
    }
}
