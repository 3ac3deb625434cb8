//! `/sites/S/update/run`: where the approved plan or the open run stands, and
//! the buttons that go on from there. Each says what the person saw, and is
//! refused when the site stands elsewhere by now.

use askama::Template;
use axum::http::StatusCode;

use crate::app::rollback;
use crate::app::stand;
use crate::app::stand::Stand;
use crate::app::stand::Way;
use crate::base::step::Step;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::live;
use crate::console::live::StepMark;
use crate::console::live::of_run;
use crate::console::live::words_of;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::words::Words;
use crate::console::work;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/update/run", run),
    act("/sites/{site}/update/apply", apply),
    act("/sites/{site}/update/resume", resume),
    act("/sites/{site}/update/rollback", rollback),
    act("/sites/{site}/update/commit", commit),
];

/// What stands on the desk of whoever goes on.
pub struct Desk {
    pub stand: Stand,
    words: Words,
    /// The steps of the last run; of the plan, where none is open.
    pub steps: Vec<StepMark>,
    /// Steps before which one may stop.
    pub ahead: Vec<StepMark>,
    /// Who works on the site now.
    at_work: Option<String>,
}

/// Which block of buttons is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Busy,
    Open(Way),
    Approved,
    Waiting,
    Finished,
    Nothing,
}

impl Desk {
    pub fn of(ask: &Ask) -> Result<Desk, Wrong> {
        let stand = stand::stand(ask.place()?)?;
        let is_open = block(&stand) != Block::Approved;
        let show = stand.run.as_ref().filter(|_| is_open).map(|run| &run.show);
        let mut steps = of_run(ask.words, show, stand.status.holder.is_some());
        if show.is_none() {
            // The plan is made and approved; nothing of it is begun.
            let word = words_of(ask.words, "live.state", "done");
            let made = steps.iter_mut().find(|step| step.is_now());
            made.into_iter().for_each(|step| (step.state, step.word) = ("done".into(), word.clone()));
        }
        let is_ahead = |step: &&StepMark| !matches!(step.state.as_str(), "done" | "started" | "failed");
        let ahead = steps.iter().filter(is_ahead).skip(1).cloned().collect();
        let at_work = live::who_works(ask, stand.status.holder.as_deref())?;
        Ok(Desk { stand, words: ask.words, steps, ahead, at_work })
    }

    /// What can be done, with its buttons.
    pub fn html(&self, frame: &Frame) -> Result<String, Wrong> {
        let part = DeskPart { frame, desk: self };
        part.render().map_err(|error| Wrong::Question(error.to_string()))
    }

    fn block(&self) -> Block {
        block(&self.stand)
    }

    /// The step that a button would do.
    fn step(&self) -> Option<Step> {
        match self.block() {
            Block::Approved => Step::RUN.first().copied(),
            Block::Open(Way::Stopped(step) | Way::Failed(step) | Way::Unknown(step)) => Some(step),
            Block::Open(Way::Left(step)) => step,
            _ => None,
        }
    }

    fn step_name(&self) -> String {
        self.step().map(|step| words_of(self.words, "live.step", step.name())).unwrap_or_default()
    }

    fn say_step(&self, key: &str) -> String {
        self.words.say(key, &[&self.step_name()])
    }

    /// Why it stands there, in the words of what failed. Where whoever worked is
    /// gone, nobody said anything.
    pub fn reason(&self) -> String {
        let is_left = matches!(self.block(), Block::Open(Way::Left(_)));
        let status = self.stand.status.run.as_ref().filter(|_| !is_left);
        status.and_then(|run| run.message.clone()).unwrap_or_default()
    }

    fn run_path(&self) -> String {
        self.stand.run.as_ref().map(|run| format!("/runs/{}", run.show.run)).unwrap_or_default()
    }

    fn versions(&self) -> String {
        match (self.block(), &self.stand.plan, &self.stand.run) {
            (Block::Approved | Block::Waiting, Some(plan), _) => {
                format!("{} → {}", plan.from.version, plan.to.version)
            }
            (_, _, Some(run)) => format!("{} → {}", run.show.from.version, run.show.to.version),
            _ => String::new(),
        }
    }
}

fn block(stand: &Stand) -> Block {
    let way = stand.run.as_ref().map(|run| run.way);
    let plan = stand.plan.as_ref().map(|plan| plan.approved_by.is_some());
    match (stand.status.holder.is_some(), way, plan) {
        (true, ..) => Block::Busy,
        (_, Some(way), _) if !matches!(way, Way::Finished | Way::Over) => Block::Open(way),
        (_, _, Some(true)) => Block::Approved,
        (_, _, Some(false)) => Block::Waiting,
        (_, Some(Way::Finished), _) => Block::Finished,
        _ => Block::Nothing,
    }
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    desk: Desk,
    desk_html: String,
}

