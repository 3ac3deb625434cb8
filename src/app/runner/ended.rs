//! How a runner ended, as it said itself or as can be seen.

use serde::Deserialize;

use crate::app::failure::Failure;
use crate::app::runner::Answered;
use crate::app::runner::Runner;
use crate::base::exit::Exit;
use crate::base::json;
use crate::sys::fs;

/// An answer is not longer, unless somebody else wrote it.
const MOST_BYTES: u64 = 64 << 20;

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub exit: Exit,
    /// As in the JSON of the command line; null where there is none.
    pub result: serde_json::Value,
    pub failure: Option<Failure>,
}

impl Ended {
    pub(super) fn of(runner: &Runner) -> Ended {
        match document(runner).and_then(|answered| Ended::read(&answered.0)) {
            Ok(ended) => ended,
            Err(failure) => {
                Ended { exit: failure.exit, result: serde_json::Value::Null, failure: Some(failure) }
            }
        }
    }

    /// From the one JSON document of a verb.
    pub fn read(text: &str) -> Result<Ended, Failure> {
        #[derive(Deserialize)]
        struct Document {
            exit: u8,
            result: serde_json::Value,
            error: Option<Complaint>,
        }
        #[derive(Deserialize)]
        struct Complaint {
            message: String,
            causes: Vec<String>,
            hints: Vec<String>,
        }
        let document: Document = json::read(text.as_bytes()).map_err(|error| {
            Failure::new(Exit::Stuck, format!("the answer of the detached process cannot be read: {error}"))
        })?;
        let exit = Exit::from_code(document.exit).unwrap_or(Exit::Stuck);
        let failure = document.error.map(|error| Failure {
            causes: error.causes,
            hints: error.hints,
            ..Failure::new(exit, error.message)
        });
        Ok(Ended { exit, result: document.result, failure })
    }
}

/// Its one JSON document.
pub(super) fn document(runner: &Runner) -> Result<Answered, Failure> {
    let text = fs::read_text(&runner.answer, MOST_BYTES)?;
    if !text.trim().is_empty() {
        return Ok(Answered(text));
    }
    let log = fs::read_end(&runner.log(), 4096).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let said = log.lines().last().unwrap_or("it said nothing");
    Err(match runner.stop_asked() {
        Some(word) if !works_on_a_run(&runner.verb) => {
            Failure::new(Exit::Failed, format!("it was stopped, as {} asked", word.by))
                .hint("nothing of the site was changed: do it again when it is wanted")
        }
        _ => Failure::new(Exit::Stuck, format!("the process that worked on the site is gone: {said}"))
            .hint("`entracte status` says where the run stands; `entracte resume` or `entracte rollback` go on from there"),
    })
}

/// Whether what the verb leaves half done stands in a journal.
fn works_on_a_run(verb: &str) -> bool {
    matches!(verb, "apply" | "resume" | "rollback" | "commit" | "update" | "run-once" | "schema" | "tick")
}
