//! Step 7: the declared tables, the release's versioned SQL files and the
//! application's own upgrade call, in the order that the release says. The
//! database knows no transaction around changes of tables: what SQL files or
//! the upgrade left half done begins again from the dump.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::base::count;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::step::Step;
use crate::database::Database;
use crate::database::guard;
use crate::database::schema::declared::Stage;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::update::databases;
use crate::update::error::StepError;
use crate::update::journal::DatabaseBack;
use crate::update::journal::EffectState;
use crate::update::journal::Entry;
use crate::update::plan::SqlFile;
use crate::update::plan::UpgradeCall;
use crate::update::saved::Saved;
use crate::update::steps::tables;
use crate::update::steps::verify::differences;
use crate::update::work::Work;

/// How long a statement waits for the locks of others, where settings do not say.
const LOCK_SECONDS: u64 = 120;

pub fn migrate(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let plan = work.run.plan.sealed.clone();
    if !plan.changes_schema() {
        return Ok("nothing to migrate".into());
    }
    let standing = work.run.standing();
    if !standing.sql.is_empty() || standing.upgrade.is_some() {
        restore_dumps(work, watch)?;
        put_back_unplanned(work, watch)?;
        work.note(Entry::MigrationReset)?;
    }
    for stage in plan.order() {
        match (stage, &plan.tables, &plan.upgrade) {
            (Stage::Tables, Some(declared), _) => {
                tables::bring(work, open_to_work(work)?.as_mut(), declared, watch)?;
            }
            (Stage::Sql, ..) => apply_all(work, &plan.sql, watch)?,
            (Stage::Upgrade, _, Some(call)) => run_upgrade(work, call, watch)?,
            (Stage::Tables | Stage::Upgrade, ..) => {}
        }
    }
    if let Some(declared) = &plan.tables {
        tables::prove(work, open_to_work(work)?.as_mut(), declared)?;
    }
    let called = if plan.upgrade.is_some() { ", the application's own upgrade" } else { "" };
    Ok(format!("{}{called}", count::of(plan.statements().len(), "statement")))
}

fn apply_all(work: &mut Work, files: &[SqlFile], watch: Watch) -> Result<(), StepError> {
    if files.is_empty() {
        return Ok(());
    }
    let mut database = open_to_work(work)?;
    files.iter().try_for_each(|file| apply(work, database.as_mut(), file, watch))
}

fn open_to_work(work: &Work) -> Result<Box<dyn Database>, StepError> {
    let found = work.databases.main.as_ref().ok_or(StepError::NoDatabase)?;
    let scope = work.run.plan.sealed.database.site().ok_or(StepError::NoDatabase)?;
    let mut database = guard::open_to_work(&found.address, &scope)?;
    let settings = &work.site.settings.database;
    let statement = settings.statement_seconds.map(Duration::from_secs);
    database.limit(Duration::from_secs(settings.lock_seconds.unwrap_or(LOCK_SECONDS)), statement)?;
    Ok(database)
}

fn apply(
    work: &mut Work,
    database: &mut dyn Database,
    file: &SqlFile,
    watch: Watch,
) -> Result<(), StepError> {
    let connection = database.connection_id();
    for (index, statement) in file.statements.iter().enumerate() {
        let entry = |state| Entry::Sql { file: file.path.clone(), index, connection, state };
        work.note(entry(EffectState::Started))?;
        fault("migrate.statement", &file.path)?;
        if let Err(source) = database.execute(statement) {
            work.note(entry(EffectState::Failed))?;
            let shown = crate::base::escape::text(statement).chars().take(200).collect();
            let (file, number) = (file.path.clone(), index + 1);
            return Err(StepError::Statement { file, number, statement: shown, source: Box::new(source) });
        }
        work.note(entry(EffectState::Done))?;
        watch(Some(Step::Migrate), Event::Log { line: format!("{} statement {}", file.path, index + 1) });
    }
    Ok(())
}

