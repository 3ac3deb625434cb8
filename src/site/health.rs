//! Whether a site is as well as before: the same pages, measured before
//! closing and later behind the gate, judged without the network.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use url::Url;

use crate::base::secret::Secret;
use crate::site::probe;
use crate::site::probe::Answer;
use crate::site::probe::Probe;
use crate::sys::clock;

/// Pause between two tries of one page.
const PAUSE: Duration = Duration::from_millis(700);
/// What PHP prints when a script dies.
const FATAL_WORDS: [&str; 5] =
    ["Fatal error:", "<b>Fatal error</b>:", "Parse error:", "<b>Parse error</b>:", "Uncaught "];
/// Pages smaller than this may shrink as they like, in bytes.
const SMALL: u64 = 512;

/// One page to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub url: Url,
    /// Text that a healthy page holds.
    pub marker: Option<String>,
}

/// How every page answered; stored in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub pages: Vec<Page>,
}

/// One page and how it answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Without a password.
    pub url: String,
    pub found: Found,
}

/// What a try to see a page ended in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Found {
    Answered(Look),
    Unreachable { reason: String },
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
    pub closed_by_us: bool,
    /// Path of the page that answered, or where a redirect leads.
    pub leads_to: String,
    pub took_ms: u64,
}

/// What two measurements say of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// What is worse than before, a sentence each.
    Bad(Vec<String>),
    /// It could not be seen well enough to say.
    Unknown(String),
}

/// Looks at every page, up to `tries` times until it answers without a server error.
pub fn measure(probe: &Probe, targets: &[Target], pass: Option<&Secret>, tries: u32) -> Health {
    Health { pages: targets.iter().map(|target| look(probe, target, pass, tries)).collect() }
}

/// Compares. A page that was broken before is not blamed.
pub fn judge(baseline: &Health, now: &Health) -> Verdict {
    let (mut reasons, mut unseen, mut judged) = (Vec::new(), None, 0);
    for page in &baseline.pages {
        let Found::Answered(before) = &page.found else { continue };
        let Some(after) = now.pages.iter().find(|after| after.url == page.url) else { continue };
        if !before.is_well() {
            continue;
        }
        match &after.found {
            Found::Unreachable { reason } => {
                unseen = Some(format!("{} could not be reached: {reason}", page.url));
            }
            Found::Answered(look) if look.closed_by_us => {
                unseen = Some(format!("{} was answered by the gate itself", page.url));
            }
            Found::Answered(look) => {
                judged += 1;
                reasons
                    .extend(worse(before, look).into_iter().map(|reason| format!("{} {reason}", page.url)));
            }
        }
    }
    match (reasons.is_empty(), unseen, judged) {
        (false, ..) => Verdict::Bad(reasons),
        (true, Some(reason), _) => Verdict::Unknown(reason),
        (true, None, 0) => Verdict::Unknown("no page was well before".into()),
        (true, None, _) => Verdict::Good,
    }
}

fn worse(before: &Look, after: &Look) -> Vec<String> {
    let mut reasons = Vec::new();
    if after.status >= 400 {
        reasons.push(format!("answers {}", after.status));
    }
    if after.fatal {
        reasons.push("shows a fatal error of PHP".into());
    }
    if before.bytes >= SMALL && after.bytes < before.bytes / 10 {
        reasons.push(format!("shrank from {} to {} bytes", before.bytes, after.bytes));
    }
    if let (Some(old), None) = (&before.title, &after.title) {
        reasons.push(format!("lost its title \"{old}\""));
    }
    if before.marker == Some(true) && after.marker == Some(false) {
        reasons.push("lost the text it is known by".into());
    }
    if is_setup(&after.leads_to) && !is_setup(&before.leads_to) {
        reasons.push(format!("leads to {}", after.leads_to));
    }
    reasons
}

/// A page that visitors are sent to when an application is not ready.
fn is_setup(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["install", "upgrade", "update", "setup"].iter().any(|word| path.contains(word))
}

impl Look {
    /// Whether the application answered, without an error.
    fn is_well(&self) -> bool {
        self.status < 400 && !self.fatal && !self.closed_by_us
    }
}

