//! `/sites/S/runs/ID`: one run in full, and what of it may be downloaded.

use std::fs::File;
use std::io;
use std::io::Read;

use askama::Template;
use axum::http::StatusCode;
use url::form_urlencoded;

use crate::app::report::Show;
use crate::app::run_files;
use crate::app::run_files::Kind;
use crate::app::run_files::RunFile;
use crate::app::status;
use crate::base::exit::Exit;
use crate::base::json;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::history::deed;
use crate::console::live::StepMark;
use crate::console::live::of_run;
use crate::console::live::words_of;
use crate::console::reply::Reply;
use crate::console::reply::Stream;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::look;
use crate::console::run::Desk;
use crate::console::session::Role;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/runs/{run}", show),
    look("/sites/{site}/runs/{run}/report.json", report),
    look("/sites/{site}/runs/{run}/files/{name}", record),
    // What programs of the site printed may hold what only its operators know.
    look("/sites/{site}/runs/{run}/logs/{name}", log).needs(Some(Role::Operator)),
];

#[derive(Template)]
#[template(path = "show.html")]
struct ShowPage {
    frame: Frame,
    /// Of this page.
    address: String,
    show: Show,
    outcome: String,
    steps: Vec<StepMark>,
    files: Vec<RunFile>,
    logs: Vec<RunFile>,
    /// Of the last run alone: others can no longer be changed.
    desk_html: String,
}

impl ShowPage {
    fn deed(&self, event: &str) -> String {
        deed(self.frame.words, event)
    }
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (place, id) = (ask.place()?, ask.parts.get("run").to_owned());
    let show = shown(ask)?;
    let desk = Desk::of(ask)?;
    let is_last = desk.stand.run.as_ref().is_some_and(|run| run.show.run == id);
    let frame = Frame::new(ask, ask.words.say("run.one", &[&id]), "history");
    page(&ShowPage {
        address: frame.at(&format!("/runs/{}", show.run)),
        outcome: words_of(ask.words, "run.state", &show.outcome),
        steps: of_run(ask.words, Some(&show), is_last && desk.stand.status.holder.is_some()),
        files: run_files::list(place, &id, Kind::Record)?,
        logs: if frame.is_operator() { run_files::list(place, &id, Kind::Log)? } else { Vec::new() },
        desk_html: if is_last { desk.html(&frame)? } else { String::new() },
        frame,
        show,
    })
}

/// A name as one part of an address.
fn encoded(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A run that is not there is no page.
fn shown(ask: &Ask) -> Result<Show, Wrong> {
    match status::show(ask.place()?, ask.parts.get("run")) {
        Ok(answer) => Ok(answer.result),
        Err(failure) if failure.exit == Exit::NothingToDo => Err(Wrong::NotFound),
        Err(failure) => Err(failure.into()),
    }
}

/// As `entracte --json show` says it.
fn report(ask: &mut Ask) -> Result<Reply, Wrong> {
    let show = shown(ask)?;
    let text = json::pretty(&show).map_err(|error| Wrong::Question(error.to_string()))?;
    let length = text.len() as u64;
    Ok(download(&format!("{}-report.json", show.run), length, io::Cursor::new(text)))
}

fn record(ask: &mut Ask) -> Result<Reply, Wrong> {
    file(ask, Kind::Record)
}

fn log(ask: &mut Ask) -> Result<Reply, Wrong> {
    file(ask, Kind::Log)
}

fn file(ask: &Ask, kind: Kind) -> Result<Reply, Wrong> {
    let (run, name) = (ask.parts.get("run"), ask.parts.get("name"));
    let opened: Result<(File, u64), _> = run_files::open(ask.place()?, run, kind, name);
    match opened {
        Ok((file, length)) => Ok(download(&format!("{run}-{name}"), length, file)),
        Err(failure) if failure.exit == Exit::NothingToDo => Err(Wrong::NotFound),
        Err(failure) => Err(failure.into()),
    }
}

/// Something that a browser keeps and never shows as a page of ours.
fn download(name: &str, length: u64, from: impl Read + Send + 'static) -> Reply {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    Reply::Stream(Stream {
        status: StatusCode::OK,
        headers: vec![
            ("content-type", "application/octet-stream".into()),
            ("content-length", length.to_string()),
            ("content-disposition", format!("attachment; filename=\"{name}\"")),
        ],
        write: Box::new(move |out| io::copy(&mut from.take(length), out).map(|_| ())),
    })
}
