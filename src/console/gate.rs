//! Maintenance: visitors kept out and let in again, what the web server needs
//! for that, and the page that visitors see meanwhile.

use std::io::Write;

use askama::Template;
use axum::http::StatusCode;

use crate::app::gate;
use crate::app::report::GateView;
use crate::app::report::Status;
use crate::app::status;
use crate::base::exit::Exit;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::listing::encoded;
use crate::console::reply::Reply;
use crate::console::reply::Stream;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/gate", show),
    look("/sites/{site}/gate/open", confirm),
    look("/sites/{site}/gate/preview", preview),
    act("/sites/{site}/gate/close", close),
    act("/sites/{site}/gate/open", open),
    act("/sites/{site}/gate/install", install),
];

/// Longer ones no visitor reads.
const MAX_REASON: usize = 300;

/// The page's own style and images within it; it asks for nothing, runs nothing,
/// sends nothing, and is nobody at this address.
const PREVIEW_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

#[derive(Template)]
#[template(path = "gate.html")]
struct Page {
    frame: Frame,
    status: Status,
    since: String,
    server: Option<GateView>,
    /// Why what the server needs cannot be told.
    trouble: Option<String>,
    reason: String,
    language: String,
    preview: String,
    done: Option<String>,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (place, words) = (ask.place()?, ask.words);
    let status = status::status(place)?.result;
    let (server, trouble) = match gate::show(place) {
        Ok(answer) => (Some(answer.result), None),
        Err(failure) => (None, Some(failure.message)),
    };
    let reason = reason_of(ask.query.get("reason"));
    let language = if ask.query.get("language") == "fr" { "fr" } else { "en" };
    let done = match ask.query.get("done") {
        "closed" => Some("gate.done_closed"),
        "open" => Some("gate.done_open"),
        "nothing" => Some("gate.done_nothing"),
        "installed" => Some("gate.done_installed"),
        _ => None,
    };
    page(&Page {
        frame: Frame::new(ask, words.t("gate.title"), "gate"),
        since: words.moment(status.gate.since.as_deref().unwrap_or_default()),
        preview: format!(
            "/sites/{}/gate/preview?language={language}&reason={}",
            ask.site()?.word,
            encoded(&reason)
        ),
        status,
        server,
        trouble,
        reason,
        language: language.into(),
        done: done.map(|key| words.t(key)),
    })
}

fn reason_of(text: &str) -> String {
    text.trim().chars().take(MAX_REASON).collect()
}

fn said(reason: &str) -> Option<&str> {
    (!reason.is_empty()).then_some(reason)
}

/// The visitors' page itself, for a frame that it cannot leave.
fn preview(ask: &mut Ask) -> Result<Reply, Wrong> {
    let reason = reason_of(ask.query.get("reason"));
    let [usual, french] = gate::preview(ask.place()?, said(&reason))?;
    let text = if ask.query.get("language") == "fr" { french } else { usual };
    Ok(Reply::Stream(Stream {
        status: StatusCode::OK,
        headers: vec![
            ("content-type", "text/html; charset=utf-8".into()),
            ("content-security-policy", PREVIEW_POLICY.into()),
            ("x-frame-options", "SAMEORIGIN".into()),
        ],
        write: Box::new(move |out: &mut dyn Write| out.write_all(text.as_bytes())),
    }))
}

fn close(ask: &mut Ask) -> Result<Reply, Wrong> {
    let reason = reason_of(ask.form.get("reason"));
    gate::close(&ask.place_of_person()?, said(&reason))?;
    to(ask, "closed")
}

#[derive(Template)]
#[template(path = "gate_open.html")]
struct Confirm {
    frame: Frame,
    status: Status,
    since: String,
}

/// Asked once more: whoever closed it may be at work behind it.
fn confirm(ask: &mut Ask) -> Result<Reply, Wrong> {
    let status = status::status(ask.place()?)?.result;
    let since = ask.words.moment(status.gate.since.as_deref().unwrap_or_default());
    page(&Confirm { frame: Frame::new(ask, ask.words.t("gate.open_title"), "gate"), status, since })
}

fn open(ask: &mut Ask) -> Result<Reply, Wrong> {
    let answer = gate::open(&ask.place_of_person()?)?;
    to(ask, if answer.exit == Exit::NothingToDo { "nothing" } else { "open" })
}

fn install(ask: &mut Ask) -> Result<Reply, Wrong> {
    gate::install(&ask.place_of_person()?)?;
    to(ask, "installed")
}

fn to(ask: &Ask, done: &str) -> Result<Reply, Wrong> {
    Ok(Reply::See(format!("/sites/{}/gate?done={done}", ask.site()?.word)))
}
