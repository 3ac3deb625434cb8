//! A line between a browser and a server that breaks where a test wants it to.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::thread;
use std::time::Duration;

/// Longer than any browser takes on a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// Serves until the test ends.
pub struct Relay {
    pub address: SocketAddr,
    line: Arc<Line>,
}

struct Line {
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    /// Bytes that went to the server, heads and all.
    sent: u64,
    /// Nothing goes beyond that many.
    stop: u64,
    is_cut: bool,
    open: Vec<TcpStream>,
}

impl Relay {
    /// From a free port of loopback to `server`, which may come later.
    pub fn start(server: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { sent: 0, stop: u64::MAX, is_cut: false, open: Vec::new() };
        let line = Arc::new(Line { state: Mutex::new(state), moved: Condvar::new() });
        let shared = Arc::clone(&line);
        thread::spawn(move || {
            for browser in listener.incoming().map_while(Result::ok) {
                let line = Arc::clone(&shared);
                // Who goes away is no failure of the line's.
                thread::spawn(move || drop(line.join(browser, server)));
            }
        });
        Relay { address, line }
    }

    pub fn sent(&self) -> u64 {
        self.line.state().sent
    }

    /// A line as it should be until so many bytes more went up; then it holds still.
    pub fn carry(&self, more: u64) {
        let mut state = self.line.state();
        (state.is_cut, state.stop) = (false, state.sent.saturating_add(more));
        self.line.moved.notify_all();
    }

    pub fn wait_until_still(&self) {
        let is_moving = |state: &mut State| state.sent < state.stop;
        let waited = self.line.moved.wait_timeout_while(self.line.state(), PATIENCE, is_moving).unwrap();
        assert!(!waited.1.timed_out(), "{} of {} bytes went up", waited.0.sent, waited.0.stop);
    }

    /// Ends every connection; whoever comes is turned away.
    pub fn cut(&self) {
        let mut state = self.line.state();
        state.is_cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.line.moved.notify_all();
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn join(&self, mut browser: TcpStream, server: SocketAddr) -> io::Result<()> {
        let mut server = TcpStream::connect(server)?;
        {
            let mut state = self.state();
            if state.is_cut {
                return Ok(());
            }
            state.open.extend([browser.try_clone()?, server.try_clone()?]);
        }
        let (mut from, mut to) = (server.try_clone()?, browser.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = browser.read(&mut buffer)?;
            if count == 0 {
                return server.shutdown(Shutdown::Both);
            }
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let Some(count) = self.may_pass(rest.len()) else { return Ok(()) };
                server.write_all(&rest[..count])?;
                rest = &rest[count..];
            }
        }
    }

    /// How many of these bytes go up now, after a wait if need be; `None` once the line is cut.
    fn may_pass(&self, wanted: usize) -> Option<usize> {
        let is_still = |state: &mut State| !state.is_cut && state.sent >= state.stop;
        let mut state = self.moved.wait_while(self.state(), is_still).unwrap();
        if state.is_cut {
            return None;
        }
        let count = (wanted as u64).min(state.stop - state.sent);
        state.sent += count;
        self.moved.notify_all();
        Some(count as usize)
    }
}
