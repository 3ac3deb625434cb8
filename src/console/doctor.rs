//! What the doctor found last, the worst first, and how to mend it.

use std::ffi::OsString;

use askama::Template;

use crate::app::doctor;
use crate::app::doctor::LastVisit;
use crate::base::check::Check;
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

pub const ROUTES: &[Route] = &[look("/sites/{site}/doctor", show), act("/sites/{site}/doctor/run", run)];

#[derive(Template)]
#[template(path = "doctor.html")]
struct Page {
    frame: Frame,
    /// When, and how closely; `None`: never.
    when: Option<String>,
    groups: Vec<Group>,
}

struct Group {
    title: String,
    class: &'static str,
    is_open: bool,
    checks: Vec<Check>,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let words = ask.words;
    let last = doctor::last(ask.place()?)?;
    let when = last.as_ref().map(|last| {
        let at = words.moment(&last.at.map(|at| at.to_string()).unwrap_or_default());
        words.say(if last.deep { "doctor.when_deep" } else { "doctor.when" }, &[&at])
    });
    let LastVisit { checks, .. } = last.unwrap_or_default();
    let group = |level: Level, key: &str, class: &'static str| {
        let checks: Vec<Check> = checks.iter().filter(|check| check.level == level).cloned().collect();
        let title = words.count(key, checks.len());
        (!checks.is_empty()).then_some(Group { title, class, is_open: level != Level::Ok, checks })
    };
    let groups = [
        group(Level::Error, "doctor.errors", "bad"),
        group(Level::Warning, "doctor.warnings", "warning"),
        group(Level::Ok, "doctor.fine", "good"),
    ];
    let groups = groups.into_iter().flatten().collect();
    page(&Page { frame: Frame::new(ask, words.t("doctor.title"), "doctor"), when, groups })
}

fn run(ask: &mut Ask) -> Result<Reply, Wrong> {
    let mut arguments: Vec<OsString> = vec!["doctor".into()];
    if ask.form.get("deep") == "1" {
        arguments.push("--deep".into());
    }
    work::start(ask, arguments)
}
