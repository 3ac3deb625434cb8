//! Work begun for others: not more at once than the machine has a use for,
//! whoever asks, and however fast.

use std::ffi::OsString;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::app::failure::Failure;
use crate::app::runner;
use crate::app::runner::Asked;
use crate::app::runner::Runner;
use crate::base::exit::Exit;
use crate::site::state::State;
use crate::sys::env;

/// Much of it waits for disks and networks.
const LEAST: usize = 4;
/// Visitors of the site may be waiting for it: never put off for work on others.
const URGENT: [&str; 2] = ["resume", "rollback"];

/// What was begun here and is under way.
pub struct Works {
    most: usize,
    begun: Mutex<Vec<Runner>>,
}

impl Default for Works {
    fn default() -> Works {
        Works { most: env::cores().max(LEAST), begun: Mutex::default() }
    }
}

impl Works {
    /// Starts `arguments` (the verb first) detached; `None` where as many are
    /// under way as there may be.
    pub fn begin(
        &self,
        state: &State,
        asked: Asked,
        arguments: &[OsString],
    ) -> Result<Option<Runner>, Failure> {
        // Held until it is begun, so that many at once are many.
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(Runner::lives);
        let is_urgent = arguments.first().is_some_and(|verb| URGENT.iter().any(|urgent| verb == urgent));
        if is_urgent && begun.iter().any(|other| other.is_urgent_at(state)) {
            return Err(Failure::new(
                Exit::Locked,
                "somebody goes on with this site's run, or back, already",
            ));
        }
        if !is_urgent && begun.len() >= self.most {
            return Ok(None);
        }
        let runner = runner::start_for(state, asked, arguments)?;
        begun.push(runner.clone());
        Ok(Some(runner))
    }
}

impl Runner {
    fn is_urgent_at(&self, state: &State) -> bool {
        let is_there = self.events.parent() == Some(state.runner().as_path());
        is_there && URGENT.contains(&self.verb.as_str())
    }
}
