//! Secrets stay where their owner put them: none reaches an argument list, an
//! environment of another program, an output, a log or a file of the state.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use crate::archives::files_below;
use crate::bedded::Bedded;
use crate::bedded::edit_settings;
use crate::support::bed::Bed;
use crate::support::bed::Server;
use crate::support::effort;
use crate::support::releases;
use crate::support::run::Entracte;
use crate::support::site::TestSite;
use crate::support::small::SmallSite;
use crate::support::update;

/// Of one test alone, since tests look at the processes of the whole machine.
#[derive(Clone)]
struct Secrets {
    database: String,
    address: String,
    environment: String,
    /// A password that is not the right one.
    wrong: String,
}

impl Secrets {
    fn of(test: &str) -> Secrets {
        let secret = |what: &str| format!("canary{test}{what}{:x>32}", "").chars().take(32).collect();
        let (database, address) = (secret("Database"), secret("Address"));
        Secrets { database, address, environment: secret("Environment"), wrong: secret("Wrong") }
    }

    fn found_in(&self, text: &str) -> Vec<&str> {
        let all = [&self.database, &self.address, &self.environment, &self.wrong];
        all.into_iter().map(String::as_str).filter(|secret| text.contains(secret)).collect()
    }
}

/// The program at work, every program that it starts written down.
struct Watched<'a> {
    entracte: &'a Entracte,
    secrets: Secrets,
    folder: tempfile::TempDir,
    said: String,
    calls: usize,
    programs: BTreeSet<String>,
}

impl<'a> Watched<'a> {
    fn new(entracte: &'a Entracte, secrets: &Secrets) -> Watched<'a> {
        let (folder, secrets) = (tempfile::tempdir().unwrap(), secrets.clone());
        Watched { entracte, secrets, folder, said: String::new(), calls: 0, programs: BTreeSet::new() }
    }

    /// Runs a verb; whatever it ended with is fine, whatever it told is kept.
    fn run(&mut self, arguments: &[&str]) -> (i32, String) {
        self.calls += 1;
        let log = self.folder.path().join("programs");
        let call = self.entracte.command(arguments);
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "--seccomp-bpf", "-e", "trace=execve", "-v", "-s", "9999", "-o"])
            .arg(&log)
            .arg(call.get_program());
        strace.args(call.get_args()).env_clear().stdin(Stdio::null());
        strace.current_dir(call.get_current_dir().unwrap());
        strace.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        strace
            .env("UNRELATED_PASSWORD", &self.secrets.environment)
            .env("MYSQL_PWD", &self.secrets.environment);
        let output = strace.output().unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (said(&output.stdout), said(&output.stderr));
        for line in fs::read_to_string(&log).unwrap().lines().filter(|line| line.contains("execve(")) {
            self.judge(line);
        }
        let found = self.secrets.found_in(&(stdout.clone() + &stderr)).join(" ");
        assert!(
            found.is_empty(),
            "{arguments:?} tells {found}:
{stdout}
{stderr}"
        );
        self.said += &(stdout.clone() + &stderr);
        (output.status.code().unwrap(), stdout)
    }

    /// Runs a verb that starts no program; what it tells is searched.
    fn tell(&mut self, arguments: &[&str]) {
        self.calls += 1;
        let ran = self.entracte.run(arguments);
        let found = self.secrets.found_in(&ran.to_string()).join(" ");
        assert!(found.is_empty(), "tells {found}: {ran}");
        assert!((0..=9).contains(&ran.status.code().unwrap()), "{ran}");
    }

    fn judge(&mut self, line: &str) {
        // The program itself may keep what it was started with; nobody else gets it.
        let ours = line.contains("[\"entracte\"") || line.contains(env!("CARGO_BIN_EXE_entracte"));
        let mut passed_on = self.secrets.found_in(line);
        passed_on.retain(|secret| !ours || *secret != self.secrets.environment);
        assert!(passed_on.is_empty(), "{passed_on:?} in {line}");
        let program = line.split('"').nth(1).unwrap_or_default();
        self.programs.insert(program.rsplit('/').next().unwrap_or_default().to_owned());
    }
}

