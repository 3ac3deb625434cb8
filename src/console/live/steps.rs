//! The ten steps with a mark each.

use crate::app::report::Show;
use crate::base::step::Step;
use crate::console::words::Words;

/// One step as a page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMark {
    pub number: usize,
    /// Its name on the command line.
    pub id: &'static str,
    pub name: String,
    pub what: String,
    /// `waiting`, `started`, `done`, `failed`, `undoing`, `undone`; `cut`: begun, and nobody works on it.
    pub state: String,
    /// The same in words.
    pub word: String,
    pub seconds: Option<f64>,
    pub started: Option<String>,
    pub note: String,
}

impl StepMark {
    pub fn sign(&self) -> &'static str {
        match self.state.as_str() {
            "done" => "✔",
            "failed" => "✘",
            "undone" => "↶",
            "started" | "undoing" => "…",
            "cut" => "◐",
            _ => "·",
        }
    }

    pub fn is_now(&self) -> bool {
        matches!(self.state.as_str(), "started" | "undoing")
    }
}

/// `PREFIX_NAME`, with `_` for what no key may have; the name itself where
/// nobody wrote a text for it.
pub fn words_of(words: Words, prefix: &str, name: &str) -> String {
    let key = format!("{prefix}_{}", name.replace(['-', ' '], "_"));
    match words.t(&key) {
        text if text == key => name.to_owned(),
        text => text,
    }
}

/// The steps of a run; without one, of work that has not come so far.
pub fn of_run(words: Words, show: Option<&Show>, is_at_work: bool) -> Vec<StepMark> {
    Step::ALL.into_iter().map(|step| mark(words, step, show, is_at_work)).collect()
}

fn mark(words: Words, step: Step, show: Option<&Show>, is_at_work: bool) -> StepMark {
    let view = show.and_then(|show| show.steps.iter().find(|view| view.step == step.name()));
    let state = match (view, show.is_some(), step) {
        (Some(view), ..) if !is_at_work && matches!(view.state.as_str(), "started" | "undoing") => "cut",
        (Some(view), ..) => view.state.as_str(),
        // A run begins with a plan that was made and approved.
        (None, true, _) | (None, false, Step::Stage) => "done",
        (None, false, Step::Review) => "started",
        (None, false, _) => "waiting",
    };
    StepMark {
        number: step.number(),
        id: step.name(),
        name: words_of(words, "live.step", step.name()),
        what: words_of(words, "live.does", step.name()),
        state: state.to_owned(),
        word: words_of(words, "live.state", state),
        seconds: view.and_then(|view| view.seconds),
        started: view.and_then(|view| view.started.clone()),
        note: view.map(|view| view.note.clone()).unwrap_or_default(),
    }
}
