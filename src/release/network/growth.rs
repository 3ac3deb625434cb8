//! A file that is read while it still comes. What is read is as little proved as
//! whatever comes: its digest is known only at the end.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::sys::fs;

/// Shared by who fetches a file and who reads it.
#[derive(Debug, Default)]
pub struct Growth {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    path: Option<PathBuf>,
    /// So many are there to be read.
    bytes: u64,
    /// It was begun anew: what was read before belongs to something else.
    begun: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Whole,
    Failed,
}

impl Growth {
    /// Hands out what comes, as it comes; ends where the file does, and fails where
    /// it was begun anew or never came whole.
    pub fn reader(&self) -> Growing<'_> {
        Growing { growth: self, file: None, at: 0, begun: 0 }
    }

    pub(super) fn begin(&self, path: &Path) {
        let mut state = self.state();
        let begun = state.begun + 1;
        *state = State { path: Some(path.to_owned()), begun, ..State::default() };
    }

    pub(super) fn reached(&self, path: &Path, bytes: u64) {
        if self.state().path.as_deref() != Some(path) || bytes < self.state().bytes {
            self.begin(path);
        }
        self.state().bytes = bytes;
        self.changed.notify_all();
    }

    fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says of a fetch that it is over, however it ends.
pub(super) struct Fetching<'g>(pub Option<&'g Growth>);

impl Fetching<'_> {
    pub fn succeed(self) {
        self.end(End::Whole);
    }

    fn end(&self, end: End) {
        if let Some(growth) = self.0 {
            growth.end(end);
        }
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.end(End::Failed);
    }
}

pub struct Growing<'g> {
    growth: &'g Growth,
    file: Option<File>,
    at: u64,
    begun: u64,
}

impl Growing<'_> {
    /// Waits until there is something to read; how much. Nothing: it ends here.
    fn wait(&mut self) -> io::Result<u64> {
        let mut state = self.growth.state();
        loop {
            if self.file.is_some() && state.begun != self.begun {
                return Err(io::Error::other("it was begun anew"));
            }
            match (&state.path, state.end) {
                (_, Some(End::Failed)) | (None, Some(End::Whole)) => {
                    return Err(io::Error::other("it did not come"));
                }
                (Some(path), end) if state.bytes > self.at || end.is_some() => {
                    if self.file.is_none() && end.is_none() {
                        self.file = Some(fs::open(path).map_err(io::Error::other)?);
                        self.begun = state.begun;
                    }
                    return Ok(state.bytes - self.at);
                }
                _ => {
                    state = self.growth.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Read for Growing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.wait()?).unwrap_or(usize::MAX);
        let most = there.min(buffer.len());
        let Some(file) = &mut self.file else {
            // It has its other name by now, under which it is read as any file.
            return Err(io::Error::other("it was here before anybody read it"));
        };
        let count = file.read(&mut buffer[..most])?;
        self.at += count as u64;
        match count == 0 && most > 0 {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::thread;

    use super::*;

    fn write(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn read(growth: &Growth) -> io::Result<String> {
        let mut text = String::new();
        growth.reader().read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn it_is_read_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let growth = Growth::default();
        thread::scope(|scope| {
            let reading = scope.spawn(|| read(&growth));
            let fetching = Fetching(Some(&growth));
            growth.begin(&path);
            let mut bytes = 0;
            for piece in ["one ", "two ", "three"] {
                // Longer than what was said: only what was said is read.
                write(&path, piece);
                bytes += piece.len() as u64;
                growth.reached(&path, bytes);
                thread::sleep(std::time::Duration::from_millis(5));
            }
            fetching.succeed();
            assert_eq!(reading.join().unwrap().unwrap(), "one two three");
        });
    }

    #[test]
    fn who_reads_what_fails_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, "some");
        for case in ["given up", "never begun", "begun anew", "cut back"] {
            let growth = Growth::default();
            let mut reader = growth.reader();
            let fetching = Fetching(Some(&growth));
            if case != "never begun" {
                growth.begin(&path);
                growth.reached(&path, 4);
                assert_eq!(reader.read(&mut [0; 2]).unwrap(), 2, "{case}");
            }
            match case {
                "given up" => drop(fetching),
                "never begun" => fetching.succeed(),
                "begun anew" => growth.begin(&path),
                _ => growth.reached(&path, 1),
            }
            assert!(reader.read(&mut [0; 2]).is_err(), "{case}");
        }
    }
}
