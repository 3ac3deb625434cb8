//! Tiki's `secdb`: SQL that fills the table `tiki_secdb` with the MD5 of each
//! file, a row a statement in old releases, many rows a statement in new ones.
//! Read as text; what is not such an `INSERT` is passed over.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::base::digest::Md5;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::ListError;
use crate::integrity::list::MAX_FILES;
use crate::integrity::list::gather::Gather;
use crate::integrity::list::lines;
use crate::integrity::manifest::version;

const TABLE: &[u8] = b"tiki_secdb";
/// The columns of the table, for statements that name none.
const COLUMNS: [&[u8]; 4] = [b"md5_value", b"filename", b"tiki_version", b"severity"];
/// A statement takes no more: old servers refuse what is longer than a megabyte.
const STATEMENT_BYTES: usize = 1_000_000;
const OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

#[derive(Debug, PartialEq)]
enum Token {
    /// A keyword, name or number, in lower case; names in backticks, too.
    Word(Vec<u8>),
    Text(Vec<u8>),
    Mark(u8),
}

struct Row {
    line: u64,
    path: Vec<u8>,
    digest: Digest,
}

pub(super) fn parse(bytes: &[u8]) -> Result<HashList, ListError> {
    let mut gather = Gather::new(Format::Secdb);
    let mut reader = Reader { rest: lines::without_mark(bytes), line: 1 };
    let mut versions: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut count = 0;
    while let Some(token) = reader.next(&gather)? {
        let is_insert = matches!(&token, Token::Word(word) if matches!(&word[..], b"insert" | b"replace"));
        if is_insert && reader.names_the_table(&gather)? {
            let columns = reader.columns(&gather)?;
            while let Some((version, row)) = reader.row(&columns, &gather)? {
                count += 1;
                if count > MAX_FILES {
                    return Err(ListError::TooMany { line: row.line });
                }
                versions.entry(version).or_default().push(row);
            }
        } else if token != Token::Mark(b';') {
            reader.skip_statement(&gather)?;
        }
    }
    take_newest(&mut gather, versions)?;
    gather.finish()
}

/// A list may go back over all releases; a site has one of them.
fn take_newest(gather: &mut Gather, mut versions: BTreeMap<String, Vec<Row>>) -> Result<(), ListError> {
    let order = |a: &&String, b: &&String| match version::compare(a, b) {
        Ordering::Equal => a.cmp(b),
        order => order,
    };
    let Some(newest) = versions.keys().max_by(order).cloned() else { return Err(ListError::Nothing) };
    if versions.len() > 1 {
        let others = versions.len() - 1;
        gather.warn(0, format!("only version {newest} is taken; {others} others are left out"));
    }
    for row in versions.remove(&newest).unwrap_or_default() {
        if row.is_the_list_itself() {
            gather.warn(row.line, "left out: the list names itself, with the digest of nothing".into());
            continue;
        }
        gather.add(row.line, &row.path, None, &[row.digest])?;
    }
    gather.list.version = Some(newest).filter(|version| !version.is_empty());
    Ok(())
}

impl Row {
    /// The file was empty when its own digest was taken.
    fn is_the_list_itself(&self) -> bool {
        let name = self.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_secdb = name.windows(5).any(|word| word == b"secdb") && name.ends_with(b".sql");
        is_secdb && OF_NOTHING.parse::<Md5>().is_ok_and(|nothing| self.digest == Digest::Md5(nothing))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    line: u64,
}

impl Reader<'_> {
    /// `[IGNORE] [INTO] tiki_secdb`
    fn names_the_table(&mut self, gather: &Gather) -> Result<bool, ListError> {
        loop {
            match self.next(gather)? {
                Some(Token::Word(word)) if matches!(&word[..], b"ignore" | b"into") => {}
                Some(Token::Word(word)) => return Ok(word == TABLE),
                _ => return Ok(false),
            }
        }
    }

    /// The names of the columns, where there are any, up to `VALUES`.
    fn columns(&mut self, gather: &Gather) -> Result<Vec<Vec<u8>>, ListError> {
        let mut columns = Vec::new();
        loop {
            match self.next(gather)? {
                Some(Token::Word(word)) if matches!(&word[..], b"values" | b"value") => break,
                Some(Token::Word(word)) => columns.push(word),
                Some(Token::Mark(b'(' | b',' | b')')) => {}
                _ => return Err(self.wrong(gather)),
            }
        }
        if columns.is_empty() {
            columns = COLUMNS.map(<[u8]>::to_vec).to_vec();
        }
        Ok(columns)
    }

