//! A line to the console that can be cut.

use std::io;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

pub struct Relay {
    /// Where browsers come.
    pub address: SocketAddr,
    /// Where the console listens.
    pub behind: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    is_cut: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Serves until the test ends.
    pub fn start() -> Relay {
        let bind = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (front, back) = (bind(), bind());
        let (address, behind) = (front.local_addr().unwrap(), back.local_addr().unwrap());
        // Its port is the console's from now on.
        drop(back);
        let line = Arc::new(Line::default());
        let held = Arc::clone(&line);
        thread::spawn(move || {
            for browser in front.incoming().map_while(Result::ok) {
                // Whoever cannot be led on is let go.
                let _ = held.lead(browser, behind);
            }
        });
        Relay { address, behind, line }
    }

    pub fn cut(&self) {
        self.line.is_cut.store(true, Ordering::SeqCst);
        for stream in self.line.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.line.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Line {
    fn lead(&self, browser: TcpStream, behind: SocketAddr) -> io::Result<()> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let console = TcpStream::connect(behind)?;
        for (from, to) in [(&browser, &console), (&console, &browser)] {
            self.open.lock().unwrap().push(from.try_clone()?);
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }
}
