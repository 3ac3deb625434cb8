//! What a killed run leaves behind: no process of its family lives, no
//! statement of it goes on once somebody recovers, and nobody works beside it.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::migration;
use crate::support::database::field::Field;
use crate::support::database::field::Setting;
use crate::support::database::proxy::Line;
use crate::support::database::proxy::Moment;
use crate::support::database::server::Server;
use crate::support::effort;
use crate::support::process;
use crate::support::run::Entracte;
use crate::support::update;

/// A transaction or lock that others wait for.
type Held = Arc<Mutex<Option<Conn>>>;

/// Starts an update that hangs in a statement that the server works on, and
/// kills it there. The machine is gone, or only the process.
fn killed_in(field: &Field, mark: &str, blocking: &'static [&'static str], machine: bool) -> Held {
    field.lay();
    let held = Held::default();
    let (holder, server) = (Arc::clone(&held), Server::shared());
    field.proxy.trap(mark, Moment::Before, Line::Whole, move |_| {
        let mut connection = server.site();
        for statement in blocking {
            connection.query_drop(statement).unwrap();
        }
        *holder.lock().unwrap() = Some(connection);
    });
    let child = start(field, "apply");
    wait_for("the statement", || is_running(mark));
    field.proxy.leave_connections(machine);
    drop(child);
    field.proxy.leave_connections(false);
    held
}

fn is_running(mark: &str) -> bool {
    Server::shared().running().iter().any(|(_, statement)| statement.contains(mark))
}

/// A verb at work, which ends with its test.
struct Running(Option<Child>);

