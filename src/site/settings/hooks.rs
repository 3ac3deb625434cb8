//! The owner's own programs around the steps of a run: `docs/hooks.md`.

use std::time::Duration;

use serde::Deserialize;

use crate::base::step::Step;
use crate::site::settings::argv;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hooks {
    pub before: Vec<Hook>,
    pub after: Vec<Hook>,
    pub failed: Vec<FailedHook>,
}

/// A program that runs before or after one part of a run.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    pub step: Part,
    #[serde(deserialize_with = "argv::argv")]
    pub argv: Vec<String>,
    #[serde(default = "argv::a_minute", rename = "limit_seconds", deserialize_with = "argv::seconds")]
    pub limit: Duration,
}

/// A program that runs when a part of a run failed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedHook {
    /// Default: whichever it was.
    pub step: Option<Part>,
    #[serde(deserialize_with = "argv::argv")]
    pub argv: Vec<String>,
    #[serde(default = "argv::a_minute", rename = "limit_seconds", deserialize_with = "argv::seconds")]
    pub limit: Duration,
}

/// What hooks stand around: a step of a run, or the whole way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Part {
    Step(Step),
    Rollback,
}

/// No part of a run has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a hook's step is one of close, save, swap, scan, migrate, run-once, verify, reopen, rollback, not \"{0}\""
)]
pub struct UnknownPart(String);

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Part::Step(step) => step.name(),
            Part::Rollback => "rollback",
        }
    }
}

impl TryFrom<String> for Part {
    type Error = UnknownPart;

    fn try_from(name: String) -> Result<Part, UnknownPart> {
        let parts = Step::RUN.into_iter().map(Part::Step).chain([Part::Rollback]);
        parts.into_iter().find(|part| part.name() == name).ok_or(UnknownPart(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_run_has_its_name() {
        for step in Step::RUN {
            assert_eq!(Part::try_from(step.name().to_owned()), Ok(Part::Step(step)));
        }
        assert_eq!(Part::try_from("rollback".to_owned()), Ok(Part::Rollback));
        for other in ["stage", "review", "Close", ""] {
            assert!(Part::try_from(other.to_owned()).is_err(), "{other}");
        }
    }

    #[test]
    fn only_a_hook_of_failure_may_leave_its_step_out() {
        let hooks: Hooks = toml::from_str(
            "[[before]]\nstep = \"swap\"\nargv = [\"a\", \"b\"]\nlimit_seconds = 5\n[[failed]]\nargv = [\"c\"]\n",
        )
        .unwrap();
        assert_eq!((hooks.before[0].step, hooks.failed[0].step), (Part::Step(Step::Swap), None));
        assert_eq!(hooks.failed[0].limit, Duration::from_secs(60));
        for text in [
            "[[before]]\nargv = [\"a\"]",
            "[[after]]\nstep = \"stage\"\nargv = [\"a\"]",
            "[[after]]\nstep = \"swap\"\nargv = []",
            "[[failed]]\nargv = [\"a\"]\nlimit_seconds = -3",
            "[[during]]\nargv = [\"a\"]",
        ] {
            assert!(toml::from_str::<Hooks>(text).is_err(), "{text}");
        }
    }
}
