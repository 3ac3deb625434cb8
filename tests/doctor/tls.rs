//! Certificates that are trusted, or not, and for how long.

use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::clinic::Clinic;
use crate::clinic::checks;
use crate::clinic::find;
use crate::support::process;
use crate::support::run::Entracte;

/// A server with a certificate of its own, ended with the value.
struct Tls {
    port: u16,
    certificate: PathBuf,
    server: std::process::Child,
}

impl Tls {
    fn start(folder: &Path, days: &str) -> Tls {
        let (key, certificate) =
            (folder.join(format!("key-{days}")), folder.join(format!("certificate-{days}")));
        let text = [&key, &certificate].map(|path| path.to_str().unwrap().to_owned());
        let more =
            ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        let made = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=doctor",
            "-days",
            days,
            "-keyout",
        ];
        process::run("openssl", &[&made[..], &[&text[0], "-out", &text[1]], &more].concat());
        process::run("chmod", &["644", &text[1]]);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "openssl", "s_server", "-quiet", "-www"]);
        command.args(["-accept", &format!("127.0.0.1:{port}"), "-key", &text[0], "-cert", &text[1]]);
        let server = command.stdin(std::process::Stdio::null()).spawn().unwrap();
        process::wait_for("openssl", &key, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Tls { port, certificate, server }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub fn certificates() {
    Clinic::with(|clinic| {
        for (days, trusts, level, says) in [
            ("10", true, "warning", "it expires in 9 days"),
            ("90", true, "ok", "it is good for 89 days"),
            ("90", false, "error", "is not trusted"),
        ] {
            let tls = Tls::start(&clinic.site.bed.folder, days);
            clinic.set("", "url", format!("https://127.0.0.1:{}/", tls.port));
            let mut entracte = Entracte::new(&clinic.site.folder);
            if trusts {
                entracte = entracte.with("SSL_CERT_FILE", tls.certificate.to_str().unwrap());
            }
            let checks = checks(&entracte, &[]);
            let found = find(&checks, "certificate");
            assert_eq!(found["level"], level, "{days} days: {checks:#?}");
            assert!(found["detail"].as_str().unwrap().contains(says), "{days} days: {found:#}");
        }
    });
}
