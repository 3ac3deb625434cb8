//! One private bed for each test process: MariaDB, nginx with PHP-FPM, Apache
//! with PHP as a module, on free ports of loopback, serving the same sites.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::process;
use super::releases;
use super::servers;

/// The web servers of the bed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Nginx,
    Apache,
}

impl Server {
    pub const ALL: [Server; 2] = [Server::Nginx, Server::Apache];

    pub fn name(self) -> &'static str {
        match self {
            Server::Nginx => "nginx",
            Server::Apache => "apache",
        }
    }
}

pub struct Bed {
    pub folder: PathBuf,
    pub database_port: u16,
    nginx_port: u16,
    apache_port: u16,
    nginx: Mutex<u32>,
    generation: AtomicU32,
}

impl Bed {
    /// The bed of this process, started at the first call.
    pub fn shared() -> &'static Bed {
        static BED: OnceLock<Bed> = OnceLock::new();
        BED.get_or_init(Bed::start)
    }

    fn start() -> Bed {
        assert!(rustix::process::geteuid().is_root(), "the test bed needs root: run ./test as root");
        let folder = make_folder();
        let database_port = start_database(&folder);
        let php = servers::php_fpm_program();
        fs::write(folder.join("conf/fpm.conf"), servers::php_fpm(&folder)).unwrap();
        let config = folder.join("conf/fpm.conf");
        let argv = [php.to_str().unwrap(), "--nodaemonize", "-y", config.to_str().unwrap()];
        serve(&folder, "fpm", "TERM", None, &argv);
        let socket = folder.join("run/fpm.sock");
        process::wait_for("php-fpm", &folder.join("log/fpm.log"), || socket.exists());
        let nginx_port = free_port();
        fs::write(folder.join("conf/nginx.conf"), servers::nginx(&folder, nginx_port)).unwrap();
        fs::write(folder.join("conf/snippets/generation.conf"), generation(0)).unwrap();
        let config = folder.join("conf/nginx.conf");
        let nginx = serve(&folder, "nginx", "TERM", None, &["nginx", "-c", config.to_str().unwrap()]);
        await_port(&folder, "nginx", nginx_port);
        let apache_port = free_port();
        let config = folder.join("conf/apache.conf");
        fs::write(&config, servers::apache(&folder, apache_port)).unwrap();
        let argv = ["apache2", "-f", config.to_str().unwrap(), "-D", "FOREGROUND"];
        serve(&folder, "apache", "TERM", None, &argv);
        await_port(&folder, "apache", apache_port);
        let (nginx, generation) = (Mutex::new(nginx), AtomicU32::new(0));
        Bed { folder, database_port, nginx_port, apache_port, nginx, generation }
    }

    /// `http://127.0.0.1:PORT/NAME/`.
    pub fn url(&self, server: Server, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}/", self.port(server))
    }

    pub fn port(&self, server: Server) -> u16 {
        match server {
            Server::Nginx => self.nginx_port,
            Server::Apache => self.apache_port,
        }
    }

    /// Makes `sites/NAME/`, owned by `www-data`; the site itself comes to `NAME` in it.
    pub fn make_parent(&self, name: &str) -> PathBuf {
        let parent = self.folder.join("sites").join(name);
        assert!(!parent.exists(), "two sites are called {name}");
        fs::create_dir(&parent).unwrap();
        chown(&parent);
        parent
    }

    /// Puts `text` into nginx's `server { }` and returns when nginx works by it.
    pub fn put_snippet(&self, name: &str, text: &str) {
        let nginx = self.nginx.lock().unwrap();
        let generation_now = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        fs::write(self.folder.join(format!("conf/snippets/site-{name}.conf")), text).unwrap();
        fs::write(self.folder.join("conf/snippets/generation.conf"), generation(generation_now)).unwrap();
        let config = self.folder.join("conf/nginx.conf");
        process::run("nginx", &["-t", "-q", "-c", config.to_str().unwrap()]);
        process::run("kill", &["-HUP", &nginx.to_string()]);
        let url = format!("http://127.0.0.1:{}/bed-generation", self.nginx_port);
        let mut in_a_row = 0;
        process::wait_for("nginx's new configuration", &self.folder.join("log/nginx.log"), || {
            let text = reqwest::blocking::get(&url).and_then(|answer| answer.text()).unwrap_or_default();
            in_a_row = if text == generation_now.to_string() { in_a_row + 1 } else { 0 };
            // On a busy machine an old worker takes connections for a while.
            in_a_row > 15
        });
    }

    /// Runs SQL as the database's root; rows are lines, columns tabs.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let socket = format!("--socket={}", self.folder.join("run/mysqld.sock").display());
        process::run("mariadb", &["--no-defaults", "-uroot", &socket, "-NB", "-e", statement, database])
    }

    /// The arguments that lead a MariaDB program to the bed's database as root.
    pub fn database_arguments(&self) -> Vec<String> {
        let socket = self.folder.join("run/mysqld.sock");
        vec!["--no-defaults".into(), "-uroot".into(), format!("--socket={}", socket.display())]
    }

    /// A database and a user of that name with password `pw-NAME`.
    pub fn make_database(&self, name: &str) {
        let mut statements = format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4;");
        for host in ["localhost", "127.0.0.1"] {
            let user = format!("'{name}'@'{host}'");
            statements += &format!("CREATE USER {user} IDENTIFIED BY 'pw-{name}';");
            statements += &format!("GRANT ALL ON `{name}`.* TO {user};");
        }
        self.sql("mysql", &statements);
    }
}

