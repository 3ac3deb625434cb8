//! What a page's function answers.

use std::io;
use std::io::Write;

use axum::http::StatusCode;

use crate::app::failure::Failure;
use crate::base::exit::Exit;

/// An answer.
pub enum Reply {
    Page(String),
    PageWith(StatusCode, String),
    /// Not now: asked again after so many seconds (429).
    Later {
        seconds: u64,
        page: String,
    },
    /// Go and look there (303).
    See(String),
    /// The same with a cookie that lets the browser in, or with none (`""`) to send it away.
    SeeWith {
        to: String,
        cookie: String,
    },
    Json(StatusCode, String),
    /// Never changes under this address.
    Asset(&'static str, &'static [u8]),
    Stream(Stream),
}

impl Reply {
    /// The same page, to be asked for again after so many seconds.
    pub fn later(self, seconds: u64) -> Reply {
        match self {
            Reply::Page(page) | Reply::PageWith(_, page) => Reply::Later { seconds, page },
            other => other,
        }
    }
}

/// Writes an answer.
pub type Writing = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// Something long, written while it is read. Writing fails once nobody reads.
pub struct Stream {
    pub status: StatusCode,
    pub headers: Vec<(&'static str, String)>,
    pub write: Writing,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Wrong {
    NotFound,
    /// The question makes no sense: which field, and why.
    Question(String),
    /// As much is under way as may be at once.
    Busy,
    /// What `app` said.
    Failure(Box<Failure>),
}

impl From<Failure> for Wrong {
    fn from(failure: Failure) -> Wrong {
        Wrong::Failure(Box::new(failure))
    }
}

impl Wrong {
    pub fn status(&self) -> StatusCode {
        match self {
            Wrong::NotFound => StatusCode::NOT_FOUND,
            Wrong::Question(_) => StatusCode::BAD_REQUEST,
            Wrong::Busy => StatusCode::TOO_MANY_REQUESTS,
            Wrong::Failure(failure) => match failure.exit {
                Exit::Usage => StatusCode::BAD_REQUEST,
                Exit::Failed | Exit::Stuck => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::CONFLICT,
            },
        }
    }
}