/// Looks at every process of the machine again and again.
struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, Vec<String>)>,
}

impl Sampler {
    fn start(secrets: &Secrets) -> Sampler {
        let secrets = secrets.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut looks, mut found) = (0, Vec::new());
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(std::time::Duration::from_millis(3));
                for process in fs::read_dir("/proc").unwrap().flatten() {
                    let path = process.path();
                    let line = fs::read(path.join("cmdline")).unwrap_or_default();
                    let shown = String::from_utf8_lossy(&line).into_owned();
                    let ours =
                        shown.starts_with("entracte\0") || shown.starts_with(env!("CARGO_BIN_EXE_entracte"));
                    let environ = fs::read(path.join("environ")).unwrap_or_default();
                    let environ = String::from_utf8_lossy(&environ).into_owned();
                    let mut bad = secrets.found_in(&environ);
                    bad.retain(|secret| {
                        *secret != secrets.environment
                            || !(ours || shown.is_empty() || shown.starts_with("strace"))
                    });
                    bad.extend(secrets.found_in(&shown));
                    if !bad.is_empty() {
                        found.push(format!("{shown:?} {bad:?}"));
                    }
                    looks += 1;
                }
            }
            (looks, found)
        });
        Sampler { stop, thread }
    }

    fn stop(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// No file of the state holds a secret, but for the settings.
fn nothing_is_kept(secrets: &Secrets, state: &Path, settings: &[&str]) -> u64 {
    let mut files = 0;
    for file in files_below(state) {
        let bytes = fs::read(&file).unwrap();
        let found = secrets.found_in(&String::from_utf8_lossy(&bytes)).join(" ");
        let name = file.strip_prefix(state).unwrap().to_str().unwrap().to_owned();
        assert!(found.is_empty() || settings.contains(&name.as_str()), "{name} holds {found}");
        files += 1;
    }
    files
}

#[test]
fn secrets_of_the_settings() {
    let (secrets, bedded) = (Secrets::of("One"), Bedded::new("hushed"));
    let bed = bedded.site.bed;
    bed.make_database("hushed");
    for host in ["localhost", "127.0.0.1"] {
        bed.sql("hushed", &format!("SET PASSWORD FOR 'hushed'@'{host}' = PASSWORD('{}')", secrets.database));
    }
    bed.sql(
        "hushed",
        "CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO pages VALUES (1, 'one')",
    );
    let entracte = &bedded.entracte;
    let (folder, old, new) = (bedded.site.folder.to_str().unwrap(), bedded.release(1), bedded.release(2));
    let url = bedded.site.url(Server::Apache);
    entracte.json(&["init", folder, "--profile", "generic", "--url", &url, "--release", &old]).code(0);
    let settings = bedded.state().join("entracte.toml");
    edit_settings(&settings, |settings| {
        let database = format!("mysql://hushed:{}@127.0.0.1:{}/hushed", secrets.database, bed.database_port);
        settings["database"]["url"] = toml_edit::value(database);
        settings["url"] =
            toml_edit::value(url.replace("127.0.0.1", &format!("op:{}@127.0.0.1", secrets.address)));
        settings["gate"]["kind"] = toml_edit::value("apache");
    });
    let sampler = Sampler::start(&secrets);
    let mut watched = Watched::new(entracte, &secrets);
    let events = watched.folder.path().join("events");
    fs::write(&events, "").unwrap();
    crate::support::bed::chown(watched.folder.path());
    scenario(&mut watched, &bedded, &new, events.to_str().unwrap());
    failing(&mut watched, &bedded, &new);
    let (looks, found) = sampler.stop();
    assert_eq!(found, Vec::<String>::new());
    assert!(looks > 1000, "only {looks} looks");
    assert!(
        watched.programs.contains("001-mark.sh") || watched.programs.contains("sh"),
        "{:?}",
        watched.programs
    );
    let files = nothing_is_kept(&secrets, &bedded.state(), &["entracte.toml"])
        + nothing_is_kept(&secrets, watched.folder.path(), &["programs"]);
    effort::tried(
        "calls with secrets in the settings, each program and file searched",
        watched.calls as u64 + files,
    );
}

/// There and back, in text and JSON, in the foreground and not.
fn scenario(watched: &mut Watched, bedded: &Bedded, new: &str, events: &str) {
    watched.run(&["-v", "status"]);
    let (code, _) = watched.run(&["-v", "stage", "--from", new, "--complete", "--version", "2"]);
    assert_eq!(code, 0, "{}", watched.said);
    watched.run(&["plan", "--diff", "--all"]);
    let (_, plan) = watched.run(&["--json", "plan"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let id = plan["result"]["id"].as_str().unwrap_or_default();
    let errors = plan["result"]["checks"].as_array().into_iter().flatten();
    let errors: Vec<_> = errors.filter(|check| check["level"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    watched.run(&["approve", id]);
    let (code, _) = watched.run(&["-v", "--events", events, "apply"]);
    assert_eq!(code, 0, "{}", watched.said);
    assert_eq!(bedded.site.read("VERSION"), b"2\n");
    let (_, history) = watched.run(&["--json", "history"]);
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let run = history["result"]["runs"][0]["run"].as_str().or(history["result"]["runs"][0]["id"].as_str());
    if let Some(run) = run {
        watched.run(&["show", run]);
        watched.run(&["--json", "show", run]);
    }
    for verb in [
        &["status"][..],
        &["history", "--verify"],
        &["gate", "show"],
        &["run-once", "list"],
        &["schema", "show"],
        &["attach"],
    ] {
        watched.run(verb);
    }
    let (code, _) = watched.run(&["--json", "rollback"]);
    assert_eq!(code, 0, "{}", watched.said);
}

/// What fails: a statement, a script, a password, an address, the settings themselves.
fn failing(watched: &mut Watched, bedded: &Bedded, new: &str) {
    let statement = Path::new(new).join("schema/001.sql");
    let good = fs::read_to_string(&statement).unwrap();
    fs::write(&statement, good.clone() + "ALTER TABLE nowhere ADD COLUMN x TEXT;\n").unwrap();
    watched.run(&["stage", "--from", new, "--complete", "--version", "2"]);
    let (_, plan) = watched.run(&["--json", "plan"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    watched.run(&["approve", plan["result"]["id"].as_str().unwrap()]);
    for verb in ["apply", "resume"] {
        let (code, _) = watched.run(&["-v", verb]);
        assert_eq!(code, 6, "{}", watched.said);
    }
    watched.run(&["status"]);
    let (code, _) = watched.run(&["rollback", "--foreground"]);
    assert_eq!(code, 0, "{}", watched.said);
    let settings = bedded.state().join("entracte.toml");
    let whole = fs::read_to_string(&settings).unwrap();
    let port = bedded.site.bed.database_port;
    let broken = [
        whole.replace(&watched.secrets.database, &watched.secrets.wrong),
        whole.replace(&format!(":{port}/hushed"), ":1/hushed"),
        whole.replace(&format!(":{port}/hushed"), ":99999/hushed"),
        whole.replace("mysql://", "postgres://"),
        whole.replace("/hushed\"", "/hushed"),
        whole.replace("[database]\nurl", "[database]\nnone"),
        whole.replace("[database]\nurl", "[database]\npasword"),
        whole.replace("127.0.0.1", "127.0.0.1:99999"),
        whole.replace("http://op", "htp://op"),
        whole.replace("http://", "http//"),
        format!(
            "database = \"mysql://u:{}@h/n\"\n{}",
            watched.secrets.database,
            whole.replace("[database]", "[other]")
        ),
    ];
    for text in &broken {
        assert_ne!(*text, whole);
        fs::write(&settings, text).unwrap();
        for verb in [&["plan"][..], &["--json", "plan"], &["-v", "apply", "--foreground"]] {
            watched.tell(verb);
        }
    }
    fs::write(&settings, whole).unwrap();
    let folder = bedded.site.folder.to_str().unwrap();
    for wrong in ["htp://u:SECRET@h/", "http://u:SECRET@h:99999/", "http//u:SECRET@h", "u:SECRET@h"] {
        // What a person types into an argument list is there; it is not repeated.
        let said =
            bedded.entracte.run(&["init", folder, "--url", &wrong.replace("SECRET", "typed-in-by-hand")]);
        assert!(!format!("{}{}", said.stdout, said.stderr).contains("typed-in-by-hand"), "{said}");
    }
}

/// The password of an application is in its own settings. Long, so not daily.
#[test]
fn secrets_of_an_application() {
    if !effort::is_full() {
        return effort::skipped("secrets of an application", "it takes long: ./test --full does it");
    }
    let (secrets, old) = (Secrets::of("Two"), releases::tree("wordpress-6.1"));
    let site = TestSite::wordpress(Bed::shared(), &old, "discreet");
    for host in ["localhost", "127.0.0.1"] {
        site.bed.sql(
            "mysql",
            &format!("SET PASSWORD FOR 'discreet'@'{host}' = PASSWORD('{}')", secrets.database),
        );
    }
    let settings = String::from_utf8(site.read("wp-config.php")).unwrap();
    site.write("wp-config.php", settings.replace("pw-discreet", &secrets.database));
    let entracte = update::adopt(&site, Server::Nginx, &old.folder);
    let sampler = Sampler::start(&secrets);
    let mut watched = Watched::new(&entracte, &secrets);
    let archive = releases::archive("wordpress-6.8.zip");
    watched.run(&["stage", "--from", archive.to_str().unwrap()]);
    let (_, plan) = watched.run(&["--json", "plan"]);
    watched.run(&["plan", "--all"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    watched.run(&["approve", plan["result"]["id"].as_str().unwrap()]);
    let (code, _) = watched.run(&["-v", "apply"]);
    assert_eq!(code, 0, "{}", watched.said);
    watched.run(&["status"]);
    let (code, _) = watched.run(&["-v", "rollback"]);
    assert_eq!(code, 0, "{}", watched.said);
    site.write("wp-config.php", settings.replace("pw-discreet", &secrets.wrong));
    watched.run(&["plan"]);
    watched.run(&["--json", "update", "--from", archive.to_str().unwrap()]);
    let (_, found) = sampler.stop();
    assert_eq!(found, Vec::<String>::new());
    let state = site.folder.with_file_name(".entracte-discreet");
    let files = nothing_is_kept(&secrets, &state, &["entracte.toml"]);
    effort::tried(
        "calls with a secret in the application's settings, and files of the state",
        watched.calls as u64 + files,
    );
}

/// A program that is given a secret is seen by both, and a file by the search.
#[test]
fn what_is_not_kept_secret_is_seen() {
    let secrets = Secrets::of("Three");
    let sampler = Sampler::start(&secrets);
    let mut sleeper =
        Command::new("sleep").arg("1").arg("0").env("PASSWORD", &secrets.wrong).spawn().unwrap();
    let mut teller = Command::new("sh").args(["-c", "sleep 1; exit 0", &secrets.wrong]).spawn().unwrap();
    sleeper.wait().unwrap();
    teller.wait().unwrap();
    let (_, found) = sampler.stop();
    assert!(found.iter().any(|line| line.contains("sleep")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("exit 0")), "{found:?}");
    let small = SmallSite::new();
    let entracte = Entracte::new(&small.root());
    let mut watched = Watched::new(&entracte, &secrets);
    let line = format!("1 execve(\"/usr/bin/mysqldump\", [\"mysqldump\", \"-p{}\"], []) = 0", secrets.wrong);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watched.judge(&line)));
    assert!(seen.is_err());
    fs::write(small.path("log"), &secrets.wrong).unwrap();
    assert!(std::panic::catch_unwind(|| nothing_is_kept(&secrets, &small.root(), &[])).is_err());
}
