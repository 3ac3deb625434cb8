//! A proxy of HTTP on loopback: it opens ways (`CONNECT`) for those it knows.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// What it says to whoever asks for a way.
#[derive(Clone, Copy)]
pub enum Manner {
    Open,
    /// Only to those who send this, as `Basic …`.
    Known(&'static str),
    /// To nobody, with this status.
    Never(&'static str),
}

pub struct Proxy {
    pub address: SocketAddr,
    opened: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Serves until the test ends.
    pub fn start(manner: Manner) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, opened) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&opened);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let noted = Arc::clone(&noted);
                // Who goes away is no failure of the proxy's.
                thread::spawn(move || drop(answer(stream, manner, &noted)));
            }
        });
        Proxy { address, opened }
    }

    /// Where it opened ways to, in order.
    pub fn opened(&self) -> Vec<String> {
        self.opened.lock().unwrap().clone()
    }
}

fn answer(client: TcpStream, manner: Manner, noted: &Mutex<Vec<String>>) -> io::Result<()> {
    let (mut out, mut target, mut pass) = (client.try_clone()?, String::new(), String::new());
    // Byte by byte: what follows the head is for the other side.
    for line in BufReader::with_capacity(1, client.try_clone()?).lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("CONNECT", rest)) => target = rest.split(' ').next().unwrap_or_default().to_owned(),
            Some((name, value)) if name.eq_ignore_ascii_case("proxy-authorization:") => {
                pass = value.to_owned()
            }
            _ if line.is_empty() => break,
            _ => {}
        }
    }
    let status = match manner {
        Manner::Known(wanted) if pass != wanted => {
            "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"tests\""
        }
        Manner::Never(status) => status,
        Manner::Open | Manner::Known(_) => {
            let server = TcpStream::connect(&target)?;
            noted.lock().unwrap().push(target);
            out.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
            thread::spawn(move || drop(io::copy(&mut from, &mut to)));
            return io::copy(&mut server.try_clone()?, &mut out).map(drop);
        }
    };
    out.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").as_bytes())
}
