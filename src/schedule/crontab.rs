//! The user's crontab: our marked block in it, everybody else's lines as they are.

use std::path::Path;
use std::time::Duration;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::process;
use crate::sys::process::Ended;
use crate::sys::process::ProcessError;
use crate::sys::process::Program;

const BEGIN: &[u8] = b"# BEGIN entracte";
const ABOUT: &[u8] = b" (made by `entracte schedule install`, gone with `entracte schedule remove`)";
const END: &[u8] = b"# END entracte";

/// No crontab of a sane user is longer.
const LONGEST: u64 = 4 << 20;
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum CrontabError {
    #[error("there is no program `crontab` on this machine")]
    NoProgram,
    #[error("this user may not have a crontab: {said}")]
    Forbidden { said: String },
    #[error("`crontab {option}` {how}")]
    Failed { option: &'static str, how: String },
    #[error("the crontab has a line `# BEGIN entracte` without its `# END entracte`")]
    Torn,
    #[error("the crontab cannot be read as it is: it holds more than `crontab -l` shows of it")]
    Unreadable,
    #[error("the crontab is not what was just written to it")]
    NotKept,
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Fault for CrontabError {
    fn exit(&self) -> Exit {
        match self {
            CrontabError::Failed { .. } | CrontabError::NotKept | CrontabError::Process(_) => Exit::Failed,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        let by_hand = "`entracte schedule install --by-hand` does all but that, and prints the line for a control panel";
        match self {
            CrontabError::NoProgram => vec![
                by_hand.into(),
                "where systemd runs the machine: `entracte schedule install --systemd`".into(),
            ],
            CrontabError::Forbidden { .. } => {
                vec!["an administrator allows it in /etc/cron.allow or /etc/cron.deny".into(), by_hand.into()]
            }
            CrontabError::Torn => vec!["mend it with `crontab -e`, then do this again".into()],
            CrontabError::Unreadable => vec![by_hand.into()],
            _ => Vec::new(),
        }
    }
}

/// The line of our block; `None` without a block.
pub fn line(crontab: &[u8]) -> Result<Option<&[u8]>, CrontabError> {
    let Some((from, until)) = block(crontab)? else { return Ok(None) };
    let inside = crontab[from..until].split(|byte| *byte == b'\n');
    Ok(Some(
        inside.map(<[u8]>::trim_ascii).find(|line| !line.is_empty() && line[0] != b'#').unwrap_or_default(),
    ))
}

/// The crontab with `line` as our block, where it stood or at the end.
pub fn with_line(crontab: &[u8], line: &[u8]) -> Result<Vec<u8>, CrontabError> {
    let ours = [BEGIN, ABOUT, b"\n", line, b"\n", END, b"\n"].concat();
    let (from, until) = block(crontab)?.unwrap_or((crontab.len(), crontab.len()));
    let (before, after) = (&crontab[..from], &crontab[until..]);
    // The last line may lack its end.
    let ending: &[u8] = if before.is_empty() || before.ends_with(b"\n") { b"" } else { b"\n" };
    Ok([before, ending, &ours, after].concat())
}

/// The crontab without our block.
pub fn without(crontab: &[u8]) -> Result<Vec<u8>, CrontabError> {
    let (from, until) = block(crontab)?.unwrap_or((0, 0));
    Ok([&crontab[..from], &crontab[until..]].concat())
}

/// Where our block stands, its last line break included.
fn block(crontab: &[u8]) -> Result<Option<(usize, usize)>, CrontabError> {
    let (mut at, mut begun) = (0, None);
    for line in crontab.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let is_begin = text.strip_prefix(BEGIN).is_some_and(|rest| rest.is_empty() || rest[0] == b' ');
        match begun {
            None if is_begin => begun = Some(at),
            Some(_) if is_begin => return Err(CrontabError::Torn),
            Some(from) if text == END => return Ok(Some((from, at + line.len()))),
            _ => {}
        }
        at += line.len();
    }
    if begun.is_some() { Err(CrontabError::Torn) } else { Ok(None) }
}

/// The crontab of the user that we work as; empty where there is none.
pub fn read() -> Result<Vec<u8>, CrontabError> {
    if process::find("crontab").is_none() {
        return Err(CrontabError::NoProgram);
    }
    let (ended, shown, said) = program(&["-l"]).capture_both(LONGEST)?;
    let said = escape::bytes(said.trim_ascii());
    match ended {
        Ended::Status(0) if hides_something(&shown) => read_raw(&shown),
        Ended::Status(0) => Ok(shown),
        Ended::Status(_) if is_none(&said) => Ok(Vec::new()),
        Ended::Status(_) if is_forbidden(&said) => Err(CrontabError::Forbidden { said }),
        other => Err(failed("-l", &other, &said)),
    }
}

/// Replaces the crontab, and reads it again to be sure; an empty one is taken away.
pub fn write(crontab: &[u8]) -> Result<(), CrontabError> {
    let option = if crontab.is_empty() { "-r" } else { "-" };
    let mut program = program(&[option]);
    program.stdin = crontab.to_vec();
    let (ended, _, said) = program.capture_both(LONGEST)?;
    let said = escape::bytes(said.trim_ascii());
    match ended {
        // Some versions show lines of their own before it.
        Ended::Status(0) if read()?.ends_with(crontab) => Ok(()),
        Ended::Status(0) => Err(CrontabError::NotKept),
        Ended::Status(_) if is_forbidden(&said) => Err(CrontabError::Forbidden { said }),
        other => Err(failed(option, &other, &said)),
    }
}

/// Debian's `crontab -l` writes a carriage return at the end of a line as `\r`,
/// two letters that could as well stand there.
fn hides_something(shown: &[u8]) -> bool {
    shown.split(|byte| *byte == b'\n').any(|line| line.ends_with(b"\\r"))
}

/// What an editor would be given is the file itself: one that only prints it
/// changes nothing.
fn read_raw(shown: &[u8]) -> Result<Vec<u8>, CrontabError> {
    let mut program = program(&["-e"]);
    for editor in ["VISUAL", "EDITOR"] {
        program.env.insert(editor.into(), "cat".into());
    }
    let (ended, raw, said) = program.capture_both(LONGEST)?;
    if ended != Ended::Status(0) {
        return Err(failed("-e", &ended, &escape::bytes(said.trim_ascii())));
    }
    let as_shown = |raw: &[u8]| {
        let lines = raw.split(|byte| *byte == b'\n').map(|line| match line.strip_suffix(b"\r") {
            Some(line) => [line, b"\\r"].concat(),
            None => line.to_vec(),
        });
        lines.collect::<Vec<_>>().join(&b'\n')
    };
    if raw == shown || as_shown(&raw) == shown { Ok(raw) } else { Err(CrontabError::Unreadable) }
}

fn program(options: &[&str]) -> Program {
    let mut program = Program::new(std::iter::once(&"crontab").chain(options), Path::new("/"));
    program.limit = LIMIT;
    program.env.insert("LC_ALL".into(), "C".into());
    program
}

fn is_none(said: &str) -> bool {
    said.contains("no crontab for") || said.contains("can't open")
}

fn is_forbidden(said: &str) -> bool {
    ["not allowed", "not authorized", "may not use", "pam configuration"]
        .iter()
        .any(|word| said.contains(word))
}

fn failed(option: &'static str, ended: &Ended, said: &str) -> CrontabError {
    let how = match ended {
        Ended::Status(status) => format!("ended with status {status}: {said}"),
        Ended::Signal(signal) => format!("was ended by signal {signal}"),
        Ended::TimedOut => format!("took longer than {} s", LIMIT.as_secs()),
    };
    CrontabError::Failed { option, how }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"7-59/10 * * * * /bin/entracte --quiet tick --all";

    /// Crontabs that people have, and what must stay of them.
    const THEIRS: [&[u8]; 8] = [
        b"",
        b"\n",
        b"0 5 * * * backup\n",
        b"# by hand\nSHELL=/bin/bash\nMAILTO=\"\"\n\n0 5 * * * backup\r\n",
        b"0 5 * * * backup\r\n1 5 * * * tidy\r\n",
        b"0 5 * * * date +\\%F\n\t \n#end",
        b"0 5 * * * echo \xff\xe9\n",
        b"# entracte\n# END entracte\n# BEGIN entracte-like\n",
    ];

    #[test]
    fn the_lines_of_others_stay_byte_for_byte() {
        for theirs in THEIRS {
            let shown = escape::bytes(theirs);
            let ours = with_line(theirs, LINE).unwrap();
            assert!(ours.starts_with(theirs), "{shown}");
            assert_eq!(line(&ours).unwrap(), Some(LINE), "{shown}");
            assert_eq!(with_line(&ours, LINE).unwrap(), ours, "{shown}: not the same again");
            let gone = without(&ours).unwrap();
            let ended = if theirs.is_empty() || theirs.ends_with(b"\n") {
                theirs.to_vec()
            } else {
                [theirs, b"\n"].concat()
            };
            assert_eq!(gone, ended, "{shown}");
            assert_eq!(without(theirs).unwrap(), theirs, "{shown}");
            assert_eq!(line(theirs).unwrap(), None, "{shown}");
        }
    }

    #[test]
    fn a_block_stays_where_it_stands() {
        let old = with_line(b"1 1 * * * a\n", LINE).unwrap();
        let around = [&old[..], b"2 2 * * * b\n"].concat();
        let new = with_line(&around, b"* * * * * other").unwrap();
        assert!(
            new.starts_with(b"1 1 * * * a\n# BEGIN entracte")
                && new.ends_with(b"# END entracte\n2 2 * * * b\n")
        );
        assert_eq!(line(&new).unwrap(), Some(&b"* * * * * other"[..]));
        assert_eq!(without(&new).unwrap(), b"1 1 * * * a\n2 2 * * * b\n");
    }

    #[test]
    fn half_a_block_is_left_to_people() {
        for torn in
            [&b"# BEGIN entracte\n1 1 * * * a\n"[..], b"# BEGIN entracte\n# BEGIN entracte\n# END entracte\n"]
        {
            assert!(matches!(with_line(torn, LINE), Err(CrontabError::Torn)));
            assert!(matches!(without(torn), Err(CrontabError::Torn)));
        }
    }
}