    /// The next row of the statement; `None` at its end.
    fn row(&mut self, columns: &[Vec<u8>], gather: &Gather) -> Result<Option<(String, Row)>, ListError> {
        match self.next(gather)? {
            None | Some(Token::Mark(b';')) => return Ok(None),
            Some(Token::Mark(b',')) => return self.row_behind_comma(columns, gather),
            Some(Token::Mark(b'(')) => {}
            _ => return Err(self.wrong(gather)),
        }
        self.values(columns, gather).map(Some)
    }

    fn row_behind_comma(
        &mut self,
        columns: &[Vec<u8>],
        gather: &Gather,
    ) -> Result<Option<(String, Row)>, ListError> {
        match self.next(gather)? {
            Some(Token::Mark(b'(')) => self.values(columns, gather).map(Some),
            _ => Err(self.wrong(gather)),
        }
    }

    fn values(&mut self, columns: &[Vec<u8>], gather: &Gather) -> Result<(String, Row), ListError> {
        let line = self.line;
        let (mut path, mut digest, mut version) = (None, None, String::new());
        for (at, column) in columns.iter().enumerate() {
            if at > 0 && self.next(gather)? != Some(Token::Mark(b',')) {
                return Err(self.wrong(gather));
            }
            let (Some(Token::Text(value)) | Some(Token::Word(value))) = self.next(gather)? else {
                return Err(self.wrong(gather));
            };
            let text = || std::str::from_utf8(&value).ok();
            match &column[..] {
                b"filename" => path = Some(value),
                b"md5_value" => digest = text().and_then(Digest::parse),
                b"tiki_version" => version = text().unwrap_or_default().to_owned(),
                _ => {}
            }
        }
        let is_closed = self.next(gather)? == Some(Token::Mark(b')'));
        match (path, digest.filter(|digest| digest.kind() == Kind::Md5)) {
            (Some(path), Some(digest)) if is_closed => Ok((version, Row { line, path, digest })),
            _ => Err(self.wrong(gather)),
        }
    }

    fn skip_statement(&mut self, gather: &Gather) -> Result<(), ListError> {
        while !matches!(self.next(gather)?, None | Some(Token::Mark(b';'))) {}
        Ok(())
    }

    fn next(&mut self, gather: &Gather) -> Result<Option<Token>, ListError> {
        loop {
            let Some(first) = self.rest.first().copied() else { return Ok(None) };
            let comment = match self.rest {
                [b'#', ..] => Some(&b"\n"[..]),
                [b'-', b'-', b' ' | b'\t' | b'\r' | b'\n', ..] | [b'-', b'-'] => Some(&b"\n"[..]),
                [b'/', b'*', ..] => Some(&b"*/"[..]),
                _ => None,
            };
            if let Some(end) = comment {
                let found = self.rest.windows(end.len()).position(|window| window == end);
                self.pass(found.map_or(self.rest.len(), |at| at + end.len()));
            } else if first.is_ascii_whitespace() {
                self.pass(1);
            } else {
                break;
            }
        }
        let first = self.rest[0];
        Ok(Some(match first {
            b'\'' | b'"' => Token::Text(self.quoted(first).ok_or_else(|| self.wrong(gather))?),
            b'`' => {
                let name = self.quoted(first).ok_or_else(|| self.wrong(gather))?;
                Token::Word(name.to_ascii_lowercase())
            }
            _ => {
                let is_word = |byte: &u8| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || *byte >= 0x80
                };
                match self.rest.iter().position(|byte| !is_word(byte)).unwrap_or(self.rest.len()) {
                    0 => {
                        self.pass(1);
                        Token::Mark(first)
                    }
                    end => {
                        let word = self.rest[..end].to_ascii_lowercase();
                        self.pass(end);
                        Token::Word(word)
                    }
                }
            }
        }))
    }

    /// A text in quotes, with the escapes of MySQL; `None` where it has no end.
    fn quoted(&mut self, quote: u8) -> Option<Vec<u8>> {
        let (mut text, mut at) = (Vec::new(), 1);
        loop {
            match *self.rest.get(at)? {
                b'\\' if quote != b'`' => {
                    text.push(match *self.rest.get(at + 1)? {
                        b'0' => 0,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'Z' => 26,
                        other => other,
                    });
                    at += 2;
                }
                byte if byte == quote && self.rest.get(at + 1) == Some(&quote) => {
                    text.push(quote);
                    at += 2;
                }
                byte if byte == quote => {
                    self.pass(at + 1);
                    return Some(text);
                }
                byte => {
                    text.push(byte);
                    at += 1;
                }
            }
        }
    }

    fn pass(&mut self, count: usize) {
        let (passed, rest) = self.rest.split_at(count);
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.rest = rest;
    }

    fn wrong(&self, gather: &Gather) -> ListError {
        let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
        gather.wrong(self.line, &self.rest[..end])
    }
}

