//! JSON as every room reads and writes it: one meaning for whatever is taken,
//! and nothing in it that could play tricks on a terminal.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::io;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Error;
use serde_json::Serializer;
use serde_json::ser::CompactFormatter;
use serde_json::ser::Formatter;
use serde_json::ser::PrettyFormatter;

use crate::base::escape;

/// Largest text that is read, in bytes.
pub const MAX_BYTES: usize = 256 << 20;
/// Most values in one text: some for each of as many files as a release may have.
pub const MAX_VALUES: u64 = 8_000_000;
/// Deepest nesting.
pub const MAX_DEPTH: u32 = 32;

/// Reads one value. Readers disagree about a name that stands twice in an
/// object, so such a text is refused, at any depth, known field or not.
pub fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Error> {
    judge(bytes)?;
    serde_json::from_slice(bytes)
}

/// As [`read`], for an object whose `format` must be the one that is known.
pub fn read_format<'de, T: Deserialize<'de>>(bytes: &'de [u8], known: u32) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Head {
        format: u64,
    }
    let head: Head = read(bytes)?;
    match head.format == u64::from(known) {
        true => serde_json::from_slice(bytes),
        false => Err(Error::custom(format!("it is of format {}; this entracte knows {known}", head.format))),
    }
}

/// On one line.
pub fn line<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    write(&mut text, value)?;
    Ok(text)
}

/// For people to look into.
pub fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Visible(PrettyFormatter::new())))?;
    Ok(text)
}

/// On one line, into `out`.
pub fn write<T: Serialize + ?Sized>(out: impl io::Write, value: &T) -> Result<(), Error> {
    value.serialize(&mut Serializer::with_formatter(out, Visible(CompactFormatter)))
}

/// Writes what a terminal would act upon as `\uXXXX`, which means the same.
struct Visible<F>(F);

impl<F: Formatter> Formatter for Visible<F> {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| escape::is_dangerous(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

fn judge(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::custom(format!("larger than {MAX_BYTES} bytes")));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut values = 0;
    Judge { values: &mut values, depth: 0 }.deserialize(&mut reader)?;
    reader.end()
}

/// Walks through everything and keeps nothing.
struct Judge<'v> {
    values: &'v mut u64,
    depth: u32,
}

impl Judge<'_> {
    fn inside<E: serde::de::Error>(&mut self) -> Result<Judge<'_>, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format!("more than {MAX_DEPTH} levels deep")));
        }
        Ok(Judge { values: self.values, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Judge<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        *self.values += 1;
        if *self.values > MAX_VALUES {
            return Err(D::Error::custom(format!("more than {MAX_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Judge<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.inside()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::default();
        while let Some(name) = map.next_key_seed(Name)? {
            map.next_value_seed(self.inside()?)?;
            if let Some(name) = names.take(name) {
                let name = escape::text(&name).chars().take(80).collect::<String>();
                return Err(A::Error::custom(format!("\"{name}\" stands twice in one object")));
            }
        }
        Ok(())
    }
}

/// A name of an object, borrowed where it stands there as it is.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// The names of one object. Most have a few, among which looking is quicker than hashing.
#[derive(Default)]
struct Names<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Names<'de> {
    const FEW: usize = 12;

    /// Gives a name back that was there before.
    fn take(&mut self, name: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.few.contains(&name) || self.many.contains(&name) {
            return Some(name);
        }
        if self.few.len() < Names::FEW {
            self.few.push(name);
        } else {
            self.many.insert(name);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_refused_wherever_it_stands() {
        #[derive(Debug, Deserialize)]
        struct Known {
            #[serde(rename = "a")]
            _a: u32,
        }
        assert!(read::<Known>(br#"{"a": 1, "b": {"c": [{"d": 1}, {"d": 2}]}}"#).is_ok());
        let many: Vec<String> = (0..40).map(|at| format!("\"n{at}\": {at}")).collect();
        assert!(read::<Known>(format!("{{\"a\": 1, {}}}", many.join(", ")).as_bytes()).is_ok());
        let twice = format!("{{\"a\": 1, {}, \"n39\": 1}}", many.join(", "));
        assert!(read::<Known>(twice.as_bytes()).unwrap_err().to_string().contains("n39"));
        for twice in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "b": 1, "b": 2}"#,
            r#"{"a": 1, "x": [{"c": 1, "\u0063": 2}]}"#,
        ] {
            let said = read::<Known>(twice.as_bytes()).unwrap_err().to_string();
            assert!(said.contains("stands twice"), "{twice}: {said}");
        }
    }

    #[test]
    fn depth_and_format_have_bounds() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read::<serde::de::IgnoredAny>(nested(MAX_DEPTH as usize).as_bytes()).is_ok());
        assert!(read::<serde::de::IgnoredAny>(nested(MAX_DEPTH as usize + 1).as_bytes()).is_err());
        assert!(read_format::<serde_json::Value>(b"{\"format\": 1}", 1).is_ok());
        for other in ["{\"format\": 2}", "{\"format\": -1}", "{\"format\": \"1\"}", "{}", "7"] {
            assert!(read_format::<serde_json::Value>(other.as_bytes(), 1).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_written_is_visible_and_means_the_same() {
        let text = "a\u{202e}b\u{7f}\u{9b}\u{feff}\x1b\u{e0041}é\"\\\n";
        for written in [line(text).unwrap(), pretty(text).unwrap()] {
            let written = String::from_utf8(written).unwrap();
            assert!(!written.chars().any(escape::is_dangerous), "{written:?}");
            assert_eq!(read::<String>(written.as_bytes()).unwrap(), text);
        }
    }
}
