//! A repository behind ssh and behind HTTPS: as the owner of the site has set
//! git and ssh up, and with an authority of the site's own.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;
use rustls::ServerConnection;
use rustls::StreamOwned;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use crate::bench::Bench;
use crate::git::Manner;
use crate::git::Origin;
use crate::git::answer;
use crate::git::refused;
use crate::git::stage;
use crate::support::effort;
use crate::support::mounts;
use crate::support::mounts::Mounted;
use crate::support::process;

/// A server of ssh that lets root in by one key, and root's home for that long.
struct Ssh {
    folder: TempDir,
    port: u16,
    child: Child,
    _mounts: [Mounted; 2],
}

impl Ssh {
    /// ssh knows a home folder by the list of users, whatever the environment
    /// says: this thread sees another list.
    fn start() -> Result<Ssh, String> {
        mounts::become_private()?;
        let folder = tempfile::Builder::new().prefix("entracte-ssh-").tempdir_in("/tmp").unwrap();
        let at = |name: &str| folder.path().join(name);
        let keys = at("home/.ssh");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&keys).unwrap();
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let own = format!("root:x:0:0:root:{}:/bin/sh", at("home").display());
        let users: Vec<&str> =
            users.lines().map(|line| if line.starts_with("root:") { &own } else { line }).collect();
        fs::write(at("passwd"), users.join("\n") + "\n").unwrap();
        let users = Mounted::new(&["--bind"], &at("passwd"), Path::new("/etc/passwd"))?;
        let run = Mounted::new(&["-t", "tmpfs"], Path::new("none"), Path::new("/run"))?;
        fs::create_dir("/run/sshd").unwrap();
        for key in [at("host"), keys.join("id_ed25519")] {
            process::run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
        }
        fs::copy(keys.join("id_ed25519.pub"), at("allowed")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\n",
            at("host").display(),
            at("allowed").display()
        );
        fs::write(at("settings"), settings).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(at("settings")).stdin(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(|error| format!("sshd: {error}"))?;
        let ssh = Ssh { port, child, _mounts: [users, run], folder };
        process::wait_for("sshd", &ssh.path("log"), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Ok(ssh)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The owner of the site has seen the server's key and believes it.
    fn introduce(&self) {
        let key = fs::read_to_string(self.path("host.pub")).unwrap();
        fs::write(self.path("home/.ssh/known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    fn source(&self, origin: &Origin) -> String {
        format!("git+ssh://root@127.0.0.1:{}{}#main", self.port, origin.path().display())
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn over_ssh_the_owners_own_key_opens_and_nothing_is_asked() {
    let bench = Bench::new();
    bench.set("tries = 1");
    let origin = Origin::of(&bench);
    let ssh = match Ssh::start() {
        Ok(ssh) => ssh,
        Err(reason) => return effort::skipped("releases over ssh", &reason),
    };
    let source = ssh.source(&origin);
    refused(&bench, &source, 1, "Host key verification failed");
    ssh.introduce();
    let result = stage(&bench, &source).code(0);
    assert_eq!((&result["version"], &result["trust"]), (&"v2".into(), &"none".into()), "{result:#}");
    // No longer welcome: no password is asked for.
    fs::write(ssh.path("allowed"), "").unwrap();
    refused(&bench, &source, 1, "Permission denied");
}

/// The same server behind TLS, known by a certificate that only `authority` vouches for.
fn serve_safely(root: &Path, folder: &Path) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    let words = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
         -addext subjectAltName=IP:127.0.0.1 -keyout {} -out {}",
        path("key"),
        path("certificate")
    );
    process::run("openssl", &words.split(' ').collect::<Vec<_>>());
    let chain = vec![CertificateDer::from_pem_file(path("certificate")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(path("key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, root) = (listener.local_addr().unwrap(), root.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (root, config) = (root.clone(), Arc::clone(&config));
            thread::spawn(move || {
                let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                // A client that does not believe us goes away.
                let answered = answer(&mut stream, &root, Manner::Good, &Default::default());
                stream.conn.send_close_notify();
                answered.and_then(|()| stream.flush())
            });
        }
    });
    format!("git+https://{address}/.git#main")
}

#[test]
fn over_https_the_sites_own_authority_is_believed() {
    let bench = Bench::new();
    bench.set("tries = 1");
    let origin = Origin::of(&bench);
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let source = serve_safely(origin.path(), folder.path());
    refused(&bench, &source, 1, "certificate");
    bench.set(&format!("tries = 1\nca_file = \"{}\"\n", folder.path().join("certificate").display()));
    let result = stage(&bench, &source).code(0);
    assert_eq!(result["version"], "v2");
}
