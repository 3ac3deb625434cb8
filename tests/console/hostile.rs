//! Names that somebody else chose, on every page: whatever they hold is shown
//! and never obeyed. Pages that are added later are looked at as well: all
//! routes are asked, and everything that they lead to.

mod reader;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use entracte::console::routes;

use self::reader::Allowed;
use super::desk::Desk;
use super::support::run::Entracte;
use super::support::small::SmallSite;

/// Ends whatever it stands in, and begins an element and an attribute that no page has.
const MARK: &str = "\"'><zqx zqy='1'>-->&lt;zqx&gt;";

/// After the Big List of Naughty Strings: what other programs tripped over. No `/`, so that each can be a file's name.
const NAUGHTY: &[&str] = &[
    "<script>alert(0)<script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(2)>",
    "\" onfocus=alert(3) autofocus x=\"",
    "' onmouseover='alert(4)",
    "`onerror=alert(5)`",
    "javascript:alert(6)",
    "<!--",
    "]]>",
    "<![CDATA[",
    "<plaintext>",
    "<textarea><title><style><noscript>",
    "&#60;script&#62;",
    "&quot;&apos;&NotEqualTilde;",
    "{{ 7*7 }}{% raw %}${7*7}<%= 7 %>",
    "\u{202e}gpj.exe\u{202c}",
    "\u{2066}isolated\u{2069}",
    "\u{200f}\u{200e}\u{feff}\u{61c}",
    "\u{2028}\u{2029}",
    "\x1b[31mred\x1b[0m\x07",
    "\x01\x02\x08\x0b\x0c\x7f\u{80}\u{9b}",
    "line\nbreak",
    "line\r\nSet-Cookie: a=b",
    "tab\tulator",
    "\u{e0041}\u{e0042}",
    "z\u{335}\u{36b}a\u{361}l\u{489}go",
    "\u{1f469}\u{200d}\u{1f469}",
    "田中さん ﷽ شد",
    "' OR 1=1 -- ",
    "$(touch pwned)`touch pwned`",
    "%s%n%d%00..%2f",
    "-rf *",
    "~root",
    "CON",
    "nil undefined NaN",
];

/// A site with such names wherever a person, a release or a server may choose one.
fn hostile_site() -> (SmallSite, Entracte, PathBuf) {
    let small = SmallSite::new();
    let root = small.root().with_file_name(format!("s{}{MARK}", NAUGHTY[1]));
    fs::rename(small.root(), &root).unwrap();
    let files = |folder: &Path, text: &str| {
        fs::create_dir_all(folder).unwrap();
        for (number, name) in NAUGHTY.iter().enumerate() {
            // No release may have such names at all.
            if name.chars().any(char::is_control) {
                continue;
            }
            // What ends in a blank or dot is another matter.
            let name = format!("{number}{name}{MARK}.txt");
            fs::write(folder.join(name), format!("{text} {}{MARK}\n", NAUGHTY[number])).unwrap();
        }
    };
    files(&small.release(2).join("app/names"), "new");
    files(&root.join("media/names"), "of its owner");
    let script = small.release(2).join(format!("run_once/002-a{MARK}.sh"));
    fs::write(&script, format!("#!/bin/sh\n# {MARK}\n# {}\nexit 0\n", NAUGHTY[0])).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        small.release(2).join("schema/001.sql"),
        format!("-- {}{MARK}\nALTER TABLE pages ADD COLUMN author TEXT;\n", NAUGHTY[0]),
    )
    .unwrap();
    let entracte = Entracte::new(&root);
    let database = format!("sqlite:{}", root.join("data/site.db").display());
    let release = small.release(1);
    let arguments = [
        "init",
        root.to_str().unwrap(),
        "--profile",
        "generic",
        "--database",
        &database,
        "--release",
        release.to_str().unwrap(),
    ];
    entracte.json(&arguments).code(0);
    (small, entracte, root)
}

