//! An authority of our own, certificates that it signed, and a reference behind one of them.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use super::process;
use super::run::program;

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// The files of an authority, as a folder of them.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes one in a folder that is there.
    pub fn make(folder: &Path) -> Authority {
        let authority = Authority { folder: folder.to_owned() };
        authority.openssl(
            &format!("req -x509 {KEY} -keyout DIR/ca.key -out DIR/ca.pem -subj /CN=tests -days 2"),
            None,
        );
        authority
    }

    pub fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The certificate of the authority itself.
    pub fn certificate(&self) -> String {
        self.file("ca.pem")
    }

    /// Signs `NAME.pem` with its key `NAME.key`, for an address as `IP:127.0.0.1`;
    /// `when`: at another time than now, as `faketime` takes it.
    pub fn sign(&self, name: &str, address: &str, when: Option<&str>) {
        self.openssl(&format!("req {KEY} -keyout DIR/{name}.key -out DIR/{name}.csr -subj /CN=server"), None);
        fs::write(self.folder.join("names"), format!("subjectAltName={address}\n")).unwrap();
        let sign = "x509 -req -CA DIR/ca.pem -CAkey DIR/ca.key -CAcreateserial -days 1 -extfile DIR/names";
        self.openssl(&format!("{sign} -in DIR/{name}.csr -out DIR/{name}.pem"), when);
    }

    fn openssl(&self, arguments: &str, when: Option<&str>) {
        let folder = self.folder.display().to_string();
        let arguments: Vec<String> = arguments.split(' ').map(|word| word.replace("DIR", &folder)).collect();
        let mut words: Vec<&str> = when.iter().flat_map(|when| ["faketime", when]).collect();
        words.push("openssl");
        words.extend(arguments.iter().map(String::as_str));
        process::run(words[0], &words[1..]);
    }
}

/// `entracte serve` with a certificate of that name.
pub struct Served {
    child: Child,
    pub url: String,
}

impl Served {
    pub fn start(reference: &Path, authority: &Authority, name: &str) -> Served {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program()).arg("serve").arg(reference);
        let (key, certificate) =
            (authority.file(&format!("{name}.key")), authority.file(&format!("{name}.pem")));
        command.args(["--certificate", &certificate, "--key", &key]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Served { child, url: url.trim().to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
