//! One execution of one plan, and the folder that holds everything it needs to
//! finish or to be undone.

use std::path::Path;
use std::path::PathBuf;

use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;
use crate::update::journal;
use crate::update::journal::Entry;
use crate::update::journal::Journal;
use crate::update::journal::JournalError;
use crate::update::plan::Plan;
use crate::update::plan::PlanError;
use crate::update::standing::Standing;

/// The folder of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder(PathBuf);

/// An open run.
#[derive(Debug)]
pub struct Run {
    pub id: String,
    pub folder: RunFolder,
    pub plan: Plan,
    pub journal: Journal,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("there is no run {id}")]
    Unknown { id: String },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for RunError {
    fn exit(&self) -> Exit {
        match self {
            RunError::Unknown { .. } => Exit::NothingToDo,
            RunError::Journal(error) => error.exit(),
            RunError::Plan(error) => error.exit(),
            RunError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            RunError::Unknown { .. } => vec!["`entracte history` lists the runs".into()],
            RunError::Journal(error) => error.hints(),
            RunError::Plan(error) => error.hints(),
            RunError::Io(error) => error.hints(),
        }
    }
}

impl RunFolder {
    pub fn new(path: PathBuf) -> RunFolder {
        RunFolder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn plan(&self) -> PathBuf {
        self.0.join("plan.json")
    }

    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// The tree as it was before anything changed.
    pub fn before(&self) -> PathBuf {
        self.0.join("before.jsonl")
    }

    /// Copies of what scripts and the upgrade call may change.
    pub fn saved(&self) -> PathBuf {
        self.0.join("saved")
    }

    /// Copies of what the programs of the application's lock change.
    pub fn saved_lock(&self) -> PathBuf {
        self.0.join("saved-lock")
    }

    /// The dump of the site's own database is number 0, those of others follow.
    pub fn dump(&self, number: usize) -> PathBuf {
        self.0.join(numbered("dump", number))
    }

    pub fn dump_record(&self, number: usize) -> PathBuf {
        self.0.join(format!("{}.json", numbered("dump", number)))
    }

    /// Of every database of which anything stands here, the last one first.
    pub fn dump_numbers(&self) -> Vec<usize> {
        let stands = |number: &usize| {
            *number == 0 || fs::exists(&self.dump(*number)) || fs::exists(&self.dump_record(*number))
        };
        let mut numbers: Vec<usize> = (0..).take_while(stands).collect();
        numbers.reverse();
        numbers
    }

    /// Room that is kept free for the end.
    pub fn reserve(&self) -> PathBuf {
        self.0.join("reserve")
    }

    /// What the database held when the site was opened again.
    pub fn sums_at_reopen(&self) -> PathBuf {
        self.0.join("sums.json")
    }

    pub fn health(&self) -> PathBuf {
        self.0.join("health.json")
    }

    pub fn extensions(&self) -> PathBuf {
        self.0.join("extensions.json")
    }

    /// The installed baseline and ledger as they were before the run.
    pub fn installed_before(&self) -> PathBuf {
        self.0.join("installed-before")
    }

    pub fn restore_text(&self) -> PathBuf {
        self.0.join("RESTORE.txt")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    pub fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    /// What people wrote where the run had to work.
    pub fn undone(&self) -> PathBuf {
        self.0.join("undone")
    }

    /// The data that was newer than what a rollback brought back.
    pub fn dump_newer(&self, number: usize) -> PathBuf {
        self.0.join(numbered("dump-newer", number))
    }

    /// Everything that a detached runner printed.
    pub fn runner_log(&self) -> PathBuf {
        self.log("runner")
    }
}

fn numbered(name: &str, number: usize) -> String {
    match number {
        0 => name.to_owned(),
        number => format!("{name}-{number}"),
    }
}

impl Run {
    /// Begins a run of `plan` below `runs`.
    pub fn create(runs: &Path, plan: Plan) -> Result<Run, RunError> {
        let id = new_id(list(runs)?.last());
        let folder = RunFolder(runs.join(&id));
        fs::create_folders(&folder.0.join("log"), 0o700)?;
        plan.save(&folder.plan())?;
        let opened = Entry::Opened {
            format: journal::FORMAT,
            run: id.clone(),
            plan: plan.id,
            from: plan.sealed.from.version.clone(),
            to: plan.sealed.to.version.clone(),
        };
        let journal = Journal::create(&folder.journal(), opened)?;
        fs::sync_folder(runs)?;
        Ok(Run { id, folder, plan, journal })
    }

    /// Opens a run to go on with it.
    pub fn open(runs: &Path, id: &str) -> Result<Run, RunError> {
        let folder = folder_of(runs, id)?;
        let plan = Plan::load(&folder.plan())?;
        let journal = Journal::open(&folder.journal())?;
        Ok(Run { id: id.to_owned(), folder, plan, journal })
    }

    pub fn standing(&self) -> &Standing {
        self.journal.standing()
    }
}

/// The folder of the run `id`, which must be one of ours.
pub fn folder_of(runs: &Path, id: &str) -> Result<RunFolder, RunError> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let folder = RunFolder(runs.join(id));
    match plain && fs::is_file(&folder.journal()) {
        true => Ok(folder),
        false => Err(RunError::Unknown { id: crate::base::escape::text(id).into_owned() }),
    }
}

/// The ids of all runs, oldest first. A folder whose journal was never begun
/// is no run: nothing was touched on its behalf.
pub fn list(runs: &Path) -> Result<Vec<String>, IoError> {
    if !fs::is_folder(runs) {
        return Ok(Vec::new());
    }
    let ids = fs::list(runs)?.into_iter().filter_map(|path| {
        // What begins with a dot is being cleared away, or no run.
        let id = path.file_name()?.to_str().filter(|name| !name.starts_with('.'))?.to_owned();
        let begun =
            fs::metadata(&path.join("journal.jsonl")).ok().flatten().is_some_and(|file| file.len() > 0);
        begun.then_some(id)
    });
    Ok(ids.collect())
}

/// The last run that is not over: neither rolled back nor finished.
pub fn open_run(runs: &Path) -> Result<Option<(String, Standing)>, RunError> {
    for id in list(runs)?.into_iter().rev() {
        let (_, standing) = journal::read(&RunFolder(runs.join(&id)).journal())?;
        if standing.is_open() {
            return Ok(Some((id, standing)));
        }
    }
    Ok(None)
}

/// Whether `name` has the form of a run's id.
pub fn is_id(name: &str) -> bool {
    let is_like = |(at, byte): (usize, u8)| match at {
        8 | TIME_LENGTH => byte == b'-',
        _ if at < TIME_LENGTH => byte.is_ascii_digit(),
        _ => byte.is_ascii_hexdigit(),
    };
    name.len() == TIME_LENGTH + 5 && name.bytes().enumerate().all(is_like)
}

/// Sorts after `last`, the newest there is, and is no two runs' at once. Where the
/// clock has gone back since, or stands in the same second, it counts on from there.
fn new_id(last: Option<&String>) -> String {
    let now = clock::now().to_zoned(TimeZone::UTC).datetime();
    let after = last.and_then(|id| DateTime::strptime(TIME, id.get(..TIME_LENGTH)?).ok());
    let next = after.and_then(|after| after.checked_add(1.second()).ok());
    format!("{}-{}", next.map_or(now, |next| now.max(next)).strftime(TIME), random::hex(2))
}

const TIME: &str = "%Y%m%d-%H%M%S";
const TIME_LENGTH: usize = "20261121-050000".len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_in_the_order_in_which_runs_begin() {
        let first = new_id(None);
        let second = new_id(Some(&first));
        assert!(first[..TIME_LENGTH] < second[..TIME_LENGTH], "{first} {second}");
        assert!(is_id(&first) && !is_id(".pruned-x") && !is_id("20261121-050000"));
        for (last, next) in [
            ("29991231-235959-ffff", "30000101-000000-"),
            ("20991231-235959", "21000101-000000-"),
            ("20000101-000000-0000", &first[..4]),
            ("strange", &first[..4]),
            ("", &first[..4]),
            ("99991231-235959-ffff", &first[..4]),
        ] {
            let id = new_id(Some(&last.to_owned()));
            assert!(id.starts_with(next), "{last}: {id}");
        }
    }
}
