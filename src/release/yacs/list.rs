//! The list of an old server, `footprints.php`: PHP that YACS includes, and
//! that is read here as the few kinds of line which it may have. Anything else
//! in it refuses the list; nothing is ever executed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Md5;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::list::Digest;
use crate::integrity::list::footprints;
use crate::integrity::list::footprints::Statement;
use crate::release::archive::Limits;
use crate::release::archive::MemberKind;
use crate::release::archive::Refusal;
use crate::release::archive::names_of;

/// As much of a wrong line is shown.
const SHOWN: usize = 60;

/// Which files there are, and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    pub files: BTreeMap<SitePath, Listed>,
    /// When it was made, as it says.
    pub date: String,
    /// Where it was made.
    pub server: String,
    pub version: Option<String>,
    /// How many files it says that went away; it does not say which.
    pub deleted: u64,
}

/// The digest of one file. What stands before it counts lines or bytes, and
/// nothing says which: it is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listed {
    /// Of the file as it is.
    Whole(Md5),
    /// Of its text without blanks at both ends and without any line end.
    LooseText(Md5),
}

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("this is no list of footprints")]
    NotAList,
    #[error("line {number} is nothing that a list of footprints holds: \"{text}\"")]
    Line { number: usize, text: String },
    #[error("line {number} says once more what was said before")]
    Twice { number: usize },
    #[error("the list does not say when and where it was made: is all of it here?")]
    Cut,
    #[error("a path in the list is not taken")]
    Path(#[from] Refusal),
}

impl Fault for ListError {
    fn exit(&self) -> Exit {
        match self {
            ListError::NotAList | ListError::Cut => Exit::Failed,
            _ => Exit::Untrusted,
        }
    }
}

impl Listed {
    fn of(digest: Digest) -> Option<Listed> {
        match digest {
            Digest::Md5(md5) => Some(Listed::Whole(md5)),
            Digest::LooseMd5(md5) => Some(Listed::LooseText(md5)),
            _ => None,
        }
    }

    pub fn fits(&self, content: &[u8]) -> bool {
        match self {
            Listed::Whole(md5) => md5_of(content) == Some(*md5),
            Listed::LooseText(md5) => md5_of(&without_line_ends(content)) == Some(*md5),
        }
    }

    /// The MD5 by which servers mark what they send.
    pub fn whole(content: &[u8]) -> Option<Md5> {
        md5_of(content)
    }

    /// What a list may say of this content.
    pub fn all_of(content: &[u8]) -> impl Iterator<Item = Listed> + use<> {
        let whole = md5_of(content).map(Listed::Whole);
        whole.into_iter().chain(md5_of(&without_line_ends(content)).map(Listed::LooseText))
    }
}

fn md5_of(content: &[u8]) -> Option<Md5> {
    let mut hasher = Hasher::new(Algorithms::Sha256AndMd5);
    hasher.update(content);
    hasher.finish().1
}

/// The text as YACS took its digest until 2009.
fn without_line_ends(content: &[u8]) -> Vec<u8> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b);
    let start = content.iter().position(|byte| !is_blank(byte)).unwrap_or(content.len());
    let end = content.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    content[start..end].iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect()
}

impl List {
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<List, ListError> {
        let mut reading = Reading::default();
        let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
        if lines.next().is_none_or(|(_, line)| line != b"<?php") {
            return Err(ListError::NotAList);
        }
        for (at, line) in lines {
            reading.line(line, at + 1)?;
        }
        reading.end(limits)
    }

    /// The version, or, where none is told, the day on which it was made.
    pub fn version(&self) -> Option<String> {
        let day = match self.date.as_bytes().get(10) {
            Some(b'T') => self.date.get(..10),
            _ => self.date.split('-').next(),
        };
        let day = day.unwrap_or_default();
        let said = self.version.as_deref().unwrap_or(day);
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '\\');
        ((1..=64).contains(&said.len()) && said.chars().all(is_plain)).then(|| said.to_owned())
    }

    pub fn time(&self) -> Option<Timestamp> {
        let built = self.date.trim_end_matches("GMT").trim_end();
        if let Ok(time) = DateTime::strptime("%y%m%d-%H:%M:%S", built) {
            return Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
        }
        strtime::parse("%Y-%m-%dT%H:%M:%S%z", &self.date).ok()?.to_timestamp().ok()
    }
}

