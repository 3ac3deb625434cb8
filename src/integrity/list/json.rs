//! JSON lists: which one it is, objects in the order in which they are
//! written, and the line where a text stands.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;

use crate::base::json;
use crate::integrity::list::Format;
use crate::integrity::list::ListError;

/// The format of a JSON document, by the names at its top.
pub(super) fn format(bytes: &[u8]) -> Result<Format, ListError> {
    let wrong = |source| ListError::Json { format: Format::Native, source };
    let top: Ordered<IgnoredAny> = json::read(bytes).map_err(wrong)?;
    let has = |name: &str| top.0.iter().any(|(known, _)| known == name);
    if has("hashes") {
        Ok(Format::Signature)
    } else if has("checksums") || has("plugin") {
        Ok(Format::WordPress)
    } else if has("format") {
        Ok(Format::Native)
    } else {
        Err(ListError::Unknown)
    }
}

/// The entries of an object as they stand.
#[derive(Debug)]
pub(super) struct Ordered<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ordered<T>, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// Counts lines up to texts that stand one after the other in a document.
pub(super) struct Cursor<'a> {
    document: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Cursor<'a> {
    pub fn new(document: &'a [u8]) -> Cursor<'a> {
        Cursor { document, at: 0, line: 1 }
    }

    /// The line of a text that was read from the document; where it was written
    /// with escapes, and so stands elsewhere, the line of the one before.
    pub fn line(&mut self, text: &str) -> u64 {
        let at = (text.as_ptr() as usize).wrapping_sub(self.document.as_ptr() as usize);
        if let Some(passed) = self.document.get(self.at..at) {
            self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.at = at;
        }
        self.line
    }
}
