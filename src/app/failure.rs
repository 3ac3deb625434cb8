//! An error as every face shows it: how the verb ended, what was tried, why it
//! failed, what to do next.

use serde::Serialize;

use crate::base::check;
use crate::base::check::Check;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::exit::causes;

/// Why a verb did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    #[serde(skip)]
    pub exit: Exit,
    pub kind: &'static str,
    pub message: String,
    pub causes: Vec<String>,
    pub hints: Vec<String>,
    /// The network or a server out there failed in a way that passes.
    #[serde(skip)]
    pub is_network: bool,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            kind: exit.kind(),
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            is_network: false,
        }
    }

    /// What the first check says that forbids going on.
    pub fn of_checks(checks: &[Check]) -> Option<Failure> {
        let check = check::errors(checks).next()?;
        let failure = Failure::new(Exit::Refused, format!("{}: {}", check.name, check.detail));
        Some(failure.hint(check.fix.clone()))
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The same, never without a next step.
    #[must_use]
    pub fn advised(mut self) -> Failure {
        let advice = match self.exit {
            Exit::Failed => "nothing was changed: do it again once the cause is gone",
            Exit::Stuck => "`entracte status` says where the site stands and what can be done",
            _ => return self,
        };
        if self.hints.is_empty() {
            self.hints.push(advice.into());
        }
        self
    }

    /// The same failure ending the verb in another way, because what it means
    /// depends on where the run stands.
    #[must_use]
    pub fn ending(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self.kind = exit.kind();
        self
    }
}

impl<F: Fault> From<F> for Failure {
    fn from(fault: F) -> Failure {
        let exit = fault.exit();
        Failure {
            exit,
            kind: exit.kind(),
            message: fault.to_string(),
            causes: causes(&fault),
            hints: fault.hints(),
            is_network: fault.is_network(),
        }
    }
}
