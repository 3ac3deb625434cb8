//! The owner's own checks: a program that says by its exit status whether the
//! site is well.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::base::exit::causes;
use crate::site::settings::HealthCommand;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::Program;

/// A program and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub argv: Vec<String>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    Well,
    /// It ended otherwise than it should; in words, with the last line it printed.
    Ill {
        ended: String,
    },
    /// This machine could not start it at all, which says nothing of the site.
    Unknown {
        reason: String,
    },
}

impl Run {
    pub fn is_well(&self) -> bool {
        self.outcome == Outcome::Well
    }
}

/// Runs it once in the site's folder; what it prints goes to `log`.
pub fn run(command: &HealthCommand, folder: &Path, env: &BTreeMap<String, String>, log: &Path) -> Run {
    let mut program = Program::new(&command.argv, folder);
    program.limit = command.limit;
    program.env = env.clone();
    let ended = fs::create(log).map_err(Into::into).and_then(|file| program.run(file));
    let outcome = match ended {
        Ok(Ended::Status(status)) if status == command.status => Outcome::Well,
        Ok(ended) => Outcome::Ill { ended: ended.told(command.limit, log) },
        Err(error) => {
            let why = causes(&error).join(": ");
            Outcome::Unknown {
                reason: if why.is_empty() { error.to_string() } else { format!("{error}: {why}") },
            }
        }
    };
    Run { argv: command.argv.clone(), outcome }
}
