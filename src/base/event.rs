//! What a run tells while it works. Readers must ignore kinds they do not know.

use serde::Deserialize;
use serde::Serialize;

use crate::base::step::Step;

/// One thing that happened, or how far something is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A step begins.
    StepStarted,
    /// A step is done; `note` says what it did, in one line.
    StepDone { note: String },
    /// A step was not needed.
    StepSkipped { note: String },
    /// A step failed.
    StepFailed { message: String },
    /// A step is being undone.
    UndoStarted,
    /// A step is undone.
    UndoDone { note: String },
    /// How far long work is: `what` is being done, in items and bytes.
    Progress { what: String, done: u64, total: u64, bytes: u64, total_bytes: u64 },
    /// Something a person should know, which stops nothing.
    Warning { message: String },
    /// A line of the work's own log.
    Log { line: String },
}

impl Event {
    /// Whether this may be dropped when there are too many.
    pub fn is_progress(&self) -> bool {
        matches!(self, Event::Progress { .. })
    }
}

/// Who listens while work goes on.
pub type Watch<'a> = &'a mut dyn FnMut(Option<Step>, Event);
