//! What the pages say, in the language of who reads it. The texts stand in
//! files, one a page and language, and not in the code.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::console::STARTER;

/// A language that the console speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    English,
    French,
}

impl Language {
    pub const ALL: &[Language] = &[Language::English, Language::French];

    /// As in `lang="…"`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::French => "fr",
        }
    }

    /// In that language itself.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::French => "Français",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Language> {
        let main = tag.trim().split(['-', '_']).next()?;
        Language::ALL.iter().copied().find(|language| language.tag().eq_ignore_ascii_case(main))
    }

    /// The first one of an `Accept-Language` that is spoken here, by its weights.
    pub fn preferred(header: &str) -> Option<Language> {
        let mut wishes: Vec<(f32, Language)> = header
            .split(',')
            .filter_map(|wish| {
                let (tag, weight) = wish.split_once(";q=").unwrap_or((wish, "1"));
                Some((weight.trim().parse().ok()?, Language::from_tag(tag)?))
            })
            .collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
        wishes.first().filter(|(weight, _)| *weight > 0.0).map(|(_, language)| *language)
    }

    fn is_one(self, count: u64) -> bool {
        match self {
            Language::English => count == 1,
            Language::French => count < 2,
        }
    }
}

macro_rules! pages {
    ($($page:literal),* $(,)?) => {
        &[$(($page, include_str!(concat!("words/en/", $page, ".toml")), include_str!(concat!("words/fr/", $page, ".toml")))),*]
    };
}

/// One file a page: what begins with its name stands in it.
const PAGES: &[(&str, &str, &str)] = pages![
    "api", "common", "compare", "doctor", "door", "gate", "history", "home", "live", "people", "run",
    "settings", "update", "upkeep", "watch"
];

type Texts = HashMap<String, String>;

static ENGLISH: LazyLock<Texts> = LazyLock::new(|| texts(|page| page.1));
static FRENCH: LazyLock<Texts> = LazyLock::new(|| texts(|page| page.2));

fn texts(of: impl Fn(&(&'static str, &'static str, &'static str)) -> &'static str) -> Texts {
    let mut all = Texts::new();
    for page in PAGES {
        // A test reads every file.
        let table: HashMap<String, String> = toml::from_str(of(page)).unwrap_or_default();
        all.extend(table.into_iter().map(|(key, text)| (format!("{}.{key}", page.0), text)));
    }
    all
}

/// The texts in one language.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words(pub Language);

impl Words {
    /// The text of that key, `page.key`; the key itself where nobody wrote one.
    pub fn t(self, key: &str) -> String {
        self.texts().get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    /// The same with `{}` filled in, in order.
    pub fn say(self, key: &str, parts: &[&dyn std::fmt::Display]) -> String {
        let text = self.t(key);
        let mut pieces = text.split("{}");
        let mut said = pieces.next().unwrap_or_default().to_owned();
        for (at, piece) in pieces.enumerate() {
            said.push_str(&parts.get(at).map(|part| part.to_string()).unwrap_or_default());
            said.push_str(piece);
        }
        said
    }

    /// A name as the record has it, for who reads it: the first link is nobody's by name.
    pub fn person(self, name: &str) -> String {
        name.replace(STARTER, &self.t("common.starter"))
    }

    /// `KEY.one` or `KEY.many`, with the number for its `{}`.
    pub fn count(self, key: &str, count: impl TryInto<u64>) -> String {
        let count = count.try_into().unwrap_or(u64::MAX);
        let which = if self.0.is_one(count) { "one" } else { "many" };
        self.say(&format!("{key}_{which}"), &[&self.number(count)])
    }

    /// With its thousands apart.
    pub fn number(self, number: u64) -> String {
        let space = match self.0 {
            Language::English => ",",
            Language::French => "\u{202f}",
        };
        let digits = number.to_string();
        let head = digits.len() % 3;
        let mut parts: Vec<&str> = if head > 0 { vec![&digits[..head]] } else { Vec::new() };
        parts.extend((head..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
        parts.join(space)
    }

    fn texts(self) -> &'static Texts {
        match self.0 {
            Language::English => &ENGLISH,
            Language::French => &FRENCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn languages_say_the_same_things() {
        for (page, english, french) in PAGES {
            let read = |text: &str| -> HashMap<String, String> {
                toml::from_str(text).unwrap_or_else(|error| panic!("{page}: {error}"))
            };
            let (english, french) = (read(english), read(french));
            let keys = |texts: &HashMap<String, String>| texts.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&english), keys(&french), "{page}");
            for (key, text) in &english {
                let holes = |text: &str| text.matches("{}").count();
                assert_eq!(holes(text), holes(&french[key]), "{page}.{key}");
            }
        }
    }

    #[test]
    fn what_pages_say_is_written_somewhere() {
        let mut asked = 0;
        for entry in walkdir::WalkDir::new("src/console").into_iter().map(Result::unwrap) {
            let is_source = entry.path().extension().is_some_and(|kind| kind == "html" || kind == "rs");
            if !is_source || entry.path().ends_with("words.rs") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for (call, is_count) in [("t(\"", false), ("say(\"", false), ("count(\"", true)] {
                for (at, _) in text.match_indices(&format!(".{call}")) {
                    let key = text[at + call.len() + 1..].split('"').next().unwrap();
                    let keys = if is_count {
                        vec![format!("{key}_one"), format!("{key}_many")]
                    } else {
                        vec![key.into()]
                    };
                    for key in keys {
                        assert!(ENGLISH.contains_key(&key), "{}: {key}", entry.path().display());
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 10);
    }

    #[test]
    fn numbers_and_plurals() {
        let (english, french) = (Words(Language::English), Words(Language::French));
        assert_eq!((english.number(1_234_567), english.number(12)), ("1,234,567".into(), "12".into()));
        assert_eq!(french.number(1_234), "1\u{202f}234");
        assert_eq!(Language::preferred("de, fr-CA;q=0.8, en;q=0.5"), Some(Language::French));
        assert_eq!(Language::preferred("en;q=0"), None);
        assert!(Language::French.is_one(0) && !Language::English.is_one(0));
    }
}
