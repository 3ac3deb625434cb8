//! Events as lines of JSON, for `--events` and for whoever follows a run.

use serde::Deserialize;
use serde::Serialize;

use crate::base::event::Event;
use crate::base::step::Step;
use crate::sys::clock;

/// One line: `{"at", "run", "step", "event", …}`. Readers must ignore kinds
/// that they do not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    pub at: String,
    pub run: Option<String>,
    pub step: Option<Step>,
    pub event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_bytes: Option<u64>,
}

impl EventLine {
    pub fn now(run: Option<&str>, step: Option<Step>, event: &Event) -> EventLine {
        let (kind, text) = match event {
            Event::StepStarted => ("step-started", None),
            Event::StepDone { note } => ("step-done", Some(note)),
            Event::StepSkipped { note } => ("step-skipped", Some(note)),
            Event::StepFailed { message } => ("step-failed", Some(message)),
            Event::UndoStarted => ("undo-started", None),
            Event::UndoDone { note } => ("undo-done", Some(note)),
            Event::Warning { message } => ("warning", Some(message)),
            Event::Log { line } => ("log", Some(line)),
            Event::Progress { what, .. } => ("progress", Some(what)),
        };
        let mut line = EventLine {
            at: clock::now().to_string(),
            run: run.map(str::to_owned),
            step,
            event: kind.to_owned(),
            text: text.cloned(),
            done: None,
            total: None,
            bytes: None,
            total_bytes: None,
        };
        if let Event::Progress { done, total, bytes, total_bytes, .. } = event {
            (line.done, line.total) = (Some(*done), Some(*total));
            (line.bytes, line.total_bytes) = (Some(*bytes), Some(*total_bytes));
        }
        line
    }

    /// The event again; `None` for a kind that this program does not know.
    pub fn to_event(&self) -> Option<Event> {
        let text = || self.text.clone().unwrap_or_default();
        Some(match self.event.as_str() {
            "step-started" => Event::StepStarted,
            "step-done" => Event::StepDone { note: text() },
            "step-skipped" => Event::StepSkipped { note: text() },
            "step-failed" => Event::StepFailed { message: text() },
            "undo-started" => Event::UndoStarted,
            "undo-done" => Event::UndoDone { note: text() },
            "warning" => Event::Warning { message: text() },
            "log" => Event::Log { line: text() },
            "progress" => Event::Progress {
                what: text(),
                done: self.done.unwrap_or_default(),
                total: self.total.unwrap_or_default(),
                bytes: self.bytes.unwrap_or_default(),
                total_bytes: self.total_bytes.unwrap_or_default(),
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_survives_the_way_through_a_line() {
        let text = || "a\nb".to_owned();
        for event in [
            Event::StepStarted,
            Event::StepDone { note: text() },
            Event::StepSkipped { note: text() },
            Event::StepFailed { message: text() },
            Event::UndoStarted,
            Event::UndoDone { note: text() },
            Event::Warning { message: text() },
            Event::Log { line: text() },
            Event::Progress { what: text(), done: 1, total: 2, bytes: 3, total_bytes: 4 },
        ] {
            let line = serde_json::to_string(&EventLine::now(Some("r"), Some(Step::Swap), &event)).unwrap();
            let back: EventLine = serde_json::from_str(&line).unwrap();
            assert_eq!(back.to_event(), Some(event));
            assert!(!line.contains('\n'));
        }
    }
}
