//! `/sites/S/work/ID`: a detached verb at work, as it goes on and when it has
//! ended. All of it is read from the site's state, so that it shows the same
//! after the console was started anew.

mod progress;
mod steps;
mod stream;

use askama::Template;

use crate::app::report::RunView;
use crate::app::report::WrittenView;
use crate::app::runner;
use crate::app::runner::Ended;
use crate::app::runner::Runner;
use crate::app::runner::RunnerState;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::live::progress::Progress;
pub use crate::console::live::steps::StepMark;
pub use crate::console::live::steps::of_run;
pub use crate::console::live::steps::words_of;
use crate::console::live::stream::Now;
use crate::console::live::stream::Watcher;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::run::Desk;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/work/{id}", work),
    look("/sites/{site}/work/{id}/events", events),
    act("/sites/{site}/work/{id}/stop", stop),
];

/// Verbs that a run stands behind.
const OF_RUNS: &[&str] = &["apply", "resume", "rollback", "commit", "update"];

#[derive(Template)]
#[template(path = "work.html")]
struct WorkPage {
    frame: Frame,
    /// Of this page.
    address: String,
    asked: String,
    /// Where the stream of this page begins.
    from: u64,
    now: Now,
    log: Vec<String>,
    /// It can be, this person may, and nobody did so far.
    may_stop: bool,
    ended: Option<EndedView>,
    /// What may be done next, where a run stands behind it.
    desk: Option<Desk>,
    desk_html: String,
}

struct EndedView {
    class: &'static str,
    text: String,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    written: Vec<WrittenView>,
    /// Address below the site and key of its text.
    next: (String, &'static str),
}

impl EndedView {
    /// The desk below says why it stands there, and has buttons for what the
    /// command line would be told.
    fn leave_to(&mut self, desk: &Desk) {
        self.hints.retain(|hint| !hint.starts_with("`entracte "));
        if self.message == desk.reason() {
            self.message.clear();
            self.causes.clear();
        }
    }
}

fn runner_of(ask: &Ask) -> Result<Runner, Wrong> {
    runner::find(ask.place()?, ask.parts.get("id"))?.ok_or(Wrong::NotFound)
}

fn work(ask: &mut Ask) -> Result<Reply, Wrong> {
    let runner = runner_of(ask)?;
    // Before its events are read: what it says last is read then.
    let state = runner.state();
    let mut watcher = Watcher::new(ask.place()?.clone(), runner.clone(), ask.words)?;
    watcher.catch_up()?;
    let (desk, ended) = match &state {
        RunnerState::Lives => (None, None),
        RunnerState::Ended(ended) => {
            let desk = OF_RUNS.contains(&runner.verb.as_str()).then(|| Desk::of(ask)).transpose()?;
            let mut view = ended_view(ask, &runner, ended, &watcher.progress);
            if let Some(desk) = &desk {
                view.leave_to(desk);
            }
            (desk, Some(view))
        }
    };
    let frame = Frame::new(ask, title(ask, &runner), "update");
    let desk_html = desk.as_ref().map(|desk| desk.html(&frame)).transpose()?.unwrap_or_default();
    let is_at_work = matches!(state, RunnerState::Lives) && runner.stop_asked().is_none();
    let may_stop = is_at_work && runner.may_be_stopped() && frame.is_operator();
    page(&WorkPage {
        address: frame.at(&format!("/work/{}", runner.id())),
        asked: asked(ask, &runner),
        from: watcher.at(),
        now: watcher.now()?,
        log: watcher.progress.log.iter().cloned().collect(),
        frame,
        may_stop,
        ended,
        desk,
        desk_html,
    })
}

fn title(ask: &Ask, runner: &Runner) -> String {
    words_of(ask.words, "live.verb", &runner.verb)
}

/// Who works on a site that `holder` has, and at what.
pub fn who_works(ask: &Ask, holder: Option<&str>) -> Result<Option<String>, Wrong> {
    let Some(holder) = holder else { return Ok(None) };
    let runner = runner::last(ask.place()?)?.filter(Runner::lives);
    Ok(Some(match runner {
        Some(runner) => format!("{}: {}", title(ask, &runner), asked(ask, &runner)),
        None => escape::text(holder).into_owned(),
    }))
}

fn asked(ask: &Ask, runner: &Runner) -> String {
    let since = runner.since.map(|since| ask.words.moment(&since.to_string())).unwrap_or_default();
    match &runner.by {
        Some(by) => ask.words.say("live.asked_by", &[&ask.words.person(by), &since]),
        None => ask.words.say("live.asked_elsewhere", &[&since]),
    }
}

fn ended_view(ask: &Ask, runner: &Runner, ended: &Ended, progress: &Progress) -> EndedView {
    let view: Option<RunView> = serde_json::from_value(ended.result.clone()).ok();
    let outcome = view.as_ref().map(|view| view.outcome.as_str()).unwrap_or_default();
    let (class, key) = match (ended.exit, outcome) {
        (Exit::Done, "stopped") => ("warning", "stopped".to_owned()),
        (Exit::Done, "rolled-back") => ("good", "rolled-back".to_owned()),
        (Exit::Done, _) => ("good", "0".to_owned()),
        (Exit::Differs | Exit::NothingToDo | Exit::Waiting, _) => ("warning", ended.exit.code().to_string()),
        (exit, _) => ("error", exit.code().to_string()),
    };
    let run = view.as_ref().map(|view| view.run.clone()).or_else(|| progress.run.clone());
    let failure = ended.failure.clone();
    EndedView {
        class,
        text: words_of(ask.words, "live.ended", &key),
        message: failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        causes: failure.as_ref().map(|failure| failure.causes.clone()).unwrap_or_default(),
        hints: failure.map(|failure| failure.hints).unwrap_or_default(),
        written: view.map(|view| view.written_since).unwrap_or_default(),
        next: match ended.exit {
            Exit::Locked => ("/update".into(), "run.follow"),
            _ => next_page(&runner.verb, run.as_deref()),
        },
    }
}

/// Where to look at what came of it.
fn next_page(verb: &str, run: Option<&str>) -> (String, &'static str) {
    match (verb, run) {
        ("watch", _) => ("/watch".into(), "live.next_watch"),
        ("compare", _) => ("/compare".into(), "live.next_compare"),
        ("doctor", _) => ("/doctor".into(), "live.next_doctor"),
        (verb, Some(run)) if OF_RUNS.contains(&verb) => (format!("/runs/{run}"), "live.next_run"),
        _ => ("/update".into(), "live.next_update"),
    }
}

fn events(ask: &mut Ask) -> Result<Reply, Wrong> {
    let runner = runner_of(ask)?;
    let from = ask.headers.find("last-event-id").or(ask.query.find("from")).unwrap_or("0");
    let from: u64 = from.parse().map_err(|_| Wrong::Question("from is no number".into()))?;
    let watcher = Watcher::new(ask.place()?.clone(), runner, ask.words)?;
    stream::answer(ask, watcher, from)
}

fn stop(ask: &mut Ask) -> Result<Reply, Wrong> {
    let runner = runner_of(ask)?;
    runner::ask_to_stop(&runner, ask.person())?;
    Ok(Reply::See(format!("/sites/{}/work/{}", ask.site()?.word, runner.id())))
}
