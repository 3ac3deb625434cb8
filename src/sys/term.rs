//! The terminal, when there is one.

use std::io;
use std::io::BufRead;
use std::io::IsTerminal;
use std::thread;

use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGQUIT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Handle;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    In,
    Out,
    Err,
}

pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::In => io::stdin().is_terminal(),
        Stream::Out => io::stdout().is_terminal(),
        Stream::Err => io::stderr().is_terminal(),
    }
}

/// One line that is typed at the terminal and not seen there; `None` where
/// there is no terminal.
pub fn read_hidden(question: &str) -> io::Result<Option<String>> {
    if !is_terminal(Stream::In) {
        return Ok(None);
    }
    let _echo = Hidden::begin()?;
    io::Write::write_all(&mut io::stderr(), question.as_bytes())?;
    let line = read_line();
    io::Write::write_all(&mut io::stderr(), b"\n")?;
    line
}

/// Shows again what is typed, whatever happened.
struct Hidden {
    before: Termios,
    signals: Handle,
}

impl Hidden {
    fn begin() -> io::Result<Hidden> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let hiding = Hidden { before: before.clone(), signals: signals.handle() };
        // Who is ended by a signal drops nothing.
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                show_again(&before);
                let _ = emulate_default_handler(signal);
            }
        });
        let mut hidden = hiding.before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(hiding)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        show_again(&self.before);
        self.signals.close();
    }
}

fn show_again(before: &Termios) {
    // The terminal may be gone.
    let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, before);
}

/// One line from standard input without its line break; `None` at its end.
pub fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let size = io::stdin().lock().read_line(&mut line)?;
    Ok((size > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}
