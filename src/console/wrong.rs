//! The page that says why there is no other.

use askama::Template;
use axum::http::StatusCode;

use crate::console::Console;
use crate::console::ask::Ask;
use crate::console::ask::Fields;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::guard::Refusal;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::server::Asker;

#[derive(Template)]
#[template(path = "wrong.html")]
struct Page {
    frame: Frame,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

/// What a page's function could not do.
pub fn told(ask: &Ask, why: &Wrong) -> Reply {
    let (message, causes, hints) = match why {
        Wrong::NotFound => (ask.words.t("common.refused_nowhere"), Vec::new(), Vec::new()),
        Wrong::Busy => (ask.words.t("common.refused_busy"), Vec::new(), Vec::new()),
        Wrong::Question(text) => (text.clone(), Vec::new(), Vec::new()),
        Wrong::Failure(failure) => (failure.message.clone(), failure.causes.clone(), failure.hints.clone()),
    };
    let frame = Frame::new(ask, ask.words.t("common.wrong"), "");
    written(why.status(), &Page { frame, message, causes, hints })
}

/// What the guard did not let through.
pub fn refused(console: &Console, asker: &Asker, (status, key): Refusal) -> Reply {
    let ask = Ask {
        console,
        // Who was refused is shown nothing of what the session knows.
        session: None,
        cookie: None,
        program: None,
        words: asker.words,
        address: None,
        parts: Fields::default(),
        query: Fields::default(),
        form: Fields::default(),
        body: Box::new(std::io::empty()),
        headers: Fields::default(),
    };
    let frame = Frame::new(&ask, asker.words.t("common.wrong"), "");
    written(status, &Page { frame, message: asker.words.t(key), causes: Vec::new(), hints: Vec::new() })
}

fn written(status: StatusCode, page: &Page) -> Reply {
    match page.render() {
        Ok(text) => Reply::PageWith(status, text),
        Err(_) => Reply::PageWith(status, String::new()),
    }
}
