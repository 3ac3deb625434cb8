//! A server of files on loopback that does as the test says with any of them.

use std::fs;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// What is to be sent in place of a file; `None`: the connection breaks there.
pub type Answer = Box<dyn Fn(&str, usize, Vec<u8>) -> Sent + Send + Sync>;

pub enum Sent {
    Whole(Vec<u8>),
    /// So many bytes of this, and then no more.
    Cut(Vec<u8>, usize),
    Status(&'static str),
}

pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves the folder as it is.
    pub fn good(folder: &Path) -> Server {
        Server::serve(folder, Box::new(|_, _, content| Sent::Whole(content)))
    }

    /// `answer` gets the name, how often it was asked for before, and the content.
    pub fn serve(folder: &Path, answer: Answer) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (noted, answer, folder) = (Arc::clone(&asked), Arc::new(answer), folder.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A head and its body are two writes, of which neither waits for the other.
                stream.set_nodelay(true).unwrap();
                let (noted, answer, folder) = (Arc::clone(&noted), Arc::clone(&answer), folder.clone());
                // A client that goes away is no failure of the server's.
                thread::spawn(move || while let Ok(true) = one(&stream, &noted, &answer, &folder) {});
            }
        });
        Server { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}/r/", self.address)
    }

    /// The names that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request; whether another may follow on the same connection.
fn one(stream: &TcpStream, noted: &Mutex<Vec<String>>, answer: &Answer, folder: &Path) -> io::Result<bool> {
    let (mut out, mut lines) = (stream, BufReader::with_capacity(1, stream).lines());
    let Some(first) = lines.next() else { return Ok(false) };
    let target = first?.split(' ').nth(1).unwrap_or_default().trim_start_matches("/r/").to_owned();
    let mut from = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
    }
    let before = {
        let mut noted = noted.lock().unwrap();
        noted.push(target.clone());
        noted.iter().filter(|name| **name == target).count() - 1
    };
    let Ok(content) = fs::read(folder.join(&target)) else {
        out.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
        return Ok(true);
    };
    let (body, most) = match answer(&target, before, content) {
        Sent::Whole(body) => (body, usize::MAX),
        Sent::Cut(body, most) => (body, most),
        Sent::Status(status) => {
            out.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())?;
            return Ok(true);
        }
    };
    let all = body.len();
    let from = from.min(all.saturating_sub(1));
    let status = match from {
        0 => "200 OK\r\n".to_owned(),
        _ => format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}\r\n", all - 1),
    };
    let head = format!("HTTP/1.1 {status}ETag: \"1\"\r\nContent-Length: {}\r\n\r\n", all - from);
    out.write_all(head.as_bytes())?;
    let rest = &body[from..];
    out.write_all(&rest[..rest.len().min(most)])?;
    Ok(most >= rest.len())
}
