//! The events of work as they come: one JSON object a line, as `--events` writes
//! them, each with the place from which the next one is asked for.

use std::io;
use std::io::Write;
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;

use crate::app::event_line::EventLine;
use crate::app::runner::Runner;
use crate::app::runner::RunnerState;
use crate::app::runner::Tail;
use crate::base::exit::Exit;
use crate::base::json;
use crate::console::api::work;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Stream;
use crate::console::reply::Wrong;

/// An empty line tells so often whether somebody reads still.
const SILENCE: Duration = Duration::from_secs(10);
/// As many silences in one answer; who wants more asks again from where it ended.
const SILENCES: u32 = 60;

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    line: &'a EventLine,
    next: u64,
}

#[derive(Serialize)]
struct End {
    event: &'static str,
    exit: Exit,
    next: u64,
}

/// `from` is what an earlier line said as `next`; `follow=false` ends with what
/// has happened until now.
pub fn events(ask: &mut Ask) -> Result<Reply, Wrong> {
    let runner = work::of_address(ask)?;
    let from = match ask.query.find("from") {
        None => 0,
        Some(from) => from.parse().map_err(|_| Wrong::Question("`from` is a number".into()))?,
    };
    let silences = match ask.query.find("follow") {
        None | Some("true") => SILENCES,
        Some("false") => 0,
        Some(_) => return Err(Wrong::Question("`follow` is true or false".into())),
    };
    let tail = Tail::open(&runner, from)?;
    Ok(Reply::Stream(Stream {
        status: StatusCode::OK,
        headers: vec![("content-type", "application/x-ndjson".into())],
        write: Box::new(move |out| tell(&runner, tail, silences, out)),
    }))
}

fn tell(runner: &Runner, mut tail: Tail, mut silences: u32, out: &mut dyn Write) -> io::Result<()> {
    loop {
        let patience = if silences == 0 { Duration::ZERO } else { SILENCE };
        let heard = tail.next(patience).map_err(|failure| io::Error::other(failure.message))?;
        let mut text = Vec::new();
        for heard in &heard {
            json::write(&mut text, &Told { line: &heard.line, next: heard.next })?;
            text.push(b'\n');
        }
        if tail.is_over() {
            if let RunnerState::Ended(ended) = runner.state() {
                json::write(&mut text, &End { event: "ended", exit: ended.exit, next: tail.at() })?;
                text.push(b'\n');
            }
            return out.write_all(&text);
        }
        if heard.is_empty() {
            if silences == 0 {
                return Ok(());
            }
            silences -= 1;
            text.push(b'\n');
        }
        out.write_all(&text)?;
    }
}
