//! The console behind real servers, set up as the document says.

use std::fs;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;

use super::desk::Desk;
use super::every_route::made_certificate;
use super::support::process;
use super::support::small::SmallSite;

#[test]
fn behind_nginx() {
    works_behind("nginx", |folder, block| {
        let at = |name: &str| folder.join(name).display().to_string();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", at(kind)))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\nerror_log {};\npid {};\nevents {{ worker_connections 64; }}\n\
             http {{\naccess_log off;\n{temporary}{block}\n}}\n",
            at("error.log"),
            at("nginx.pid")
        );
        fs::write(folder.join("conf"), text).unwrap();
        vec!["/usr/sbin/nginx".into(), "-c".into(), at("conf"), "-e".into(), at("error.log")]
    });
}

#[test]
fn behind_apache() {
    works_behind("apache", |folder, block| {
        let at = |name: &str| folder.join(name).display().to_string();
        let modules = ["mpm_event", "authz_core", "ssl", "proxy", "proxy_http"]
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .concat();
        let host = block.split("<VirtualHost ").nth(1).unwrap().split('>').next().unwrap();
        let text = format!(
            "{modules}ServerRoot {0}\nDefaultRuntimeDir {0}\nPidFile {1}\nErrorLog {2}\nUser www-data\n\
             Group www-data\nServerName localhost\nListen {host}\n{block}\n",
            folder.display(),
            at("pid"),
            at("error.log")
        );
        fs::write(folder.join("conf"), text).unwrap();
        vec!["/usr/sbin/apache2".into(), "-X".into(), "-f".into(), at("conf")]
    });
}

/// `set_up` writes the server's own file around the lines of the document, and says how it is started.
fn works_behind(server: &str, set_up: impl FnOnce(&Path, &str) -> Vec<String>) {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let (certificate, key) = made_certificate(folder.path());
    let (front, back) = (free_port(), free_port());
    let page = fs::read_to_string("docs/console.md").unwrap();
    let (_, block) = page.split_once(&format!("```{server}\n")).unwrap();
    let mut block = block.split_once("```").unwrap().0.to_owned();
    for (written, meant) in [
        ("listen 443", format!("listen 127.0.0.1:{front}")),
        ("*:443", format!("127.0.0.1:{front}")),
        ("admin.example.org", "localhost".into()),
        ("/etc/ssl/admin.pem", certificate),
        ("/etc/ssl/admin.key", key),
        ("127.0.0.1:8800", format!("127.0.0.1:{back}")),
    ] {
        block = block.replace(written, &meant);
    }
    let argv = set_up(folder.path(), &block);
    let log = folder.path().join("log");
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let _server = Started(process::start(&argv, None, "KILL", &log));
    process::wait_for(server, &log, || TcpStream::connect(("127.0.0.1", front)).is_ok());
    let (public, listen) = (format!("https://localhost:{front}"), format!("127.0.0.1:{back}"));
    let desk = Desk::open_with(&entracte, &["--listen", &listen, "--public-url", &public]);
    assert_eq!(desk.origin, public);
    assert!(desk.cookie.starts_with("__Host-"), "{}", desk.cookie);
    desk.get("/sites/site").is(200);
    let told = desk.post("/language", &[("language", "fr"), ("back", "/people")]).is(303);
    assert_eq!(told.header("location"), "/people");
    let page = desk.get("/people").is(200).text;
    assert!(page.contains("lang=\"fr\"") && page.contains("link, 127.0.0.1"), "{page}");
    let foreign = desk.request(reqwest::Method::POST, "/leave").body("token=x").build();
    let mut foreign = foreign.unwrap();
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert_eq!(desk.visitor().client.execute(foreign).unwrap().status(), 403);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Started(u32);

impl Drop for Started {
    fn drop(&mut self) {
        process::run("kill", &["-KILL", &self.0.to_string()]);
    }
}
