//! HTTP byte by byte, as no browser says it.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// What came back to these bytes until the other end closed, or said nothing for `patience`.
pub struct Said {
    pub text: String,
    pub is_closed: bool,
}

impl Said {
    /// The status of each answer, in order.
    pub fn statuses(&self) -> Vec<u16> {
        let lines = self.text.split("HTTP/1.1 ").skip(1);
        lines.map(|rest| rest[..3].parse().unwrap()).collect()
    }
}

pub fn say(host: &str, bytes: &[u8], patience: Duration) -> Said {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    // The other end may have heard enough.
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    let mut buffer = [0; 8192];
    let is_closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => heard.extend(&buffer[..count]),
            Err(error) => {
                break !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            }
        }
        // An answer without more behind it is whole.
        let is_page = heard.windows(7).any(|end| end == b"</html>");
        if is_page && patience < Duration::from_secs(2) {
            break false;
        }
    };
    Said { text: String::from_utf8_lossy(&heard).into_owned(), is_closed }
}
