//! A web server on loopback that writes down what it is told.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;

/// One request.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Method and path.
    pub request: String,
    /// By name in small letters.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Clone)]
pub struct Hearer {
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    status: Arc<AtomicU16>,
}

impl Hearer {
    /// It listens for as long as the test process lives.
    pub fn start() -> Hearer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hearer = Hearer { url, heard: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let own = hearer.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // Who only looks whether somebody listens says nothing.
                let _ = own.hear(stream.unwrap());
            }
        });
        hearer
    }

    /// What it answers from now on.
    pub fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub fn requests(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.request).collect()
    }

    fn hear(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let request = lines.remove(0).rsplit_once(' ').unwrap().0.to_owned();
        let headers: BTreeMap<String, String> = lines
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        self.heard.lock().unwrap().push(Heard { request, headers, body });
        let status = self.status.load(Ordering::SeqCst);
        let answer = format!(
            "HTTP/1.1 {status} As Told\r\nLocation: /elsewhere\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes())
    }
}
