//! A private MariaDB for the tests of this room: one for the whole process,
//! on a socket in a temporary folder, ended with the process.

use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::engine::Database;
use crate::database::mysql::MySql;

static SERVER: OnceLock<PathBuf> = OnceLock::new();
const PREFIX: &str = "entracte-db-";
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A fresh database of its own.
pub fn database() -> Address {
    let socket = SERVER.get_or_init(start);
    let name = format!("t{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let mut root = MySql::open(&address(socket, "mysql")).unwrap();
    root.execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).unwrap();
    Address::MySql(address(socket, &name))
}

fn address(socket: &std::path::Path, name: &str) -> MySqlAddress {
    MySqlAddress {
        host: "localhost".into(),
        port: None,
        socket: Some(socket.to_owned()),
        user: "root".into(),
        password: Secret::new(""),
        name: name.into(),
    }
}

/// Folders of servers that ended long ago with their tests.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry.metadata().ok().and_then(|meta| meta.modified().ok()?.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > Duration::from_secs(1800)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn start() -> PathBuf {
    sweep();
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().unwrap().keep();
    let (data, socket) = (folder.join("data"), folder.join("s"));
    let user = if rustix::process::geteuid().is_root() { "root" } else { "" };
    let installed = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .arg(format!("--user={user}"))
        .arg(format!("--datadir={}", data.display()))
        .output()
        .expect("mariadb-server is installed by ./test");
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(
        installed.status.success(),
        "mariadb-install-db: {said}{}",
        String::from_utf8_lossy(&installed.stdout)
    );
    let (data_arg, socket_arg) =
        (format!("--datadir={}", data.display()), format!("--socket={}", socket.display()));
    // Its end is bound to the thread that starts it, which therefore stays.
    std::thread::spawn(move || {
        let mut server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "mariadbd", "--no-defaults", "--skip-networking", "--skip-log-bin"])
            .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0"])
            .args([format!("--user={user}"), data_arg, socket_arg])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadb-server is installed by ./test");
        let _ = server.wait();
    });
    for _ in 0..600 {
        if socket.exists() && MySql::open(&address(&socket, "mysql")).is_ok() {
            return socket;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the private MariaDB does not start");
}
