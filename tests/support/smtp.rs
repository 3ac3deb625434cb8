//! A real mail server on loopback that writes down what it takes, and an
//! authority of its own for its certificate.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use super::process;

/// The system's own: the package of the mail server is installed for it.
const PYTHON: &str = "/usr/bin/python3";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/smtp.py");

/// How its line is kept from others' eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Plain,
    StartTls,
    Tls,
}

pub struct MailServer {
    folder: TempDir,
    line: Line,
    login: Option<(String, String)>,
    pub port: u16,
    pid: u32,
}

impl MailServer {
    pub fn start(line: Line) -> MailServer {
        MailServer::with(line, None)
    }

    /// That takes mail only from who logs in.
    pub fn with_login(line: Line, user: &str, password: &str) -> MailServer {
        MailServer::with(line, Some((user.to_owned(), password.to_owned())))
    }

    fn with(line: Line, login: Option<(String, String)>) -> MailServer {
        let folder = tempfile::Builder::new().prefix("entracte-smtp-").tempdir_in("/tmp").unwrap();
        if line != Line::Plain {
            make_certificates(folder.path());
        }
        if let Some((_, password)) = &login {
            write_private(&folder.path().join("password"), password);
        }
        let mut server = MailServer { folder, line, login, port: 0, pid: 0 };
        server.begin();
        server
    }

    /// Starts it, again at the same port.
    pub fn begin(&mut self) {
        let folder = self.folder.path().to_str().unwrap().to_owned();
        let (port, password) = (self.port.to_string(), format!("{folder}/password"));
        let mode = match self.line {
            Line::Plain => "plain",
            Line::StartTls => "starttls",
            Line::Tls => "tls",
        };
        let mut argv = vec![PYTHON, PROGRAM, &folder, &port, mode];
        if let Some((user, _)) = &self.login {
            argv.extend([user.as_str(), &password]);
        }
        let (log, ready) = (self.folder.path().join("log"), self.folder.path().join("port"));
        let _ = fs::remove_file(&ready);
        self.pid = process::start(&argv, None, "KILL", &log);
        process::wait_for("the mail server", &log, || ready.exists());
        self.port = fs::read_to_string(&ready).unwrap().parse().unwrap();
    }

    pub fn end(&mut self) {
        if self.pid != 0 {
            process::run("kill", &["-KILL", &self.pid.to_string()]);
            let pid = self.pid;
            process::wait_for("the end of the mail server", &self.folder.path().join("log"), || {
                matches!(process::state(pid), None | Some('Z'))
            });
            self.pid = 0;
        }
    }

    /// What of `[notify.mail]` leads here.
    pub fn settings(&self, folder: &Path) -> String {
        let (scheme, host) = match self.line {
            Line::Plain => ("smtp", "127.0.0.1"),
            Line::StartTls => ("smtp+starttls", "localhost"),
            Line::Tls => ("smtps", "localhost"),
        };
        let mut text = String::new();
        let mut user = String::new();
        if let Some((name, password)) = &self.login {
            let file = folder.join("mail-password");
            write_private(&file, password);
            text += &format!("password_file = \"{}\"\n", file.display());
            user = format!("{name}@");
        }
        if self.line != Line::Plain {
            text += &format!("ca_file = \"{}\"\n", self.authority().display());
        }
        format!("smtp = \"{scheme}://{user}{host}:{}\"\n{text}", self.port)
    }

    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What arrived, oldest first.
    pub fn mails(&self) -> Vec<Value> {
        let mut names: Vec<PathBuf> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        names.sort();
        names.iter().map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.end();
    }
}

pub fn write_private(path: &Path, text: &str) {
    fs::write(path, format!("{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// An authority, and a certificate of it for `localhost` and no other name.
fn make_certificates(folder: &Path) {
    let script = "set -eu; cd \"$1\"
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -keyout ca.key -out ca.pem -days 9 -subj '/CN=entracte tests' \
            -addext keyUsage=critical,keyCertSign 2>&1
        openssl req $key -keyout leaf.key -out leaf.csr -subj /CN=localhost 2>&1
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > leaf.ext
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 \
            -extfile leaf.ext -out leaf.pem 2>&1";
    process::run("sh", &["-c", script, "certificates", folder.to_str().unwrap()]);
}
