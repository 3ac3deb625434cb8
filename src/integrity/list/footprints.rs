//! YACS's `footprints.php`: PHP that YACS includes, and that is read here as
//! the few kinds of line which it may have. Anything else in it refuses the
//! list; nothing is ever executed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use crate::base::digest::Md5;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::ListError;
use crate::integrity::list::gather::Gather;
use crate::integrity::list::lines::Lines;

/// Lines that every list may hold, without their blanks.
const FIXED: [&[u8]; 4] = [
    b"global$footprints;",
    b"if(!isset($footprints))$footprints=array();",
    b"global$generation;",
    b"if(!isset($generation))$generation=array();",
];

/// What one line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    /// Nothing of use.
    Idle,
    End,
    /// The number before the digest counts lines in old lists and bytes in new
    /// ones, and nothing tells which: it is not taken.
    File {
        path: Cow<'a, str>,
        digest: Digest,
    },
    Generation {
        key: Cow<'a, str>,
        value: Cow<'a, str>,
    },
}

/// What a line without its end says; `None` where no list may hold it.
pub fn statement(line: &[u8]) -> Option<Statement<'_>> {
    let line = line.trim_ascii();
    let plain: Vec<u8> = line.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if line.is_empty() || line.starts_with(b"//") || FIXED.contains(&plain.as_slice()) {
        return Some(Statement::Idle);
    }
    if line == b"?>" {
        return Some(Statement::End);
    }
    let text = std::str::from_utf8(line).ok()?;
    Rest(text).file().or_else(|| Rest(text).generation())
}

pub(super) fn parse(reader: &mut dyn BufRead) -> Result<HashList, ListError> {
    let (mut gather, mut lines) = (Gather::new(Format::Footprints), Lines::new(reader));
    let (mut said, mut is_over) = (BTreeMap::new(), false);
    while let Some((number, line)) = lines.next()? {
        if number == 1 && line.trim_ascii() == b"<?php" {
            continue;
        }
        match statement(line) {
            Some(Statement::Idle) => {}
            Some(_) if is_over => return Err(gather.wrong(number, line)),
            Some(Statement::End) => is_over = true,
            Some(Statement::File { path, digest }) => gather.add(number, path.as_bytes(), None, &[digest])?,
            Some(Statement::Generation { key, value }) => {
                said.insert(key.into_owned(), value.into_owned());
            }
            None if !is_over && is_in_other_letters(line) => {
                gather.warn(number, "left out: its path is not UTF-8".into());
            }
            None => return Err(gather.wrong(number, line)),
        }
    }
    gather.list.version = said.remove("version").filter(|version| !version.is_empty());
    for missing in ["date", "server"].into_iter().filter(|key| !said.contains_key(*key)) {
        gather.warn(0, format!("the list does not tell its `{missing}`: is all of it here?"));
    }
    gather.finish()
}

/// An entry whose path is written in Latin-1, say.
fn is_in_other_letters(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    matches!((&text, statement(text.as_bytes())), (Cow::Owned(_), Some(Statement::File { .. })))
}

/// What of a line is still to be read; blanks count nowhere but in quotes.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// `$footprints['path']=array(N, 'digest');`, in old lists with two digests.
    fn file(mut self) -> Option<Statement<'a>> {
        self.mark("$footprints")?;
        let path = self.key()?;
        self.mark("array")?;
        self.mark("(")?;
        self.number()?;
        self.mark(",")?;
        let first = self.quoted()?.parse().ok()?;
        let digest = match self.mark(",") {
            None => Digest::Md5(first),
            Some(()) => {
                // Of the text without comments, which proves less than the other.
                self.quoted()?.parse::<Md5>().ok()?;
                Digest::LooseMd5(first)
            }
        };
        self.mark(")")?;
        self.end()?;
        Some(Statement::File { path, digest })
    }

    /// `$generation['key']='text'; // comment`, or a number in its place.
    fn generation(mut self) -> Option<Statement<'a>> {
        self.mark("$generation")?;
        let key = self.key()?;
        let value = self.quoted().or_else(|| self.number().map(Cow::Borrowed))?;
        self.end()?;
        Some(Statement::Generation { key, value })
    }

    fn key(&mut self) -> Option<Cow<'a, str>> {
        self.mark("[")?;
        let key = self.quoted()?;
        self.mark("]")?;
        self.mark("=")?;
        Some(key)
    }

    fn mark(&mut self, mark: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(mark)?;
        Some(())
    }

    fn number(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        self.0 = &text[end..];
        (end > 0).then(|| &text[..end])
    }

    /// A text in single quotes, with PHP's two escapes in it, which YACS itself never writes.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let inside = self.0.trim_start().strip_prefix('\'')?;
        let (mut text, mut from, mut bytes) = (Cow::Borrowed(""), 0, inside.bytes().enumerate());
        while let Some((at, byte)) = bytes.next() {
            match byte {
                b'\'' => {
                    self.0 = &inside[at + 1..];
                    text += &inside[from..at];
                    return Some(text);
                }
                b'\\' if matches!(bytes.next(), Some((_, b'\'' | b'\\'))) => {
                    text.to_mut().push_str(&inside[from..at]);
                    from = at + 1;
                }
                b'\\' => return None,
                _ => {}
            }
        }
        None
    }

    fn end(&mut self) -> Option<()> {
        self.mark(";")?;
        let rest = self.0.trim_start();
        (rest.is_empty() || rest.starts_with("//")).then_some(())
    }
}

