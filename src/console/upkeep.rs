//! Upkeep: what is not tried again, whether people are reached, what may be
//! cleared away, and what is done when nobody looks.

use std::ffi::OsString;

use askama::Template;

use crate::app::blocklist;
use crate::app::blocklist::BlockedView;
use crate::app::overview;
use crate::app::overview::Need;
use crate::app::prune;
use crate::app::prune::Manner;
use crate::app::prune::PruneView;
use crate::app::schedule;
use crate::app::schedule::ScheduleView;
use crate::base::check::Level;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::work;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/upkeep", show),
    look("/sites/{site}/upkeep/prune", would_go),
    act("/sites/{site}/upkeep/prune", clear_away),
    act("/sites/{site}/upkeep/unblock", unblock),
    act("/sites/{site}/upkeep/notify", notify),
    act("/sites/{site}/upkeep/schedule", install),
    act("/sites/{site}/upkeep/unschedule", remove),
];

#[derive(Template)]
#[template(path = "upkeep.html")]
struct Page {
    frame: Frame,
    blocked: Vec<BlockedView>,
    notices: Option<String>,
    schedule: Option<ScheduleView>,
    trouble: Option<String>,
    done: bool,
}

impl Page {
    fn problems(&self) -> Vec<String> {
        let checks = self.schedule.iter().flat_map(|schedule| &schedule.checks);
        checks
            .filter(|check| check.level != Level::Ok)
            .map(|check| format!("{}: {}", check.detail, check.fix))
            .collect()
    }

    fn expression(&self, job: &str) -> String {
        let mut jobs = self.schedule.iter().flat_map(|schedule| &schedule.jobs);
        jobs.find(|known| known.job == job).map(|known| known.expression.clone()).unwrap_or_default()
    }
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (place, words) = (ask.place()?, ask.words);
    let overview = overview::overview(place)?;
    let notices = overview.needs.iter().find_map(|need| match need {
        Need::Notices { lost, waiting } => {
            Some(words.say("home.need_notices", &[&words.number(*lost), &words.number(*waiting)]))
        }
        _ => None,
    });
    let (schedule, trouble) = match schedule::list(place) {
        Ok(answer) => (Some(answer.result), None),
        Err(failure) => (None, Some(failure.message)),
    };
    page(&Page {
        frame: Frame::new(ask, words.t("upkeep.title"), "upkeep"),
        blocked: overview.blocked,
        notices,
        schedule,
        trouble,
        done: !ask.query.get("done").is_empty(),
    })
}

#[derive(Template)]
#[template(path = "prune.html")]
struct PrunePage {
    frame: Frame,
    view: PruneView,
    rows: Vec<(String, String, String, String)>,
    total: String,
}

/// What would go; nothing does.
fn would_go(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (view, words) = (prune::prune(ask.place()?, Manner::Dry)?.result, ask.words);
    let row = |removed: &prune::RemovedView| {
        (removed.what.clone(), removed.path.clone(), words.bytes(removed.bytes), removed.why.clone())
    };
    let (rows, total) = (view.removed.iter().map(row).collect(), words.bytes(view.bytes));
    page(&PrunePage { frame: Frame::new(ask, words.t("upkeep.prune_title"), "upkeep"), view, rows, total })
}

fn clear_away(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["prune"])
}

fn unblock(ask: &mut Ask) -> Result<Reply, Wrong> {
    blocklist::clear(&ask.place_of_person()?, ask.form.get("digest"))?;
    Ok(Reply::See(format!("/sites/{}/upkeep?done=unblocked", ask.site()?.word)))
}

fn notify(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["notify", "test"])
}

/// The times that were typed; none at all takes the usual ones.
fn install(ask: &mut Ask) -> Result<Reply, Wrong> {
    let mut arguments: Vec<OsString> = vec!["schedule".into(), "install".into()];
    for name in ["update", "watch", "prune", "zone"] {
        let value = ask.form.get(name).trim();
        if !value.is_empty() {
            // In one word, so that no value is taken for an option.
            arguments.push(format!("--{name}={value}").into());
        }
    }
    work::start(ask, arguments)
}

fn remove(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["schedule", "remove"])
}
