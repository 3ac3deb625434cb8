//! What takes its time: begun in a process of its own, and asked after later.

use std::ffi::OsString;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::app::document::Document;
use crate::app::report::Answer;
use crate::app::runner;
use crate::app::runner::Runner;
use crate::app::runner::RunnerState;
use crate::app::runner::StopAsked;
use crate::base::json;
use crate::console::api::answer::begun;
use crate::console::api::answer::done;
use crate::console::api::answer::seen;
use crate::console::api::body;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::work::begin;

#[derive(Serialize)]
struct Begun {
    work: String,
    url: String,
}

#[derive(Serialize)]
struct WorkView {
    work: String,
    verb: String,
    by: Option<String>,
    since: Option<Timestamp>,
    /// `working` or `ended`.
    state: &'static str,
    stop: Option<StopAsked>,
    /// What the verb answered, once it has ended.
    answer: Option<Value>,
}

pub fn stage(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Stage = body::read(ask)?;
    let from = body.from.map(body::source).transpose()?;
    let options =
        [value("--from", from), value("--version", body.version), flag("--complete", body.complete)];
    start(ask, "stage", options)
}

pub fn plan(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Look = body::read(ask)?;
    start(ask, "plan", [flag("--paranoid", body.paranoid)])
}

pub fn watch(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Look = body::read(ask)?;
    start(ask, "watch", [flag("--paranoid", body.paranoid)])
}

pub fn doctor(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Doctor = body::read(ask)?;
    start(ask, "doctor", [flag("--deep", body.deep)])
}

pub fn apply(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Apply = body::read(ask)?;
    let budget = body.budget.map(|seconds| seconds.to_string());
    let options =
        [flag("--step", body.step), value("--stop-before", body.stop_before), value("--budget", budget)];
    start(ask, "apply", options)
}

pub fn resume(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Resume = body::read(ask)?;
    start(
        ask,
        "resume",
        [value("--done", body.done), value("--again", body.again), flag("--step", body.step)],
    )
}

pub fn rollback(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Rollback = body::read(ask)?;
    let run = body.run.map(body::run_id).transpose()?;
    let database = body.database.map(|database| database.name().to_owned());
    start(ask, "rollback", [run.map(OsString::from), value("--database", database)])
}

/// One argument, so that no value is ever an option of its own.
fn value(name: &str, value: Option<String>) -> Option<OsString> {
    value.map(|value| format!("{name}={value}").into())
}

fn flag(name: &str, is_set: bool) -> Option<OsString> {
    is_set.then(|| name.into())
}

fn start(ask: &Ask, verb: &str, options: impl IntoIterator<Item = Option<OsString>>) -> Result<Reply, Wrong> {
    let arguments: Vec<OsString> =
        std::iter::once(verb.into()).chain(options.into_iter().flatten()).collect();
    let work = begin(ask, None, &arguments)?.id();
    let url = format!("/api/v1/sites/{}/work/{work}", ask.site()?.word);
    Ok(begun(verb, &Begun { work, url }))
}

/// The work of the address, whoever began it.
pub fn of_address(ask: &Ask) -> Result<Runner, Wrong> {
    runner::find(ask.place()?, ask.parts.get("work"))?.ok_or(Wrong::NotFound)
}

pub fn work(ask: &mut Ask) -> Result<Reply, Wrong> {
    let runner = of_address(ask)?;
    let (state, answer) = match runner.state() {
        RunnerState::Lives => ("working", None),
        RunnerState::Ended(ended) => {
            let result = (!ended.result.is_null()).then_some(&ended.result);
            let document = Document::new(&runner.verb, ended.exit, result, ended.failure.as_ref());
            // Documents always serialise.
            let text = json::line(&document).unwrap_or_default();
            ("ended", json::read(&text).ok())
        }
    };
    let view = WorkView {
        work: runner.id(),
        verb: runner.verb.clone(),
        by: runner.by.clone(),
        since: runner.since,
        state,
        stop: runner.stop_asked(),
        answer,
    };
    seen("work", Ok(Answer::done(view)))
}

#[derive(Serialize)]
struct Stopping {
    work: String,
}

pub fn stop(ask: &mut Ask) -> Result<Reply, Wrong> {
    let _: body::Nothing = body::read(ask)?;
    let runner = of_address(ask)?;
    let asked = runner::ask_to_stop(&runner, ask.person());
    done("stop", asked.map(|()| Answer::done(Stopping { work: runner.id() })))
}
