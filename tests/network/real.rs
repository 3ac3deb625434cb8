//! A real release from a real server, with and without TLS.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use entracte::base::digest::Sha256;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;

use crate::bench::Shelf;
use crate::support::process;
use crate::support::releases;
use crate::support::tls::Authority;

/// A private nginx that serves one folder, plain and with TLS.
struct Nginx {
    folder: PathBuf,
    plain: u16,
    tls: u16,
}

impl Nginx {
    fn start() -> Nginx {
        let folder = tempfile::Builder::new().prefix("entracte-nginx-").tempdir_in("/tmp").unwrap().keep();
        process::clean_up_afterwards(&folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        for inside in ["served", "tmp", "run"] {
            fs::create_dir(folder.join(inside)).unwrap();
        }
        Authority::make(&folder).sign("server", "IP:127.0.0.1", None);
        let nginx = Nginx { folder, plain: free_port(), tls: free_port() };
        let config = nginx.folder.join("nginx.conf");
        fs::write(&config, nginx.config()).unwrap();
        let log = nginx.folder.join("log");
        let pid = process::start(&["nginx", "-c", config.to_str().unwrap()], None, "TERM", &log);
        fs::write(nginx.folder.join("run/nginx.pid"), format!("{pid}\n")).unwrap();
        process::wait_for("nginx", &log, || TcpStream::connect(("127.0.0.1", nginx.tls)).is_ok());
        nginx
    }

    fn config(&self) -> String {
        let (folder, Nginx { plain, tls, .. }) = (self.folder.display(), self);
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {folder}/tmp;\n"))
            .collect();
        format!(
            "user www-data;\nworker_processes 1;\ndaemon off;\npid {folder}/run/master;\nerror_log {folder}/log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2; \
             ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key; root {folder}/served; }} }}\n"
        )
    }

    /// Serves a copy of that file.
    fn put(&self, file: &Path) -> String {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let served = self.folder.join("served").join(&name);
        fs::copy(file, &served).unwrap();
        fs::set_permissions(&served, fs::Permissions::from_mode(0o644)).unwrap();
        name
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.plain)
    }

    fn safe_url(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/{name}", self.tls)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn wordpress_is_staged_from_a_server() {
    let (nginx, shelf) = (Nginx::start(), Shelf::of("wordpress"));
    let archive = releases::archive("wordpress-6.8.zip");
    let size = fs::metadata(&archive).unwrap().len();
    let url = nginx.url(&nginx.put(&archive));
    let fetched = shelf.stage(&url).unwrap();
    assert_eq!((fetched.origin.fetched_bytes, fetched.origin.requests), (size, 1));
    assert_eq!(fetched.origin.source, url);
    let by_hand = Shelf::of("wordpress").stage(archive.to_str().unwrap()).unwrap();
    assert_eq!(fetched.manifest.files, by_hand.manifest.files);
    let (version, files) = (&fetched.manifest.version, fetched.manifest.files.len());
    assert!(version.starts_with("6.8") && files > 1000, "{version}, {files} files");

    let again = shelf.stage(&url).unwrap();
    assert_eq!((again.origin.fetched_bytes, again.origin.requests), (0, 1));

    // A part of it is completed: nginx knows ranges, and the version by its mark.
    break_off(&shelf, size - 1_000_000);
    let rest = shelf.stage(&url).unwrap();
    assert_eq!((rest.origin.fetched_bytes, rest.origin.requests), (1_000_000, 1));
    assert_eq!(rest.manifest, fetched.manifest);

    // Another version of the same length stands there now.
    break_off(&shelf, 1_000_000);
    let served = nginx.folder.join("served").join(archive.file_name().unwrap());
    filetime::set_file_mtime(&served, filetime::FileTime::from_unix_time(1_600_000_000, 0)).unwrap();
    let anew = shelf.stage(&format!("{url}#sha256={}", Sha256::of(&fs::read(&archive).unwrap()))).unwrap();
    assert_eq!((anew.origin.fetched_bytes, anew.origin.requests), (size, 1));
}

/// As if the connection had broken there.
fn break_off(shelf: &Shelf, bytes: u64) {
    let downloads = shelf.folder.path().join("staging/download");
    for entry in fs::read_dir(downloads).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().unwrap().to_str().unwrap() {
            "archive" => {
                fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
                fs::rename(&path, path.with_extension("part")).unwrap();
            }
            "json" => {
                let mut record: serde_json::Value =
                    serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
                record["digest"] = serde_json::Value::Null;
                fs::write(&path, record.to_string()).unwrap();
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn only_a_trusted_certificate_is_taken() {
    let (nginx, mut shelf) = (Nginx::start(), Shelf::of("wordpress"));
    let url = nginx.safe_url(&nginx.put(&releases::archive("wordpress-6.8.zip")));
    let error = shelf.stage(&url).unwrap_err();
    assert_eq!(error.to_string(), format!("the certificate of 127.0.0.1:{} is not trusted", nginx.tls));
    assert!((error.exit(), error.is_network()) == (Exit::Failed, false));
    assert!(error.hints().join("").contains("network.ca_file"), "{:?}", error.hints());
    shelf.settings.ca_file = Some(nginx.folder.join("nginx.conf"));
    let error = shelf.stage(&url).unwrap_err();
    assert!(error.exit() == Exit::Refused && error.to_string().contains("nginx.conf"), "{error}");
    shelf.settings.ca_file = Some(nginx.folder.join("ca.pem"));
    let staged = shelf.stage(&url).unwrap();
    assert_eq!((staged.origin.requests, staged.origin.trust.name()), (1, "none"));
    // What speaks no TLS is no such thing by another name.
    let plain = nginx.url("wordpress-6.8.zip").replace("http://", "https://");
    let error = shelf.stage(&plain).unwrap_err();
    assert_eq!(error.exit(), Exit::Failed, "{error}");
}
