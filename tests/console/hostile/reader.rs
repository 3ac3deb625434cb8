//! A strict reader of pages: it knows what the console's own templates write,
//! and panics on everything else.

use std::collections::BTreeSet;
use std::fs;

use entracte::base::escape;

use super::MARK;

/// The elements and attributes that the console's own templates and drawings write.
pub struct Allowed {
    elements: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

impl Allowed {
    pub fn of_templates() -> Allowed {
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
    pub fn looks_at(&self, path: &str, text: &str) -> Vec<String> {
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
