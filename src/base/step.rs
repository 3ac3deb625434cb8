//! The ten steps, as data.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// One stage of an update, in the order of the enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Stage,
    Review,
    Close,
    Save,
    Swap,
    Scan,
    Migrate,
    RunOnce,
    Verify,
    Reopen,
}

/// No step has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is no step; steps are stage, review, close, save, swap, scan, migrate, run-once, verify, reopen"
)]
pub struct UnknownStep(String);

impl Step {
    pub const ALL: [Step; 10] = [
        Step::Stage,
        Step::Review,
        Step::Close,
        Step::Save,
        Step::Swap,
        Step::Scan,
        Step::Migrate,
        Step::RunOnce,
        Step::Verify,
        Step::Reopen,
    ];

    /// The steps of a run: what `apply` does after stage and review.
    pub const RUN: [Step; 8] = [
        Step::Close,
        Step::Save,
        Step::Swap,
        Step::Scan,
        Step::Migrate,
        Step::RunOnce,
        Step::Verify,
        Step::Reopen,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Step::Stage => "stage",
            Step::Review => "review",
            Step::Close => "close",
            Step::Save => "save",
            Step::Swap => "swap",
            Step::Scan => "scan",
            Step::Migrate => "migrate",
            Step::RunOnce => "run-once",
            Step::Verify => "verify",
            Step::Reopen => "reopen",
        }
    }

    /// What the step does, in one line for people.
    pub fn summary(self) -> &'static str {
        match self {
            Step::Stage => "bring the release here and verify it",
            Step::Review => "build the plan, check, wait for approval",
            Step::Close => "close the site to visitors and prove it closed",
            Step::Save => "save the database and what rollback needs",
            Step::Swap => "put the new files in place, keep the old ones",
            Step::Scan => "find the extensions of the new tree",
            Step::Migrate => "bring the database to the new version",
            Step::RunOnce => "run the release's one-time scripts",
            Step::Verify => "check every file and the site's health",
            Step::Reopen => "open the site again",
        }
    }

    /// Its place among the ten, counted from 1.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    pub fn next(self) -> Option<Step> {
        Step::ALL.get(self as usize + 1).copied()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(name: &str) -> Result<Step, UnknownStep> {
        Step::ALL.into_iter().find(|step| step.name() == name).ok_or_else(|| UnknownStep(name.to_owned()))
    }
}