impl Running {
    fn wait_with_output(mut self) -> Output {
        self.0.take().expect("once").wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(field: &Field, verb: &str) -> Running {
    let mut command = field.entracte.command(&["--json", verb, "--foreground"]);
    Running(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
}

fn wait_for(what: &str, is_so: impl FnMut() -> bool) {
    process::wait_for(what, Path::new("/dev/null"), is_so);
}

const READ_USERS: &[&str] = &["START TRANSACTION", "SELECT * FROM users LIMIT 1"];
const LOCK_USERS: &[&str] = &["LOCK TABLES users WRITE"];

#[test]
fn an_alter_that_goes_on_is_ended_before_anything_else_is_done() {
    let field = Field::new(&migration::setting());
    let mark = migration::mark(migration::LONG);
    let mut tried = 0;
    for (machine, verb) in [(false, "rollback"), (true, "rollback"), (false, "resume"), (true, "resume")] {
        let when = format!("killed in an ALTER, its machine too: {machine}, then {verb}");
        let held = killed_in(&field, &mark, READ_USERS, machine);
        assert!(is_running(&mark), "{when}: the server ended it by itself, so this tests nothing");
        let recovery = start(&field, verb);
        wait_for("the end of the ALTER", || !is_running(&mark));
        drop(held.lock().unwrap().take());
        let output = recovery.wait_with_output();
        assert!(output.status.success(), "{when}: {output:?}");
        match verb {
            "rollback" => field.is_old(&when),
            _ => field.is_new(&when),
        }
        tried += 1;
    }
    effort::tried("entracte killed in an ALTER that the server goes on with", tried);
}

/// Control: an ALTER that nobody ends goes on, and changes what was given up.
#[test]
fn an_alter_that_nobody_ends_changes_the_database() {
    let field = Field::new(&migration::setting());
    let mark = migration::mark(migration::LONG);
    let held = killed_in(&field, &mark, READ_USERS, true);
    let columns = |site: &mut Conn| {
        site.query::<String, _>(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'users'",
        )
        .unwrap()
    };
    let mut site = field.server.site();
    assert!(!columns(&mut site).contains(&"joined".to_owned()));
    drop(held.lock().unwrap().take());
    wait_for("the end of the ALTER", || !is_running(&mark));
    assert!(columns(&mut site).contains(&"joined".to_owned()), "it went on after its program was gone");
    field.recover("rollback", "control");
    field.is_old("after the control");
}

#[test]
fn a_dump_that_goes_on_is_ended() {
    let field = Field::new(&migration::setting());
    for machine in [false, true] {
        let when = format!("killed in the dump, its machine too: {machine}");
        let held = killed_in(&field, "FROM `users`", LOCK_USERS, machine);
        assert!(!field.server.running().is_empty(), "{when}: nothing goes on");
        let first = field.server.running()[0].0;
        let recovery = start(&field, "resume");
        wait_for("the end of the dump", || field.server.running().iter().all(|(id, _)| *id != first));
        drop(held.lock().unwrap().take());
        let output = recovery.wait_with_output();
        assert!(output.status.success(), "{when}: {output:?}");
        field.is_new(&when);
    }
    effort::tried("entracte killed in a dump that the server goes on with", 2);
}

/// What a statement makes appears at its end: one that went on behind a
/// recovery would make a mix of what that brought back.
#[test]
fn a_statement_whose_line_was_lost_is_ended() {
    let late = "CREATE TABLE late AS SELECT id, SLEEP(0.0004) FROM users;\n".to_owned();
    let field = Field::new(&Setting { schema: vec![("010-late.sql", late)], ..migration::setting() });
    for verb in ["rollback", "resume"] {
        let when = format!("line lost in a statement, then {verb}");
        field.lay();
        field.proxy.trap("TABLE late AS", Moment::During, Line::HalfOpen, |_| ());
        let said = field.entracte.json(&["apply", "--foreground"]).refused(6);
        assert!(said.contains("statement 1 of schema/010-late.sql failed"), "{when}: {said}");
        assert!(said.contains("begins the migration again"), "{when}: {said}");
        assert!(is_running("TABLE late AS"), "{when}: nothing goes on");
        field.recover(verb, &when);
        assert!(!is_running("TABLE late AS"), "{when}");
        match verb {
            "rollback" => field.is_old(&when),
            _ => field.is_new(&when),
        }
    }
    effort::tried("line lost in a statement that the server goes on with", 2);
}

/// Whose statement it is that a program began, the server does not tell: it is
/// waited for, since what it makes would appear when everything is back.
#[test]
fn a_statement_of_a_program_is_waited_for() {
    let socket = Server::shared().socket();
    let late = "CREATE TABLE late AS SELECT id, SLEEP(0.0004) FROM users";
    let script = format!(
        "#!/bin/sh\n# entracte: repeatable\n\
         mariadb --no-defaults -usite -phush -S {} site -e 'DROP TABLE IF EXISTS late'\n\
         exec mariadb --no-defaults -usite -phush -S {0} site -e '{late}'\n",
        socket.display()
    );
    let scripts = vec![("005-late.sh", script)];
    let field = Field::new(&Setting { scripts, ..migration::setting() });
    for verb in ["rollback", "resume"] {
        let when = format!("killed in a script's statement, then {verb}");
        field.lay();
        let child = start(&field, "apply");
        wait_for("the statement", || is_running("TABLE late AS"));
        drop(child);
        assert!(is_running("TABLE late AS"), "{when}: nothing goes on");
        field.recover(verb, &when);
        match verb {
            "rollback" => field.is_old(&when),
            _ => field.is_new(&when),
        }
        assert_eq!(field.server.running(), [], "{when}");
    }
    effort::tried("entracte killed in a statement of a script's program", 2);
}

/// A script that goes to the background in every way, and shows that it runs.
fn background(folder: &Path, number: &str, last: &str) -> String {
    let begun = folder.join("begun").display().to_string();
    format!(
        "#!/bin/sh\n# entracte: repeatable\n\
         sleep {number} &\n\
         setsid sleep {number} </dev/null >/dev/null 2>&1 &\n\
         (trap '' TERM HUP INT; (setsid sh -c 'exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; sleep {number}; :' &) &)\n\
         sleep 0.1\n\
         echo begun > {begun}\n\
         {last}\n"
    )
}

/// Processes with this word among their arguments.
fn family(number: &str) -> Vec<String> {
    let is_argument = |folder: PathBuf| {
        let arguments = fs::read(folder.join("cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        arguments.contains(number).then_some(arguments)
    };
    fs::read_dir("/proc").unwrap().filter_map(|entry| is_argument(entry.unwrap().path())).collect()
}

/// A number of seconds that nobody else sleeps.
fn seconds() -> String {
    format!(
        "8{}.{}",
        std::process::id(),
        rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_nsec
    )
}

#[test]
fn no_process_of_a_script_lives_longer_than_its_run() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let (begun, number) = (folder.path().join("begun"), seconds());
    let waits = background(
        folder.path(),
        &number,
        &format!("test -e {}/once || {{ touch {0}/once; sleep {number}; }}", folder.path().display()),
    );
    let scripts = vec![("005-background.sh", waits)];
    fs::write(folder.path().join("once"), "").unwrap();
    let field = Field::new(&Setting { scripts, ..migration::setting() });
    assert_eq!(family(&number), [""; 0], "left behind by a script that ended well");
    for verb in ["rollback", "resume"] {
        let when = format!("killed in a script, then {verb}");
        field.lay();
        let _ = fs::remove_file(folder.path().join("once"));
        let _ = fs::remove_file(&begun);
        let child = start(&field, "apply");
        wait_for("the script", || begun.exists());
        wait_for("the script's family", || family(&number).len() >= 5);
        drop(child);
        // At once: nothing of the family keeps the next one out.
        field.recover(verb, &when);
        assert_eq!(family(&number), [""; 0], "{when}");
        match verb {
            "rollback" => field.is_old(&when),
            _ => field.is_new(&when),
        }
    }
    effort::tried("entracte killed in a script with children in the background", 2);
}

#[test]
fn no_process_of_an_upgrade_lives_longer_than_its_run() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let (begun, number) = (folder.path().join("begun"), seconds());
    let program = folder.path().join("upgrade.sh");
    fs::write(&program, background(folder.path(), &number, &format!("sleep {number}"))).unwrap();
    let once = folder.path().join("well.sh");
    fs::write(&once, "exit 0").unwrap();
    let link = folder.path().join("now.sh");
    let use_program = |which: &Path| {
        fs::copy(which, &link).unwrap();
    };
    use_program(&once);
    let settings = format!("\n[upgrade]\nargv = [\"/bin/sh\", \"{}\"]\nlimit_seconds = 4\n", link.display());
    let field = Field::new(&Setting { settings, ..migration::setting() });
    for (verb, is_killed) in [("rollback", true), ("resume", true), ("rollback", false), ("resume", false)] {
        let when = format!("in an upgrade, killed: {is_killed}, else out of time, then {verb}");
        field.lay();
        let _ = fs::remove_file(&begun);
        use_program(&program);
        let child = start(&field, "apply");
        wait_for("the upgrade", || begun.exists());
        wait_for("the script's family", || family(&number).len() >= 5);
        match is_killed {
            true => drop(child),
            false => {
                let output = child.wait_with_output();
                assert_eq!(output.status.code(), Some(6), "{when}: {output:?}");
                assert_eq!(family(&number), [""; 0], "{when}");
            }
        }
        use_program(&once);
        field.recover(verb, &when);
        assert_eq!(family(&number), [""; 0], "{when}");
        match verb {
            "rollback" => field.is_old(&when),
            _ => field.is_new(&when),
        }
    }
    effort::tried("entracte killed, or out of time, in an upgrade with children in the background", 4);
}

/// Control: a script that nobody keeps leaves its family behind, and this
/// harness sees it.
#[test]
fn a_family_that_nobody_keeps_lives_on() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let number = seconds();
    let script = folder.path().join("script.sh");
    fs::write(&script, background(folder.path(), &number, &format!("sleep {number}"))).unwrap();
    let mut child = Command::new("sh").arg(&script).spawn().unwrap();
    wait_for("the script's family", || family(&number).len() >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    let left = pids(&number);
    assert!(left.len() >= 3, "{:?}", family(&number));
    for pid in left {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let since = Instant::now();
    while !family(&number).is_empty() && since.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(5));
    }
}

fn pids(number: &str) -> Vec<rustix::process::Pid> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.unwrap().path();
        let arguments = fs::read(folder.join("cmdline")).ok()?;
        let is_one = String::from_utf8_lossy(&arguments).contains(number);
        is_one.then(|| folder.file_name()?.to_str()?.parse().ok()).flatten()
    });
    all.filter_map(rustix::process::Pid::from_raw).collect()
}

