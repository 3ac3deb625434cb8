//! Who approved which plan.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The one version of the format that this program writes.
pub const FORMAT: u32 = 1;
/// Shortest beginning of an id that names a plan.
pub const MIN_PREFIX: usize = 12;

/// Who approves where no person does.
pub const POLICY: &str = "policy";

/// A person's or a policy's word for exactly one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub format: u32,
    pub plan: Sha256,
    pub by: String,
    pub at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    #[error("\"{asked}\" is not the id of the current plan, which is {current}")]
    OtherPlan { asked: String, current: Sha256 },
    #[error("the approval {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ApprovalError {
    fn exit(&self) -> Exit {
        match self {
            ApprovalError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ApprovalError::OtherPlan { .. } => {
                vec![
                    "the plan was made anew since; look at it with `entracte plan` and approve its id".into(),
                ]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether `asked` names the plan `id`: the whole id, or enough of its beginning.
pub fn names(asked: &str, id: &Sha256) -> bool {
    asked.len() >= MIN_PREFIX && id.to_string().starts_with(&asked.to_ascii_lowercase())
}

impl Approval {
    pub fn give(path: &Path, asked: &str, current: &Sha256, by: &str) -> Result<Approval, ApprovalError> {
        if !names(asked, current) {
            let asked = crate::base::escape::text(asked).into_owned();
            return Err(ApprovalError::OtherPlan { asked, current: *current });
        }
        let approval = Approval { format: FORMAT, plan: *current, by: by.to_owned(), at: clock::now() };
        // Plain structs and strings always serialise.
        fs::write_durable(path, &json::pretty(&approval).unwrap_or_default())?;
        Ok(approval)
    }

    /// The stored approval, whichever plan it is for.
    pub fn load(path: &Path) -> Result<Option<Approval>, ApprovalError> {
        let Some(bytes) = fs::read_if_present(path)? else { return Ok(None) };
        let damaged = |source| ApprovalError::Damaged { path: fs::shown(path), source };
        json::read_format(&bytes, FORMAT).map(Some).map_err(damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_plan_can_be_approved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approval.json");
        let id = Sha256::of(b"plan");
        let text = id.to_string();
        for wrong in ["", &text[..11], &Sha256::of(b"other").to_string(), &format!("{text}0")] {
            assert!(Approval::give(&path, wrong, &id, "me").is_err(), "{wrong}");
        }
        assert!(Approval::load(&path).unwrap().is_none());
        Approval::give(&path, &text[..12], &id, "me").unwrap();
        assert_eq!(Approval::load(&path).unwrap().unwrap().plan, id);
    }
}