fn look(probe: &Probe, target: &Target, pass: Option<&Secret>, tries: u32) -> Page {
    let mut tried = 0;
    loop {
        let found = match probe.get(&target.url, pass) {
            Ok(answer) => Found::Answered(answered(&answer, target)),
            Err(error) => {
                let causes = crate::base::exit::causes(&error);
                Found::Unreachable { reason: causes.last().cloned().unwrap_or_else(|| error.to_string()) }
            }
        };
        tried += 1;
        let is_final = matches!(&found, Found::Answered(look) if look.status < 500);
        if is_final || tried >= tries {
            return Page { url: probe::shown(&target.url), found };
        }
        clock::sleep(PAUSE);
    }
}

fn answered(answer: &Answer, target: &Target) -> Look {
    Look {
        status: answer.status,
        title: answer.title.clone(),
        bytes: answer.bytes,
        fatal: FATAL_WORDS.iter().any(|word| says_fatal(&answer.body, word)),
        marker: target.marker.as_ref().map(|marker| answer.body.contains(marker)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> Look {
        Look {
            status: 200,
            title: Some("Home".into()),
            bytes: 8000,
            fatal: false,
            marker: Some(true),
            closed_by_us: false,
            leads_to: "/".into(),
            took_ms: 10,
        }
    }

    fn page(url: &str, look: Look) -> Page {
        Page { url: url.into(), found: Found::Answered(look) }
    }

    fn health(look: Look) -> Health {
        Health { pages: vec![page("http://a/", look)] }
    }

    #[test]
    fn what_got_worse_is_bad_and_what_only_changed_is_not() {
        let way = |path: &str| Look { leads_to: path.into(), ..well() };
        for (now, verdict) in [
            (Look { status: 404, ..well() }, "answers 404"),
            (Look { status: 500, ..well() }, "answers 500"),
            (Look { bytes: 40, ..well() }, "shrank from 8000 to 40 bytes"),
            (Look { fatal: true, ..well() }, "shows a fatal error of PHP"),
            (Look { marker: Some(false), ..well() }, "lost the text it is known by"),
            (Look { title: None, ..well() }, "lost its title \"Home\""),
            (way("/wp-admin/install.php"), "leads to /wp-admin/install.php"),
        ] {
            let bad = Verdict::Bad(vec![format!("http://a/ {verdict}")]);
            assert_eq!(judge(&health(well()), &health(now)), bad);
        }
        for now in [
            Look { title: Some("Home, new".into()), ..well() },
            Look { bytes: 3000, ..well() },
            way("/en/"),
            Look { took_ms: 900, ..well() },
        ] {
            assert_eq!(judge(&health(well()), &health(now)), Verdict::Good);
        }
    }

    #[test]
    fn a_page_that_was_broken_before_is_not_blamed() {
        for broken in [Look { status: 500, ..well() }, Look { fatal: true, ..well() }] {
            let both = Health { pages: vec![page("http://a/", broken.clone()), page("http://a/b", well())] };
            assert_eq!(judge(&both, &both), Verdict::Good);
            assert!(matches!(judge(&health(broken.clone()), &health(broken)), Verdict::Unknown(_)));
        }
    }

    #[test]
    fn what_could_not_be_seen_is_not_judged() {
        let found = Found::Unreachable { reason: "connection refused".into() };
        let gone = Health { pages: vec![Page { url: "http://a/".into(), found }] };
        let unknown = Verdict::Unknown("http://a/ could not be reached: connection refused".into());
        assert_eq!(judge(&health(well()), &gone), unknown);
        let gate = Look { status: 503, closed_by_us: true, ..well() };
        assert!(matches!(judge(&health(well()), &health(gate)), Verdict::Unknown(_)));
    }

    #[test]
    fn a_fatal_error_is_told_from_a_page_about_errors() {
        let php = "<b>Fatal error</b>:  Uncaught Error: x in /srv/a.php:3\nthrown in <b>/srv/a.php</b> on line <b>3</b>";
        assert!(FATAL_WORDS.iter().any(|word| says_fatal(php, word)));
        let article = "<h1>How I met my first Fatal error: a story</h1>";
        assert!(!FATAL_WORDS.iter().any(|word| says_fatal(article, word)));
    }

    #[test]
    fn health_survives_the_journal() {
        let health = health(well());
        let text = serde_json::to_string(&health).unwrap();
        assert_eq!(serde_json::from_str::<Health>(&text).unwrap(), health);
    }
}
