//! Why a plan cannot be used.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::fs::IoError;
use crate::update::plan::FORMAT;

#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("there is no plan")]
    Missing,
    #[error("the plan at {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the plan at {path} is of format {found}; this entracte knows {FORMAT}")]
    Format { path: String, found: u32 },
    #[error("the plan at {path} does not have the digest that it claims")]
    Tampered { path: String },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for PlanError {
    fn exit(&self) -> Exit {
        match self {
            PlanError::Io(error) => error.exit(),
            PlanError::Missing => Exit::NothingToDo,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            PlanError::Missing => {
                vec!["`entracte stage` brings a release, `entracte plan` makes the plan".into()]
            }
            PlanError::Io(error) => error.hints(),
            _ => vec!["make a new one with `entracte plan`".into()],
        }
    }
}
