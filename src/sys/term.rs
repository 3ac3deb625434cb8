//! The terminal, when there is one.

use std::io;
use std::io::BufRead;
use std::io::IsTerminal;

use rustix::termios;
use rustix::termios::LocalModes;
use rustix::termios::OptionalActions;
use rustix::termios::Termios;

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
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Hidden> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Hidden(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// One line from standard input without its line break; `None` at its end.
pub fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let size = io::stdin().lock().read_line(&mut line)?;
    Ok((size > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}