fn run_upgrade(work: &mut Work, call: &UpgradeCall, watch: Watch) -> Result<(), StepError> {
    work.keep_edits(Step::Migrate, &call.changes, watch)?;
    work.note(Entry::Upgrade { state: EffectState::Started })?;
    fault("migrate.upgrade", &work.run.plan.sealed.to.version)?;
    watch(Some(Step::Migrate), Event::Log { line: "the application upgrades itself".into() });
    let log = work.run.folder.log("upgrade");
    let failed = |ended: String| StepError::Upgrade { ended, log: fs::shown(&log) };
    let ended = match (&call.argv[..], &call.url) {
        ([], Some(path)) => ask_for_upgrade(work, call, path, &log)?,
        ([], None) => Ok(()),
        (argv, _) => start_upgrade(work, call, argv, &log)?,
    };
    if let Err(ended) = ended {
        work.note(Entry::Upgrade { state: EffectState::Failed })?;
        return Err(failed(ended));
    }
    // What it wrote is on the disk before the journal says that it was done.
    work.site.tree()?.sync_file_system()?;
    work.note(Entry::Upgrade { state: EffectState::Done })?;
    let paths = differences(work, &work.scan(watch)?)?;
    match paths.is_empty() {
        true => Ok(()),
        false => Err(StepError::Undeclared { what: "the application's own upgrade".into(), paths }),
    }
}

/// How an upgrade ended, when not well.
type Judged = Result<(), String>;

fn start_upgrade(work: &Work, call: &UpgradeCall, argv: &[String], log: &Path) -> Result<Judged, StepError> {
    let mut program = Program::new(argv, &work.site.root);
    program.limit = Duration::from_secs(call.limit_seconds);
    program.env = super::run_once::environment(work);
    let ended = program.run(fs::create(log)?)?;
    let said = fs::read(log).unwrap_or_default();
    Ok(match ended {
        Ended::Status(status) if call.success.contains(&status) => expected(call, &said),
        ended => Err(ended.told(program.limit, log)),
    })
}

fn ask_for_upgrade(work: &Work, call: &UpgradeCall, path: &str, log: &Path) -> Result<Judged, StepError> {
    let Some((probe, base)) = work.site.probe()? else {
        return Ok(Err("needs the site's URL, which is not set".into()));
    };
    let Ok(url) = base.join(path) else { return Ok(Err(format!("has no usable address: {path}"))) };
    let answer = probe.get(&url, Some(work.gate.pass()))?;
    fs::write_durable(log, answer.body.as_bytes())?;
    Ok(match answer.status {
        200 => expected(call, answer.body.as_bytes()),
        status => Err(format!("answered {status}")),
    })
}

fn expected(call: &UpgradeCall, said: &[u8]) -> Judged {
    match &call.expect {
        Some(text) if !String::from_utf8_lossy(said).contains(text.as_str()) => {
            Err(format!("did not say {text:?}"))
        }
        _ => Ok(()),
    }
}

/// Brings every database back to what it was when it was dumped; how many that were.
pub fn restore_dumps(work: &Work, watch: Watch) -> Result<usize, StepError> {
    let mut count = 0;
    for database in databases::kept(work)? {
        count += usize::from(database.restore(watch)?);
    }
    Ok(count)
}

/// What the upgrade call changed in files becomes what it was before that call,
/// as the database does: many keep the version of their database in a file.
/// What the swap brought stays.
fn put_back_unplanned(work: &mut Work, watch: Watch) -> Result<(), StepError> {
    let folder = work.run.folder.saved();
    let Some(saved) = Saved::load(&folder)? else { return Ok(()) };
    let moves = work.record()?.map(|record| record.moves).unwrap_or_default();
    let planned: BTreeSet<SitePath> = moves.into_iter().map(|this| this.operation.path).collect();
    let (now, workshop) = (work.scan(watch)?, work.workshop()?);
    let changed = saved.put_back_except(&workshop, &now, &folder, &planned)?;
    work.tell_aside(Step::Migrate, &changed, watch)
}

/// The database as it was, if anything may have touched it.
pub fn undo(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    if work.run.standing().database_back == Some(DatabaseBack::Keep) {
        return Ok("the database was left as it is".into());
    }
    Ok(match restore_dumps(work, watch)? {
        0 => String::new(),
        1 => "the database is back, rows and checksums proved".into(),
        several => format!("{several} databases are back, rows and checksums proved"),
    })
}

pub(super) fn fault(name: &'static str, what: impl ToString) -> Result<(), StepError> {
    crate::sys::fault::point(name)
        .map_err(|source| crate::sys::fs::IoError::new("go on with", what.to_string(), source).into())
}
