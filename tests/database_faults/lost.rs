//! The server killed, the connection lost, the program killed: at each of
//! twenty statements, before, while and after the server works on it.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::migration;
use crate::support::database::field::Field;
use crate::support::database::proxy::Line;
use crate::support::database::proxy::Moment;
use crate::support::database::server::Server;
use crate::support::effort;
use crate::support::snapshot::Tree;
use crate::support::update;

use mysql::prelude::Queryable;

/// What happens at a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    /// `kill -9` of the database's server.
    Server,
    /// Somebody ends the connection at the server.
    Ended,
    /// The line breaks and both sides see it.
    Cut,
    /// The line breaks and the server does not see it.
    HalfOpen,
    /// `kill -9` of entracte.
    Ourselves,
}

impl Loss {
    fn line(self) -> Line {
        match self {
            Loss::Cut => Line::Cut,
            Loss::HalfOpen => Line::HalfOpen,
            _ => Line::Whole,
        }
    }
}

/// Goes into an update and loses something at a statement.
#[track_caller]
fn lose(field: &Field, loss: Loss, number: usize, moment: Moment, when: &str) {
    field.lay();
    let process = spring_at(field, &migration::mark(number), loss, moment);
    let mut command = field.entracte.command(&["--json", "apply", "--foreground"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    process.store(child.id(), Ordering::SeqCst);
    let output = child.wait_with_output().unwrap();
    let ended = (output.status.code(), output.status.signal());
    let said = String::from_utf8_lossy(&output.stdout);
    // A statement that was answered before its connection was ended may be the last.
    let may_finish = loss == Loss::Ended && moment != Moment::Before && number == migration::ALL;
    match loss {
        Loss::Ourselves => assert_eq!(ended, (None, Some(9)), "{when}: {said}"),
        _ if may_finish => {}
        _ => assert_eq!(ended, (Some(6), None), "{when}: {said}"),
    }
    assert!(!field.proxy.is_set(), "{when}: the statement never came");
}

/// Sets the trap; who is to be killed may be told later.
fn spring_at(field: &Field, mark: &str, loss: Loss, moment: Moment) -> Arc<AtomicU32> {
    let process = Arc::new(AtomicU32::new(0));
    let (ours, server) = (Arc::clone(&process), Server::shared());
    field.proxy.trap(mark, moment, loss.line(), move |connection| match loss {
        Loss::Server => server.kill(),
        // It may be over already.
        Loss::Ended => drop(server.root().query_drop(format!("KILL CONNECTION {connection}"))),
        Loss::Cut | Loss::HalfOpen => {}
        Loss::Ourselves => kill(&ours),
    });
    process
}

fn kill(process: &AtomicU32) {
    while process.load(Ordering::SeqCst) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    let pid = rustix::process::Pid::from_raw(process.load(Ordering::SeqCst) as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Every statement and moment, or a few of them.
fn points(daily: usize) -> Vec<(usize, Moment)> {
    let all: Vec<(usize, Moment)> =
        (1..=migration::ALL).flat_map(|number| Moment::ALL.map(|moment| (number, moment))).collect();
    let mut wanted: Vec<(usize, Moment)> = effort::spread(all.len() as u64, effort::points(daily, all.len()))
        .into_iter()
        .map(|at| all[at as usize - 1])
        .collect();
    // The one that takes long is where it matters.
    if !wanted.contains(&(migration::LONG, Moment::During)) {
        wanted.push((migration::LONG, Moment::During));
    }
    wanted
}

fn sweep(loss: Loss, daily: usize, what: &str) {
    let field = Field::new(&migration::setting());
    let (points, mut mixes) = (points(daily), 0);
    for (number, moment) in &points {
        for verb in ["rollback", "resume"] {
            let when = format!("{loss:?} lost at statement {number}, {moment:?}, then {verb}");
            lose(&field, loss, *number, *moment, &when);
            if loss == Loss::Server {
                refuses_without_a_server(&field, &when);
                field.server.start();
            }
            mixes += u32::from(field.is_a_mix());
            field.status_is_true(&when);
            field.recover(verb, &when);
            match verb {
                "rollback" => field.is_old(&when),
                _ => field.is_new(&when),
            }
            let again = field.entracte.json(&[verb]);
            assert_eq!(again.exit, 3, "{when}, and again: {again:?}");
            assert_eq!(field.server.running(), [], "{when}");
        }
    }
    // Without recovery there are halves of a migration, and this harness sees them.
    assert!(mixes as usize > points.len(), "only {mixes} mixes were seen");
    effort::tried(what, 2 * points.len() as u64);
}

/// Nothing is touched, and what to do is said.
#[track_caller]
fn refuses_without_a_server(field: &Field, when: &str) {
    let before = Tree::of(&field.small.root());
    for verb in ["resume", "rollback"] {
        let said = field.entracte.json(&[verb]).refused(6);
        assert!(said.contains("failed to connect to the database"), "{when}: {said}");
        assert!(said.contains("check that the database runs"), "{when}: {said}");
        let now = Tree::of(&field.small.root());
        before.assert_same(&now, &format!("{when}: {verb} without a server"));
        assert!(field.flag().exists(), "{when}: {verb} without a server opened the site");
    }
}

/// Before anything was exchanged there is nothing to decide: the site is open.
#[test]
fn lost_while_the_database_is_saved() {
    let field = Field::new(&migration::setting());
    for loss in [Loss::Server, Loss::Ended, Loss::Cut, Loss::HalfOpen] {
        let when = format!("{loss:?} lost in the dump");
        field.lay();
        spring_at(&field, "FROM `users`", loss, Moment::During);
        let ended = field.entracte.json(&["apply", "--foreground"]);
        assert!(!field.proxy.is_set(), "{when}: the dump never came");
        if loss == Loss::Server {
            field.server.start();
        }
        let said = ended.refused(1);
        assert!(said.contains("nothing has changed and the site is open"), "{when}: {said}");
        field.is_old(&when);
        update::apply(&field.entracte);
        field.is_new(&format!("{when}, and again"));
    }
    effort::tried("server or line lost while the database is saved", 4);
}

/// A recovery that was cut off begins again, either way.
#[test]
fn lost_while_the_database_is_brought_back() {
    let field = Field::new(&migration::setting());
    let marks = [
        "CREATE TABLE `_entracte_shadow_",
        "INSERT INTO `_entracte_shadow_",
        "RENAME TABLE `",
        "DROP TABLE `_entracte_shadow_",
    ];
    let mut tried = 0;
    for (at, loss) in [Loss::Server, Loss::Ended, Loss::Cut, Loss::HalfOpen].into_iter().enumerate() {
        for verb in ["rollback", "resume"] {
            for mark in if effort::is_full() { &marks[..] } else { &marks[at..][..1] } {
                let when = format!("{loss:?} lost in a restore at {mark}, {verb}");
                lose(&field, Loss::Ourselves, 12, Moment::After, &when);
                spring_at(&field, mark, loss, Moment::During);
                let ended = field.entracte.json(&[verb, "--foreground"]);
                assert!(!field.proxy.is_set(), "{when}: the restore never came");
                if loss == Loss::Server {
                    field.server.start();
                }
                assert_eq!(ended.exit, 6, "{when}: {ended:?}");
                field.status_is_true(&when);
                field.recover(verb, &when);
                match verb {
                    "rollback" => field.is_old(&when),
                    _ => field.is_new(&when),
                }
                tried += 1;
            }
        }
    }
    effort::tried("server or line lost while the database is brought back", tried);
}

/// A finished update is not taken back by halves either.
#[test]
fn a_rollback_of_a_finished_update_needs_the_server_before_it_begins() {
    let field = Field::new(&migration::setting());
    update::apply(&field.entracte);
    field.server.kill();
    let before = Tree::of(&field.small.root());
    let said = field.entracte.json(&["rollback"]).refused(6);
    assert!(said.contains("failed to connect to the database"), "{said}");
    before.assert_same(&Tree::of(&field.small.root()), "after a rollback without a server");
    assert!(!field.flag().exists(), "it closed the site");
    field.server.start();
    field.is_new("after a rollback without a server");
    field.recover("rollback", "when the server is back");
    field.is_old("when the server is back");
    effort::tried("finished update rolled back while the database server is down", 1);
}

#[test]
fn the_server_is_killed_at_each_statement() {
    sweep(Loss::Server, 4, "database server killed at a statement of 20");
}

#[test]
fn the_connection_is_ended_at_each_statement() {
    sweep(Loss::Ended, 6, "database connection ended by the server at a statement of 20");
}

#[test]
fn the_line_is_cut_at_each_statement() {
    sweep(Loss::Cut, 6, "line to the database cut at a statement of 20");
}

#[test]
fn the_line_is_lost_unseen_at_each_statement() {
    sweep(Loss::HalfOpen, 6, "line to the database lost, unseen by the server, at a statement of 20");
}

#[test]
fn entracte_is_killed_at_each_statement() {
    sweep(Loss::Ourselves, 6, "entracte killed at a statement of 20");
}

/// Control: a recovery that only runs what is not known to have run does a
/// statement twice whose answer was lost, and this harness sees it.
#[test]
fn a_recovery_without_the_dump_would_be_seen() {
    let field = Field::new(&migration::setting());
    lose(&field, Loss::Cut, 8, Moment::After, "control");
    let mut site = field.server.site();
    for number in 8..=migration::ALL {
        site.query_drop(migration::STEPS[number - 1]).unwrap();
    }
    assert_ne!(field.look().database, field.new_look().database, "a statement that ran twice is not seen");
    let counted: i64 = site.query_first("SELECT value FROM counters WHERE name = 'visits'").unwrap().unwrap();
    assert_eq!(counted, 90, "(7 + 1 + 1) * 10");
    field.recover("rollback", "control");
    field.is_old("after the control");
}
