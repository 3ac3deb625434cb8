//! In and out: one-time links, passwords, signing out, and the language.

use askama::Template;
use axum::http::StatusCode;

use crate::app::console::accounts;
use crate::app::console::log::Act;
use crate::base::secret::Secret;
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
use crate::console::signing::Tried;
use crate::console::words::Language;

pub const ROUTES: &[Route] = &[
    look("/enter", door).needs(None),
    act("/enter", sign_in).needs(None),
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
    has_accounts: bool,
    name: String,
    /// Why the last try failed.
    refused: Option<String>,
}

impl Door {
    fn new(ask: &Ask) -> Result<Door, Wrong> {
        let has_accounts = !accounts::list(&ask.console.home)?.is_empty();
        let frame = Frame::new(ask, ask.words.t("door.title"), "");
        Ok(Door { frame, link: None, has_accounts, name: String::new(), refused: None })
    }
}

fn door(ask: &mut Ask) -> Result<Reply, Wrong> {
    page(&Door::new(ask)?)
}

/// Only shows a button: whoever looks ahead at links uses none up.
fn link(ask: &mut Ask) -> Result<Reply, Wrong> {
    let link = ask.parts.get("link").to_owned();
    let link = ask.console.sessions().is_invited(&link).then_some(link);
    page(&Door { link, ..Door::new(ask)? })
}

fn enter(ask: &mut Ask) -> Result<Reply, Wrong> {
    let entered = ask.console.sessions().enter(ask.parts.get("link"));
    match entered {
        Some(id) => Ok(let_in(ask, &id, "link")),
        None => refused(ask, StatusCode::FORBIDDEN, ask.words.t("door.used_up")),
    }
}

fn sign_in(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (name, password) = (ask.form.get("name"), Secret::new(ask.form.get("password")));
    match ask.console.signing.try_in(&ask.console.home, name, &password, ask.address)? {
        Tried::Known(account) => {
            let id = ask.console.sessions().recognise(&account);
            Ok(let_in(ask, &id, "password"))
        }
        Tried::Unknown => {
            // What was typed as a name may be a password.
            ask.console.note("", Act::Refused, "", &from(ask));
            refused(ask, StatusCode::UNAUTHORIZED, ask.words.t("door.unknown"))
        }
        Tried::TooMany(seconds) => {
            let why = ask.words.count("door.wait", seconds);
            Ok(refused(ask, StatusCode::TOO_MANY_REQUESTS, why)?.later(seconds))
        }
    }
}

/// A new session; the one that this browser had ends.
fn let_in(ask: &Ask, id: &Secret, by: &str) -> Reply {
    let mut sessions = ask.console.sessions();
    if let Some(cookie) = &ask.cookie {
        sessions.leave(cookie.reveal());
    }
    let person = sessions.find(id.reveal()).map(|session| session.person).unwrap_or_default();
    drop(sessions);
    ask.console.note(&person, Act::SignedIn, &person, &format!("{by}, {}", from(ask)));
    Reply::SeeWith { to: "/".into(), cookie: guard::cookie(ask.console, id) }
}

fn from(ask: &Ask) -> String {
    ask.address.map(|address| address.to_string()).unwrap_or_default()
}

fn refused(ask: &Ask, status: StatusCode, why: String) -> Result<Reply, Wrong> {
    let name = ask.form.get("name").chars().take(64).collect();
    match page(&Door { name, refused: Some(why), ..Door::new(ask)? })? {
        Reply::Page(text) => Ok(Reply::PageWith(status, text)),
        other => Ok(other),
    }
}

fn leave(ask: &mut Ask) -> Result<Reply, Wrong> {
    if let Some(cookie) = &ask.cookie {
        ask.console.sessions().leave(cookie.reveal());
    }
    ask.console.note(ask.person(), Act::SignedOut, ask.person(), "");
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
