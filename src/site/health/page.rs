//! One page, asked over HTTP.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use url::Url;

use crate::base::secret::Secret;
use crate::site::probe;
use crate::site::probe::Answer;
use crate::site::probe::Probe;
use crate::site::settings::HealthUrl;
use crate::sys::clock::Stopwatch;

/// What PHP prints when a script dies.
const FATAL_WORDS: [&str; 5] =
    ["Fatal error:", "<b>Fatal error</b>:", "Parse error:", "<b>Parse error</b>:", "Uncaught "];

/// One page and how it answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Without a password.
    pub url: String,
    pub found: Found,
    #[serde(default)]
    pub wanted: Wanted,
}

/// What the owner expects of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// `None`: anything below 400.
    pub status: Option<u16>,
    pub slower_times: f64,
    pub limit: Option<Duration>,
}

/// What a try to see a page ended in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Found {
    Answered(Look),
    Unreachable {
        reason: String,
        #[serde(default)]
        took_ms: u64,
    },
}

/// A page that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub status: u16,
    pub title: Option<String>,
    pub bytes: u64,
    /// PHP said that a script died.
    pub fatal: bool,
    /// Whether the page holds its marker; `None` when it has none.
    pub marker: Option<bool>,
    /// The same of its pattern.
    #[serde(default)]
    pub pattern: Option<bool>,
    pub closed_by_us: bool,
    /// Path of the page that answered, or where a redirect leads.
    pub leads_to: String,
    pub took_ms: u64,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted::of(&HealthUrl::plain(""))
    }
}

impl Wanted {
    fn of(settings: &HealthUrl) -> Wanted {
        let HealthUrl { status, slower_times, limit, .. } = settings;
        Wanted { status: *status, slower_times: *slower_times, limit: *limit }
    }

    pub fn is_status(&self, status: u16) -> bool {
        self.status.map_or(status < 400, |wanted| status == wanted)
    }

    pub fn is_too_slow(&self, took_ms: u64) -> bool {
        self.limit.is_some_and(|limit| Duration::from_millis(took_ms) > limit)
    }
}

impl Page {
    /// Whether the application answered as it should.
    pub fn is_well(&self) -> bool {
        let Found::Answered(look) = &self.found else { return false };
        self.wanted.is_status(look.status)
            && !look.fatal
            && !look.closed_by_us
            && !self.wanted.is_too_slow(look.took_ms)
    }
}

/// Asks once.
pub fn look(probe: &Probe, url: &Url, settings: &HealthUrl, pass: Option<&Secret>) -> Page {
    let watch = Stopwatch::start();
    let found = match probe.get(url, pass) {
        Ok(answer) => Found::Answered(answered(&answer, settings)),
        Err(error) => {
            let causes = crate::base::exit::causes(&error);
            let reason = causes.last().cloned().unwrap_or_else(|| error.to_string());
            Found::Unreachable { reason, took_ms: watch.elapsed().as_millis() as u64 }
        }
    };
    Page { url: probe::shown(url), found, wanted: Wanted::of(settings) }
}

fn answered(answer: &Answer, settings: &HealthUrl) -> Look {
    Look {
        status: answer.status,
        title: answer.title.clone(),
        bytes: answer.bytes,
        fatal: FATAL_WORDS.iter().any(|word| says_fatal(&answer.body, word)),
        marker: settings.marker.as_ref().map(|marker| answer.body.contains(marker)),
        pattern: settings.pattern.as_ref().map(|pattern| fits(pattern, &answer.body)),
        closed_by_us: answer.closed_by_us,
        leads_to: answer.location.clone().unwrap_or_else(|| answer.url.path().to_owned()),
        took_ms: answer.took.as_millis() as u64,
    }
}

/// Whether one of PHP's last lines is there: the word, and behind it, as PHP
/// writes, the script's line. A page that only talks about errors has no such line.
fn says_fatal(body: &str, word: &str) -> bool {
    body.match_indices(word).any(|(at, _)| {
        let mut end = (at + 2000).min(body.len());
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        let behind = &body[at..end];
        behind.contains(" on line ") || behind.contains(".php:")
    })
}

/// Whether the parts between the stars stand in the text, one behind the other.
fn fits(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    pattern.split('*').all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fatal_error_is_told_from_a_page_about_errors() {
        let php = "<b>Fatal error</b>:  Uncaught Error: x in /srv/a.php:3\nthrown in <b>/srv/a.php</b> on line <b>3</b>";
        assert!(FATAL_WORDS.iter().any(|word| says_fatal(php, word)));
        let article = "<h1>How I met my first Fatal error: a story</h1>";
        assert!(!FATAL_WORDS.iter().any(|word| says_fatal(article, word)));
    }

    #[test]
    fn a_star_stands_for_anything_and_everything_else_for_itself() {
        for (pattern, text, fits_it) in [
            ("Basket", "<p>Basket (0)</p>", true),
            ("Basket (*) of *", "Basket (1\n2) of été", true),
            ("Basket*Checkout", "Checkout, then Basket", false),
            ("a*a", "a", false),
            ("a.c", "abc", false),
            ("[x]?", "[x]?", true),
            ("*", "", true),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern, text), fits_it, "{pattern} on {text}");
        }
    }
}
