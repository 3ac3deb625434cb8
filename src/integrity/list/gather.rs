//! What the readers of all formats put into a list: paths judged, doubles
//! found, everything bounded.

use std::collections::BTreeMap;

use crate::base::count;
use crate::base::escape;
use crate::base::path::SitePath;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::ListError;
use crate::integrity::list::Listed;
use crate::integrity::list::MAX_FILES;
use crate::integrity::list::Warning;

/// More of them are only counted.
const MAX_WARNINGS: usize = 1000;
/// As much of a wrong line is shown.
const SHOWN: usize = 60;
/// Other readings of one file that a list may offer.
const MAX_DIGESTS: usize = 64;

pub(super) struct Gather {
    pub list: HashList,
    untold: u64,
    /// The line that was read last.
    last: u64,
}

impl Gather {
    pub fn new(format: Format) -> Gather {
        let (product, version, warnings) = (None, None, Vec::new());
        let list = HashList { format, product, version, files: BTreeMap::new(), warnings };
        Gather { list, untold: 0, last: 0 }
    }

    /// Notes what the list says of a path. One that leads out of the site
    /// refuses the whole list; one that a site cannot have is left out.
    pub fn add(
        &mut self,
        line: u64,
        raw: &[u8],
        size: Option<u64>,
        digests: &[Digest],
    ) -> Result<(), ListError> {
        self.last = line;
        let raw = without_dots(raw);
        let path = match SitePath::parse_bytes(raw) {
            Ok(path) => path,
            Err(source) if leads_out(raw) => return Err(ListError::Path { line, source }),
            Err(error) => {
                self.warn(line, format!("left out: {error}"));
                return Ok(());
            }
        };
        let listed = Listed::new(size, digests);
        if let Some(known) = self.list.files.get_mut(&path) {
            return match known.join(&listed) && known.digests.len() <= MAX_DIGESTS {
                true => Ok(()),
                false => Err(ListError::Contradiction { line, path }),
            };
        }
        if self.list.files.len() == MAX_FILES {
            return Err(ListError::TooMany { line });
        }
        self.list.files.insert(path, listed);
        Ok(())
    }

    pub fn warn(&mut self, line: u64, text: String) {
        match self.list.warnings.len() < MAX_WARNINGS {
            true => self.list.warnings.push(Warning { line, text }),
            false => self.untold += 1,
        }
    }

    /// A line that this format does not hold.
    pub fn wrong(&self, line: u64, text: &[u8]) -> ListError {
        let text = escape::bytes(&text[..text.len().min(SHOWN * 4)]).chars().take(SHOWN).collect();
        ListError::Line { format: self.list.format, line, text }
    }

    pub fn finish(mut self) -> Result<HashList, ListError> {
        if self.list.files.is_empty() {
            return Err(ListError::Nothing);
        }
        if self.untold > 0 {
            let text = format!("not told: {}", count::of(self.untold, "more warning"));
            self.list.warnings.push(Warning { line: self.last, text });
        }
        Ok(self.list)
    }
}

/// `./` in front, as `find` writes it.
fn without_dots(mut raw: &[u8]) -> &[u8] {
    while let Some(rest) = raw.strip_prefix(b"./") {
        raw = rest;
    }
    raw
}

fn leads_out(raw: &[u8]) -> bool {
    let is_up = |part: &[u8]| part == b"..";
    raw.starts_with(b"/") || raw.contains(&0) || raw.split(|byte| matches!(byte, b'/' | b'\\')).any(is_up)
}
