//! In and out: one-time links, signing out, and the language.

use askama::Template;

use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::guard;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::session::Role;
use crate::console::words::Language;

pub const ROUTES: &[Route] = &[
    look("/enter", closed).needs(None),
    look("/enter/{link}", link).needs(None),
    act("/enter/{link}", enter).needs(None),
    act("/leave", leave).needs(Some(Role::Viewer)),
    act("/language", language).needs(Some(Role::Viewer)),
];

#[derive(Template)]
#[template(path = "door.html")]
struct Door {
    frame: Frame,
    /// `None` where there is no link, or one that is used up.
    link: Option<String>,
}

fn closed(ask: &mut Ask) -> Result<Reply, Wrong> {
    page(&Door { frame: Frame::new(ask, ask.words.t("door.title"), ""), link: None })
}

/// Only shows a button: whoever looks ahead at links uses none up.
fn link(ask: &mut Ask) -> Result<Reply, Wrong> {
    let link = ask.parts.get("link").to_owned();
    let link = ask.console.sessions().is_invited(&link).then_some(link);
    page(&Door { frame: Frame::new(ask, ask.words.t("door.title"), ""), link })
}

fn enter(ask: &mut Ask) -> Result<Reply, Wrong> {
    let entered = ask.console.sessions().enter(ask.parts.get("link"));
    match entered {
        Some(id) => Ok(Reply::SeeWith { to: "/".into(), cookie: guard::cookie(ask.console, &id) }),
        None => closed(ask),
    }
}

fn leave(ask: &mut Ask) -> Result<Reply, Wrong> {
    if let Some(cookie) = &ask.cookie {
        ask.console.sessions().leave(cookie.reveal());
    }
    Ok(Reply::SeeWith { to: "/enter".into(), cookie: guard::no_cookie(ask.console) })
}

fn language(ask: &mut Ask) -> Result<Reply, Wrong> {
    let language = Language::from_tag(ask.form.get("language"))
        .ok_or_else(|| Wrong::Question("no such language".into()))?;
    if let Some(cookie) = &ask.cookie {
        ask.console.sessions().speak(cookie.reveal(), language);
    }
    Ok(Reply::See(guard::within(ask.form.get("back"))))
}
