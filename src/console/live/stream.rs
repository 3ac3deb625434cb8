//! The same page while it changes, by server-sent events. The id of an event is
//! a place in the runner's file, so that a browser that was cut off, or another
//! console, goes on from there.

use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use jiff::SignedDuration;
use sha2::Digest as _;
use sha2::Sha256;

use crate::app::desk;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Show;
use crate::app::runner::Heard;
use crate::app::runner::Runner;
use crate::app::runner::Tail;
use crate::app::status;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::live::OF_RUNS;
use crate::console::live::progress::Bar;
use crate::console::live::progress::Progress;
use crate::console::live::progress::told;
use crate::console::live::steps;
use crate::console::live::steps::StepMark;
use crate::console::measure;
use crate::console::reply::Reply;
use crate::console::reply::Stream;
use crate::console::reply::Wrong;
use crate::console::words::Words;

/// A browser has six connections to one server, and needs some for its pages.
const MOST_OF_ONE: u32 = 4;
const MOST_OF_ALL: usize = 64;
/// A line that says nothing, so that whoever is gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Not more often than this is something shown anew.
const REST: Duration = Duration::from_millis(250);
/// As long is waited for a site that nobody works on any more.
const LETTING_GO: SignedDuration = SignedDuration::from_secs(3);
/// Then the browser asks again, and has to be signed in still.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// Follows one runner for one reader.
pub struct Watcher {
    place: Place,
    runner: Runner,
    words: Words,
    tail: Tail,
    pub progress: Progress,
    show: Option<Show>,
}

/// What of the page changes.
#[derive(Template)]
#[template(path = "work-now.html")]
pub struct Now {
    words: Words,
    steps: Vec<StepMark>,
    bar: Option<Bar>,
    warnings: Vec<String>,
    closed: Option<f64>,
    is_closed: bool,
    said: String,
    /// Who asked it to stop.
    stop_asked: Option<String>,
}

impl Watcher {
    pub fn new(place: Place, runner: Runner, words: Words) -> Result<Watcher, Failure> {
        let tail = Tail::open(&runner, 0)?;
        Ok(Watcher { place, runner, words, tail, progress: Progress::default(), show: None })
    }

    /// Where the next event begins.
    pub fn at(&self) -> u64 {
        self.tail.at()
    }

    /// Hears all that was said until now.
    pub fn catch_up(&mut self) -> Result<(), Failure> {
        while !self.hear(Duration::ZERO)?.is_empty() {}
        self.look()
    }

    fn hear(&mut self, patience: Duration) -> Result<Vec<Heard>, Failure> {
        let heard = self.tail.next(patience)?;
        heard.iter().for_each(|heard| self.progress.hear(&heard.line));
        Ok(heard)
    }

    /// Looks at the run's journal, which says what its steps came to.
    fn look(&mut self) -> Result<(), Failure> {
        let run = self.progress.run.as_ref();
        self.show = run.map(|run| status::show(&self.place, run)).transpose()?.map(|answer| answer.result);
        Ok(())
    }

    pub fn now(&self) -> Result<Now, Failure> {
        let lives = self.runner.lives();
        let is_of_run = OF_RUNS.contains(&self.runner.verb.as_str());
        let is_begun = self.show.is_some() || self.runner.verb == "apply";
        let steps = match is_of_run && is_begun {
            true => steps::of_run(self.words, self.show.as_ref(), lives),
            false => Vec::new(),
        };
        let now = steps.iter().find(|step| step.is_now());
        let said = now.map(|step| self.words.say("live.said", &[&step.number, &step.name]));
        let stopper = self.runner.stop_asked().filter(|_| lives);
        Ok(Now {
            words: self.words,
            said: said.unwrap_or_default(),
            steps,
            bar: self.progress.bar.clone().filter(|_| lives),
            warnings: self.progress.warnings.clone(),
            closed: self.show.as_ref().map(|show| show.closed_seconds).filter(|seconds| *seconds > 0.0),
            is_closed: self.show.as_ref().is_some_and(|show| show.is_closed),
            stop_asked: stopper
                .map(|stop| self.words.say("live.stop_asked", &[&self.words.person(&stop.by)])),
        })
    }

    /// Tells one reader what comes after `from`, until it is over.
    fn tell(&mut self, from: u64, out: &mut dyn Write) -> io::Result<()> {
        let since = desk::now();
        let from = Tail::open(&self.runner, from).map_err(wrong)?.at();
        out.write_all(b"retry: 1000\n\n")?;
        while !self.tell_lines(from, Duration::ZERO, out)?.is_empty() {}
        let mut is_asked = self.runner.stop_asked().is_some();
        self.tell_now(&[], out)?;
        while !self.tail.is_over() && desk::now() < since + LONGEST {
            let heard = self.tell_lines(from, HEARTBEAT, out)?;
            let was_asked = std::mem::replace(&mut is_asked, self.runner.stop_asked().is_some());
            match heard.is_empty() && is_asked == was_asked {
                true => out.write_all(b":\n\n")?,
                false => self.tell_now(&heard, out)?,
            }
        }
        if !self.tail.is_over() {
            return Ok(());
        }
        self.wait_for_the_lock().map_err(wrong)?;
        send(out, "end", self.at(), "")
    }

