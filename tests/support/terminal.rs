//! A program at a real terminal, by `script` of util-linux.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

use tempfile::TempDir;

use super::process;

/// Ends with its owner.
pub struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    seen: Arc<Mutex<String>>,
    reading: Option<thread::JoinHandle<()>>,
    folder: TempDir,
}

impl Terminal {
    /// Starts it there; afterwards the terminal says `ended with CODE` and its settings, as `stty -a` does.
    pub fn start(command: &Command) -> Terminal {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| quoted(word.to_str().unwrap())).collect();
        let script = folder.path().join("run.sh");
        // Ctrl-C is for the program alone.
        fs::write(&script, format!("trap : INT\n{}\necho \"ended with $?\"\nstty -a\n", words.join(" ")))
            .unwrap();
        let mut host = Command::new("script");
        host.args(["-qfec", &format!("sh {}", script.display()), "/dev/null"])
            .env_clear()
            .env("SHELL", "/bin/sh");
        host.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut child = host
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("no script: apt-get install util-linux");
        let (keys, mut shown) = (child.stdin.take(), child.stdout.take().unwrap());
        let seen = Arc::new(Mutex::new(String::new()));
        let noted = Arc::clone(&seen);
        let reading = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = shown.read(&mut buffer) {
                noted.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Terminal { child, keys, seen, reading: Some(reading), folder }
    }

    pub fn wait_for(&self, text: &str) {
        process::wait_for(text, self.folder.path(), || self.seen().contains(text));
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// All that was seen, once it is over.
    pub fn end(mut self) -> String {
        self.wait_for("ended with ");
        drop(self.keys.take());
        self.child.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
        self.seen()
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