/// As Tiki's own release tool writes it today.
pub(super) fn write(list: &HashList, version: &str) -> Vec<u8> {
    const INSERT: &str = "INSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`) VALUES ";
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut text = String::from("start transaction;\nDELETE FROM `tiki_secdb`;\n");
    let mut statement = 0;
    for (path, listed) in &list.files {
        let Some(digest) = listed.of_kind(Kind::Md5).next() else { continue };
        let row = format!("('./{}', '{digest}', '{}')", quoted(path.as_str()), quoted(version));
        let lead = match statement {
            0 => format!("{INSERT}\n"),
            size if size + row.len() > STATEMENT_BYTES => {
                statement = 0;
                format!(";\n{INSERT}\n")
            }
            _ => ",\n".to_owned(),
        };
        statement += lead.len() + row.len();
        text.push_str(&lead);
        text.push_str(&row);
    }
    text.push_str(";\ncommit;\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

    fn names(list: &HashList) -> Vec<&str> {
        list.files.keys().map(|path| path.as_str()).collect()
    }

    #[test]
    fn a_row_a_statement_and_many_rows_a_statement_are_the_same() {
        let old = format!(
            "DELETE FROM `tiki_secdb` WHERE `tiki_version` = '9.2';\r\n\
             INSERT INTO `tiki_secdb` (`md5_value`, `filename`, `tiki_version`, `severity`) VALUES('{MD5}', './a.php', '9.2', 0);\r\n\
             INSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`, `severity`) VALUES('./it\\'s.php', '{MD5}', '9.2', 0);\r\n\
             INSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`) VALUES('./db/tiki-secdb_9.2_mysql.sql', '{OF_NOTHING}', '9.2');\r\n"
        );
        let new = format!(
            "start transaction;\nDELETE FROM `tiki_secdb`;\nALTER TABLE `tiki_secdb` DROP PRIMARY KEY, ADD PRIMARY KEY (`filename`(171),`tiki_version`(20));\n\n\
             INSERT INTO `tiki_secdb` (`filename`, `md5_value`, `tiki_version`) VALUES \n\
             ('./a.php', '{MD5}', '9.2'),\n('./it''s.php', '{MD5}', '9.2');\ncommit;\n"
        );
        let dump = format!(
            "-- a dump\n/* of; all */ INSERT INTO `tiki_secdb` VALUES ('{MD5}','./a.php','9.2',0),('{MD5}','./it\\'s.php','9.2',0)"
        );
        let (old, new, dump) = (
            parse(old.as_bytes(), None).unwrap(),
            parse(new.as_bytes(), None).unwrap(),
            parse(dump.as_bytes(), None).unwrap(),
        );
        assert_eq!(names(&old), ["a.php", "it's.php"]);
        assert_eq!((&old.files, &new.files, old.version.as_deref()), (&new.files, &dump.files, Some("9.2")));
        let [warning] = &old.warnings[..] else { panic!("{:?}", old.warnings) };
        assert_eq!(warning.line, 4);
        assert!(warning.text.contains("names itself"));
    }

    #[test]
    fn the_newest_of_several_versions_is_taken() {
        let row = |path: &str, version: &str| {
            format!(
                "INSERT INTO tiki_secdb (filename, md5_value, tiki_version) VALUES ('{path}','{MD5}','{version}');\n"
            )
        };
        let text = [row("a", "9.2"), row("b", "10.1"), row("c", "2.0")].concat();
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!((names(&list), list.version.as_deref()), (vec!["b"], Some("10.1")));
        assert!(list.warnings[0].text.contains("2 others"));
    }

    #[test]
    fn what_is_no_row_is_an_error_with_its_line() {
        let head = "INSERT INTO `tiki_secdb` (`filename`, `md5_value`) VALUES\n";
        for (defect, rest, said) in [
            ("a short digest", "('a', '90')", "line 2"),
            ("an expression", "('a', md5('x'))", "line 2"),
            ("too few values", "('a')", "line 2"),
            ("a text without an end", "('a", "line 2"),
            ("a path out", "('../a', '900150983cd24fb0d6963f7d28e17f72')", "line 2"),
            ("a hidden path out", "('./../a', '900150983cd24fb0d6963f7d28e17f72')", "line 2"),
            ("no rows", ";", "no file"),
        ] {
            let error = parse(format!("{head}{rest}").as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(said), "{defect}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = format!("INSERT INTO tiki_secdb VALUES ('{MD5}','it\\'s','9.2',0),('{MD5}','b','9.2',0);");
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!(parse(&write(&list, "9.2"), None).unwrap(), list);
    }
}