    /// What guards a process that was killed holds the site a moment longer;
    /// whoever looks then shall see what can be done, and not that somebody works.
    fn wait_for_the_lock(&self) -> Result<(), Failure> {
        let until = desk::now() + LETTING_GO;
        while desk::now() < until && status::status(&self.place)?.result.holder.is_some() {
            desk::rest(REST);
        }
        Ok(())
    }

    fn tell_lines(&mut self, from: u64, patience: Duration, out: &mut dyn Write) -> io::Result<Vec<Heard>> {
        let heard = self.hear(patience).map_err(wrong)?;
        for heard in heard.iter().filter(|heard| heard.next > from) {
            if let Some(text) = told(&heard.line) {
                send(out, "log", heard.next, &filters::one_line(&text))?;
            }
        }
        Ok(heard)
    }

    fn tell_now(&mut self, heard: &[Heard], out: &mut dyn Write) -> io::Result<()> {
        let is_news = heard.iter().any(|heard| told(&heard.line).is_some());
        if is_news || self.show.is_none() {
            self.look().map_err(wrong)?;
        }
        let html = self.now().map_err(wrong)?.render().map_err(io::Error::other)?;
        send(out, "now", self.at(), &html)?;
        desk::rest(REST);
        Ok(())
    }
}

impl Now {
    fn clock(&self) -> String {
        measure::clock(self.closed.unwrap_or_default())
    }

    fn t(&self, key: &str) -> String {
        self.words.t(key)
    }
}

fn wrong(failure: Failure) -> io::Error {
    io::Error::other(failure.message)
}

fn send(out: &mut dyn Write, event: &str, id: u64, text: &str) -> io::Result<()> {
    let mut message = format!("event: {event}\nid: {id}\n");
    for line in text.split(['\n', '\r']) {
        message.push_str("data: ");
        message.push_str(line);
        message.push('\n');
    }
    message.push('\n');
    out.write_all(message.as_bytes())
}

/// The stream, where this session has not too many.
pub fn answer(ask: &Ask, mut watcher: Watcher, from: u64) -> Result<Reply, Wrong> {
    let cookie = ask.cookie.as_ref().map(|cookie| cookie.reveal().to_owned()).unwrap_or_default();
    let Some(ticket) = Ticket::take(Sha256::digest(cookie.as_bytes()).into()) else {
        // As long as a stream goes on after nobody hears it any more.
        return Ok(Reply::Later { seconds: HEARTBEAT.as_secs(), page: ask.words.t("live.too_many") });
    };
    Ok(Reply::Stream(Stream {
        status: StatusCode::OK,
        headers: vec![
            ("content-type", "text/event-stream; charset=utf-8".into()),
            // nginx would keep it until there is much of it.
            ("x-accel-buffering", "no".into()),
        ],
        write: Box::new(move |out| {
            let _ticket = ticket;
            watcher.tell(from, out)
        }),
    }))
}

type Key = [u8; 32];

/// How many streams are open, by the digest of the session's cookie.
static OPEN: LazyLock<Mutex<HashMap<Key, u32>>> = LazyLock::new(Mutex::default);

/// The right to one stream, given back when it ends.
struct Ticket(Key);

impl Ticket {
    fn take(key: Key) -> Option<Ticket> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u32 = open.values().sum();
        let own = open.get(&key).copied().unwrap_or_default();
        if own >= MOST_OF_ONE || all as usize >= MOST_OF_ALL {
            return None;
        }
        open.insert(key, own + 1);
        Some(Ticket(key))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.0) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.remove(&self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_streams() {
        let mut taken: Vec<Ticket> = (0..MOST_OF_ONE).map(|_| Ticket::take([7; 32]).unwrap()).collect();
        assert!(Ticket::take([7; 32]).is_none());
        assert!(Ticket::take([8; 32]).is_some(), "somebody else");
        taken.pop();
        assert!(Ticket::take([7; 32]).is_some(), "one was given back");
    }

    #[test]
    fn no_text_ends_an_event() {
        let mut out = Vec::new();
        send(&mut out, "log", 7, "a\n\nevent: end\rb").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "event: log\nid: 7\ndata: a\ndata: \ndata: event: end\ndata: b\n\n");
    }
}
