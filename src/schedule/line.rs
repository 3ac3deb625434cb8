//! The one command that a user's crontab or timer starts, and how often.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::schedule::due::number;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::user;

/// Minutes between two ticks, where nobody says otherwise.
pub const EVERY: u32 = 10;

/// What is started, as the user would have to type it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub program: PathBuf,
    /// Where the list of sites is, unless a bare process finds it by itself.
    pub configuration: Option<PathBuf>,
}

/// How often, and at which minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    pub every: u32,
    pub offset: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("a tick cannot come every {every} minutes: 1 to 30, or 60")]
    Every { every: u32 },
    #[error("{} cannot be named in a crontab: it holds a character that no line can", fs::shown(path))]
    Path { path: PathBuf },
    #[error("the program {} cannot be started by the site's owner", fs::shown(path))]
    Program { path: PathBuf },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for LineError {
    fn exit(&self) -> Exit {
        match self {
            LineError::Every { .. } => Exit::Usage,
            LineError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            LineError::Program { .. } => {
                vec!["put it where everybody may start it, as /usr/local/bin, and start it from there".into()]
            }
            LineError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl Command {
    /// This very program, for the user that it works as.
    pub fn ours() -> Result<Command, LineError> {
        let program = env::program()?;
        if !fs::is_file(&program) {
            return Err(LineError::Program { path: program });
        }
        let configuration =
            user::configuration().filter(|ours| user::bare_configuration().as_ref() != Some(ours));
        let named = [Some(&program), configuration.as_ref()];
        if let Some(path) = named.into_iter().flatten().find(|path| is_unspeakable(path)) {
            return Err(LineError::Path { path: path.clone() });
        }
        Ok(Command { program, configuration })
    }

    /// As bytes that a shell understands.
    pub fn shell(&self) -> Vec<u8> {
        let mut line = Vec::new();
        if let Some(folder) = &self.configuration {
            line.extend(b"/usr/bin/env XDG_CONFIG_HOME=");
            line.extend(quoted(folder));
            line.push(b' ');
        }
        line.extend(quoted(&self.program));
        line.extend(b" --quiet tick --all");
        line
    }

    /// The same in a crontab, where `%` ends a line.
    pub fn crontab(&self, rhythm: Rhythm) -> Vec<u8> {
        let mut line = rhythm.crontab().into_bytes();
        line.push(b' ');
        for byte in self.shell() {
            if byte == b'%' {
                line.push(b'\\');
            }
            line.push(byte);
        }
        line
    }
}

fn is_unspeakable(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(u8::is_ascii_control)
}

/// One word for any shell; plain where that is enough.
fn quoted(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte);
    if bytes.iter().all(is_plain) {
        return bytes.to_vec();
    }
    let mut word = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            byte => word.push(*byte),
        }
    }
    word.push(b'\'');
    word
}

impl Rhythm {
    /// Every so many minutes, not in step with other users and hosts.
    pub fn new(every: u32) -> Result<Rhythm, LineError> {
        if !(1..=30).contains(&every) && every != 60 {
            return Err(LineError::Every { every });
        }
        let seed = format!("{} {}", env::host_name(), env::user_id());
        Ok(Rhythm { every, offset: (number(seed.as_bytes()) % u64::from(every)) as u32 })
    }

    /// The five fields.
    pub fn crontab(self) -> String {
        let Rhythm { every, offset } = self;
        match every {
            1 => "* * * * *".into(),
            60 => format!("{offset} * * * *"),
            _ => format!("{offset}-59/{every} * * * *"),
        }
    }

    /// As systemd says it.
    pub fn calendar(self) -> String {
        let Rhythm { every, offset } = self;
        match every {
            60 => format!("*-*-* *:{offset:02}:00"),
            _ => format!("*-*-* *:{offset:02}/{every}:00"),
        }
    }

    /// What a line of a crontab says; `None` when it is not one of ours.
    pub fn of_line(line: &[u8]) -> Option<Rhythm> {
        let line = String::from_utf8_lossy(line);
        let fields: Vec<&str> = line.split_whitespace().take(5).collect();
        if fields.get(1..) != Some(&["*"; 4][..]) {
            return None;
        }
        Rhythm::of_minutes(fields[0])
    }

    /// What a timer says.
    pub fn of_calendar(calendar: &str) -> Option<Rhythm> {
        let minutes = calendar.trim().strip_prefix("*-*-* *:")?.strip_suffix(":00")?;
        match minutes.split_once('/') {
            None => Rhythm::of_minutes(minutes),
            Some((offset, every)) => Rhythm::of_minutes(&format!("{offset}-59/{every}")),
        }
    }

    fn of_minutes(field: &str) -> Option<Rhythm> {
        let rhythm = |every, offset| Rhythm { every, offset };
        match field.split_once('/') {
            None if field == "*" => Some(rhythm(1, 0)),
            None => Some(rhythm(60, field.parse().ok()?)),
            Some((range, every)) => {
                let every = every.parse().ok().filter(|every| (1..=60).contains(every))?;
                let offset = if range == "*" { 0 } else { range.strip_suffix("-59")?.parse().ok()? };
                Some(rhythm(every, offset))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(program: &str, configuration: Option<&str>) -> Command {
        Command { program: program.into(), configuration: configuration.map(Into::into) }
    }

    #[test]
    fn a_line_of_a_crontab() {
        let rhythm = Rhythm { every: 10, offset: 7 };
        let cases = [
            (
                command("/usr/local/bin/entracte", None),
                "7-59/10 * * * * /usr/local/bin/entracte --quiet tick --all",
            ),
            (
                command("/home/o'neil/50% of/entracte", Some("/tmp/a b")),
                "7-59/10 * * * * /usr/bin/env XDG_CONFIG_HOME='/tmp/a b' '/home/o'\\''neil/50\\% of/entracte' --quiet tick --all",
            ),
        ];
        for (command, line) in cases {
            assert_eq!(String::from_utf8(command.crontab(rhythm)).unwrap(), line);
        }
    }

    #[test]
    fn a_rhythm_is_read_as_it_was_written() {
        for (every, offset, fields, calendar) in [
            (10, 7, "7-59/10 * * * *", "*-*-* *:07/10:00"),
            (1, 0, "* * * * *", "*-*-* *:00/1:00"),
            (60, 42, "42 * * * *", "*-*-* *:42:00"),
            (30, 0, "0-59/30 * * * *", "*-*-* *:00/30:00"),
        ] {
            let rhythm = Rhythm { every, offset };
            assert_eq!((rhythm.crontab().as_str(), rhythm.calendar().as_str()), (fields, calendar));
            assert_eq!(Rhythm::of_line(format!("{fields} /bin/entracte").as_bytes()), Some(rhythm));
            assert_eq!(Rhythm::of_calendar(calendar), Some(rhythm));
        }
        for other in ["", "# x", "MAILTO=x", "0 3 * * * x", "a * * * * x", "1-5/2 * * * * x"] {
            assert_eq!(Rhythm::of_line(other.as_bytes()), None, "{other}");
        }
        assert!(Rhythm::new(0).is_err() && Rhythm::new(31).is_err() && Rhythm::new(60).is_ok());
    }
}