/// A second state folder, as on another machine that serves the same site.
#[test]
fn another_machine_does_not_work_on_the_same_database() {
    let field = Field::new(&migration::setting());
    let elsewhere = field.small.folder.path().join("elsewhere");
    let parent = field.small.folder.path().join("parent");
    process::run("cp", &["-a", parent.to_str().unwrap(), elsewhere.to_str().unwrap()]);
    let settings = elsewhere.join(".entracte-site/entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace(parent.to_str().unwrap(), elsewhere.to_str().unwrap())).unwrap();
    let other = Entracte::new(&elsewhere.join("site"));
    update::plan_and_approve(&other);
    let held = {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        field.proxy.trap(&migration::mark(5), Moment::Before, Line::Whole, move |_| {
            let _ = receiver.recv();
        });
        sender
    };
    let child = start(&field, "apply");
    wait_for("the update", || !field.proxy.is_set());
    let before = crate::support::snapshot::Tree::of(&elsewhere.join("site"));
    let said = other.json(&["apply", "--foreground"]).refused(8);
    assert!(said.contains("another entracte works on the database"), "{said}");
    before.assert_same(&crate::support::snapshot::Tree::of(&elsewhere.join("site")), "refused");
    assert!(!elsewhere.join(".entracte-site/gate/closed").exists(), "the other site is closed");
    held.send(()).unwrap();
    let output = child.wait_with_output();
    assert!(output.status.success(), "{output:?}");
    field.is_new("after another machine was refused");
    effort::tried("two machines at work on one database", 1);
}