#[test]
fn names_are_shown_and_not_obeyed() {
    let (small, entracte, root) = hostile_site();
    let allowed = Allowed::of_templates();
    // Each stage of an update has pages of its own; what a verb refuses is another test's matter.
    let long = NAUGHTY[..4].concat() + MARK;
    let run = |arguments: &[&str]| drop(entracte.run(arguments));
    run(&["close", "--reason", &long]);
    fs::write(root.join("app/changed.txt"), format!("{long}\n")).unwrap();
    for name in NAUGHTY {
        let _ = fs::write(root.join(format!("app/w{name}{MARK}")), "planted\n");
    }
    run(&["watch"]);
    let desk = Desk::open_with(&entracte, &[]);
    let mut seen = crawl(&desk, &allowed);
    // Names that no plan may hold are in the way of everything else.
    for entry in fs::read_dir(root.join("app")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().contains("zqx") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    run(&["open"]);
    let release = small.release(2);
    let version = format!("2{}", NAUGHTY[0]);
    let staged =
        entracte.run(&["stage", "--from", release.to_str().unwrap(), "--complete", "--version", &version]);
    if staged.status.code() != Some(0) {
        entracte.run(&["stage", "--from", release.to_str().unwrap(), "--complete", "--version", "2"]).code(0);
    }
    let plan = entracte.json(&["plan"]).code(0);
    seen += crawl(&desk, &allowed);
    run(&["approve", plan["id"].as_str().unwrap()]);
    run(&["apply"]);
    seen += crawl(&desk, &allowed);
    run(&["rollback"]);
    // The console's own names: of people, and what strangers type.
    for name in NAUGHTY {
        desk.post("/people/invite", &[("name", &format!("{name}{MARK}")), ("role", "viewer")]);
        let typed = format!("{name}{MARK}");
        for path in ["/enter", "/account", "/people/tokens", "/people/remove"] {
            let fields =
                [("name", typed.as_str()), ("password", &typed), ("scope", &typed), ("days", &typed)];
            allowed.looks_at(path, &desk.post(path, &fields).text);
        }
    }
    seen += crawl(&desk, &allowed);
    assert!(seen > 4 * 5, "{seen} pages");
    assert!(!Path::new("pwned").exists());
}

/// Every page that a route names or a page leads to; how many there were.
fn crawl(desk: &Desk, allowed: &Allowed) -> usize {
    let sites = desk.get("/").is(303).header("location").to_owned();
    let word = sites.strip_prefix("/sites/").unwrap().to_owned();
    let looks = routes::addresses().into_iter().filter(|address| address.method == "GET");
    let mut open: Vec<String> = looks
        .map(|address| address.path.replace("{site}", &word))
        .map(|path| if path.contains('{') { filled(&path) } else { path })
        .collect();
    let mut known: BTreeSet<String> = open.iter().cloned().collect();
    let mut pages = 0;
    // So many of one kind, as a list of thousands leads to thousands.
    let mut kinds: HashMap<String, usize> = HashMap::new();
    while let Some(path) = open.pop() {
        let answer = desk.get(&path);
        assert!(answer.status < 500, "{path}: {answer:#?}");
        for (name, value) in &answer.headers {
            let is_plain = value.as_bytes().iter().all(|byte| (b' '..0x7f).contains(byte));
            assert!(is_plain, "{path}: {name}: {value:?}");
        }
        if !answer.header("content-type").starts_with("text/html") {
            let has_kind = !answer.header("content-type").is_empty();
            assert!(has_kind || answer.text.is_empty(), "{path}: {answer:#?}");
            continue;
        }
        pages += 1;
        let policy = answer.header("content-security-policy");
        if policy.starts_with("sandbox;") && policy.contains("default-src 'none'") {
            // A document of the site's own, which is nobody here and runs nothing.
            assert!(!policy.contains("script-src") && !policy.contains("allow-"), "{path}: {policy}");
            assert!(!answer.text.contains("<zqx"), "{path}: {}", answer.text);
            continue;
        }
        for link in allowed.looks_at(&path, &answer.text) {
            let kind: String =
                link.split('?').next().unwrap().chars().filter(|c| !c.is_ascii_digit()).collect();
            let count = kinds.entry(kind).or_default();
            *count += 1;
            if *count <= 60 && known.insert(link.clone()) {
                open.push(link);
            }
        }
    }
    pages
}

/// A part of an address that somebody else may have written.
fn filled(path: &str) -> String {
    let evil: String = url::form_urlencoded::byte_serialize(MARK.as_bytes()).collect();
    let parts = path.split('/').map(|part| if part.starts_with('{') { evil.as_str() } else { part });
    parts.collect::<Vec<_>>().join("/").replace('+', "%20")
}