#[derive(Template)]
#[template(path = "desk.html")]
struct DeskPart<'a> {
    frame: &'a Frame,
    desk: &'a Desk,
}

fn run(ask: &mut Ask) -> Result<Reply, Wrong> {
    let frame = Frame::new(ask, ask.words.t("run.title"), "update");
    let desk = Desk::of(ask)?;
    page(&RunPage { desk_html: desk.html(&frame)?, frame, desk })
}

#[derive(Template)]
#[template(path = "moved.html")]
struct Moved {
    frame: Frame,
    holder: Option<String>,
    runner: Option<String>,
    now: String,
}

/// What the site stands at, where it is what the person saw and nobody works.
fn unmoved(ask: &Ask) -> Result<Result<Stand, Reply>, Wrong> {
    let stand = stand::stand(ask.place()?)?;
    if stand.status.holder.is_none() && stand.seen == ask.form.get("seen") {
        return Ok(Ok(stand));
    }
    let now = match &stand.status.run {
        Some(run) => {
            let state = words_of(ask.words, "run.state", &run.state);
            ask.words.say("run.now", &[&run.id, &state, &run.step.clone().unwrap_or_default()])
        }
        None => ask.words.t("run.now_none"),
    };
    let moved = Moved {
        frame: Frame::new(ask, ask.words.t("run.moved_title"), "update"),
        holder: live::who_works(ask, stand.status.holder.as_deref())?,
        runner: stand.runner.map(|runner| runner.id()),
        now,
    };
    let text = moved.render().map_err(|error| Wrong::Question(error.to_string()))?;
    Ok(Err(Reply::PageWith(StatusCode::CONFLICT, text)))
}

fn begin(ask: &Ask, stand: &Stand, arguments: Vec<String>) -> Result<Reply, Wrong> {
    work::start_if(ask, Some(&stand.seen), arguments)
}

/// How far, as the form says it.
fn apply(ask: &mut Ask) -> Result<Reply, Wrong> {
    let mut arguments = vec!["apply".to_owned()];
    match ask.form.get("how") {
        "all" => {}
        "step" => arguments.push("--step".into()),
        "before" => {
            let step: Step = parsed(ask, "step")?;
            arguments.extend(["--stop-before".into(), step.name().into()]);
        }
        "budget" => {
            let seconds: u32 = parsed(ask, "seconds")?;
            if seconds == 0 {
                return Err(Wrong::Question(ask.words.t("run.wrong_seconds")));
            }
            arguments.extend(["--budget".into(), seconds.to_string()]);
        }
        _ => return Err(Wrong::Question(ask.words.t("run.wrong_how"))),
    }
    match unmoved(ask)? {
        Ok(stand) => begin(ask, &stand, arguments),
        Err(moved) => Ok(moved),
    }
}

fn parsed<T: std::str::FromStr>(ask: &Ask, name: &str) -> Result<T, Wrong> {
    let key = if name == "step" { "run.wrong_step" } else { "run.wrong_seconds" };
    ask.form.get(name).trim().parse().map_err(|_| Wrong::Question(ask.words.t(key)))
}

fn resume(ask: &mut Ask) -> Result<Reply, Wrong> {
    let mut arguments = vec!["resume".to_owned()];
    match ask.form.get("how") {
        "all" => {}
        "step" => arguments.push("--step".into()),
        how @ ("done" | "again") => arguments.push(format!("--{how}={}", ask.form.get("script"))),
        _ => return Err(Wrong::Question(ask.words.t("run.wrong_how"))),
    }
    match unmoved(ask)? {
        Ok(stand) => begin(ask, &stand, arguments),
        Err(moved) => Ok(moved),
    }
}

fn rollback(ask: &mut Ask) -> Result<Reply, Wrong> {
    let database = match ask.form.get("database") {
        "" => None,
        word @ ("restore" | "keep") => Some(format!("--database={word}")),
        _ => return Err(Wrong::Question(ask.words.t("run.wrong_how"))),
    };
    let stand = match unmoved(ask)? {
        Ok(stand) => stand,
        Err(moved) => return Ok(moved),
    };
    let run = stand.run.as_ref().ok_or(Wrong::NotFound)?;
    let arguments = [Some("rollback".to_owned()), Some(run.show.run.clone()), database];
    begin(ask, &stand, arguments.into_iter().flatten().collect())
}

fn commit(ask: &mut Ask) -> Result<Reply, Wrong> {
    let stand = match unmoved(ask)? {
        Ok(stand) => stand,
        Err(moved) => return Ok(moved),
    };
    let run = stand.run.as_ref().ok_or(Wrong::NotFound)?;
    let mut place = ask.place_of_person()?;
    place.seen = Some(stand.seen.clone());
    rollback::commit(&place, Some(&run.show.run))?;
    Ok(Reply::See(format!("/sites/{}/runs/{}", ask.site()?.word, run.show.run)))
}
