//! The terminal, when there is one.

use std::io;
use std::io::BufRead;
use std::io::IsTerminal;

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

/// One line from standard input without its line break; `None` at its end.
pub fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let size = io::stdin().lock().read_line(&mut line)?;
    Ok((size > 0).then(|| line.trim_end_matches(['\n', '\r']).to_owned()))
}
