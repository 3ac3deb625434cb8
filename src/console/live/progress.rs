//! How far work is: a fold over its events.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::app::event_line::EventLine;
use crate::base::event::Event;
use crate::base::step::Step;

/// So many lines of the log are shown.
pub const LOG_LINES: usize = 60;
const MOST_WARNINGS: usize = 50;
/// In a shorter time no rate can be told.
const SHORTEST_SECONDS: f64 = 0.5;

/// All that was heard so far.
#[derive(Debug, Default)]
pub struct Progress {
    pub run: Option<String>,
    pub step: Option<Step>,
    pub bar: Option<Bar>,
    pub warnings: Vec<String>,
    pub log: VecDeque<String>,
}

/// One piece of long work.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub what: String,
    pub done: u64,
    pub total: u64,
    pub bytes: u64,
    pub total_bytes: u64,
    since: Option<Timestamp>,
    /// What was there before the rate could be measured.
    first: (u64, u64),
    at: Option<Timestamp>,
}

impl Progress {
    pub fn hear(&mut self, line: &EventLine) {
        if line.run.is_some() {
            self.run.clone_from(&line.run);
        }
        let Some(event) = line.to_event() else { return };
        if let Some(text) = told(line) {
            self.log.push_back(text);
            if self.log.len() > LOG_LINES {
                self.log.pop_front();
            }
        }
        match event {
            Event::StepStarted | Event::UndoStarted => (self.step, self.bar) = (line.step, None),
            Event::StepDone { .. }
            | Event::StepSkipped { .. }
            | Event::StepFailed { .. }
            | Event::UndoDone { .. } => (self.step, self.bar) = (None, None),
            Event::Warning { message } if self.warnings.len() < MOST_WARNINGS => self.warnings.push(message),
            Event::Warning { .. } | Event::Log { .. } => {}
            Event::Progress { what, done, total, bytes, total_bytes } => {
                let at = line.at.parse().ok();
                let before = self.bar.take().filter(|bar| bar.what == what && bar.first <= (done, bytes));
                let (since, first) = before.map_or((at, (done, bytes)), |bar| (bar.since, bar.first));
                self.bar = Some(Bar { what, done, total, bytes, total_bytes, since, first, at });
            }
        }
    }
}

/// An event as a line of the log; progress is none.
pub fn told(line: &EventLine) -> Option<String> {
    let time = line.at.get(11..19).unwrap_or_default();
    let step = line.step.map_or("", |step| step.name());
    let text = match line.to_event()? {
        Event::Progress { .. } => return None,
        Event::StepStarted => format!("→ {step}"),
        Event::UndoStarted => format!("← {step}"),
        Event::StepDone { note } => format!("✔ {step} {note}"),
        Event::StepSkipped { note } => format!("· {step} {note}"),
        Event::StepFailed { message } => format!("✘ {step} {message}"),
        Event::UndoDone { note } => format!("↶ {step} {note}"),
        Event::Warning { message } => format!("! {message}"),
        Event::Log { line } => line,
    };
    Some(format!("{time} {}", text.trim_end()))
}

impl Bar {
    /// Of a thousand; `None` where nobody knows how much there is.
    pub fn permille(&self) -> Option<u64> {
        let (done, total) = self.measure()?;
        Some((done as f64 / total as f64 * 1000.0).min(1000.0) as u64)
    }

    fn measure(&self) -> Option<(u64, u64)> {
        match (self.total_bytes, self.total) {
            (0, 0) => None,
            (0, total) => Some((self.done, total)),
            (total, _) => Some((self.bytes, total)),
        }
    }

    fn seconds(&self) -> Option<f64> {
        let seconds = self.at?.duration_since(self.since?).as_secs_f64();
        (seconds >= SHORTEST_SECONDS).then_some(seconds)
    }

    /// Bytes a second.
    pub fn rate(&self) -> Option<u64> {
        let bytes = self.bytes.checked_sub(self.first.1).filter(|bytes| *bytes > 0)?;
        Some((bytes as f64 / self.seconds()?) as u64)
    }

    /// Seconds that are left, should it go on like that.
    pub fn left(&self) -> Option<f64> {
        let (done, total) = self.measure()?;
        let first = if self.total_bytes > 0 { self.first.1 } else { self.first.0 };
        let since = done.checked_sub(first).filter(|done| *done > 0)?;
        Some(total.saturating_sub(done) as f64 * self.seconds()? / since as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32, event: &Event) -> EventLine {
        let mut line = EventLine::now(Some("r"), Some(Step::Swap), event);
        line.at = format!("2026-11-22T04:00:{second:02}Z");
        line
    }

    fn bytes(what: &str, bytes: u64, total_bytes: u64) -> Event {
        Event::Progress { what: what.into(), done: 0, total: 0, bytes, total_bytes }
    }

    #[test]
    fn a_bar_tells_rate_and_time_left_of_what_is_done_now() {
        let mut progress = Progress::default();
        progress.hear(&at(0, &bytes("fetching", 400, 1000)));
        assert_eq!(progress.bar.as_ref().unwrap().rate(), None, "one look tells no rate");
        progress.hear(&at(2, &bytes("fetching", 600, 1000)));
        let bar = progress.bar.clone().unwrap();
        assert_eq!((bar.permille(), bar.rate(), bar.left()), (Some(600), Some(100), Some(4.0)));
        progress.hear(&at(3, &bytes("verifying", 0, 0)));
        let bar = progress.bar.clone().unwrap();
        assert_eq!((bar.permille(), bar.rate(), bar.left()), (None, None, None), "other work, no end known");
        progress.hear(&at(4, &Event::StepDone { note: "done".into() }));
        assert!(progress.bar.is_none());
    }

    #[test]
    fn what_is_odd_is_no_harm() {
        let mut progress = Progress::default();
        for event in [bytes("x", 900, 100), bytes("x", 5, 100), bytes("x", u64::MAX, u64::MAX)] {
            progress.hear(&at(1, &event));
            assert!(progress.bar.as_ref().unwrap().permille().unwrap() <= 1000);
            progress.bar.as_ref().unwrap().left();
        }
        let mut line = at(1, &Event::Log { line: "x".into() });
        line.at = "é".repeat(30);
        progress.hear(&line);
        line.event = "from-the-future".into();
        progress.hear(&line);
        (0..200).for_each(|_| progress.hear(&at(2, &Event::Warning { message: "w".into() })));
        assert_eq!((progress.log.len(), progress.warnings.len()), (LOG_LINES, MOST_WARNINGS));
    }
}
