//! A private MariaDB for the tests of this room: started once per process,
//! killed with it, a new database for each test.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::secret::Secret;
use crate::database::address::Address;
use crate::database::address::MySqlAddress;
use crate::database::connection::Database;
use crate::database::mysql::MySql;

pub(in crate::database) struct Server {
    folder: tempfile::TempDir,
    port: u16,
}

/// The server of this process.
pub(in crate::database) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[]))
}

/// Another server, told this as well; it stays until the process ends.
pub(in crate::database) fn peculiar_server(options: &[String]) -> &'static Server {
    Box::leak(Box::new(Server::start(options)))
}

/// A new, empty database and a user of its own who may do everything in it.
pub(in crate::database) fn new_database() -> MySqlAddress {
    server().new_database()
}

pub(in crate::database) fn as_root(address: &MySqlAddress) -> MySql {
    MySql::connect(&server().root(&address.name)).unwrap()
}

/// The text through the `mariadb` client, as an administrator would do it.
pub(in crate::database) fn run_client(name: &str, file: &Path) {
    let status = Command::new("mariadb")
        .args(["--no-defaults", "--user=root", "--comments", name])
        .arg(format!("--socket={}", server().socket().display()))
        .stdin(std::fs::File::open(file).unwrap())
        .status()
        .unwrap();
    assert!(status.success());
}

pub(in crate::database) fn address(address: &MySqlAddress) -> Address {
    Address::MySql(address.clone())
}

const PREFIX: &str = "entracte-mariadb-";

/// Removes what earlier processes left: a static value is never dropped.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let id = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse().ok());
        if id.is_some_and(|id| !crate::sys::process::is_alive(id)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Server {
    /// A new, empty database and a user of its own who may do everything in it.
    pub fn new_database(&self) -> MySqlAddress {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let (name, user) = (format!("site{number}"), format!("web{number}"));
        let mut root = MySql::connect(&self.root("mysql")).unwrap();
        for statement in [
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
            format!("CREATE USER {user}@'%' IDENTIFIED BY 'hush-{number}'"),
            format!("GRANT ALL PRIVILEGES ON {name}.* TO {user}@'%'"),
        ] {
            root.execute(&statement).unwrap();
        }
        let host = format!("127.0.0.1:{}", self.port);
        MySqlAddress::from_parts(&host, &user, Secret::new(format!("hush-{number}")), &name)
    }

    fn start(options: &[String]) -> Server {
        sweep();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        let data = folder.path().join("data");
        // A starting server clears the temporary folder of what others there are using.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let installed = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--user={user}"))
            .arg(format!("--datadir={}", data.display()))
            .env("TMPDIR", &temporary)
            .output()
            .unwrap();
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Server { folder, port };
        server.run(&user, &data, options);
        server
    }

    fn run(&self, user: &str, data: &Path, options: &[String]) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        // The death signal fires when the starting thread ends, and a test's
        // thread does; so the server gets a thread that never ends.
        let mut command = Command::new("setpriv");
        command
            .env("TMPDIR", self.folder.path().join("tmp"))
            .args(["--pdeathsig", "KILL", "mariadbd", "--no-defaults", "--skip-log-bin"])
            .args(["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve"])
            .args(["--innodb-buffer-pool-size=32M", "--event-scheduler=OFF"])
            .args(options)
            .arg(format!("--user={user}"))
            .arg(format!("--port={}", self.port))
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.folder.path().join("pid").display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        std::thread::spawn(move || {
            let status = command.status();
            panic!("the private MariaDB ended: {status:?}");
        });
        for _ in 0..300 {
            if MySql::connect(&self.root("mysql")).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.folder.path().join("log"));
        panic!("the private MariaDB does not answer: {log:?}");
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("sock")
    }

    pub fn root(&self, name: &str) -> MySqlAddress {
        let host = format!("localhost:{}", self.socket().display());
        MySqlAddress::from_parts(&host, "root", Secret::new(""), name)
    }
}
