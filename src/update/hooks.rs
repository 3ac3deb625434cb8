//! The owner's own programs around the steps of a run and around the way back:
//! `docs/hooks.md`. A run calls those that stand in its plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::escape;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::exit::causes;
use crate::base::step::Step;
use crate::site::health::shown;
use crate::site::settings::Hooks;
use crate::site::settings::Part;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::update::error::StepError;
use crate::update::journal::Entry;
use crate::update::plan::HookCall;
use crate::update::plan::When;
use crate::update::steps::run_once;
use crate::update::work::Work;

/// Most of a message that a program is told, in characters.
const MESSAGE: usize = 4000;

/// What the settings ask for, as it is sealed in a plan.
pub fn calls(hooks: &Hooks) -> Vec<HookCall> {
    let call = |when, step: Option<Part>, argv: &[String], limit: Duration| HookCall {
        when,
        step: step.map(|part| part.name().to_owned()),
        argv: argv.to_vec(),
        limit_ms: limit.as_millis() as u64,
    };
    let before = hooks.before.iter().map(|hook| call(When::Before, Some(hook.step), &hook.argv, hook.limit));
    let after = hooks.after.iter().map(|hook| call(When::After, Some(hook.step), &hook.argv, hook.limit));
    let failed = hooks.failed.iter().map(|hook| call(When::Failed, hook.step, &hook.argv, hook.limit));
    before.chain(after).chain(failed).collect()
}

/// A line for people who look at a plan.
pub fn told(call: &HookCall) -> String {
    let when = match (call.when, call.step.as_deref()) {
        (When::Before, step) => format!("before {}", step.unwrap_or("each step")),
        (When::After, step) => format!("after {}", step.unwrap_or("each step")),
        (When::Failed, Some(step)) => format!("when {step} failed"),
        (When::Failed, None) => "when a step failed".into(),
    };
    format!("{}: {}", escape::text(&when), shown(&call.argv))
}

/// Runs what stands before a step, or before the way back: the first that fails
/// is an error.
pub fn before(work: &mut Work, part: Part, message: &str, watch: Watch) -> Result<(), StepError> {
    for (number, call) in standing_at(work, When::Before, part) {
        let log = log(work, &call, part, number);
        if let Some(ended) = run(work, &call, part, message, &log, watch)? {
            let log = fs::shown(&log);
            return Err(StepError::Hook { hook: told(&call), step: step_of(part), ended, log });
        }
    }
    Ok(())
}

/// Runs what stands behind a part of the run that is done.
pub fn after(work: &mut Work, part: Part, message: &str, watch: Watch) {
    all(work, When::After, part, message, watch)
}

/// Runs what is to run when a part of the run failed.
pub fn failed(work: &mut Work, part: Part, message: &str, watch: Watch) {
    all(work, When::Failed, part, message, watch)
}

/// Every one of them runs; one that fails is a warning, and takes nothing's place.
fn all(work: &mut Work, when: When, part: Part, message: &str, watch: Watch) {
    for (number, call) in standing_at(work, when, part) {
        let log = log(work, &call, part, number);
        let trouble = match run(work, &call, part, message, &log, watch) {
            Ok(None) => continue,
            Ok(Some(ended)) => ended,
            Err(error) => [vec![format!("could not run: {error}")], causes(&error)].concat().join(": "),
        };
        let message = format!("the hook {} {trouble}", told(&call));
        watch(step_of(part), Event::Warning { message: message.clone() });
        // A journal that takes nothing more says so at its next entry.
        let _ = work.note(Entry::Warning { step: step_of(part), message });
    }
}

/// Numbered from 1, in the order of the settings.
fn standing_at(work: &Work, when: When, part: Part) -> Vec<(usize, HookCall)> {
    let stands_here =
        |call: &&HookCall| call.when == when && call.step.as_deref().is_none_or(|step| step == part.name());
    (1..).zip(work.run.plan.sealed.hooks.iter().filter(stands_here).cloned()).collect()
}

/// Runs one; how it ended, when not well.
fn run(
    work: &Work,
    call: &HookCall,
    part: Part,
    message: &str,
    log: &Path,
    watch: Watch,
) -> Result<Option<String>, StepError> {
    let line = format!("hook {}", told(call));
    watch(step_of(part), Event::Log { line });
    let mut program = Program::new(&call.argv, &work.site.root);
    program.limit = Duration::from_millis(call.limit_ms);
    program.env = environment(work, call.when, part, message);
    match program.run(fs::create(log)?)? {
        Ended::Status(0) => Ok(None),
        ended => Ok(Some(ended.told(program.limit, log))),
    }
}

/// What every hook is told; `docs/hooks.md` documents it.
fn environment(work: &Work, when: When, part: Part, message: &str) -> BTreeMap<String, String> {
    let outcome = match when {
        When::Before => "",
        When::After => "done",
        When::Failed => "failed",
    };
    let message: String = escape::block(message).chars().take(MESSAGE).collect();
    let mut env = run_once::environment(work);
    env.extend([
        ("ENTRACTE_STATE".to_owned(), work.site.state.folder().to_string_lossy().into_owned()),
        ("ENTRACTE_STEP".to_owned(), part.name().to_owned()),
        ("ENTRACTE_WHEN".to_owned(), when.name().to_owned()),
        ("ENTRACTE_OUTCOME".to_owned(), outcome.to_owned()),
        ("ENTRACTE_MESSAGE".to_owned(), message),
    ]);
    env
}

/// `hook-STEP-WHEN`; from the second on with its number.
fn log(work: &Work, call: &HookCall, part: Part, number: usize) -> PathBuf {
    let name = format!("hook-{}-{}", part.name(), call.when.name());
    match number {
        1 => work.run.folder.log(&name),
        _ => work.run.folder.log(&format!("{name}-{number}")),
    }
}

fn step_of(part: Part) -> Option<Step> {
    match part {
        Part::Step(step) => Some(step),
        Part::Rollback => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_what_runs_when() {
        let hooks: Hooks = toml::from_str(
            "[[failed]]\nargv = [\"tell\"]\n[[failed]]\nstep = \"verify\"\nargv = [\"tell\", \"v\"]\n\
             [[after]]\nstep = \"rollback\"\nargv = [\"tell\", \"a\\u001b[1mb\"]\n\
             [[before]]\nstep = \"run-once\"\nargv = [\"stop\"]\nlimit_seconds = 1.5\n",
        )
        .unwrap();
        let calls = calls(&hooks);
        let lines: Vec<String> = calls.iter().map(told).collect();
        assert_eq!(
            lines,
            [
                "before run-once: stop",
                "after rollback: tell a\\x1b[1mb",
                "when a step failed: tell",
                "when verify failed: tell v",
            ]
        );
        assert_eq!((calls[0].limit_ms, calls[1].limit_ms), (1500, 60_000));
    }
}
