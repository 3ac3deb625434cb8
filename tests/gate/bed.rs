//! Private web servers on loopback for the gate's tests: each has its own
//! folder and port and ends, by its process id, with the test.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

/// A folder that `www-data` can read: `site/` to serve, `state/gate/` beside it.
pub struct Bed {
    pub folder: TempDir,
}

/// A server, or two, that end with this value.
pub struct Server {
    pub base: String,
    processes: Vec<Child>,
}

impl Bed {
    pub fn new() -> Bed {
        let folder = tempfile::Builder::new().prefix("entracte-gate-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let bed = Bed { folder };
        fs::create_dir_all(bed.site().join("assets/deep")).unwrap();
        fs::create_dir_all(bed.state()).unwrap();
        fs::create_dir_all(bed.folder.path().join("server")).unwrap();
        fs::write(
            bed.site().join("index.php"),
            "<?php echo '<title>Home</title>home ', $_SERVER['REQUEST_URI'];",
        )
        .unwrap();
        fs::write(bed.site().join("assets/deep/page.php"), "<?php echo 'deep';").unwrap();
        fs::write(bed.site().join("assets/style.css"), "body { color: red }").unwrap();
        bed
    }

    pub fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn gate_folder(&self) -> PathBuf {
        self.state().join("gate")
    }

    fn server(&self, name: &str) -> PathBuf {
        self.folder.path().join("server").join(name)
    }

    /// Apache with PHP as a module and the named modules besides the usual ones.
    pub fn apache(&self, modules: &[&str]) -> Server {
        let port = free_port();
        let usual = ["mpm_prefork", "authz_core", "authz_host", "mime", "dir", "alias", "env"];
        let load: String = usual
            .iter()
            .chain(modules)
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .collect();
        let php = fs::read_dir("/usr/lib/apache2/modules")
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("libphp"))
            .expect("Apache's PHP module is needed");
        let config = format!(
            "ServerRoot {root}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\nPidFile {pid}\nErrorLog {log}\n\
             User www-data\nGroup www-data\n{load}LoadModule php_module {php}\nTypesConfig /etc/mime.types\n\
             StartServers 1\nMaxRequestWorkers 2\nDocumentRoot {site}\nDirectoryIndex index.php index.html\n\
             <FilesMatch \"\\.php$\">\nSetHandler application/x-httpd-php\n</FilesMatch>\n\
             <Directory {site}>\nAllowOverride All\nOptions FollowSymLinks\nRequire all granted\n</Directory>\n",
            root = self.folder.path().join("server").display(),
            pid = self.server("apache.pid").display(),
            log = self.server("apache.log").display(),
            php = php.display(),
            site = self.site().display(),
        );
        let path = self.server("apache.conf");
        fs::write(&path, config).unwrap();
        let child = start(Command::new("apache2").arg("-f").arg(&path).args(["-D", "FOREGROUND"]));
        Server::ready(port, vec![child], &self.server("apache.log"))
    }

    /// nginx with PHP-FPM; `snippet` stands in `server { }`.
    pub fn nginx(&self, snippet: &str) -> Server {
        self.nginx_at(free_port(), snippet)
    }

    /// The same at a port where one was before.
    pub fn nginx_at(&self, port: u16, snippet: &str) -> Server {
        let socket = self.server("fpm.sock");
        let fpm_config = self.server("fpm.conf");
        let fpm = format!(
            "[global]\nerror_log={log}\n[www]\nuser=www-data\ngroup=www-data\nlisten={socket}\nlisten.mode=0666\n\
             pm=static\npm.max_children=2\nphp_admin_value[user_ini.cache_ttl]=0\n",
            log = self.server("fpm.log").display(),
            socket = socket.display(),
        );
        fs::write(&fpm_config, fpm).unwrap();
        let temporary = self.server("tmp");
        let nginx = format!(
            "user www-data; worker_processes 1; daemon off; pid {pid};\nerror_log {log};\n\
             events {{ worker_connections 64; }}\nhttp {{ include /etc/nginx/mime.types; access_log off;\n\
             client_body_temp_path {tmp}; proxy_temp_path {tmp}; fastcgi_temp_path {tmp}; uwsgi_temp_path {tmp};\n\
             scgi_temp_path {tmp};\nserver {{ listen 127.0.0.1:{port}; root {site}; index index.php;\n{snippet}\n\
             location / {{ try_files $uri $uri/ /index.php?$args; }}\n\
             location ~ \\.php$ {{ include /etc/nginx/fastcgi_params;\n\
             fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:{socket}; }}\n\
             location ^~ /busy {{ return 503; }} }} }}\n",
            pid = self.server("nginx.pid").display(),
            log = self.server("nginx.log").display(),
            tmp = temporary.display(),
            site = self.site().display(),
            socket = socket.display(),
        );
        fs::create_dir_all(&temporary).unwrap();
        let nginx_config = self.server("nginx.conf");
        fs::write(&nginx_config, nginx).unwrap();
        let php = fs::read_dir("/usr/sbin")
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("php-fpm"))
            .expect("php-fpm is needed");
        let children = vec![
            start(Command::new(php).arg("--nodaemonize").arg("-y").arg(&fpm_config)),
            start(Command::new("nginx").arg("-c").arg(&nginx_config)),
        ];
        wait_for(&self.server("fpm.log"), || socket.exists());
        Server::ready(port, children, &self.server("nginx.log"))
    }
}

impl Server {
    fn ready(port: u16, processes: Vec<Child>, log: &Path) -> Server {
        let server = Server { base: format!("http://127.0.0.1:{port}"), processes };
        wait_for(log, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }

    pub fn url(&self, path: &str) -> url::Url {
        format!("{}{path}", self.base).parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // SIGTERM first: both servers end their own workers then.
            let _ = Command::new("kill").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
    }
}

fn start(command: &mut Command) -> Child {
    // Apache ends its whole process group: without one of its own that is us.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_for(log: &Path, ready: impl Fn() -> bool) {
    for _ in 0..200 {
        if ready() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("the server did not start: {}", fs::read_to_string(log).unwrap_or_default());
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
