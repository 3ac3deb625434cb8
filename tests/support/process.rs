//! Processes that end with the test process, however that one ends.
//!
//! The kernel signals a child when the *thread* that started it ends, so all
//! are started by one thread that lives as long as the process.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

type Order = (Command, mpsc::Sender<Child>);

/// Starts `argv` as `user` in a process group of its own; `signal` reaches it
/// when this process is gone. Output goes to `log`. Returns its process id.
pub fn start(argv: &[&str], user: Option<&str>, signal: &str, log: &Path) -> u32 {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    let output = fs::File::create(log).unwrap();
    // Apache ends its whole process group: without one of its own that is us.
    command.arg("--").args(argv).process_group(0);
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    keep(command).id()
}

/// Runs a program as `www-data` and returns what it printed; panics when it fails.
pub fn as_www_data(argv: &[&str], folder: &Path, env: &[(&str, &str)]) -> String {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "www-data", "--regid", "www-data", "--clear-groups", "--"]).args(argv);
    command.current_dir(folder).envs(env.iter().copied());
    checked(&mut command)
}

/// Runs a program and returns what it printed; panics when it fails.
pub fn run(program: &str, args: &[&str]) -> String {
    checked(Command::new(program).args(args))
}

pub fn checked(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?} ended with {status}: {stderr}");
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Waits until `is_ready`, at most half a minute.
pub fn wait_for(what: &str, log: &Path, mut is_ready: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_ready() {
        if since.elapsed() > Duration::from_secs(30) {
            panic!("{what} is not ready: {}", fs::read_to_string(log).unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Removes `folder`, after the processes noted in `folder/run/*.pid` are gone,
/// when this process ends: a static is never dropped, and a killed test drops nothing.
pub fn clean_up_afterwards(folder: &Path) {
    const SCRIPT: &str = r#"
        trap '' INT TERM HUP
        cat >/dev/null
        pids=$(cat "$1"/run/*.pid 2>/dev/null)
        kill -TERM $pids 2>/dev/null
        for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $pids 2>/dev/null || break; sleep 0.2; done
        kill -KILL $pids 2>/dev/null
        rm -rf "$1" || { sleep 1; rm -rf "$1"; }
    "#;
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "janitor"]).arg(folder).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Its standard input ends when this process does, so it is never closed here.
    std::mem::forget(command.spawn().unwrap());
}

fn keep(command: Command) -> Child {
    static KEEPER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let orders = KEEPER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in receiver {
                let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
                let _ = reply.send(child);
            }
        });
        Mutex::new(sender)
    });
    let (reply, child) = mpsc::channel();
    orders.lock().unwrap().send((command, reply)).unwrap();
    child.recv().expect("the program was started")
}

/// The letter that the kernel has for what a process does; `None` when it is gone.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
