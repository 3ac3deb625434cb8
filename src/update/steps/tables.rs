//! The declared part of step 7: the database is brought to the declared tables,
//! one step at a time. After each the server is asked again where it stands, so
//! that one that was cut off is gone on with wherever it is.

use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::database::Database;
use crate::database::schema;
use crate::database::schema::model::Schema;
use crate::database::schema::step::Step as TableStep;
use crate::database::scope::Scope;
use crate::update::error::StepError;
use crate::update::journal::EffectState;
use crate::update::journal::Entry;
use crate::update::plan::TablesPlan;
use crate::update::work::Work;

/// Does what is left to do; how many steps that were.
pub fn bring(
    work: &mut Work,
    database: &mut dyn Database,
    plan: &TablesPlan,
    watch: Watch,
) -> Result<usize, StepError> {
    let scope = work.run.plan.sealed.database.site().ok_or(StepError::NoDatabase)?;
    let mut done: Vec<TableStep> = Vec::new();
    while let Some((live, step)) = next(database, plan, &scope, &done)? {
        fits(database, &live, plan, &step)?;
        carry_out(work, database, &step)?;
        watch(Some(Step::Migrate), Event::Log { line: format!("{}: {}", step.table, step.what.join(", ")) });
        done.push(step);
    }
    let optimize = work.site.settings.database.optimize;
    for message in tidy(database, &altered(&done, plan), optimize) {
        watch(Some(Step::Migrate), Event::Warning { message });
    }
    Ok(done.len())
}

/// The next step from where the database stands; `None` when it is there.
fn next(
    database: &mut dyn Database,
    plan: &TablesPlan,
    scope: &Scope,
    done: &[TableStep],
) -> Result<Option<(Schema, TableStep)>, StepError> {
    let live = schema::read(database, scope)?;
    let left = schema::steps(&live, &plan.target, database.dialect())?;
    match left.iter().find(|step| !done.contains(step)) {
        Some(step) if plan.steps.contains(step) => Ok(Some((live, step.clone()))),
        Some(step) => Err(StepError::Unplanned { table: step.table.clone(), statement: shown(step) }),
        None => match left.first() {
            None => Ok(None),
            Some(step) => Err(StepError::NotThere { table: step.table.clone(), what: step.what.join(", ") }),
        },
    }
}

/// Visitors wrote until the gate was closed, and some servers cut in silence.
fn fits(
    database: &mut dyn Database,
    live: &Schema,
    plan: &TablesPlan,
    step: &TableStep,
) -> Result<(), StepError> {
    let cost = schema::cost(database, live, &plan.target, step)?;
    match cost.narrowed.into_iter().find(|one| one.rows > 0 && !one.is_allowed) {
        None => Ok(()),
        Some(one) => Err(StepError::NoFit { table: step.table.clone(), column: one.column, rows: one.rows }),
    }
}

fn carry_out(work: &mut Work, database: &mut dyn Database, step: &TableStep) -> Result<(), StepError> {
    let connection = database.connection_id();
    let entry = |state| Entry::Table { table: step.table.clone(), connection, state };
    work.note(entry(EffectState::Started))?;
    super::migrate::fault("migrate.table", &step.table)?;
    if let Err(source) = schema::carry_out(database, step) {
        work.note(entry(EffectState::Failed))?;
        return Err(StepError::Table { table: step.table.clone(), source: Box::new(source) });
    }
    super::migrate::fault("migrate.table_done", &step.table)?;
    work.note(entry(EffectState::Done))?;
    super::migrate::fault("migrate.table_noted", &step.table)
}

/// Has the server learn anew how the values lie; what goes wrong is no more than a warning.
fn tidy(database: &mut dyn Database, tables: &[&str], optimize: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for table in tables {
        let done = if optimize { database.optimize(table) } else { Ok(()) };
        if let Err(error) = done.and_then(|()| database.analyze(table)) {
            wrong.push(format!("{} is as it should be, but was not tidied up: {error}", escape::text(table)));
        }
    }
    wrong
}

/// Tables whose rows may lie otherwise now.
fn altered<'d>(done: &'d [TableStep], plan: &TablesPlan) -> Vec<&'d str> {
    let is_table = |name: &&str| plan.target.schema.tables.contains_key(*name);
    let mut tables: Vec<&str> = done.iter().map(|step| step.table.as_str()).filter(is_table).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

fn shown(step: &TableStep) -> String {
    escape::text(&step.statements.join("; ")).chars().take(200).collect()
}

/// Proves that the database is what the release declares.
pub fn prove(work: &Work, database: &mut dyn Database, plan: &TablesPlan) -> Result<(), StepError> {
    let scope = work.run.plan.sealed.database.site().ok_or(StepError::NoDatabase)?;
    let live = schema::read(database, &scope)?;
    match schema::steps(&live, &plan.target, database.dialect())?.first() {
        None => Ok(()),
        Some(step) => Err(StepError::NotThere { table: step.table.clone(), what: step.what.join(", ") }),
    }
}
