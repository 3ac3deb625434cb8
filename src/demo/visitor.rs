//! A visitor who asks for the home page without pause, and remembers what came.

use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sys::clock;

/// What was seen, in order, with how often in a row.
pub type Seen = Vec<(String, u64)>;

/// A visitor at work.
pub struct Visitor {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

impl Visitor {
    pub fn start(address: SocketAddr) -> Visitor {
        let enough = Arc::new(AtomicBool::new(false));
        let stop = enough.clone();
        let thread = std::thread::spawn(move || {
            let mut seen: Seen = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let now = look(address).unwrap_or_else(|error| format!("no answer: {error}"));
                match seen.last_mut() {
                    Some((last, count)) if *last == now => *count += 1,
                    _ => seen.push((now, 1)),
                }
                clock::sleep(Duration::from_millis(20));
            }
            seen
        });
        Visitor { enough, thread }
    }

    /// Sends the visitor home.
    pub fn stop(self) -> Seen {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// One request; the answer in a few words.
fn look(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1).unwrap_or("?").to_owned();
    let version = answer.split("version <b>").nth(1).and_then(|rest| rest.split('<').next());
    Ok(match (status.as_str(), version) {
        ("200", Some(version)) => format!("200, version {version}"),
        ("503", _) if answer.to_ascii_lowercase().contains("retry-after:") => {
            "503, \"back in a moment\"".into()
        }
        _ => status,
    })
}
