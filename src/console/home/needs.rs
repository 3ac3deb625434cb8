//! What needs a person, in a sentence, and the page where it is done.

use crate::app::overview::Need;
use crate::console::words::Words;

/// One of them.
pub struct Told {
    pub text: String,
    /// Behind the address of the site.
    pub rest: &'static str,
    /// What the way there is called.
    pub label: String,
    /// `bad` or `warning`.
    pub tone: &'static str,
}

pub fn told(words: Words, need: &Need) -> Told {
    let (text, rest, label, tone) = match need {
        Need::Run { run, closed, goes_back } => {
            let key = match (closed, goes_back) {
                (true, false) => "home.need_run_closed",
                (true, true) => "home.need_back_closed",
                (false, false) => "home.need_run",
                (false, true) => "home.need_back",
            };
            (words.say(key, &[run]), "/update", "home.to_run", "bad")
        }
        Need::Closed { since, reason } => {
            let since = words.moment(since.as_deref().unwrap_or_default());
            let reason = reason.as_deref().unwrap_or_default();
            (words.say("home.need_closed", &[&since, &reason]), "/gate", "home.to_gate", "bad")
        }
        Need::Plan { id } => {
            (words.say("home.need_plan", &[&short(id)]), "/update/review", "home.to_review", "warning")
        }
        Need::Approved { id } => {
            (words.say("home.need_apply", &[&short(id)]), "/update", "home.to_update", "warning")
        }
        Need::Findings { count } => {
            (words.count("home.need_findings", *count), "/watch", "home.to_watch", "warning")
        }
        Need::Notices { lost, waiting } => {
            let told = words.say("home.need_notices", &[&words.number(*lost), &words.number(*waiting)]);
            (told, "/upkeep", "home.to_upkeep", "warning")
        }
        Need::Trust { url, warning } => (format!("{url}: {warning}"), "/doctor", "home.to_doctor", "warning"),
    };
    Told { text, rest, label: words.t(label), tone }
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
