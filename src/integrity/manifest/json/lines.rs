//! The lines of `files`, read and written.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de;
use serde::de::SeqAccess;
use serde::de::Visitor;

use super::MAX_FILES;
use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;

/// One line of `files`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    path: SitePath,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    md5: Option<Md5>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    folder: bool,
}

impl Line {
    /// What it says; its path where that cannot be.
    fn entry(self) -> Result<FileEntry, SitePath> {
        let content = match (self.size, self.sha256, self.link, self.folder) {
            (Some(size), Some(sha256), None, false) => Content::File { size, sha256, md5: self.md5 },
            (None, None, Some(target), false) if self.md5.is_none() => Content::Link { target },
            (None, None, None, true) if self.md5.is_none() => Content::Folder,
            _ => return Err(self.path),
        };
        Ok(FileEntry { path: self.path, content, mode: self.mode.map(|mode| mode.0) })
    }

    pub fn of(entry: &FileEntry) -> Line {
        let mut line = Line {
            path: entry.path.clone(),
            size: None,
            sha256: None,
            md5: None,
            mode: entry.mode.map(Mode),
            link: None,
            folder: false,
        };
        match &entry.content {
            Content::File { size, sha256, md5 } => {
                (line.size, line.sha256, line.md5) = (Some(*size), Some(*sha256), *md5);
            }
            Content::Link { target } => line.link = Some(target.clone()),
            Content::Folder => line.folder = true,
        }
        line
    }
}

/// Permission bits as four octal digits, `"0644"`.
#[derive(Clone, Copy)]
struct Mode(u32);

impl Serialize for Mode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:04o}", self.0))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mode, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let octal = text.len() == 4 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        // Bits beyond read, write and execute are nobody's to ship.
        match u32::from_str_radix(&text, 8) {
            Ok(mode) if octal && mode <= 0o777 => Ok(Mode(mode)),
            _ => Err(de::Error::custom(format!("mode {text:?} is not four octal digits up to 0777"))),
        }
    }
}

/// The list, read with a bound on its length so that it cannot fill the memory.
#[derive(Default)]
pub(super) struct Files {
    pub entries: Vec<FileEntry>,
    /// The first that is neither file nor link nor folder.
    pub misshapen: Option<SitePath>,
}

impl Files {
    fn add(&mut self, line: Line) {
        match line.entry() {
            Ok(entry) => self.entries.push(entry),
            Err(path) => self.misshapen = self.misshapen.take().or(Some(path)),
        }
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
        struct Bounded;
        impl<'de> Visitor<'de> for Bounded {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of files")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Files, A::Error> {
                let (mut files, mut count) = (Files::default(), 0);
                while let Some(line) = list.next_element()? {
                    if count == MAX_FILES {
                        return Err(de::Error::custom(format!("more than {MAX_FILES} files")));
                    }
                    count += 1;
                    files.add(line);
                }
                // The room grew by doubling.
                files.entries.shrink_to_fit();
                Ok(files)
            }
        }
        deserializer.deserialize_seq(Bounded)
    }
}
