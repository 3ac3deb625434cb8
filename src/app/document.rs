//! The one JSON document of a verb, the same on the command line and over HTTP.

use serde::Serialize;

use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;

/// Scripts rely on its fields: there may be more of them one day, never fewer.
pub const FORMAT: u32 = 1;

#[derive(Serialize)]
pub struct Document<'a, T: Serialize> {
    format: u32,
    verb: &'a str,
    ok: bool,
    pub exit: Exit,
    result: Option<&'a T>,
    error: Option<&'a Failure>,
}

impl<'a, T: Serialize> Document<'a, T> {
    pub fn new(
        verb: &'a str,
        exit: Exit,
        result: Option<&'a T>,
        error: Option<&'a Failure>,
    ) -> Document<'a, T> {
        Document { format: FORMAT, verb, ok: exit == Exit::Done, exit, result, error }
    }

    /// Of an answer that [`told`] has been through.
    pub fn of(verb: &'a str, answer: &'a Result<Answer<T>, Failure>) -> Document<'a, T> {
        match answer {
            Ok(Answer { exit, result, failure }) => {
                Document::new(verb, *exit, Some(result), failure.as_ref())
            }
            Err(failure) => Document::new(verb, failure.exit, None, Some(failure)),
        }
    }
}

/// Whatever ended otherwise than 0 and 7 has an error, and none is without a next step.
pub fn told<T>(answer: Result<Answer<T>, Failure>) -> Result<Answer<T>, Failure> {
    let answer = answer.map_err(Failure::advised)?;
    let failure = answer.failure.map(Failure::advised).or_else(|| exit_without_message(answer.exit));
    Ok(Answer { failure, ..answer })
}

fn exit_without_message(exit: Exit) -> Option<Failure> {
    let message = match exit {
        Exit::Done | Exit::Differs => return None,
        Exit::NothingToDo => "there is nothing to do",
        Exit::Waiting => "waiting for approval",
        Exit::Locked => "somebody works on the site",
        Exit::Stuck => "a person is needed",
        Exit::Failed | Exit::Usage | Exit::Refused | Exit::Untrusted => "it was not done",
    };
    Some(Failure::new(exit, message))
}
