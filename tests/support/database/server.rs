//! A private MariaDB that can be killed and started again on the same data.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::OnceLock;

use mysql::Conn;
use mysql::OptsBuilder;
use mysql::prelude::Queryable;

use crate::support::bed;
use crate::support::process;

pub struct Server {
    folder: PathBuf,
    pid: Mutex<u32>,
}

impl Server {
    /// The server of this process.
    pub fn shared() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Server::new)
    }

    fn new() -> Server {
        // What is killed is the server, never the machine: its data may stand in memory.
        let place = if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" };
        let folder = tempfile::Builder::new().prefix("entracte-db-").tempdir_in(place).unwrap().keep();
        process::clean_up_afterwards(&folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        for inside in ["run", "tmp"] {
            fs::create_dir(folder.join(inside)).unwrap();
        }
        fs::write(folder.join("log"), "").unwrap();
        let empty = bed::empty_database();
        process::run("cp", &["-a", empty.to_str().unwrap(), folder.join("data").to_str().unwrap()]);
        process::run("chown", &["-R", "mysql", folder.to_str().unwrap()]);
        let server = Server { folder, pid: Mutex::new(0) };
        server.start();
        let mut root = server.root();
        root.query_drop("CREATE USER site@localhost IDENTIFIED BY 'hush'").unwrap();
        root.query_drop("GRANT ALL ON site.* TO site@localhost").unwrap();
        server
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("run/sock")
    }

    pub fn start(&self) {
        let mut pid = self.pid.lock().unwrap();
        let folder = self.folder.display();
        let argv = [
            "mariadbd".to_owned(),
            "--no-defaults".to_owned(),
            "--skip-networking".to_owned(),
            "--skip-log-bin".to_owned(),
            format!("--datadir={folder}/data"),
            format!("--tmpdir={folder}/tmp"),
            format!("--socket={folder}/run/sock"),
            format!("--pid-file={folder}/run/mariadbd"),
            format!("--log-error={folder}/log"),
            "--innodb-buffer-pool-size=32M".to_owned(),
            "--innodb-log-file-size=16M".to_owned(),
            "--performance-schema=0".to_owned(),
        ];
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        *pid = process::start(&argv, Some("mysql"), "KILL", &self.folder.join("out"));
        fs::write(self.folder.join("run/server.pid"), format!("{}\n", *pid)).unwrap();
        process::wait_for("mariadbd", &self.folder.join("log"), || self.connect("mysql").is_ok());
    }

    /// As a power cut would end it.
    pub fn kill(&self) {
        let pid = *self.pid.lock().unwrap();
        let process = rustix::process::Pid::from_raw(pid as i32).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        process::wait_for("the end of mariadbd", &self.folder.join("log"), || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        let _ = fs::remove_file(self.socket());
    }

    pub fn root(&self) -> Conn {
        self.connect("mysql").unwrap()
    }

    /// As the server's administrator, in the site's database.
    pub fn site(&self) -> Conn {
        self.connect("site").unwrap()
    }

    /// As the site's own user, who may do everything in it and nothing else.
    pub fn owner(&self) -> Conn {
        let socket = self.socket();
        let options = OptsBuilder::new().user(Some("site")).pass(Some("hush")).db_name(Some("site"));
        Conn::new(options.prefer_socket(false).socket(Some(socket.to_string_lossy()))).unwrap()
    }

    fn connect(&self, database: &str) -> mysql::Result<Conn> {
        let socket = self.socket();
        let options = OptsBuilder::new().user(Some("root")).db_name(Some(database)).prefer_socket(false);
        Conn::new(options.socket(Some(socket.to_string_lossy())))
    }

    /// The statements that the site's user has the server work on, with the
    /// numbers of their connections.
    pub fn running(&self) -> Vec<(u64, String)> {
        let query = "SELECT id, info FROM information_schema.processlist \
                     WHERE user = 'site' AND info IS NOT NULL ORDER BY id";
        self.root().query(query).unwrap()
    }
}
