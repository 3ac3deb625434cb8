//! A form with a file in it, as browsers send it without a script
//! (`multipart/form-data`): fields first, then one file, whose bytes are read
//! as they come. Strict, since only our own pages send it.

use std::io;
use std::io::Read;

use crate::console::ask::Ask;
use crate::console::ask::Fields;

/// The longest boundary that may be, by its standard.
const MOST_BOUNDARY: usize = 70;
const MOST_FIELDS: usize = 16;
/// Of a field's value, and of what stands above a part.
const MOST_TEXT: usize = 4 << 10;
const BUFFER: usize = 64 << 10;

/// Reads the fields into the form, `file` being the name of the file as the
/// browser says it, and leaves its bytes to be read as the body.
pub fn open(ask: &mut Ask) -> io::Result<()> {
    let boundary =
        boundary(ask.headers.get("content-type")).ok_or_else(|| wrong("it is no form with files"))?;
    let body = std::mem::replace(&mut ask.body, Box::new(io::empty()));
    let mut parts = Parts::new(&boundary, body);
    let mut fields = Vec::new();
    while let Some(head) = parts.next()? {
        if let Some(file) = head.file {
            fields.push(("file".to_owned(), file));
            ask.body = Box::new(parts);
            break;
        }
        if fields.len() == MOST_FIELDS {
            return Err(wrong("it has too many fields"));
        }
        let mut value = Vec::new();
        parts.by_ref().take(MOST_TEXT as u64 + 1).read_to_end(&mut value)?;
        if value.len() > MOST_TEXT {
            return Err(wrong("a field is too long"));
        }
        fields.push((head.name, String::from_utf8(value).map_err(|_| wrong("a field is no text"))?));
    }
    ask.form = Fields::new(fields);
    Ok(())
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

fn boundary(kind: &str) -> Option<String> {
    let (kind, rest) = kind.split_once(';')?;
    let value = rest.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    let is_one = !value.is_empty() && value.len() <= MOST_BOUNDARY && value.bytes().all(is_plain);
    (kind.trim().eq_ignore_ascii_case("multipart/form-data") && is_one).then(|| value.to_owned())
}

struct Head {
    name: String,
    /// As the browser says it; `None` for a plain field.
    file: Option<String>,
}

/// The parts of a body; read as one, it is the content of the part that
/// [`Parts::next`] came to last.
struct Parts {
    body: Box<dyn Read + Send>,
    /// With the line break that belongs to it.
    delimiter: Vec<u8>,
    /// What came and was not handed on; from `at` on.
    buffer: Vec<u8>,
    at: usize,
    is_at_end: bool,
    /// In the content of a part.
    is_inside: bool,
}

impl Parts {
    fn new(boundary: &str, body: Box<dyn Read + Send>) -> Parts {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The first delimiter has no line break before it.
        Parts { body, delimiter, buffer: b"\r\n".to_vec(), at: 0, is_at_end: false, is_inside: true }
    }

    /// Goes to the next part, over what was not read of this one.
    fn next(&mut self) -> io::Result<Option<Head>> {
        io::copy(self, &mut io::sink())?;
        while self.rest().len() < self.delimiter.len() + 2 {
            self.must_fill()?;
        }
        self.at += self.delimiter.len();
        let end = [self.rest()[0], self.rest()[1]];
        self.at += 2;
        match &end {
            b"--" => Ok(None),
            b"\r\n" => Ok(Some(self.head()?)),
            _ => Err(wrong("a boundary is followed by something else")),
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        let end = loop {
            if let Some(at) = find(self.rest(), b"\r\n\r\n") {
                break at;
            }
            if self.rest().len() > MOST_TEXT {
                return Err(wrong("what stands above a part is too long"));
            }
            self.must_fill()?;
        };
        let text = std::str::from_utf8(&self.rest()[..end]).map_err(|_| wrong("a part's name is no text"))?;
        let head = head(text).ok_or_else(|| wrong("a part has no name"))?;
        self.at += end + 4;
        self.is_inside = true;
        Ok(head)
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    fn must_fill(&mut self) -> io::Result<()> {
        if self.fill()? {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the form ends in its middle"))
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let here = self.buffer.len();
        self.buffer.resize(here + BUFFER, 0);
        let read = self.body.read(&mut self.buffer[here..]);
        self.buffer.truncate(here + read.as_ref().map_or(0, |count| *count));
        self.is_at_end = matches!(read, Ok(0));
        Ok(read? > 0)
    }
}

impl Read for Parts {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.is_inside {
            let found = find(self.rest(), &self.delimiter);
            // What may be the beginning of a delimiter waits for the rest of it.
            let ready = found.unwrap_or_else(|| self.rest().len().saturating_sub(self.delimiter.len() - 1));
            if ready > 0 {
                let count = ready.min(into.len());
                into[..count].copy_from_slice(&self.rest()[..count]);
                self.at += count;
                return Ok(count);
            }
            match found {
                Some(_) => self.is_inside = false,
                None => self.must_fill()?,
            }
        }
        Ok(0)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == what[0]) {
        if text[from + at..].starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

fn head(text: &str) -> Option<Head> {
    let line = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value.trim())
    })?;
    let rest = line.strip_prefix("form-data;")?;
    Some(Head { name: quoted(rest, " name=\"")?, file: quoted(rest, " filename=\"") })
}

/// The value between quotes; browsers write quotes and line breaks as `%22`, `%0D`, `%0A`.
fn quoted(text: &str, before: &str) -> Option<String> {
    let (_, after) = text.split_once(before)?;
    let value = after.split('"').next()?;
    Some(value.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of that length.
    struct Slow(Vec<u8>, usize);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    /// Name, file name and content of a part.
    type Whole = (String, Option<String>, Vec<u8>);

    fn read(body: &[u8], step: usize) -> io::Result<Vec<Whole>> {
        let mut parts = Parts::new("B", Box::new(Slow(body.to_vec(), step)));
        let mut all = Vec::new();
        while let Some(head) = parts.next()? {
            let mut content = Vec::new();
            parts.read_to_end(&mut content)?;
            all.push((head.name, head.file, content));
        }
        Ok(all)
    }

    fn part(name: &str, content: &str) -> String {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    #[test]
    fn parts_come_whole_however_they_are_cut() {
        let file = "--B\r\ncontent-disposition: form-data; name=\"f\"; filename=\"a%22b.zip\"\r\n\
            Content-Type: application/zip\r\n\r\nPK\r\n--b\r\n\r\n--\r\n";
        let body = [part("token", "t"), part("empty", ""), file.into(), "--B--\r\n".into()].concat();
        for step in [1, 2, 7, 1 << 20] {
            let all = read(body.as_bytes(), step).unwrap();
            assert_eq!(all[0], ("token".into(), None, b"t".to_vec()), "{step}");
            assert_eq!(all[1], ("empty".into(), None, Vec::new()), "{step}");
            assert_eq!(
                all[2],
                ("f".into(), Some("a\"b.zip".into()), b"PK\r\n--b\r\n\r\n--".to_vec()),
                "{step}"
            );
            assert_eq!(all.len(), 3);
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let long = format!("--B\r\nx: {}\r\n\r\n", "y".repeat(MOST_TEXT * 20));
        for body in [
            "",
            "--B",
            "nothing",
            "--B\r\n\r\nno name\r\n--B--",
            "--Bx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut",
            &long,
        ] {
            assert!(read(body.as_bytes(), 9).is_err(), "{}", &body[..body.len().min(60)]);
        }
    }

    #[test]
    fn boundaries_are_plain() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data; charset=x; boundary=\"a b\"", None),
            ("multipart/form-data; boundary=\"a.b\"", Some("a.b")),
            ("multipart/form-data; boundary=", None),
            ("multipart/mixed; boundary=abc", None),
            ("multipart/form-data", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
    }
}