/// As YACS's build writes it today: sizes in bytes, MD5 of the files as they are.
pub(super) fn write(list: &HashList, version: Option<&str>, date: &str) -> Vec<u8> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut text = String::from(
        "<?php\n// This file has been created by entracte.\n// Please do not modify it manually.\nglobal $footprints;\n\
         if(!isset($footprints)) $footprints = array();\n",
    );
    let mut bytes = 0;
    for (path, listed) in &list.files {
        let Some(digest) = listed.of_kind(Kind::Md5).next() else { continue };
        let size = listed.size.unwrap_or_default();
        bytes += size;
        text.push_str(&format!("$footprints['{}']=array({size}, '{digest}');\n", quoted(path.as_str())));
    }
    text.push_str("global $generation;\nif(!isset($generation)) $generation = array();\n");
    let version = version.map(|version| ("version", quoted(version)));
    let said = [("date", date.to_owned()), ("server", "localhost".to_owned())].into_iter().chain(version);
    for (key, value) in said {
        text.push_str(&format!("$generation['{key}']='{value}';\n"));
    }
    text.push_str(&format!(
        "$generation['scripts']='{}'; // number of reference scripts\n$generation['lines']='{bytes}'; // lines of code\n?>\n",
        list.files.len()
    ));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    const ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn list(lines: &str) -> String {
        format!(
            "<?php\n// made for J\u{e9}r\u{f4}me.\nglobal $footprints;\nif(!isset($footprints)) $footprints = array();\n\
             {lines}global $generation;\nif(!isset($generation)) $generation = array();\n\
             $generation['date']='101002-13:44:17 GMT';\n$generation['server']='localhost';\n?>\n"
        )
    }

    #[test]
    fn every_dialect_is_read_wherever_the_version_stands() {
        let text = format!(
            "$generation['version']='10.10.1';\n$footprints['a/old.php']=array(153, '{ABC}', '{ABC}');\n\
             $footprints['b/plain.php']=array(153, '{ABC}');\n$footprints['c.css']=array(3,'{ABC}');\r\n\
             $footprints['it\\'s.php']=array(3,'{ABC}');\n"
        );
        let read = parse(list(&text).as_bytes(), None).unwrap();
        let files: Vec<(&str, Kind, Option<u64>)> =
            read.files.iter().map(|(path, listed)| (path.as_str(), listed.kinds()[0], listed.size)).collect();
        assert_eq!(
            files,
            [
                ("a/old.php", Kind::LooseMd5, None),
                ("b/plain.php", Kind::Md5, None),
                ("c.css", Kind::Md5, None),
                ("it's.php", Kind::Md5, None)
            ]
        );
        assert_eq!((read.version.as_deref(), read.warnings.len()), (Some("10.10.1"), 0));
    }

    #[test]
    fn code_and_paths_out_refuse_the_list() {
        for (defect, line) in [
            ("code", "system('id');".to_owned()),
            ("code behind an entry", format!("$footprints['a']=array(1,'{ABC}'); evil();")),
            ("code in an entry", format!("$footprints[evil()]=array(1,'{ABC}');")),
            ("a text that PHP computes", format!("$footprints[\"a\"]=array(1,'{ABC}');")),
            ("an escape that is none", format!("$footprints['a\\n']=array(1,'{ABC}');")),
            ("code behind the end", "?>\nevil".to_owned()),
            ("a page behind the end", "?>\n$footprints['a']=array(1,'x');".to_owned()),
            ("a path out", format!("$footprints['../a']=array(1,'{ABC}');")),
            ("another digest", format!("$footprints['x']=array(1,'{}');", ABC.replace('9', "8"))),
        ] {
            let text = list(&format!("$footprints['x']=array(1, '{ABC}');\n{line}\n"));
            let error = parse(text.as_bytes(), None).unwrap_err();
            let exit = crate::base::exit::Fault::exit(&error);
            assert_eq!(exit, crate::base::exit::Exit::Untrusted, "{defect}: {error}");
        }
    }

    #[test]
    fn letters_of_another_alphabet_are_told() {
        let mut text = list(&format!("$footprints['a.php']=array(1, '{ABC}');\n")).into_bytes();
        let entry = [&b"$footprints['caf\xe9.php']=array(1, '"[..], ABC.as_bytes(), b"');\n"].concat();
        text.splice(6..6, entry);
        let list = parse(&text, None).unwrap();
        assert_eq!((list.files.len(), list.warnings[0].line), (1, 2));
    }

    #[test]
    fn what_is_cut_is_told() {
        let text = list(&format!("$footprints['a.php']=array(1, '{ABC}');\n"));
        let cut = text.split("$generation['server']").next().unwrap();
        assert!(parse(cut.as_bytes(), None).unwrap().warnings[0].text.contains("all of it"));
    }
}
