//! Where a run stands: a fold over its journal. One function decides which
//! entry may follow; live work and recovery both go through it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::update::journal::DatabaseBack;
use crate::update::journal::EffectState;
use crate::update::journal::Entry;

/// How far one step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Started,
    Done,
    Failed,
    Undoing,
    Undone,
}

/// The ways a run can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Finished,
    RolledBack,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    Forward,
    Back,
}

/// What the journal says so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    opened: bool,
    /// When the last entry was written.
    moved: Option<Timestamp>,
    pub direction: Direction,
    pub marks: BTreeMap<Step, Mark>,
    pub end: Option<End>,
    pub committed: bool,
    /// The last word was a failure, or an orderly stop.
    pub halted: Option<Halt>,
    /// Since when visitors may be shut out; `None` while the site is open.
    pub closed_since: Option<Timestamp>,
    /// Whole seconds that visitors were shut out, of the time that is over.
    pub closed_seconds: f64,
    pub sql: BTreeMap<(SitePath, usize), EffectState>,
    pub upgrade: Option<EffectState>,
    pub scripts: BTreeMap<SitePath, EffectState>,
    pub database_back: Option<DatabaseBack>,
    /// Where the run stood when it turned back.
    turned: Option<Turned>,
}

/// What turning back makes a run forget, until something is undone.
#[derive(Clone, Debug, PartialEq)]
struct Turned {
    end: Option<End>,
    halted: Option<Halt>,
    visitors_were_in: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    Stopped { before: Step },
    Failed { step: Step, message: String },
}

/// An entry that must not follow what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IllegalEntry {
    #[error("a run begins with `opened`, once")]
    NotOpened,
    #[error("the run has ended")]
    Ended,
    #[error("the run goes back, so step {step} cannot go on")]
    GoesBack { step: Step },
    #[error("the run does not go back, so step {step} cannot be undone")]
    GoesForward { step: Step },
    #[error("step {step} is not the next one")]
    OutOfOrder { step: Step },
    #[error("step {step} is not being worked on")]
    NotStarted { step: Step },
    #[error("steps are left: {step} first")]
    StepsLeft { step: Step },
}

impl Standing {
    /// The first step that is not done; `None` when all are.
    pub fn next_step(&self) -> Option<Step> {
        Step::RUN.into_iter().find(|step| self.marks.get(step) != Some(&Mark::Done))
    }

    /// The last step that is not undone; `None` when there is nothing to undo.
    pub fn next_undo(&self) -> Option<Step> {
        Step::RUN.into_iter().rev().find(|step| !matches!(self.marks.get(step), None | Some(Mark::Undone)))
    }

    pub fn is_done(&self, step: Step) -> bool {
        self.marks.get(&step) == Some(&Mark::Done)
    }

    pub fn was_started(&self, step: Step) -> bool {
        self.marks.contains_key(&step)
    }

    /// Seconds that visitors were shut out until `now`.
    pub fn closed_seconds_at(&self, now: Timestamp) -> f64 {
        let open = self.closed_since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        self.closed_seconds + open
    }

    /// Whether somebody has to go on with the run or take it back.
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Whether the site was opened with the new release.
    pub fn visitors_are_back(&self) -> bool {
        let opened_again = self.was_started(Step::Reopen) && self.closed_since.is_none();
        opened_again && self.direction == Direction::Forward
    }

    /// Whether whoever worked on the run left it in the middle, neither stopped
    /// nor failed, `patience` ago or more. Once visitors are back there is no
    /// hurry; no patience means endless patience.
    pub fn is_abandoned(&self, now: Timestamp, patience: Duration) -> bool {
        // A clock that was set back must not keep a site closed.
        let idle = self.moved.map(|moved| now.duration_since(moved).unsigned_abs());
        let in_the_middle = self.is_open() && self.halted.is_none() && !self.visitors_are_back();
        in_the_middle && !patience.is_zero() && idle.is_some_and(|idle| idle >= patience)
    }

    /// Whether the run goes back and has undone nothing yet, so that it may still
    /// stand where it stood.
    pub fn may_withdraw(&self) -> bool {
        let undone = self.marks.values().any(|mark| matches!(mark, Mark::Undoing | Mark::Undone));
        self.turned.is_some() && !undone
    }

    /// Whether visitors were in when the run turned back.
    pub fn visitors_were_in(&self) -> bool {
        self.turned.as_ref().is_some_and(|turned| turned.visitors_were_in)
    }

    /// Scripts that were begun and of which nobody knows how they ended.
    pub fn unknown_scripts(&self) -> BTreeSet<&SitePath> {
        self.scripts
            .iter()
            .filter(|(_, state)| **state == EffectState::Started)
            .map(|(path, _)| path)
            .collect()
    }