/// Gives a path and everything below to `www-data`; links themselves, not their targets.
pub fn chown(path: &Path) {
    process::run("chown", &["-Rh", "www-data:www-data", path.to_str().unwrap()]);
}

fn make_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("entracte-bed-").tempdir_in("/tmp").unwrap().keep();
    process::clean_up_afterwards(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    for inside in ["run", "log", "conf/snippets", "sites", "empty", "tmp", "home"] {
        fs::create_dir_all(folder.join(inside)).unwrap();
    }
    process::run("chown", &["mysql", folder.join("run").to_str().unwrap()]);
    let empty_log = folder.join("log/php.log");
    fs::write(&empty_log, "").unwrap();
    chown(&empty_log);
    keep_logs_of_failures(folder.clone());
    folder
}

/// Logs outlive the bed when a test fails.
fn keep_logs_of_failures(folder: PathBuf) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        let name = thread::current().name().unwrap_or("main").replace("::", "-");
        let kept = releases::cache().join("failed").join(name);
        let _ = fs::remove_dir_all(&kept);
        let _ = fs::create_dir_all(kept.parent().unwrap());
        let _ = Command::new("cp").arg("-r").arg(folder.join("log")).arg(&kept).status();
        eprintln!("logs of the servers: {}", kept.display());
    }));
}

fn start_database(bed: &Path) -> u16 {
    let port = free_port();
    let data = bed.join("db");
    process::run("cp", &["-a", "--reflink=auto", empty_database().to_str().unwrap(), data.to_str().unwrap()]);
    // A starting server clears its temporary folder of what others there are using.
    let temporary = bed.join("db-tmp");
    fs::create_dir(&temporary).unwrap();
    process::run("chown", &["mysql", temporary.to_str().unwrap()]);
    let argv = [
        "mariadbd".to_owned(),
        "--no-defaults".to_owned(),
        format!("--tmpdir={}", temporary.display()),
        format!("--datadir={}", data.display()),
        format!("--socket={}", bed.join("run/mysqld.sock").display()),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--pid-file={}", bed.join("run/mysqld-master").display()),
        format!("--log-error={}", bed.join("log/mysqld.err").display()),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--innodb-log-file-size=16M".to_owned(),
        "--innodb-flush-log-at-trx-commit=2".to_owned(),
        "--skip-log-bin".to_owned(),
    ];
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let log = bed.join("log/mysqld.err");
    fs::write(&log, "").unwrap();
    process::run("chown", &["mysql", log.to_str().unwrap()]);
    serve(bed, "mysqld", "KILL", Some("mysql"), &argv);
    process::wait_for("mariadbd", &log, || {
        let socket = format!("--socket={}", bed.join("run/mysqld.sock").display());
        let ping = ["--no-defaults", "-uroot", &socket, "ping"];
        Command::new("mariadb-admin").args(ping).output().is_ok_and(|output| output.status.success())
    });
    port
}

/// A data folder with nothing but the server's own tables, made once for a version of the server.
pub fn empty_database() -> PathBuf {
    let version = process::run("mariadbd", &["--no-defaults", "--version"]);
    let version = version.split_whitespace().nth(2).unwrap_or("unknown").replace('/', "-");
    let made = releases::cache().join(format!("mariadb-{version}"));
    if !made.exists() {
        fs::create_dir_all(releases::cache()).unwrap();
        let unfinished = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(unfinished.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = unfinished.path().join("data");
        fs::create_dir(&data).unwrap();
        process::run("chown", &["mysql", data.to_str().unwrap()]);
        let folder = format!("--datadir={}", data.display());
        let options = ["--no-defaults", "--user=mysql", &folder, "--skip-test-db"];
        let more = ["--auth-root-authentication-method=normal", "--innodb-log-file-size=16M"];
        let temporary = unfinished.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        process::run("chown", &["mysql", temporary.to_str().unwrap()]);
        let mut install = Command::new("mariadb-install-db");
        process::checked(install.args([&options[..], &more].concat()).env("TMPDIR", &temporary));
        let beside = releases::cache().join(format!("mariadb-{}", std::process::id()));
        process::run("cp", &["-a", data.to_str().unwrap(), beside.to_str().unwrap()]);
        if fs::rename(&beside, &made).is_err() {
            // Another test process was faster.
            fs::remove_dir_all(&beside).unwrap();
        }
    }
    made
}

fn serve(bed: &Path, name: &str, signal: &str, user: Option<&str>, argv: &[&str]) -> u32 {
    let pid = process::start(argv, user, signal, &bed.join(format!("log/{name}.out")));
    fs::write(bed.join(format!("run/{name}.pid")), format!("{pid}\n")).unwrap();
    pid
}

fn await_port(bed: &Path, name: &str, port: u16) {
    let log = bed.join(format!("log/{name}.log"));
    process::wait_for(name, &log, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    thread::sleep(Duration::from_millis(20));
}

fn generation(number: u32) -> String {
    format!("location = /bed-generation {{ return 200 \"{number}\"; }}\n")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
