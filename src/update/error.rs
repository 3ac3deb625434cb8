//! Why a step could not be done or undone.

use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::step::Step;
use crate::database::DatabaseError;
use crate::database::dump::DumpError;
use crate::database::dump::restore::RestoreError;
use crate::database::schema::SchemaError;
use crate::integrity::scan::ScanError;
use crate::release::staging::StagingError;
use crate::site::SiteError;
use crate::site::extension::ExtensionError;
use crate::site::gate::GateError;
use crate::site::installed::InstalledError;
use crate::site::probe::ProbeError;
use crate::site::proof::NotClosed;
use crate::sys::fs::IoError;
use crate::sys::process::ProcessError;
use crate::update::journal::JournalError;
use crate::update::plan::PlanError;
use crate::update::run::RunError;
use crate::update::saved::SavedError;
use crate::update::snapshot::SnapshotError;
use crate::update::swap::SwapError;

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error("the work was stopped as asked")]
    Stopped,
    #[error("nobody can tell whether visitors of {url} are kept out")]
    Unproved {
        url: String,
        #[source]
        source: ProbeError,
    },
    #[error("visitors are not kept out: {0}")]
    NotClosed(NotClosed),
    #[error("the site does not open again: {reason}")]
    NotOpen { reason: String },
    #[error("the site is not well: {}", .reasons.join("; "))]
    Unhealthy { reasons: Vec<String> },
    #[error("the tree is not what the plan leads to: {}", listed(.paths))]
    OtherTree { paths: Vec<TreePath> },
    #[error("{what} changed files that it did not declare: {}", listed(.paths))]
    Undeclared { what: String, paths: Vec<TreePath> },
    #[error("the new tree holds other extensions than the plan: {now:?} instead of {planned:?}")]
    OtherExtensions { planned: Vec<String>, now: Vec<String> },
    #[error("statement {number} of {file} failed: {statement}")]
    Statement {
        file: SitePath,
        number: usize,
        statement: String,
        #[source]
        source: Box<DatabaseError>,
    },
    #[error("the table {} could not be brought to what the release declares", escape::text(.table))]
    Table {
        table: String,
        #[source]
        source: Box<DatabaseError>,
    },
    #[error("the database differs from what it was when the plan was made: {} needs a statement that the plan does not hold: {statement}", escape::text(.table))]
    Unplanned { table: String, statement: String },
    #[error("{} of {}.{} came that would not fit into what the release declares", count::of(*.rows, "row"), escape::text(.table), escape::text(.column))]
    NoFit { table: String, column: String, rows: u64 },
    #[error("the database is not what the release declares: {}: {}", escape::text(.table), escape::text(.what))]
    NotThere { table: String, what: String },
    #[error("the application's own upgrade {ended}; its output is in {log}")]
    Upgrade { ended: String, log: String },
    #[error("script {path} {ended}; its output is in {log}")]
    Script { path: SitePath, ended: String, log: String },
    #[error("the hook {hook} {ended}; its output is in {log}")]
    Hook { hook: String, step: Option<Step>, ended: String, log: String },
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("script {path} was cut off, and nobody knows whether it did its work")]
    ScriptUnknown { path: SitePath },
    #[error("script {path} is not the one that was approved")]
    OtherScript { path: SitePath },
    #[error("no interpreter is known for {path}")]
    NoInterpreter { path: SitePath },
    #[error("the staged release is no longer the one that the plan was made for")]
    StagingGone,
    #[error("the database that the plan needs is not configured")]
    NoDatabase,
    #[error("visitors wrote to the database since the site was opened again: {}", listed_tables(.tables))]
    WrittenSince { tables: Vec<Written> },
    #[error("{path} in the run's folder cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Database(#[from] Box<DatabaseError>),
    #[error(transparent)]
    Schema(#[from] Box<SchemaError>),
    #[error(transparent)]
    Dump(#[from] Box<DumpError>),
    #[error(transparent)]
    Restore(#[from] Box<RestoreError>),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Installed(#[from] InstalledError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Saved(#[from] SavedError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Extension(#[from] ExtensionError),
    #[error(transparent)]
    Swap(#[from] SwapError),
}

/// A table with how many rows it had and has; `None` where there is no such table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub table: String,
    pub then: Option<u64>,
    pub now: Option<u64>,
}

fn listed_tables(tables: &[Written]) -> String {
    let rows = |rows: Option<u64>| rows.map_or("no".to_owned(), |rows| rows.to_string());
    let one = |Written { table, then, now }: &Written| {
        format!("{} ({} -> {} rows)", escape::text(table), rows(*then), rows(*now))
    };
    tables.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The first few paths, and how many more.
fn listed(paths: &[TreePath]) -> String {
    let shown: Vec<String> = paths.iter().take(8).map(ToString::to_string).collect();
    let more = paths.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl StepError {
    /// The room's own error behind this one, if it is one.
    fn inner(&self) -> Option<&dyn Fault> {
        Some(match self {
            StepError::Database(error) => error.as_ref(),
            StepError::Dump(error) => error.as_ref(),
            StepError::Schema(error) => error.as_ref(),
            StepError::Restore(error) => error.as_ref(),
            StepError::Gate(error) => error,
            StepError::Installed(error) => error,
            StepError::Io(error) => error,
            StepError::Journal(error) => error,
            StepError::Plan(error) => error,
            StepError::Probe(error) => error,
            StepError::Process(error) => error,
            StepError::Run(error) => error,
            StepError::Saved(error) => error,
            StepError::Scan(error) => error,
            StepError::Site(error) => error,
            StepError::Snapshot(error) => error,
            StepError::Staging(error) => error,
            StepError::Extension(error) => error,
            StepError::Swap(error) => error,
            _ => return None,
        })
    }
}

impl Fault for StepError {
    fn exit(&self) -> Exit {
        match self {
            StepError::WrittenSince { .. } => Exit::Refused,
            StepError::ScriptUnknown { .. } | StepError::Damaged { .. } => Exit::Stuck,
            _ => self.inner().map_or(Exit::Failed, Fault::exit),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StepError::WrittenSince { .. } => vec![
                "`entracte rollback --database restore` brings the old data back; the newer data is dumped into the run first"
                    .into(),
                "`entracte rollback --database keep` brings the old files back and leaves the database as it is".into(),
            ],
            StepError::ScriptUnknown { path } => vec![
                format!("look whether it did; if so: `entracte resume --done {path}`"),
                format!("if it did not, or may well do it twice: `entracte resume --again {path}`"),
                "else `entracte rollback` brings everything back to what it was before".into(),
            ],
            StepError::Unreadable { .. } => {
                vec!["nothing is decided by half a look: make it readable, or see to the disk".into()]
            }
            StepError::Statement { source, .. } => {
                let on = "`entracte resume` brings the database back from its dump and begins the migration again";
                [source.hints(), vec![on.into()]].concat()
            }
            StepError::Table { source, .. } => {
                let on = "put the cause right: `entracte resume` goes on from where the database stands";
                [source.hints(), vec![on.into()]].concat()
            }
            StepError::NoFit { .. } => {
                vec!["correct these values, then `entracte resume`; or `entracte rollback`".into()]
            }
            StepError::Unplanned { .. } => {
                vec!["`entracte rollback`, then `entracte plan` again: somebody changed tables meanwhile".into()]
            }
            StepError::NotThere { .. } => {
                vec!["`entracte schema diff` shows it; what SQL files and the upgrade make of tables must be what the release declares".into()]
            }
            StepError::Hook { .. } => {
                vec!["a run calls the hooks that its plan was approved with: mend the program where it stands".into()]
            }
            StepError::StagingGone => {
                vec!["`entracte stage` brings the release anew, then `entracte plan`".into()]
            }
            StepError::NoDatabase => vec!["set `url` under [database] in entracte.toml".into()],
            StepError::Unproved { source, .. } => {
                let from_here = "where this machine cannot reach the site at that address, set `url` in entracte.toml to one that it can reach";
                [source.hints(), vec![from_here.into()]].concat()
            }
            StepError::NotClosed(error) => error.hints(),
            StepError::Undeclared { .. } => {
                vec!["a script declares what it changes by a line `entracte: changes = PATTERN` near its top".into()]
            }
            StepError::NoInterpreter { .. } => {
                vec!["name one in `entracte.toml` under [run_once.interpreters], or give the script a `#!` line".into()]
            }
            _ => self.inner().map(Fault::hints).unwrap_or_default(),
        }
    }
}

macro_rules! boxed {
    ($($error:ty),*) => {
        $(impl From<$error> for StepError {
            fn from(error: $error) -> StepError {
                StepError::from(Box::new(error))
            }
        })*
    };
}

boxed!(DatabaseError, DumpError, RestoreError, SchemaError);
