//! An old server that behaves as YACS's `scripts/fetch.php` does, or does not.

use std::collections::BTreeMap;
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

use md5::Digest as _;

/// What it does with a question for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Answer,
    Other(&'static [u8]),
    /// Half of it, and the connection is gone.
    Half,
    Status(&'static str),
    Endless,
    /// Nothing at all, for as long as somebody waits.
    Silence,
}

/// How it answers the question with this number, from 0, for this script.
pub type Manners = Box<dyn Fn(&str, usize) -> Act + Send + Sync>;

pub struct Yacs {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Yacs {
    /// Serves these files below `/yacs/` until the test ends.
    pub fn serve(files: BTreeMap<String, Vec<u8>>, manners: Manners) -> Yacs {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, connections): (Arc<Mutex<Vec<String>>>, Arc<Mutex<usize>>) = Default::default();
        let shared = Arc::new((files, manners, Arc::clone(&asked)));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *counted.lock().unwrap() += 1;
                let shared = Arc::clone(&shared);
                // A client that goes away is no failure of the server's.
                thread::spawn(move || drop(answer_all(stream, &shared.0, &shared.1, &shared.2)));
            }
        });
        Yacs { address, asked, connections }
    }

    pub fn good(files: &BTreeMap<String, Vec<u8>>) -> Yacs {
        Yacs::serve(files.clone(), Box::new(|_, _| Act::Answer))
    }

    pub fn source(&self) -> String {
        format!("yacs+http://{}/yacs", self.address)
    }

    /// The scripts that were asked for since the last time, in byte order.
    pub fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.sort();
        asked
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

fn answer_all(
    mut stream: TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    manners: &Manners,
    noted: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(first) = lines.next() {
        let target = first?.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut mark = None;
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap();
            if name.eq_ignore_ascii_case("if-none-match") {
                mark = Some(value.to_owned());
            }
        }
        let name =
            target.strip_prefix("/yacs/scripts/fetch.php?script=").map(|name| name.replace("%2F", "/"));
        let name = name.unwrap_or_default();
        let number = {
            let mut noted = noted.lock().unwrap();
            noted.push(name.clone());
            noted.iter().filter(|before| **before == name).count() - 1
        };
        answer(&mut stream, files.get(&name), mark.as_deref(), manners(&name, number))?;
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, file: Option<&Vec<u8>>, mark: Option<&str>, act: Act) -> io::Result<()> {
    // As in PHP, where nothing and "0" are false.
    let Some(content) = file.filter(|content| !content.is_empty() && *content != b"0") else {
        return reply(stream, "404 Not Found", "", b"File not found", usize::MAX);
    };
    let own = format!("\"{}\"", md5_of(content));
    let headers = format!("ETag: {own}\r\nContent-Description: Reference file from YACS environment\r\n");
    match act {
        Act::Answer if mark == Some(&own) => {
            stream.write_all(format!("HTTP/1.1 304 Not Modified\r\n{headers}\r\n").as_bytes())
        }
        Act::Answer => reply(stream, "200 OK", &headers, content, usize::MAX),
        Act::Other(content) => reply(stream, "200 OK", "", content, usize::MAX),
        Act::Half => {
            reply(stream, "200 OK", &headers, content, content.len() / 2)?;
            stream.shutdown(std::net::Shutdown::Both)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Act::Status(status) => reply(stream, status, "", b"no", usize::MAX),
        Act::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/x-httpd-php\r\n\r\n")?;
            loop {
                stream.write_all(&[b'x'; 65536])?;
            }
        }
        Act::Silence => loop {
            thread::park();
        },
    }
}

fn reply(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8], most: usize) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/x-httpd-php\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..length.min(most)])
}

pub fn md5_of(content: &[u8]) -> String {
    hex::encode(md5::Md5::digest(content))
}

/// A list of these files as the build of 2010 wrote it, `extra` among its lines.
pub fn list(files: &BTreeMap<String, Vec<u8>>, extra: &str) -> Vec<u8> {
    let entry = |(path, content): (&String, &Vec<u8>)| {
        let lines = content.split(|byte| *byte == b'\n').count();
        format!("$footprints['{path}']=array({lines}, '{}');\n", md5_of(content))
    };
    let entries: String = files.iter().map(entry).collect();
    format!(
        "<?php\n// This file has been created by the building script scripts/build.php\n\
         // on October 2, 2010, 1:44 pm GMT, for git. Please do not modify it manually.\n\
         global $footprints;\nif(!isset($footprints)) $footprints = array();\n{entries}{extra}\
         global $generation;\nif(!isset($generation)) $generation = array();\n\
         $generation['date']='101002-13:44:17 GMT';\n$generation['server']='www.example.org';\n\
         $generation['version']='10.10.1';\n$generation['scripts']='2'; // number of reference scripts\n?>\n"
    )
    .into_bytes()
}

/// A reference: some scripts, and the list of them.
pub fn reference(extra: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = (0..40)
        .map(|number| {
            let text = format!("<?php\n// {number}\n{}?>\n", "echo 'x';\n".repeat(20 * number));
            (format!("a{}/{number}.php", number % 3), text.into_bytes())
        })
        .collect();
    files.insert("shared/empty.php".into(), Vec::new());
    files.insert("scripts/run_once/100102_a.php".into(), b"<?php echo 'once';".to_vec());
    let list = list(&files, extra);
    files.insert("footprints.php".into(), list);
    files
}