/// What the lines have said so far.
#[derive(Default)]
struct Reading {
    files: BTreeMap<String, Listed>,
    said: BTreeMap<String, String>,
    is_over: bool,
}

impl Reading {
    fn line(&mut self, line: &[u8], number: usize) -> Result<(), ListError> {
        let wrong = || {
            let text = escape::bytes(line).chars().take(SHOWN).collect();
            ListError::Line { number, text }
        };
        let is_new = match footprints::statement(line).ok_or_else(wrong)? {
            Statement::Idle => return Ok(()),
            _ if self.is_over => return Err(wrong()),
            Statement::End => {
                self.is_over = true;
                return Ok(());
            }
            Statement::File { path: Cow::Borrowed(path), digest } => {
                let listed = Listed::of(digest).ok_or_else(wrong)?;
                self.files.insert(path.to_owned(), listed).is_none()
            }
            // Escapes are nothing that YACS writes.
            Statement::File { .. } => return Err(wrong()),
            Statement::Generation { key, value } => {
                self.said.insert(key.into_owned(), value.into_owned()).is_none()
            }
        };
        if is_new { Ok(()) } else { Err(ListError::Twice { number }) }
    }

    fn end(mut self, limits: &Limits) -> Result<List, ListError> {
        let mut said = |key: &str| self.said.remove(key).filter(|text| !text.is_empty());
        let (Some(date), Some(server)) = (said("date"), said("server")) else { return Err(ListError::Cut) };
        let (version, deleted) = (said("version"), said("deleted"));
        let deleted = deleted.and_then(|number| number.parse().ok()).unwrap_or_default();
        let raw = self.files.keys().map(|path| (path.as_bytes(), MemberKind::File { size: 0 }, 0o644));
        let members = names_of(raw, limits)?;
        // As many, and in the same order.
        let files = members.into_iter().map(|member| member.path).zip(self.files.into_values()).collect();
        Ok(List { files, date, server, version, deleted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn parse(text: &str) -> Result<List, ListError> {
        List::parse(text.as_bytes(), &Limits::default())
    }

    /// A list with these lines, as the build of 2010 wrote it.
    fn list(lines: &str) -> String {
        format!(
            "<?php\n// made by\n// on October 2, 2010, for J\u{e9}r\u{f4}me.\nglobal $footprints;\n\
             if(!isset($footprints)) $footprints = array();\n{lines}global $generation;\n\
             if(!isset($generation)) $generation = array();\n$generation['date']='101002-13:44:17 GMT';\n\
             $generation['server']='www.example.org';\n$generation['scripts']='2'; // number of reference scripts\n?>\n"
        )
    }

    #[test]
    fn every_dialect_is_read() {
        let old = format!("$footprints['a/old.php']=array(153, '{ABC}', '{ABC}');\n");
        let plain = format!("$footprints['a/plain.php']=array(153, '{ABC}');\n");
        let patch = format!("$footprints['b.css']=array(3,'{ABC}');\r\n");
        let read = parse(&list(&[old, plain, patch].concat())).unwrap();
        let files: Vec<(&str, bool)> = read
            .files
            .iter()
            .map(|(path, listed)| (path.as_str(), matches!(listed, Listed::Whole(_))))
            .collect();
        assert_eq!(files, [("a/old.php", false), ("a/plain.php", true), ("b.css", true)]);
        assert_eq!((read.version().unwrap().as_str(), read.server.as_str()), ("101002", "www.example.org"));
        assert_eq!(read.time().unwrap().to_string(), "2010-10-02T13:44:17Z");
    }

    #[test]
    fn what_it_says_of_itself_may_stand_anywhere_and_as_a_number() {
        let text = format!(
            "<?php\n$generation['version']='9.8beta31';\n$footprints['a.php']=array(3,'{ABC}');\n\
             $generation['date']='2018-04-25T10:00:00+0200';\n$generation['server']='x';\n$generation['deleted']=7;\n"
        );
        let read = parse(&text).unwrap();
        assert_eq!((read.version().as_deref(), read.deleted), (Some("9.8beta31"), 7));
        assert_eq!(read.time().unwrap().to_string(), "2018-04-25T08:00:00Z");
        let unnamed = List { version: None, ..read };
        assert_eq!(unnamed.version().as_deref(), Some("2018-04-25"));
        let odd = List { version: Some("10 rc/1".into()), ..unnamed };
        assert_eq!(odd.version(), None);
    }

    #[test]
    fn what_is_no_list_fails_and_what_may_be_an_attack_is_not_trusted() {
        let entry = |path: &str| list(&format!("$footprints['{path}']=array(3, '{ABC}');\n"));
        let line = |line: &str| list(&format!("{line}\n"));
        let cut = entry("a.php");
        let cut = cut.split("$generation['server']").next().unwrap().to_owned();
        for (what, text, exit, said) in [
            ("nothing", String::new(), Exit::Failed, "no list"),
            ("a page", "<html>".into(), Exit::Failed, "no list"),
            ("cut behind a line", cut, Exit::Failed, "all of it"),
            ("code", line("system('id');"), Exit::Untrusted, "line 6"),
            (
                "code behind an entry",
                line(&format!("$footprints['a']=array(1,'{ABC}'); evil();")),
                Exit::Untrusted,
                "line 6",
            ),
            (
                "code in an entry",
                line(&format!("$footprints[evil()]=array(1,'{ABC}');")),
                Exit::Untrusted,
                "line 6",
            ),
            ("an escape", entry("a\\'.php"), Exit::Untrusted, "line 6"),
            ("a short digest", line("$footprints['a']=array(1, 'abc');"), Exit::Untrusted, "line 6"),
            ("code behind the end", format!("{}evil();\n", entry("a.php")), Exit::Untrusted, "evil"),
            ("a comment that shows colours", line("\x1b[31m"), Exit::Untrusted, "\\x1b"),
            ("a path out", entry("../../etc/passwd"), Exit::Untrusted, "path"),
            ("an absolute path", entry("/etc/passwd"), Exit::Untrusted, "path"),
            ("the state folder", entry(".entracte/lock"), Exit::Untrusted, "path"),
            ("a hook of git", entry(".git/hooks/x"), Exit::Untrusted, "path"),
            (
                "twice the same",
                line(&format!("$footprints['a']=array(1,'{ABC}');\n$footprints['a']=array(1,'{ABC}');")),
                Exit::Untrusted,
                "once more",
            ),
            (
                "a file as a folder",
                line(&format!("$footprints['a']=array(1,'{ABC}');\n$footprints['a/b']=array(1,'{ABC}');")),
                Exit::Untrusted,
                "path",
            ),
        ] {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.exit(), exit, "{what}: {error}");
            assert!(error.to_string().contains(said), "{what}: {error}");
        }
    }

    #[test]
    fn there_is_an_end_to_what_a_list_may_hold() {
        let limits = Limits { entries: 3, ..Limits::default() };
        let lines: String =
            (0..4).map(|number| format!("$footprints['{number}.php']=array(1,'{ABC}');\n")).collect();
        let error = List::parse(list(&lines).as_bytes(), &limits).unwrap_err();
        assert!(matches!(error, ListError::Path(_)), "{error}");
    }

    #[test]
    fn the_old_digest_does_not_see_line_ends() {
        let text = b"\r\n <?php\r\n$a = 1;\r\n\r\n?>\n\0";
        assert_eq!(without_line_ends(text), b"<?php$a = 1;?>");
        assert_eq!(without_line_ends(b" \n"), b"");
        let listed = Listed::LooseText(md5_of(b"<?php$a = 1;?>").unwrap());
        assert!(
            listed.fits(text) && listed.fits(b"<?php\n$a = 1;\n?>") && !listed.fits(b"<?php\n$a = 2;\n?>")
        );
        assert!(Listed::all_of(text).any(|one| one == listed));
        assert!(Listed::Whole(ABC.parse().unwrap()).fits(b"abc"));
        assert!(!Listed::Whole(ABC.parse().unwrap()).fits(b"abc\n"));
    }
}
