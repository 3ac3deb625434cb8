//! One entry of a tar, put together from its header and the extended headers
//! in front of it.

use std::io::Read;

use ::tar::EntryType;
use ::tar::Header;

use crate::release::archive::blocks::Content;
use crate::release::archive::blocks::skip_padding;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Entry;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::pax;
use crate::release::archive::pax::Pax;

/// Longest extended header or long name: a path is far shorter.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Longest target of a link, in bytes; Linux allows no more.
pub(super) const LONGEST_TARGET: u64 = 4096;

/// The headers that stand before an entry and say more about it.
#[derive(Default)]
pub(super) struct Before {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Before {
    /// Takes a header that describes the next entry or all entries; `false`
    /// when it is an entry itself.
    pub(super) fn take<R: Read>(&mut self, header: &Header, source: &mut R) -> Result<bool, Stop> {
        let name = header.path_bytes();
        let twice = || Refusal::entry(&name, Why::Malformed { what: "an entry has two headers of one kind" });
        let refused = |why| Refusal::entry(&name, why);
        match header.entry_type() {
            EntryType::XHeader => {
                let pax = pax::parse(&extension(header, source)?).map_err(refused)?;
                if self.pax.replace(pax).is_some() {
                    return Err(twice().into());
                }
            }
            EntryType::XGlobalHeader => {
                self.must_be_used()?;
                pax::check_global(&extension(header, source)?).map_err(refused)?;
            }
            EntryType::GNULongName => {
                if self.long_name.replace(c_string(extension(header, source)?, &name)?).is_some() {
                    return Err(twice().into());
                }
            }
            EntryType::GNULongLink => {
                if self.long_link.replace(c_string(extension(header, source)?, &name)?).is_some() {
                    return Err(twice().into());
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An extended header must be followed by its entry.
    pub(super) fn must_be_used(&self) -> Result<(), Refusal> {
        if self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some() {
            return Err(Refusal::whole(Why::Malformed { what: "an extended header has no entry" }));
        }
        Ok(())
    }

    /// Puts the entry together from its header and those before it.
    pub(super) fn complete(self, header: &Header, limits: &Limits) -> Result<Entry, Stop> {
        let pax = self.pax.unwrap_or_default();
        let name = agree(pax.path, self.long_name, || header.path_bytes().into_owned())?;
        let refuse = |why| Stop::from(Refusal::entry(&name, why));
        let size = header.entry_size().map_err(|_| refuse(NUMBER))?;
        // A reader that knows no pax would go on at another place than one that does.
        if pax.size.is_some_and(|said| said != size) {
            return Err(refuse(Why::Headers { what: "the sizes" }));
        }
        limits.check_file(&name, size)?;
        let mode = header.mode().map_err(|_| refuse(NUMBER))?;
        let kind = match header.entry_type() {
            // Old tars tell a folder by the slash alone.
            EntryType::Regular if name.ends_with(b"/") && size == 0 => MemberKind::Folder,
            EntryType::Regular => MemberKind::File { size },
            EntryType::Directory => MemberKind::Folder,
            EntryType::Symlink => {
                let field = || header.link_name_bytes().unwrap_or_default().into_owned();
                let target = agree(pax.link, self.long_link, field)?;
                MemberKind::Link { target: link_target(target).map_err(refuse)? }
            }
            other => return Err(refuse(Why::Kind { what: kind_name(other) })),
        };
        let mode = plain_mode(&kind, mode).map_err(refuse)?;
        if size != 0 && !matches!(kind, MemberKind::File { .. }) {
            return Err(refuse(Why::Malformed { what: "a folder or link has content" }));
        }
        Ok(Entry { name, kind, mode })
    }
}

const NUMBER: Why = Why::Malformed { what: "a number in the header is broken" };

/// The permission bits we give: setuid and setgid files are refused. On folders
/// setgid is common (it comes from the maker's own folder) and simply dropped.
pub(super) fn plain_mode(kind: &MemberKind, mode: u32) -> Result<u32, Why> {
    match kind {
        MemberKind::Folder => Ok(0o755),
        _ if mode & 0o6000 != 0 => Err(Why::SetId),
        _ if mode & 0o100 != 0 => Ok(0o755),
        _ => Ok(0o644),
    }
}

/// Where a link leads, as it is stored.
pub(super) fn link_target(raw: Vec<u8>) -> Result<String, Why> {
    if raw.len() as u64 > LONGEST_TARGET {
        return Err(Why::Malformed { what: "the link's target is too long" });
    }
    String::from_utf8(raw).map_err(|_| Why::Malformed { what: "the link's target is not UTF-8" })
}

fn kind_name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a fifo",
        EntryType::GNUSparse => "a sparse file",
        _ => "an entry of an unknown kind",
    }
}

/// The long form of a name; two long forms must say the same.
fn agree(
    pax: Option<Vec<u8>>,
    gnu: Option<Vec<u8>>,
    field: impl FnOnce() -> Vec<u8>,
) -> Result<Vec<u8>, Refusal> {
    match (pax, gnu) {
        (Some(pax), Some(gnu)) if pax != gnu => Err(Refusal::entry(&pax, Why::Headers { what: "the names" })),
        (Some(name), _) | (None, Some(name)) => Ok(name),
        (None, None) => Ok(field()),
    }
}

/// The content of a header that describes others.
fn extension<R: Read>(header: &Header, source: &mut R) -> Result<Vec<u8>, Stop> {
    let name = header.path_bytes();
    let size = header.entry_size().map_err(|_| Refusal::entry(&name, NUMBER))?;
    if size > LONGEST_EXTENSION {
        return Err(Refusal::entry(&name, Why::Malformed { what: "an extended header is too long" }).into());
    }
    let mut raw = Vec::new();
    Content { source, left: size }.read_to_end(&mut raw)?;
    skip_padding(source, size)?;
    Ok(raw)
}

/// GNU long names end with one NUL.
fn c_string(mut raw: Vec<u8>, name: &[u8]) -> Result<Vec<u8>, Refusal> {
    if raw.last() == Some(&0) {
        raw.pop();
    }
    if raw.contains(&0) {
        return Err(Refusal::entry(name, Why::Malformed { what: "a long name has bytes behind its end" }));
    }
    Ok(raw)
}
