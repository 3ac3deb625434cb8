//! What a person sees while it works: a list of steps with marks, and a bar on
//! a terminal; and for programs one JSON object a line.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::app::event_line::EventLine;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::json;
use crate::base::step::Step;
use crate::cli::output::Manner;
use crate::cli::output::Paint;

/// Shows events as they come.
pub struct Progress {
    manner: Manner,
    bar: Option<ProgressBar>,
    /// What the bar is about.
    what: String,
    events: Option<EventSink>,
}

/// Where `--events` writes.
pub enum EventSink {
    File(File),
    Stderr,
}

impl Progress {
    pub fn new(manner: Manner, events: Option<EventSink>) -> Progress {
        Progress { manner, bar: None, what: String::new(), events }
    }

    /// Takes one event of a run.
    pub fn take(&mut self, run: Option<&str>, step: Option<Step>, event: &Event) {
        if self.events.is_some() {
            self.write_event(&EventLine::now(run, step, event));
        }
        self.show(step, event);
    }

    /// Takes an event that another process told.
    pub fn take_line(&mut self, line: &EventLine) {
        self.write_event(line);
        if let Some(event) = line.to_event() {
            self.show(line.step, &event);
        }
    }

    fn show(&mut self, step: Option<Step>, event: &Event) {
        if self.manner.quiet {
            return;
        }
        match event {
            Event::Progress { .. } => self.show_bar(event),
            Event::StepStarted => self.drop_bar(),
            Event::StepDone { note } => self.step_line(step, Paint::Green, "✔", note),
            Event::StepSkipped { note } => self.step_line(step, Paint::Dim, "·", note),
            Event::StepFailed { message } => self.step_line(step, Paint::Red, "✘", message),
            Event::UndoStarted => self.drop_bar(),
            Event::UndoDone { note } => self.step_line(step, Paint::Yellow, "↶", note),
            Event::Warning { message } => {
                self.drop_bar();
                let line =
                    format!("{} {}", self.manner.paint(Paint::Yellow, "warning:"), escape::text(message));
                self.manner.say(&line);
            }
            Event::Log { line } if self.manner.verbose => {
                self.manner.say(&format!("  {}", escape::text(line)))
            }
            Event::Log { .. } => {}
        }
    }

    pub fn finish(&mut self) {
        self.drop_bar();
    }

    fn step_line(&mut self, step: Option<Step>, paint: Paint, mark: &str, note: &str) {
        self.drop_bar();
        let Some(step) = step else { return };
        let note = escape::text(note);
        let line =
            format!("{} {:>2} {:<9} {note}", self.manner.paint(paint, mark), step.number(), step.name());
        self.manner.say(line.trim_end());
    }

    fn show_bar(&mut self, event: &Event) {
        let Event::Progress { what, done, total, bytes, total_bytes } = event else { return };
        if !self.manner.lively {
            return;
        }
        if self.what != *what {
            self.drop_bar();
            self.what.clone_from(what);
        }
        if (*done, *total) == (0, 0) {
            return self.show_bytes(what, *bytes, *total_bytes);
        }
        let bar = self.bar.get_or_insert_with(new_bar);
        let (position, length) = if *total_bytes > 0 { (*bytes, *total_bytes) } else { (*done, *total) };
        bar.set_length(length);
        bar.set_position(position);
        let of = if *total > 0 { format!(" {done}/{total}") } else { format!(" {done}") };
        bar.set_message(format!("{}{of}", escape::text(what)));
        if length > 0 && position >= length {
            self.drop_bar();
        }
    }

    /// A bar of work that is counted in bytes alone; its rate is that of what is
    /// done now, not of what was there already.
    fn show_bytes(&mut self, what: &str, bytes: u64, total: u64) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = new_bar();
            bar.set_style(style(if total > 0 { BYTES } else { BYTES_WITHOUT_END }));
            bar.set_position(bytes);
            bar.reset_eta();
            bar
        });
        if total > 0 {
            bar.set_length(total);
        }
        bar.set_position(bytes);
        bar.set_message(escape::text(what).into_owned());
        if total > 0 && bytes >= total {
            self.drop_bar();
        }
    }

    fn drop_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn write_event(&mut self, line: &EventLine) {
        let Some(sink) = &mut self.events else { return };
        let Ok(mut text) = json::line(line) else { return };
        text.push(b'\n');
        // A reader that went away must not stop the work.
        let _ = match sink {
            EventSink::File(file) => file.write_all(&text),
            EventSink::Stderr => std::io::stderr().write_all(&text),
        };
    }
}

const ITEMS: &str = "  {bar:30} {percent:>3}% {msg} {eta}";
const BYTES: &str = "  {bar:30} {percent:>3}% {msg} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const BYTES_WITHOUT_END: &str = "  {spinner} {msg} {bytes} {bytes_per_sec}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style(ITEMS));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
