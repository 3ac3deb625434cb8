//! The small site where real servers hand it out.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::bed::Bed;
use crate::support::bed::chown;
use crate::support::run::Entracte;
use crate::support::site::TestSite;
use crate::support::site::copy_tree;
use crate::support::small::SmallSite;

/// The small site as `www-data`'s, on the bed; its releases stay with it.
pub struct Bedded {
    pub small: SmallSite,
    pub site: TestSite,
    pub entracte: Entracte,
}

impl Bedded {
    pub fn new(name: &str) -> Bedded {
        let (bed, small) = (Bed::shared(), SmallSite::new());
        let folder = bed.make_parent(name).join(name);
        copy_tree(&small.root(), &folder);
        chown(&folder);
        let entracte = Entracte::new(&folder);
        let site = TestSite { bed, name: name.to_owned(), folder, has_database: false, volatile: &[] };
        Bedded { small, site, entracte }
    }

    pub fn release(&self, version: u32) -> String {
        self.small.release(version).to_str().unwrap().to_owned()
    }

    pub fn parent(&self) -> &Path {
        self.site.folder.parent().unwrap()
    }

    /// Where the state is when nothing else was asked for.
    pub fn state(&self) -> PathBuf {
        self.parent().join(format!(".entracte-{}", self.site.name))
    }
}

/// One request for exactly this path, as no browser would send it.
pub fn ask(port: u16, path: &str, pass: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Entracte-Pass: {pass}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A server that closes early has answered all it will.
    let _ = stream.read_to_end(&mut answer);
    let status = answer.split(|byte| *byte == b' ').nth(1).and_then(|word| std::str::from_utf8(word).ok());
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (status.and_then(|word| word.parse().ok()).unwrap_or(0), answer.split_off(body))
}

/// The bytes as they stand in a path of a request.
pub fn encoded(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    let one = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
    path.as_os_str().as_bytes().iter().map(one).collect()
}

/// Sets a line of the settings, as the owner would with an editor.
pub fn edit_settings(file: &Path, change: impl FnOnce(&mut toml_edit::DocumentMut)) {
    let mut document: toml_edit::DocumentMut = fs::read_to_string(file).unwrap().parse().unwrap();
    change(&mut document);
    fs::write(file, document.to_string()).unwrap();
}
