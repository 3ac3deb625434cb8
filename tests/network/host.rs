//! A server on loopback that does as the test says.

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
use std::time::Duration;

/// What a client asked, header names in lower case.
#[derive(Clone, Debug)]
pub struct Asked {
    pub target: String,
    pub headers: Vec<(String, String)>,
    /// From 0, of all that this server was asked.
    pub number: usize,
}

/// What stands behind an address.
#[derive(Clone, Debug)]
pub struct Thing {
    pub bytes: Arc<Vec<u8>>,
    pub etag: Option<&'static str>,
    pub modified: Option<&'static str>,
}

/// How a server answers; it may break off at any point.
pub type Respond = Box<dyn Fn(&Asked, &mut TcpStream) -> io::Result<()> + Send + Sync>;

pub struct Host {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    /// Serves until the test ends.
    pub fn serve(respond: Respond) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (noted, respond) = (Arc::clone(&asked), Arc::new(respond));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (noted, respond) = (Arc::clone(&noted), Arc::clone(&respond));
                // A client that goes away is no failure of the server's.
                thread::spawn(move || drop(answer(stream, &noted, &respond)));
            }
        });
        Host { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}/release.tar", self.address)
    }

    /// What was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, noted: &Mutex<Vec<Asked>>, respond: &Respond) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let asked = {
        let mut noted = noted.lock().unwrap();
        let asked = Asked { target, headers, number: noted.len() };
        noted.push(asked.clone());
        asked
    };
    respond(&asked, &mut stream)
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Where the range begins that is asked for.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

impl Thing {
    pub fn new(bytes: &[u8]) -> Thing {
        let modified = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        Thing { bytes: Arc::new(bytes.to_vec()), etag: Some("\"one\""), modified }
    }

    pub fn with_etag(&self, etag: &'static str) -> Thing {
        Thing { etag: Some(etag), ..self.clone() }
    }

    /// By which no version is told from another.
    pub fn unmarked(&self) -> Thing {
        Thing { etag: None, modified: None, ..self.clone() }
    }

    /// As a good server answers, up to so many bytes of content.
    pub fn send_up_to(&self, most: usize, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
        let known = |word: Option<&str>| word.is_some() && (word == self.etag || word == self.modified);
        if known(asked.header("if-none-match")) || known(asked.header("if-modified-since")) {
            return stream.write_all(head("304 Not Modified", &self.words()).as_bytes());
        }
        let is_same = asked.header("if-range").is_none_or(|word| known(Some(word)));
        let length = self.bytes.len();
        let (status, from, range) = match asked.from().filter(|_| is_same) {
            Some(from) if from >= length => {
                let range = format!("Content-Range: bytes */{length}\r\n");
                return stream.write_all(head("416 Range Not Satisfiable", &range).as_bytes());
            }
            Some(from) => (
                "206 Partial Content",
                from,
                format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1),
            ),
            None => ("200 OK", 0, String::new()),
        };
        let body = &self.bytes[from..];
        let headers = format!("{}{range}Content-Length: {}\r\n", self.words(), body.len());
        stream.write_all(head(status, &headers).as_bytes())?;
        stream.write_all(&body[..body.len().min(most)])
    }

    pub fn send(&self, asked: &Asked, stream: &mut TcpStream) -> io::Result<()> {
        self.send_up_to(usize::MAX, asked, stream)
    }

    fn words(&self) -> String {
        let line = |name: &str, value: Option<&str>| value.map(|value| format!("{name}: {value}\r\n"));
        [line("ETag", self.etag), line("Last-Modified", self.modified)].into_iter().flatten().collect()
    }
}

/// A status line and headers, each of which ends in CRLF.
pub fn head(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/x-tar\r\n{headers}\r\n")
}

/// A whole answer.
pub fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let headers = format!("{headers}Content-Length: {}\r\n", body.len());
    stream.write_all(head(status, &headers).as_bytes())?;
    stream.write_all(body)
}

/// Sends the same again and again, with pauses.
pub fn drip(stream: &mut TcpStream, bytes: &[u8], every: Duration) -> io::Result<()> {
    loop {
        stream.write_all(bytes)?;
        thread::sleep(every);
    }
}

pub fn endless(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    loop {
        stream.write_all(bytes)?;
    }
}
