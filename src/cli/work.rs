//! The verbs that work on a run: in this process, or in a detached one that
//! this one only follows.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use crate::app::apply;
use crate::app::apply::Reinstall;
use crate::app::apply::Request;
use crate::app::apply::Until;
use crate::app::apply::Word;
use crate::app::desk::Interrupt;
use crate::app::desk::new_interrupt;
use crate::app::desk::patient_interrupt;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::PlanView;
use crate::app::report::RunView;
use crate::app::rollback;
use crate::app::rollback::NewerData;
use crate::app::runner;
use crate::app::runner::Ended;
use crate::app::runner::Runner;
use crate::app::schema;
use crate::app::scripts;
use crate::app::stage;
use crate::app::update;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::cli::dispatch::Session;
use crate::cli::text;
use crate::cli::unattended;

#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// Do one step, then stop
    #[arg(long, conflicts_with = "stop_before")]
    pub step: bool,
    /// Stop before this step
    #[arg(long, value_name = "STEP")]
    pub stop_before: Option<String>,
    /// Work for so many seconds at most, then stop in good order (20 or 20s)
    #[arg(long, value_name = "SECONDS")]
    pub budget: Option<String>,
    /// Work in this process instead of a detached one
    #[arg(long)]
    pub foreground: bool,
}

#[derive(Args, Debug)]
pub struct UpdateArgs {
    /// As in `stage`
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<String>,
    /// Ask nobody: the policy of the settings decides, a failure is taken back, and somebody is told
    #[arg(long, conflicts_with_all = ["version", "complete", "reinstall"])]
    pub auto: bool,
    /// With --auto: do with a health check alone
    #[arg(long, requires = "auto")]
    pub unproven: bool,
    /// The version, where the release does not say it
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// A folder holds the whole release
    #[arg(long)]
    pub complete: bool,
    /// Write every file of the release anew
    #[arg(long)]
    pub reinstall: bool,
    /// Work in this process instead of a detached one
    #[arg(long)]
    pub foreground: bool,
}

#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// This script, whose outcome is unknown, has done its work
    #[arg(long, value_name = "SCRIPT")]
    pub done: Option<String>,
    /// This script, whose outcome is unknown, has not done its work or may do it twice: run it again
    #[arg(long, value_name = "SCRIPT", conflicts_with = "done")]
    pub again: Option<String>,
    /// Do the one step that the run stands at, then stop
    #[arg(long)]
    pub step: bool,
    /// Work in this process instead of a detached one
    #[arg(long)]
    pub foreground: bool,
}