    /// Takes in one entry, if it may follow.
    pub fn follow(&mut self, entry: &Entry, at: Timestamp) -> Result<(), IllegalEntry> {
        if matches!(entry, Entry::Opened { .. }) == self.opened {
            return Err(IllegalEntry::NotOpened);
        }
        self.opened = true;
        self.moved = Some(at);
        match entry {
            Entry::Started { step } => self.start(*step)?,
            Entry::Done { step, .. } => self.end_step(*step, Mark::Done)?,
            Entry::Failed { step, message } => {
                self.end_step(*step, Mark::Failed)?;
                self.halted = Some(Halt::Failed { step: *step, message: message.clone() });
            }
            Entry::Stopped { before } => self.halted = Some(Halt::Stopped { before: *before }),
            Entry::UndoOpened { database, .. } => {
                self.turn_back()?;
                self.database_back = Some(*database);
            }
            Entry::UndoStarted { step } => self.start_undo(*step)?,
            Entry::UndoDone { step, .. } => self.end_undo(*step)?,
            Entry::UndoFailed { step, message } => {
                self.halted = Some(Halt::Failed { step: *step, message: message.clone() });
            }
            Entry::UndoWithdrawn => self.withdraw()?,
            Entry::RolledBack => self.end(End::RolledBack)?,
            Entry::Finished => self.end(End::Finished)?,
            Entry::Committed if self.end == Some(End::Finished) => self.committed = true,
            Entry::Committed => return Err(self.left()),
            Entry::Closing => self.closed_since = self.closed_since.or(Some(at)),
            Entry::Opening => self.open_again(at),
            Entry::Sql { file, index, state, .. } => {
                self.sql.insert((file.clone(), *index), *state);
            }
            Entry::MigrationReset => {
                self.sql.clear();
                self.upgrade = None;
            }
            Entry::Upgrade { state } => self.upgrade = Some(*state),
            Entry::Script { path, state, status } => {
                // One that a signal or the time limit ended may have done half of its work.
                let was_cut_off = *state == EffectState::Failed && status.is_none();
                let state = if was_cut_off { EffectState::Started } else { *state };
                self.scripts.insert(path.clone(), state);
            }
            // How far the declared tables are, the database itself says.
            Entry::Table { .. } => {}
            Entry::Opened { .. } | Entry::Guarded { .. } | Entry::Warning { .. } | Entry::Unknown => {}
        }
        Ok(())
    }

    fn start(&mut self, step: Step) -> Result<(), IllegalEntry> {
        match (self.end, self.direction) {
            (Some(_), _) => return Err(IllegalEntry::Ended),
            (None, Direction::Back) => return Err(IllegalEntry::GoesBack { step }),
            (None, Direction::Forward) if self.next_step() != Some(step) => {
                return Err(IllegalEntry::OutOfOrder { step });
            }
            (None, Direction::Forward) => {}
        }
        self.marks.insert(step, Mark::Started);
        self.halted = None;
        Ok(())
    }

    fn end_step(&mut self, step: Step, mark: Mark) -> Result<(), IllegalEntry> {
        if self.direction == Direction::Back || self.marks.get(&step) != Some(&Mark::Started) {
            return Err(IllegalEntry::NotStarted { step });
        }
        self.marks.insert(step, mark);
        Ok(())
    }

    fn turn_back(&mut self) -> Result<(), IllegalEntry> {
        if self.committed || self.end == Some(End::RolledBack) {
            return Err(IllegalEntry::Ended);
        }
        if self.direction == Direction::Forward {
            let visitors_were_in = self.closed_since.is_none();
            self.turned = Some(Turned { end: self.end, halted: self.halted.take(), visitors_were_in });
        }
        self.direction = Direction::Back;
        self.end = None;
        self.halted = None;
        Ok(())
    }

    fn withdraw(&mut self) -> Result<(), IllegalEntry> {
        let may = self.may_withdraw();
        let Some(turned) = self.turned.take().filter(|_| may) else { return Err(self.left()) };
        (self.end, self.halted) = (turned.end, turned.halted);
        self.direction = Direction::Forward;
        self.database_back = None;
        Ok(())
    }

    fn start_undo(&mut self, step: Step) -> Result<(), IllegalEntry> {
        match self.direction {
            Direction::Forward => return Err(IllegalEntry::GoesForward { step }),
            Direction::Back if self.next_undo() != Some(step) => {
                return Err(IllegalEntry::OutOfOrder { step });
            }
            Direction::Back => {}
        }
        self.marks.insert(step, Mark::Undoing);
        self.halted = None;
        Ok(())
    }

    fn end_undo(&mut self, step: Step) -> Result<(), IllegalEntry> {
        if self.marks.get(&step) != Some(&Mark::Undoing) {
            return Err(IllegalEntry::NotStarted { step });
        }
        self.marks.insert(step, Mark::Undone);
        Ok(())
    }

    fn end(&mut self, end: End) -> Result<(), IllegalEntry> {
        let left = match end {
            End::Finished if self.direction == Direction::Forward => self.next_step(),
            End::RolledBack if self.direction == Direction::Back => self.next_undo(),
            _ => return Err(self.left()),
        };
        if let Some(step) = left {
            return Err(IllegalEntry::StepsLeft { step });
        }
        self.end = Some(end);
        self.halted = None;
        Ok(())
    }

    fn left(&self) -> IllegalEntry {
        match self.next_step().or_else(|| self.next_undo()) {
            Some(step) => IllegalEntry::StepsLeft { step },
            None => IllegalEntry::Ended,
        }
    }

    fn open_again(&mut self, at: Timestamp) {
        if let Some(since) = self.closed_since.take() {
            self.closed_seconds += at.duration_since(since).as_secs_f64().max(0.0);
        }
    }
}

#[cfg(test)]
mod tests;
