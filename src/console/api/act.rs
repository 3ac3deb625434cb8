//! What is done before the answer comes, since it takes no time.

use serde::Serialize;

use crate::app::gate;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::rollback;
use crate::app::stage;
use crate::app::watch;
use crate::console::api::answer::done;
use crate::console::api::body;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;

pub fn approve(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Approve = body::read(ask)?;
    done("approve", plan::approve(&ask.place_of_person()?, &body.id))
}

pub fn commit(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Commit = body::read(ask)?;
    let run = body.run.map(body::run_id).transpose()?;
    done("commit", rollback::commit(&ask.place_of_person()?, run.as_deref()))
}

pub fn close(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Close = body::read(ask)?;
    done("close", gate::close(&ask.place_of_person()?, body.reason.as_deref()))
}

pub fn open(ask: &mut Ask) -> Result<Reply, Wrong> {
    let _: body::Nothing = body::read(ask)?;
    done("open", gate::open(&ask.place_of_person()?))
}

pub fn accept(ask: &mut Ask) -> Result<Reply, Wrong> {
    let body: body::Accept = body::read(ask)?;
    if body.paths.is_empty() {
        return Err(Wrong::Question("`paths` names what is accepted".into()));
    }
    let request = watch::Request { accept: body.paths, note: Some(body.note), ..watch::Request::default() };
    done("accept", watch::watch(&ask.place_of_person()?, &request, &mut |_, _, _| {}))
}

#[derive(Serialize)]
struct Empty {}

pub fn discard(ask: &mut Ask) -> Result<Reply, Wrong> {
    let _: body::Nothing = body::read(ask)?;
    let answer = stage::discard(&ask.place_of_person()?);
    done(
        "discard",
        answer.map(|answer| Answer { exit: answer.exit, result: Empty {}, failure: answer.failure }),
    )
}
