//! What a person at the keyboard gives to the console's verbs.

use std::path::Path;

use crate::app::failure::Failure;
use crate::app::plan;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::sys::fs;
use crate::sys::term;

/// Longer than any password.
const MAX_FILE_BYTES: u64 = 4096;

/// Who types, for the log.
pub fn person() -> String {
    plan::who()
}

/// The first line of a file that nobody else reads, or of standard input (`-`).
pub fn secret_from(file: &Path) -> Result<Secret, Failure> {
    if file.as_os_str() == "-" {
        let line = term::read_line().ok().flatten();
        return line.map(Secret::new).ok_or_else(|| refused("standard input holds no password"));
    }
    let mode = fs::mode(file)?;
    if mode & 0o077 != 0 {
        let shown = fs::shown(file);
        return Err(refused(&format!("others may read {shown}, which holds a password"))
            .hint(format!("chmod 600 {shown}")));
    }
    let text = fs::read_text(file, MAX_FILE_BYTES)?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// Typed twice at the terminal, where it is not seen.
pub fn new_password() -> Result<Secret, Failure> {
    let typed = |question: &str| {
        let line = term::read_hidden(question).ok().flatten();
        line.map(Secret::new).ok_or_else(|| {
            refused("there is no terminal that a password could be typed at").hint(
                "`--password-file FILE` reads it from a file (0600), `--password-file -` from standard input",
            )
        })
    };
    let password = typed("New password: ")?;
    match typed("The same again: ")? == password {
        true => Ok(password),
        false => Err(refused("the two passwords differ")),
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(Exit::Refused, why)
}
