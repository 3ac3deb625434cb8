//! What two looks at a site say of it, without network or disk. What was not
//! well before is never blamed; what could not be seen is unknown, not bad.

use std::time::Duration;

use crate::base::count;
use crate::site::health::Health;
use crate::site::health::Now;
use crate::site::health::command::Outcome;
use crate::site::health::command::Run;
use crate::site::health::log::Growth;
use crate::site::health::page::Found;
use crate::site::health::page::Look;
use crate::site::health::page::Page;
use crate::site::health::page::Wanted;
use crate::site::health::shown;

/// Pages smaller than this may shrink as they like, in bytes.
const SMALL: u64 = 512;
/// Whoever answers faster is never called slow.
const FAST: Duration = Duration::from_secs(2);
/// Most lines of a log that are told.
const MOST_LINES: usize = 3;

/// What a person is told of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// What is worth a look, and not bad, a sentence each.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    /// What is worse than before, a sentence each.
    Bad(Vec<String>),
    /// It could not be seen well enough to say.
    Unknown(String),
}

/// What was found so far.
#[derive(Default)]
struct Sheet {
    worse: Vec<String>,
    warnings: Vec<String>,
    unseen: Vec<String>,
    judged: usize,
}

/// Compares. What ailed before is not blamed.
pub fn judge(before: &Health, now: &Now) -> Judgement {
    let mut sheet = Sheet::default();
    for page in &before.pages {
        if let Some(after) = now.pages.iter().find(|after| after.url == page.url) {
            sheet.page(page, after);
        }
    }
    for run in &before.commands {
        if let Some(after) = now.commands.iter().find(|after| after.argv == run.argv) {
            sheet.command(run, after);
        }
    }
    if let Some(growth) = &now.log {
        sheet.log(growth);
    }
    if sheet.judged == 0 && sheet.unseen.is_empty() {
        sheet.unseen.push("nothing of it was well before".into());
    }
    let verdict = match (sheet.worse.is_empty(), sheet.unseen.is_empty()) {
        (false, _) => Verdict::Bad(sheet.worse),
        (true, false) => Verdict::Unknown(sheet.unseen.join("; ")),
        (true, true) => Verdict::Good,
    };
    Judgement { verdict, warnings: sheet.warnings }
}

/// Whether there is no need to ask this page once more.
pub fn is_as_well(before: &Page, now: &Page) -> bool {
    let mut sheet = Sheet::default();
    sheet.page(before, now);
    sheet.worse.is_empty() && sheet.warnings.is_empty() && sheet.unseen.is_empty()
}

impl Sheet {
    fn page(&mut self, before: &Page, now: &Page) {
        let (Found::Answered(old), true) = (&before.found, before.is_well()) else { return };
        let url = &now.url;
        match &now.found {
            Found::Unreachable { took_ms, .. } if now.wanted.is_too_slow(*took_ms) => {
                self.judged += 1;
                self.worse.push(format!("{url} {}", too_slow(&now.wanted)));
            }
            Found::Unreachable { reason, .. } => {
                self.unseen.push(format!("{url} could not be reached: {reason}"));
            }
            Found::Answered(look) if look.closed_by_us => {
                self.unseen.push(format!("{url} was answered by the gate itself"));
            }
            Found::Answered(look) => {
                self.judged += 1;
                self.worse.extend(worse(old, look, &now.wanted).map(|reason| format!("{url} {reason}")));
                self.warnings.extend(slower(old, look, &now.wanted).map(|reason| format!("{url} {reason}")));
            }
        }
    }

    fn command(&mut self, before: &Run, now: &Run) {
        if !before.is_well() {
            return;
        }
        match &now.outcome {
            Outcome::Unknown { reason } => self.unseen.push(format!("{}: {reason}", shown(&now.argv))),
            Outcome::Well => self.judged += 1,
            Outcome::Ill { ended } => {
                self.judged += 1;
                self.worse.push(format!("the check `{}` {ended}", shown(&now.argv)));
            }
        }
    }

    /// A log that stays silent proves nothing, so it is never what a site is well by.
    fn log(&mut self, growth: &Growth) {
        match growth {
            Growth::Unknown { reason } => self.unseen.push(format!("PHP's error log: {reason}")),
            Growth::Lines { deaths, others } => {
                let told = deaths.iter().take(MOST_LINES);
                self.worse.extend(told.map(|line| format!("PHP's error log says: {line}")));
                match deaths.len().saturating_sub(MOST_LINES) {
                    0 => {}
                    more => self.worse.push(format!("PHP's error log holds {more} deaths of scripts more")),
                }
                if *others > 0 {
                    self.warnings.push(format!("PHP's error log grew by {}", count::of(*others, "line")));
                }
            }
        }
    }
}

fn worse(before: &Look, after: &Look, wanted: &Wanted) -> impl Iterator<Item = String> {
    let (old, new) = (before.bytes, after.bytes);
    let lost = |before: Option<bool>, after: Option<bool>| before == Some(true) && after == Some(false);
    let instead = wanted.status.map(|status| format!(" instead of {status}")).unwrap_or_default();
    let title = before.title.as_ref().filter(|_| after.title.is_none());
    [
        (!wanted.is_status(after.status)).then(|| format!("answers {}{instead}", after.status)),
        after.fatal.then(|| "shows a fatal error of PHP".to_owned()),
        (old > 0 && new == 0 && after.status < 300).then(|| "is blank".to_owned()),
        (old >= SMALL && new > 0 && new < old / 10).then(|| format!("shrank from {old} to {new} bytes")),
        title.map(|title| format!("lost its title \"{title}\"")),
        lost(before.marker, after.marker).then(|| "lost the text it is known by".to_owned()),
        lost(before.pattern, after.pattern).then(|| "no longer fits its pattern".to_owned()),
        (setup_words(&after.leads_to) > setup_words(&before.leads_to))
            .then(|| format!("leads to {}", after.leads_to)),
        wanted.is_too_slow(after.took_ms).then(|| too_slow(wanted)),
    ]
    .into_iter()
    .flatten()
}

fn too_slow(wanted: &Wanted) -> String {
    let limit = wanted.limit.unwrap_or_default().as_secs_f64();
    format!("takes longer than {limit} s")
}

fn slower(before: &Look, after: &Look, wanted: &Wanted) -> Option<String> {
    let usual = (before.took_ms as f64 * wanted.slower_times).max(FAST.as_millis() as f64);
    let is_slow = after.took_ms as f64 > usual && !wanted.is_too_slow(after.took_ms);
    let seconds = |ms: u64| ms as f64 / 1000.0;
    is_slow.then(|| {
        format!("takes {:.1} s, and took {:.1} s before", seconds(after.took_ms), seconds(before.took_ms))
    })
}

/// How many words of a path are those of pages that visitors are sent to when an
/// application is not ready. The site's own folder may bear one, too.
fn setup_words(path: &str) -> usize {
    let path = path.to_ascii_lowercase();
    ["install", "upgrade", "update", "setup"].iter().map(|word| path.matches(word).count()).sum()
}

#[cfg(test)]
mod tests;
