//! Names that somebody else chose, on every page: whatever they hold is shown
//! and never obeyed. Pages that are added later are looked at as well: all
//! routes are asked, and everything that they lead to.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use entracte::base::escape;
use entracte::console::routes;

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

/// The elements and attributes that the console's own templates and drawings write.
struct Allowed {
    elements: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

impl Allowed {
    fn of_templates() -> Allowed {
        let mut allowed = Allowed { elements: BTreeSet::new(), attributes: BTreeSet::new() };
        for entry in walkdir::WalkDir::new("src/console").into_iter().map(Result::unwrap) {
            let path = entry.path();
            let kind = path.extension().and_then(|kind| kind.to_str());
            let text = match kind {
                Some("html") => without_template_code(&fs::read_to_string(path).unwrap()),
                // Charts are drawn in code.
                Some("rs") => fs::read_to_string(path).unwrap().replace("\\\"", "\""),
                _ => continue,
            };
            for (at, _) in text.match_indices('<') {
                let name: String = text[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
                if name.starts_with(|c: char| c.is_ascii_lowercase()) {
                    allowed.elements.insert(name);
                }
            }
            if kind == Some("html") {
                let inside = text.split('<').skip(1).filter_map(|tag| tag.split('>').next());
                let words = inside.flat_map(|tag| tag.split_whitespace().skip(1));
                let bare = words.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase()));
                allowed.attributes.extend(bare.map(str::to_owned));
            }
            for (at, _) in text.match_indices("=\"") {
                let is_name =
                    |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-' || *c == 'B';
                let name: String = text[..at].chars().rev().take_while(is_name).collect();
                allowed.attributes.insert(name.chars().rev().collect());
            }
        }
        for never in ["style", "onclick", "onload", "srcdoc", "zqy"] {
            allowed.attributes.remove(never);
        }
        assert!(allowed.elements.contains("main") && !allowed.elements.contains("zqx"));
        allowed
    }

    /// Panics on what no template wrote; what comes back are the page's links.
    fn looks_at(&self, path: &str, text: &str) -> Vec<String> {
        let wrong: Vec<char> =
            text.chars().filter(|c| escape::is_dangerous(*c) && !matches!(c, '\n' | '\t')).collect();
        assert!(wrong.is_empty(), "{path}: raw {wrong:?} in\n{text}");
        let mut links = Vec::new();
        let mut scripts = 0;
        for tag in tags(path, text) {
            assert!(self.elements.contains(&tag.name), "{path}: <{}> in\n{text}", tag.name);
            for (name, value) in &tag.attributes {
                assert!(
                    self.attributes.contains(name) && !name.starts_with("on"),
                    "{path}: {name}={value:?} of <{}> in\n{text}",
                    tag.name
                );
                if matches!(name.as_str(), "href" | "src" | "action" | "formaction" | "poster" | "data") {
                    let is_local = value.starts_with('/') && !value.starts_with("//")
                        || value.starts_with('#')
                        || value.starts_with('?');
                    assert!(is_local && !value.contains(['\\', '\n', '\t']), "{path}: {name}={value:?}");
                }
            }
            scripts += usize::from(tag.name == "script");
            if tag.name == "a" {
                links.extend(
                    tag.attributes
                        .iter()
                        .filter(|(name, value)| name == "href" && value.starts_with('/'))
                        .map(|(_, value)| value.split('#').next().unwrap().to_owned()),
                );
            }
        }
        assert!(scripts <= 1 && text.matches("<!--").count() == 0, "{path}:\n{text}");
        links
    }
}

/// What askama takes for itself.
fn without_template_code(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{{")).min() {
        kept.push_str(&rest[..at]);
        let end = if rest[at..].starts_with("{%") { "%}" } else { "}}" };
        rest = rest[at..].split_once(end).map_or("", |(_, after)| after);
    }
    kept + rest
}

#[derive(Debug)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

/// The elements that a browser begins, strictly: a page that leaves room for
/// interpretation is wrong by itself.
fn tags(path: &str, text: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest =
        text.strip_prefix("<!doctype html>").unwrap_or_else(|| panic!("{path}: no doctype in\n{text}"));
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains(MARK), "{path}: a raw name in\n{text}");
        rest = &rest[at + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, after) = closing.split_once('>').unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{path}: </{name}> in\n{text}");
            rest = after;
            continue;
        }
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        assert!(!name.is_empty(), "{path}: a lone < before {:?}", rest.chars().take(40).collect::<String>());
        rest = &rest[name.len()..];
        let mut attributes: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>").or_else(|| rest.strip_prefix('>')) {
                rest = after;
                break;
            }
            let end = rest.find(|c: char| c == '=' || c == '>' || c.is_whitespace()).unwrap();
            let attribute = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let (inside, after) = quoted.split_once('"').unwrap();
                assert!(!inside.contains('<'), "{path}: {attribute}={inside:?}");
                (value, rest) = (read(inside), after);
                assert!(
                    rest.starts_with([' ', '\n', '>', '/']),
                    "{path}: after {attribute}={value:?}: {:?}",
                    rest.chars().take(40).collect::<String>()
                );
            } else {
                assert!(!rest.starts_with('='), "{path}: {attribute} of <{name}> is not quoted in\n{text}");
            }
            assert!(
                !attribute.is_empty() && attributes.iter().all(|(other, _)| *other != attribute),
                "{path}: {attribute:?} twice"
            );
            attributes.push((attribute, value));
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

fn read(attribute: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(attribute.to_owned(), |text, (written, meant)| text.replace(written, meant))
}

#[test]
fn the_reader_of_pages_is_strict() {
    let allowed = Allowed::of_templates();
    let page = |inside: &str| format!("<!doctype html><main>{inside}</main>");
    assert!(allowed.looks_at("good", &page("<p class=\"a\">&lt;zqx&gt;</p>")).is_empty());
    for bad in [
        "<zqx>",
        "<p zqy=\"1\">",
        "<p class=\"a\"b>",
        "<p class='a'>",
        "<a href=\"javascript:x\">",
        "<a href=\"//x\">",
        "a < b",
        "<!-- x -->",
        "\u{202e}",
        "<p style=\"x\">",
        "<p onclick=\"x\">",
    ] {
        let text = page(bad);
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let looked = std::panic::catch_unwind(|| allowed.looks_at("bad", &text));
        std::panic::set_hook(hook);
        assert!(looked.is_err(), "{bad}");
    }
}