#[derive(Args, Debug)]
pub struct RollbackArgs {
    /// The run; default: the last one
    pub run: Option<String>,
    /// What to do with data that visitors wrote since the site was opened again
    #[arg(long, value_name = "WHAT")]
    pub database: Option<DatabaseChoice>,
    /// Work in this process instead of a detached one
    #[arg(long)]
    pub foreground: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DatabaseChoice {
    /// Bring the old data back; the newer data is dumped into the run first
    Restore,
    /// Leave the database as it is now
    Keep,
}

pub(super) fn apply(session: &mut Session, args: ApplyArgs) -> Exit {
    let request = match apply_request(&args) {
        Ok(request) => request,
        Err(failure) => return session.show::<RunView>("apply", Err(failure), text::run),
    };
    if !args.foreground && !session.global.detached {
        let mut arguments: Vec<OsString> = vec!["apply".into()];
        if args.step {
            arguments.push("--step".into());
        }
        for (name, value) in [("--stop-before", &args.stop_before), ("--budget", &args.budget)] {
            if let Some(value) = value {
                arguments.extend([name.into(), value.into()]);
            }
        }
        return detached(session, "apply", &arguments);
    }
    let place = session.place.clone();
    let interrupt = new_interrupt();
    let answer = apply::apply(&place, &request, interrupt, &mut session.listener());
    session.show("apply", answer, text::run)
}

fn apply_request(args: &ApplyArgs) -> Result<Request, Failure> {
    let wrong = |message: String| Failure::new(Exit::Usage, message);
    let until = match (&args.stop_before, args.step) {
        (Some(name), _) => Until::Before(name.parse::<Step>().map_err(|error| wrong(error.to_string()))?),
        (None, true) => Until::OneStep,
        (None, false) => Until::End,
    };
    let seconds = |text: &String| {
        text.trim_end_matches('s').parse().map_err(|_| wrong(format!("\"{text}\" is no number of seconds")))
    };
    let budget = args.budget.as_ref().map(seconds).transpose()?.map(Duration::from_secs);
    Ok(Request { until, budget })
}

pub(super) fn resume(session: &mut Session, args: ResumeArgs) -> Exit {
    if !args.foreground && !session.global.detached {
        let mut arguments: Vec<OsString> = vec!["resume".into()];
        for (name, value) in [("--done", &args.done), ("--again", &args.again)] {
            if let Some(value) = value {
                arguments.extend([name.into(), value.into()]);
            }
        }
        arguments.extend(args.step.then(|| "--step".into()));
        return detached(session, "resume", &arguments);
    }
    let place = session.place.clone();
    let interrupt = new_interrupt();
    let word = args.done.as_deref().map(Word::Done).or(args.again.as_deref().map(Word::Again));
    let until = if args.step { Until::OneStep } else { Until::End };
    let answer = apply::resume(&place, word, until, interrupt, &mut session.listener());
    session.show("resume", answer, text::run)
}

pub(super) fn rollback(session: &mut Session, args: RollbackArgs) -> Exit {
    if !args.foreground && !session.global.detached {
        let mut arguments: Vec<OsString> = vec!["rollback".into()];
        arguments.extend(args.run.iter().map(OsString::from));
        if let Some(choice) = args.database {
            let word = match choice {
                DatabaseChoice::Restore => "restore",
                DatabaseChoice::Keep => "keep",
            };
            arguments.extend(["--database".into(), word.into()]);
        }
        return detached(session, "rollback", &arguments);
    }
    let newer = match args.database {
        None => NewerData::Refuse,
        Some(DatabaseChoice::Restore) => NewerData::Restore,
        Some(DatabaseChoice::Keep) => NewerData::Keep,
    };
    let place = session.place.clone();
    // Going back is not stopped half-way: the next rollback would only go on with it.
    let _interrupt = new_interrupt();
    let answer = rollback::rollback(&place, args.run.as_deref(), newer, &mut session.listener());
    session.show("rollback", answer, text::run)
}

pub(super) fn update(session: &mut Session, args: UpdateArgs) -> Exit {
    if args.auto {
        return unattended::update(session, args.from, args.unproven);
    }
    let request = update::Request {
        stage: stage::Request { from: args.from, version: args.version, complete: args.complete },
        reinstall: if args.reinstall { Reinstall::Everything } else { Reinstall::No },
    };
    let place = session.place.clone();
    let ask = &mut asking(session);
    let answer = update::update(&place, &request, new_interrupt(), ask, &mut session.listener());
    session.show("update", answer, text::run)
}

pub(super) fn run_scripts(session: &mut Session) -> Exit {
    let place = session.place.clone();
    let ask = &mut asking(session);
    let answer = scripts::run(&place, new_interrupt(), ask, &mut session.listener());
    session.show("run-once", answer, text::run)
}

pub(super) fn apply_schema(session: &mut Session) -> Exit {
    let place = session.place.clone();
    let ask = &mut asking(session);
    let answer = schema::apply(&place, new_interrupt(), ask, &mut session.listener());
    session.show("schema", answer, text::run)
}

/// Shows a plan and asks for it, unless `--yes` has said so already.
fn asking(session: &Session) -> impl FnMut(&PlanView) -> bool + use<> {
    let (manner, yes) = (session.manner, session.global.yes);
    move |view| {
        if !manner.json {
            crate::cli::output::talk(&text::plan(view, false, &manner));
        }
        yes || (!manner.json && crate::cli::output::confirm("carry this plan out?"))
    }
}

/// Starts the same verb in a process of its own and follows it.
fn detached(session: &mut Session, verb: &str, arguments: &[OsString]) -> Exit {
    let started = session.place.state().and_then(|state| runner::start(&state, arguments));
    match started {
        Ok(runner) => follow(session, verb, &runner, &patient_interrupt()),
        Err(failure) => session.show::<RunView>(verb, Err(failure), text::run),
    }
}

pub(super) fn attach(session: &mut Session) -> Exit {
    match runner::last(&session.place) {
        Ok(Some(runner)) => {
            let verb = runner.verb.clone();
            // Ctrl-C here ends the following, not the run.
            follow(session, &verb, &runner, &Interrupt::default())
        }
        Ok(None) => {
            let failure = Failure::new(Exit::NothingToDo, "nothing goes on in the background");
            session.show::<RunView>("attach", Err(failure), text::run)
        }
        Err(failure) => session.show::<RunView>("attach", Err(failure), text::run),
    }
}

fn follow(session: &mut Session, verb: &str, runner: &Runner, interrupt: &Interrupt) -> Exit {
    let answered = runner::follow(runner, interrupt, &mut |line| session.progress.take_line(line));
    let answer = answered.and_then(|answered| understood(&answered.0));
    session.show(verb, answer, text::run)
}

/// The one JSON document of another process, as the answer that it stands for.
fn understood(text: &str) -> Result<Answer<RunView>, Failure> {
    let Ended { exit, result, failure } = Ended::read(text)?;
    let result: Option<RunView> = serde_json::from_value(result).map_err(|error| {
        Failure::new(Exit::Stuck, format!("the answer of the detached process cannot be read: {error}"))
    })?;
    match (result, failure) {
        (Some(result), None) => Ok(Answer::ending(exit, result)),
        (Some(result), Some(failure)) => Ok(Answer::failing(failure, result)),
        (None, Some(failure)) => Err(failure),
        (None, None) => Err(Failure::new(exit, "the detached process said nothing")),
    }
}
