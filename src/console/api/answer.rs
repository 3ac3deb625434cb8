//! What is said to a program: the document of the verb, under the HTTP status
//! that its exit code stands for.

use axum::http::StatusCode;
use serde::Serialize;

use crate::app::document;
use crate::app::document::Document;
use crate::app::failure::Failure;
use crate::app::report;
use crate::base::exit::Exit;
use crate::base::json;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::words::Words;

/// The one table of docs/console-api.md.
pub fn status(exit: Exit) -> StatusCode {
    match exit {
        Exit::Done | Exit::NothingToDo | Exit::Differs => StatusCode::OK,
        Exit::Usage => StatusCode::BAD_REQUEST,
        Exit::Waiting | Exit::Refused => StatusCode::CONFLICT,
        Exit::Locked => StatusCode::LOCKED,
        Exit::Untrusted => StatusCode::UNPROCESSABLE_ENTITY,
        Exit::Failed | Exit::Stuck => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What was done.
pub fn done<T: Serialize>(verb: &str, answer: Result<report::Answer<T>, Failure>) -> Result<Reply, Wrong> {
    let answer = document::told(answer);
    let document = Document::of(verb, &answer);
    Ok(written(status(document.exit), &document))
}

/// What was looked at: whatever it shows, showing it went well.
pub fn seen<T: Serialize>(verb: &str, answer: Result<report::Answer<T>, Failure>) -> Result<Reply, Wrong> {
    match document::told(answer) {
        Ok(answer) => Ok(written(StatusCode::OK, &Document::of(verb, &Ok(answer)))),
        Err(failure) => done::<T>(verb, Err(failure)),
    }
}

/// Something that the address names: there is none where it cannot be found.
pub fn found<T: Serialize>(verb: &str, answer: Result<report::Answer<T>, Failure>) -> Result<Reply, Wrong> {
    match answer {
        Err(failure) if matches!(failure.exit, Exit::Refused | Exit::NothingToDo) => {
            Ok(failed(StatusCode::NOT_FOUND, verb, failure))
        }
        answer => seen(verb, answer),
    }
}

/// Work that was begun.
pub fn begun<T: Serialize>(verb: &str, result: &T) -> Reply {
    written(StatusCode::ACCEPTED, &Document::new(verb, Exit::Done, Some(result), None))
}

/// What could not be answered.
pub fn told(verb: &str, why: Wrong) -> Reply {
    match why {
        Wrong::NotFound => refused(verb, (StatusCode::NOT_FOUND, "common.refused_nowhere")),
        Wrong::Busy => refused(verb, (StatusCode::TOO_MANY_REQUESTS, "common.refused_busy")),
        Wrong::Question(message) => failed(StatusCode::BAD_REQUEST, verb, Failure::new(Exit::Usage, message)),
        Wrong::Failure(failure) => failed(status(failure.exit), verb, *failure),
    }
}

/// What the guard did not let through.
pub fn refused(verb: &str, (status, key): (StatusCode, &str)) -> Reply {
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => Exit::Refused,
        StatusCode::TOO_MANY_REQUESTS => Exit::Locked,
        _ => Exit::Usage,
    };
    failed(status, verb, Failure::new(exit, Words::default().t(key)))
}

fn failed(status: StatusCode, verb: &str, failure: Failure) -> Reply {
    let failure = failure.advised();
    written(status, &Document::<()>::new(verb, failure.exit, None, Some(&failure)))
}

fn written<T: Serialize>(status: StatusCode, document: &Document<T>) -> Reply {
    // What these documents are made of always serialises.
    let text = json::line(document).unwrap_or_default();
    Reply::Json(status, String::from_utf8_lossy(&text).into_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exit_has_its_status() {
        let table = [200, 500, 400, 200, 409, 409, 500, 200, 423, 422];
        for (code, expected) in table.into_iter().enumerate() {
            let exit = Exit::from_code(u8::try_from(code).unwrap()).unwrap();
            assert_eq!(status(exit).as_u16(), expected, "{exit:?}");
        }
    }
}
