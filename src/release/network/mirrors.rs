//! The addresses under which the same files lie, and what became of each in this run.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;

use url::Url;

use crate::base::exit::causes;
use crate::release::network::address::shown;
use crate::release::network::error::NetworkError;

/// What one that sent something wrong counts, among those that only failed.
const LIE: u32 = 1000;

/// Bases, the preferred one first. Who failed is asked after those who did not.
#[derive(Debug)]
pub struct Mirrors {
    bases: Vec<Base>,
    /// The parameter by which a script is told names; nothing: names stand below the base.
    parameter: Option<&'static str>,
}

#[derive(Debug)]
struct Base {
    url: Url,
    blame: Mutex<Blame>,
}

#[derive(Clone, Debug, Default)]
struct Blame {
    weight: u32,
    /// The gravest thing, for people.
    note: Option<String>,
}

impl Mirrors {
    /// A reference and its copies; each is a folder.
    pub fn new(first: &Url, others: &[Url]) -> Mirrors {
        let mut seen = BTreeSet::new();
        let all = [first].into_iter().chain(others).map(folder);
        let bases = all.filter(|url| seen.insert(url.clone()));
        Mirrors { bases: bases.map(|url| Base { url, blame: Mutex::default() }).collect(), parameter: None }
    }

    /// A script that hands out files.
    pub fn script(url: &Url, parameter: &'static str) -> Mirrors {
        Mirrors { parameter: Some(parameter), ..Mirrors::file(url) }
    }

    /// One file that lies nowhere else.
    pub(super) fn file(url: &Url) -> Mirrors {
        Mirrors { bases: vec![Base { url: url.clone(), blame: Mutex::default() }], parameter: None }
    }

    pub fn count(&self) -> usize {
        self.bases.len()
    }

    /// Only one of them, for what must not be put together from several.
    pub fn only(&self, which: usize) -> Mirrors {
        let bases = self.bases.get(which).map(|base| Base { url: base.url.clone(), blame: Mutex::default() });
        Mirrors { bases: bases.into_iter().collect(), parameter: self.parameter }
    }

    /// For people.
    pub fn shown(&self, which: usize) -> String {
        self.bases.get(which).map(|base| shown(&base.url)).unwrap_or_default()
    }

    /// All of them, the least blamed first.
    pub fn in_turn(&self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.bases.len()).collect();
        all.sort_by_key(|which| (self.blame_of(*which).weight, *which));
        all
    }

    /// The next one to ask.
    pub(super) fn next(&self, without: &BTreeSet<usize>) -> Option<usize> {
        self.in_turn().into_iter().find(|which| !without.contains(which))
    }

    /// Where the file with this name lies; without a name, the base itself.
    pub(super) fn url(&self, which: usize, name: &str) -> Option<Url> {
        let mut url = self.bases.get(which)?.url.clone();
        if let Some(parameter) = self.parameter {
            url.query_pairs_mut().append_pair(parameter, name);
        } else if !name.is_empty() {
            // Names hold nothing that means anything in an address, but for slashes; a
            // base's query (a token, say) goes with each.
            let path = format!("{}{}", url.path(), name.replace('%', "%25"));
            url.set_path(&path);
        }
        Some(url)
    }

    /// Remembers a failure; `lied`: what came was wrong.
    pub fn blame(&self, which: usize, error: &dyn std::error::Error, lied: bool) {
        let Some(base) = self.bases.get(which) else { return };
        let mut blame = base.blame.lock().unwrap_or_else(PoisonError::into_inner);
        if blame.note.is_none() || (lied && blame.weight < LIE) {
            let cause = causes(error).pop().map(|cause| format!(" ({cause})")).unwrap_or_default();
            blame.note = Some(format!("{error}{cause}"));
        }
        blame.weight = blame.weight.saturating_add(if lied { LIE } else { 1 });
    }

    /// What a person should know: which of several failed, and how.
    pub fn notes(&self) -> Vec<String> {
        if self.bases.len() < 2 {
            return Vec::new();
        }
        let told = |which: usize| {
            let note = self.blame_of(which).note?;
            Some(format!("{} failed: {note}", self.shown(which)))
        };
        (0..self.bases.len()).filter_map(told).collect()
    }

    fn blame_of(&self, which: usize) -> Blame {
        let base = self.bases.get(which);
        base.map(|base| base.blame.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }
}

/// Whether the other side sent something wrong, rather than nothing.
pub(super) fn is_lie(error: &NetworkError) -> bool {
    matches!(
        error,
        NetworkError::Digest { .. }
            | NetworkError::Length { .. }
            | NetworkError::Content { .. }
            | NetworkError::Answer { .. }
            | NetworkError::TooLarge { .. }
            | NetworkError::Encoded { .. }
            | NetworkError::Certificate { .. }
            | NetworkError::Downgrade { .. }
            | NetworkError::Elsewhere { .. }
            | NetworkError::Redirects { .. }
            | NetworkError::Loop { .. }
    )
}

/// The base with a slash at its end, without what stands behind a `#`.
fn folder(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(texts: &[&str]) -> Mirrors {
        let urls: Vec<Url> = texts.iter().map(|text| Url::parse(text).unwrap()).collect();
        Mirrors::new(&urls[0], &urls[1..])
    }

    #[test]
    fn names_stand_below_the_base() {
        let mirrors = mirrors(&["https://a/r?token=hunter2#x", "https://b/", "https://a/r/?token=hunter2"]);
        assert_eq!(mirrors.count(), 2, "the same one twice is one");
        for (which, name, url) in [
            (0, "metadata/1.root.json", "https://a/r/metadata/1.root.json?token=hunter2"),
            (0, "", "https://a/r/?token=hunter2"),
            (1, "targets/a%2fb", "https://b/targets/a%252fb"),
            (1, "targets/a?b#c", "https://b/targets/a%3Fb%23c"),
        ] {
            assert_eq!(mirrors.url(which, name).unwrap().as_str(), url);
        }
        assert_eq!(mirrors.url(2, "x"), None);
        let script = Mirrors::script(&Url::parse("https://a/fetch.php").unwrap(), "script");
        assert_eq!(
            script.url(0, "a b/c&d.php").unwrap().as_str(),
            "https://a/fetch.php?script=a+b%2Fc%26d.php"
        );
    }

    #[test]
    fn who_failed_is_asked_last_and_told() {
        let mirrors = mirrors(&["https://a/", "https://b/?token=hunter2", "https://c/"]);
        let none = BTreeSet::new();
        assert_eq!((mirrors.next(&none), mirrors.notes().len()), (Some(0), 0));
        let stalled = NetworkError::Stalled { url: "https://a/x".into(), limit: Default::default() };
        let loops = NetworkError::Loop { url: "https://b/x".into() };
        for _ in 0..3 {
            mirrors.blame(0, &stalled, is_lie(&stalled));
        }
        assert_eq!(mirrors.in_turn(), [1, 2, 0]);
        mirrors.blame(1, &loops, is_lie(&loops));
        mirrors.blame(2, &stalled, is_lie(&stalled));
        assert_eq!(mirrors.in_turn(), [2, 0, 1], "who lies comes behind all who fail");
        assert_eq!(mirrors.next(&BTreeSet::from([0, 2])), Some(1));
        assert_eq!(mirrors.next(&BTreeSet::from([0, 1, 2])), None);
        let notes = mirrors.notes().join("\n");
        assert!(notes.contains("https://b/?… failed: https://b/x leads back") && !notes.contains("hunter2"));
        assert!(mirrors.only(1).notes().is_empty());
    }
}
