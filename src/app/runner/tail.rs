//! The events of a runner as they come, from any place on.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::time::Duration;

use crate::app::event_line::EventLine;
use crate::app::failure::Failure;
use crate::app::runner::Runner;
use crate::base::json;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::fs;
use crate::sys::fs::IoError;

const TICK: Duration = Duration::from_millis(40);
/// As much is read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// One event, and where the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub next: u64,
    pub line: EventLine,
}

/// A place in the events of a runner.
pub struct Tail {
    runner: Runner,
    file: File,
    /// Where the bytes of `rest` begin.
    at: u64,
    rest: Vec<u8>,
    is_over: bool,
}

impl Tail {
    /// From `from` on, which an earlier one named; one that is behind the end is the end.
    pub fn open(runner: &Runner, from: u64) -> Result<Tail, Failure> {
        let mut file = fs::open(&runner.events)?;
        let failed = |source| IoError::new("read", &runner.events, source);
        let at = from.min(file.metadata().map_err(failed)?.len());
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        Ok(Tail { runner: runner.clone(), file, at, rest: Vec::new(), is_over: false })
    }

    /// Whether the process is gone and all that it said was handed on.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Where the next event begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// What came since, at most a piece; waits for something to come, so long at most.
    pub fn next(&mut self, patience: Duration) -> Result<Vec<Heard>, Failure> {
        let since = Stopwatch::start();
        loop {
            // Asked first: what it says before it goes is read below.
            let lives = self.runner.lives();
            let (read, heard) =
                self.read_on().map_err(|source| IoError::new("read", &self.runner.events, source))?;
            if !heard.is_empty() {
                return Ok(heard);
            }
            if read == 0 && !lives {
                self.is_over = true;
                return Ok(Vec::new());
            }
            if lives && since.elapsed() >= patience {
                return Ok(Vec::new());
            }
            if lives {
                clock::sleep(TICK.min(patience));
            }
        }
    }

    fn read_on(&mut self) -> std::io::Result<(usize, Vec<Heard>)> {
        let read = Read::by_ref(&mut self.file).take(PIECE_BYTES).read_to_end(&mut self.rest)?;
        let mut heard = Vec::new();
        let mut begin = 0;
        while let Some(length) = self.rest[begin..].iter().position(|byte| *byte == b'\n') {
            let line = &self.rest[begin..begin + length];
            begin += length + 1;
            if let Ok(line) = json::read(line) {
                heard.push(Heard { next: self.at + begin as u64, line });
            }
        }
        self.at += begin as u64;
        self.rest.drain(..begin);
        Ok((read, heard))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;
    use crate::base::event::Event;

    const NOT_AT_ALL: Duration = Duration::ZERO;

    fn line(text: &str) -> Vec<u8> {
        let line = EventLine::now(None, None, &Event::Log { line: text.into() });
        [json::line(&line).unwrap(), b"\n".to_vec()].concat()
    }

    fn said(heard: &[Heard]) -> Vec<Option<Event>> {
        heard.iter().map(|heard| heard.line.to_event()).collect()
    }

    fn log(text: &str) -> Option<Event> {
        Some(Event::Log { line: text.into() })
    }

    #[test]
    fn it_goes_on_where_another_one_ended() {
        let folder = tempfile::tempdir().unwrap();
        let events = folder.path().join("1-a.events");
        // Nobody has this process id.
        let runner = Runner::new(0, "plan".into(), Path::new(&events), None);
        let mut file = std::fs::File::create(&events).unwrap();
        file.write_all(&[line("one"), b"no event\n".to_vec(), line("two"), b"{\"at\"".to_vec()].concat())
            .unwrap();
        let mut first = Tail::open(&runner, 0).unwrap();
        let heard = first.next(NOT_AT_ALL).unwrap();
        assert_eq!(said(&heard), [log("one"), log("two")]);
        assert_eq!(
            said(&Tail::open(&runner, heard[0].next).unwrap().next(NOT_AT_ALL).unwrap()),
            [log("two")]
        );
        let mut second = Tail::open(&runner, heard[1].next).unwrap();
        assert!(second.next(NOT_AT_ALL).unwrap().is_empty() && second.is_over());
        // In the middle of a line it is lost, and the next is heard.
        assert_eq!(said(&Tail::open(&runner, 3).unwrap().next(NOT_AT_ALL).unwrap()), [log("two")]);
        let mut behind = Tail::open(&runner, 1 << 40).unwrap();
        assert!(behind.next(NOT_AT_ALL).unwrap().is_empty() && behind.is_over());
    }
}
