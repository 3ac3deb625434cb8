//! Where words go: data to standard output, talk to standard error, and with
//! `--json` exactly one document.

use std::io::BufWriter;
use std::io::Write;

use serde::Serialize;

use crate::app::desk;
use crate::app::document;
use crate::app::document::Document;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::json;
use crate::cli::args::Global;

/// How to talk, from the global options and the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub json: bool,
    pub colour: bool,
    pub quiet: bool,
    pub verbose: bool,
    /// Standard error is a terminal: bars may be drawn.
    pub lively: bool,
}

/// One document and nothing else.
pub const JSON: Manner = Manner { json: true, colour: false, quiet: true, verbose: false, lively: false };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Manner {
    /// `text` in a colour, where colours are wanted.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Cyan => "36",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Prints the answer, as JSON or as `text` draws it, and says how it ended.
    pub fn answer<T: Serialize>(
        &self,
        verb: &str,
        answer: Result<Answer<T>, Failure>,
        text: impl FnOnce(&T, &Manner) -> String,
    ) -> Exit {
        if self.json {
            return print_document(verb, answer);
        }
        let answer = answer
            .map(|answer| Answer { failure: answer.failure.map(Failure::advised), ..answer })
            .map_err(Failure::advised);
        match answer {
            Ok(Answer { exit, result, failure }) => {
                if !self.quiet {
                    put(&text(&result, self));
                }
                if let Some(failure) = failure {
                    self.complain(&failure);
                }
                exit
            }
            Err(failure) => {
                self.complain(&failure);
                failure.exit
            }
        }
    }

    /// An error for people: what was tried, why it failed, what to do next.
    pub fn complain(&self, failure: &Failure) {
        let mut text = format!("{} {}\n", self.paint(Paint::Red, "error:"), escape::block(&failure.message));
        for cause in &failure.causes {
            text.push_str(&format!("  {} {}\n", self.paint(Paint::Dim, "because:"), escape::block(cause)));
        }
        for hint in &failure.hints {
            text.push_str(&format!("  {} {}\n", self.paint(Paint::Cyan, "hint:"), escape::block(hint)));
        }
        // Nobody is left to be told when standard error is gone.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// One line of talk.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// The answer as the one document, which it returns the exit of.
fn print_document<T: Serialize>(verb: &str, answer: Result<Answer<T>, Failure>) -> Exit {
    let answer = document::told(answer);
    let document = Document::of(verb, &answer);
    let mut out = BufWriter::new(std::io::stdout().lock());
    // Who closed the pipe wants no more of it.
    let _ = json::write(&mut out, &document)
        .map_err(Into::into)
        .and_then(|()| writeln!(out))
        .and_then(|()| out.flush());
    document.exit
}

/// Data to standard output; a reader that went away is no error of ours.
pub fn put(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// How to talk, as asked for and as the terminal allows.
pub fn manner(global: &Global) -> Manner {
    let terminal = desk::terminal();
    let plain = global.no_color || terminal.no_color || global.json;
    Manner {
        json: global.json,
        colour: terminal.out && !plain,
        quiet: global.quiet || global.detached,
        verbose: global.verbose,
        lively: terminal.err && !plain,
    }
}

/// Several lines of talk.
pub fn talk(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether the person at the terminal says yes; nobody there is a no.
pub fn confirm(question: &str) -> bool {
    let answer = desk::answer_to(&format!("{question} [y/N] ")).unwrap_or_default();
    matches!(answer.trim(), "y" | "Y" | "yes")
}
