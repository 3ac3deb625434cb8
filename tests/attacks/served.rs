//! What is kept of a site is nobody's to fetch, wherever it stands, whichever
//! server it is, at every step of an update.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;

use crate::archives::files_below;
use crate::bedded::Bedded;
use crate::bedded::ask;
use crate::bedded::encoded;
use crate::support::bed::Server;
use crate::support::bed::chown;
use crate::support::effort;
use crate::support::process;

const STEPS: [&str; 7] = ["save", "swap", "scan", "migrate", "run-once", "verify", "reopen"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Beside,
    Inside,
    /// On another file system, so that backups rest in a folder inside the site.
    Elsewhere,
}

/// Where the site is served: a port, and the path before it.
struct Address {
    port: u16,
    base: String,
}

fn update_asking_for_everything(place: Place, bedded: &Bedded, address: &Address, gate: &str) -> u64 {
    let url = format!("http://127.0.0.1:{}{}", address.port, address.base);
    let elsewhere = tempfile::Builder::new().prefix("entracte-state-").tempdir_in("/dev/shm").unwrap();
    chown(elsewhere.path());
    let state = match place {
        Place::Beside => bedded.state(),
        Place::Inside => bedded.site.path(".entracte"),
        Place::Elsewhere => elsewhere.path().join("state"),
    };
    let named = ["--state", state.to_str().unwrap()];
    let run = |arguments: &[&str]| bedded.entracte.json(&[&named[..], arguments].concat());
    let folder = bedded.site.folder.to_str().unwrap().to_owned();
    let (old, new) = (bedded.release(1), bedded.release(2));
    let init = ["init", &folder, "--profile", "generic", "--url", &url, "--release", &old];
    let more: &[&str] = match place {
        Place::Beside => &[],
        Place::Inside => &["--inside"],
        Place::Elsewhere => &named,
    };
    let database = ["--database", "sqlite:data/site.db"];
    bedded.entracte.json(&[&init[..], &database, more].concat()).code(0);
    crate::bedded::edit_settings(&state.join("entracte.toml"), |settings| {
        settings["gate"]["kind"] = toml_edit::value(gate);
        // A server that nothing closes would be asked whether it is closed.
        if gate == "none" {
            settings.remove("url");
        }
    });
    if gate == "nginx" {
        run(&["gate", "install"]);
        let text = bedded.entracte.run(&[&named[..], &["gate", "show"]].concat()).code(0).stdout;
        let begin = text.find("# BEGIN entracte gate").unwrap();
        bedded.site.bed.put_snippet(&bedded.site.name, &text[begin..]);
    }
    let mut asking = Asking { state: state.clone(), bedded, address, asked: BTreeSet::new(), most: 0 };
    asking.everything("adopted");
    run(&["stage", "--from", &new, "--complete", "--version", "2"]).code(0);
    asking.everything("staged");
    let plan = run(&["plan"]).code(0);
    let errors: Vec<_> =
        plan["checks"].as_array().unwrap().iter().filter(|check| check["level"] == "error").collect();
    assert!(errors.is_empty(), "{place:?}: {errors:#?}");
    run(&["approve", plan["id"].as_str().unwrap()]).code(0);
    asking.everything("approved");
    for step in STEPS {
        run(&["apply", "--foreground", "--stop-before", step]).code(0);
        asking.everything(&format!("before {step}"));
    }
    run(&["apply", "--foreground"]).code(0);
    asking.everything("updated");
    assert_eq!(bedded.site.read("VERSION"), b"2\n", "{place:?}");
    run(&["rollback", "--foreground"]).code(0);
    asking.everything("rolled back");
    assert_eq!(bedded.site.read("VERSION"), b"1\n", "{place:?}");
    assert!(asking.most > 30, "{place:?}: only {} files were there to ask for", asking.most);
    asking.is_not_deaf();
    asking.asked.len() as u64
}

struct Asking<'a> {
    state: PathBuf,
    bedded: &'a Bedded,
    address: &'a Address,
    asked: BTreeSet<String>,
    most: usize,
}

impl Asking<'_> {
    /// Asks for each file that is there now by all names that it could have, as
    /// somebody whom the closed gate lets through.
    fn everything(&mut self, when: &str) {
        let (site, pass) =
            (&self.bedded.site.folder, fs::read_to_string(self.state.join("gate-pass")).unwrap());
        let mut paths = Vec::new();
        let mut files = 0;
        for file in files_below(&self.state) {
            let below = encoded(file.strip_prefix(&self.state).unwrap());
            let (name, base) = (&self.bedded.site.name, &self.address.base);
            paths.extend([
                format!("{base}.entracte/{below}"),
                format!("{base}.entracte-{name}/{below}"),
                format!("{base}../.entracte-{name}/{below}"),
                format!("{base}%2e%2e/.entracte-{name}/{below}"),
                format!("/.entracte-{name}/{below}"),
                format!("{base}%2eentracte/{below}"),
                format!("{base}./x/..//.entracte//{below}"),
            ]);
            files += 1;
        }
        for folder in fs::read_dir(site).unwrap().map(|entry| entry.unwrap().path()) {
            let ours = folder.file_name().unwrap().to_string_lossy().starts_with(".entracte");
            if ours && folder != self.state {
                for file in files_below(&folder) {
                    let below = encoded(file.strip_prefix(site).unwrap());
                    paths.extend([
                        format!("{}{below}", self.address.base),
                        format!("{}/{below}", self.address.base),
                    ]);
                    files += 1;
                }
            }
        }
        self.most = self.most.max(files);
        for path in paths {
            if self.asked.contains(&path) && !effort::is_full() {
                continue;
            }
            let (status, body) = ask(self.address.port, &path, pass.trim());
            assert_ne!(status, 200, "{when}: {path} was handed out: {}", body.escape_ascii());
            self.asked.insert(path);
        }
    }

    /// What is put into the web folder is handed out: the questions are heard.
    fn is_not_deaf(&self) {
        let (name, settings) = ("copy-of-settings.txt", fs::read(self.state.join("entracte.toml")).unwrap());
        self.bedded.site.write(name, &settings);
        let (status, body) = ask(self.address.port, &format!("{}{name}", self.address.base), "");
        assert!(status == 200 && body.windows(settings.len()).any(|window| window == settings), "{status}");
    }
}

fn on_the_bed(server: Server, place: Place) -> u64 {
    let name = format!("{}{place:?}", server.name()).to_lowercase();
    let bedded = Bedded::new(&name);
    let base = format!("/{name}/");
    if server == Server::Nginx {
        bedded.site.bed.put_snippet(&name, &format!("location ^~ {base}.entracte {{ return 404; }}\n"));
    }
    let address = Address { port: bedded.site.bed.port(server), base };
    update_asking_for_everything(place, &bedded, &address, server.name())
}

const PLACES: [Place; 3] = [Place::Beside, Place::Inside, Place::Elsewhere];

#[test]
fn nothing_is_handed_out_by_nginx() {
    let asked = PLACES.map(|place| on_the_bed(Server::Nginx, place)).iter().sum();
    effort::tried("files of the state asked for, nginx", asked);
}

#[test]
fn nothing_is_handed_out_by_apache() {
    let asked = PLACES.map(|place| on_the_bed(Server::Apache, place)).iter().sum();
    effort::tried("files of the state asked for, Apache", asked);
}

/// PHP's own server knows no rules but those of a script.
#[test]
fn nothing_is_handed_out_by_php_alone() {
    let mut asked = 0;
    for place in PLACES {
        let bedded = Bedded::new(&format!("php{place:?}").to_lowercase());
        if place != Place::Beside {
            refused_without_rules(place, &bedded);
        }
        let rules = bedded.parent().join("rules.php");
        fs::write(
            &rules,
            "<?php if (str_contains(rawurldecode($_SERVER['REQUEST_URI']), '/.entracte')) {\n\
             http_response_code(404); return true; }\nreturn false;\n",
        )
        .unwrap();
        chown(&rules);
        let port = serve_by_php(&bedded, (place != Place::Beside).then_some(&rules));
        asked += update_asking_for_everything(place, &bedded, &Address { port, base: "/".into() }, "none");
    }
    effort::tried("files of the state asked for, php -S", asked);
}

/// Where the server would hand everything out, nothing is put there.
fn refused_without_rules(place: Place, bedded: &Bedded) {
    let url = format!("http://127.0.0.1:{}/", serve_by_php(bedded, None));
    let folder = bedded.site.folder.to_str().unwrap();
    let old = bedded.release(1);
    let init = ["init", folder, "--profile", "generic", "--url", &url, "--release", &old];
    if place == Place::Inside {
        let said = bedded.entracte.json(&[&init[..], &["--inside"]].concat()).refused(5);
        assert!(said.contains("anybody could fetch"), "{said}");
        assert!(!bedded.site.has(".entracte"), "something of init stayed");
        return;
    }
    let elsewhere = tempfile::Builder::new().prefix("entracte-state-").tempdir_in("/dev/shm").unwrap();
    chown(elsewhere.path());
    let state = elsewhere.path().join("state");
    let named = ["--state", state.to_str().unwrap()];
    bedded.entracte.json(&[&init[..], &named].concat()).code(0);
    let new = bedded.release(2);
    let stage = ["stage", "--from", &new, "--complete", "--version", "2"];
    bedded.entracte.json(&[&named[..], &stage].concat()).code(0);
    let plan = bedded.entracte.json(&[&named[..], &["plan"]].concat()).code(0);
    let checks = plan["checks"].as_array().unwrap();
    let privacy = checks.iter().find(|check| check["name"] == "privacy").expect("a check");
    assert_eq!(privacy["level"], "error", "{privacy:#}");
    assert!(
        fs::read_dir(&bedded.site.folder)
            .unwrap()
            .all(|entry| { !entry.unwrap().file_name().to_string_lossy().starts_with(".entracte") })
    );
}

fn serve_by_php(bedded: &Bedded, rules: Option<&PathBuf>) -> u16 {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut argv = vec!["php", "-S", &address, "-t", bedded.site.folder.to_str().unwrap()];
    argv.extend(rules.and_then(|rules| rules.to_str()));
    let log: &Path = &bedded.parent().join(format!("php-{port}.log"));
    process::start(&argv, Some("www-data"), "TERM", log);
    process::wait_for("php -S", log, || TcpStream::connect(("127.0.0.1", port)).is_ok());
    port
}
