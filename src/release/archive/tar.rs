//! Walks a tar: v7, ustar, POSIX (pax) and GNU headers.
//!
//! Headers are read by the `tar` crate; the walk from header to header is our
//! own, because the crate's forgives what we refuse.

use std::io;
use std::io::Read;

use ::tar::EntryType;
use ::tar::Header;

use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Entry;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::opened::Visit;
use crate::release::archive::pax;
use crate::release::archive::pax::Pax;

/// Bytes of a header, and of what every content is padded to.
pub(super) const BLOCK: usize = 512;
/// Longest extended header or long name: a path is far shorter.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Whether a tar begins like this.
pub(super) fn begins(head: &[u8]) -> bool {
    <&[u8; BLOCK]>::try_from(head).is_ok_and(is_header)
}

/// Hands every entry to `visit` and checks that nothing stands behind the last.
pub(super) fn walk<R: Read>(mut source: R, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let mut first = true;
    let mut before = Before::default();
    loop {
        let block = read_block(&mut source)?;
        if block == [0; BLOCK] {
            before.must_be_used()?;
            return check_end(&mut source);
        }
        if !is_header(&block) {
            return Err(Stop::damaged(if first {
                "the packed data is no tar"
            } else {
                "the checksum of a header is wrong"
            }));
        }
        first = false;
        let header = Header::from_byte_slice(&block);
        if before.take(header, &mut source)? {
            continue;
        }
        let entry = std::mem::take(&mut before).complete(header, limits)?;
        hand_over(entry, &mut source, visit)?;
    }
}

fn hand_over<R: Read>(entry: Entry, source: &mut R, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let size = match entry.kind {
        MemberKind::File { size } => size,
        _ => 0,
    };
    let mut content = Content { source, left: size };
    visit(entry, &mut content)?;
    io::copy(&mut content, &mut io::sink())?;
    skip_padding(source, size)
}

/// The headers that stand before an entry and say more about it.
#[derive(Default)]
struct Before {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Before {
    /// Takes a header that describes the next entry or all entries; `false`
    /// when it is an entry itself.
    fn take<R: Read>(&mut self, header: &Header, source: &mut R) -> Result<bool, Stop> {
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
    fn must_be_used(&self) -> Result<(), Refusal> {
        if self.pax.is_some() || self.long_name.is_some() || self.long_link.is_some() {
            return Err(Refusal::whole(Why::Malformed { what: "an extended header has no entry" }));
        }
        Ok(())
    }

    /// Puts the entry together from its header and those before it.
    fn complete(self, header: &Header, limits: &Limits) -> Result<Entry, Stop> {
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
                MemberKind::Link { target: utf8(target).map_err(refuse)? }
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

pub(super) fn utf8(raw: Vec<u8>) -> Result<String, Why> {
    let text =
        String::from_utf8(raw).map_err(|_| Why::Malformed { what: "the link's target is not UTF-8" })?;
    Ok(text)
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
        return Err(Refusal::entry(&name, Why::FileSize { limit: LONGEST_EXTENSION }).into());
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

/// Checksum and magic of a header of one of the known kinds.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let header = Header::from_byte_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(*byte) })
        .sum();
    let is_known = header.as_ustar().is_some() || header.as_gnu().is_some() || block[257..265] == [0; 8];
    is_known && header.cksum().is_ok_and(|stored| stored == sum)
}

fn read_block<R: Read>(source: &mut R) -> Result<[u8; BLOCK], Stop> {
    let mut block = [0; BLOCK];
    match source.read_exact(&mut block) {
        Ok(()) => Ok(block),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Stop::cut()),
        Err(error) => Err(error.into()),
    }
}

fn skip_padding<R: Read>(source: &mut R, size: u64) -> Result<(), Stop> {
    let left = size.next_multiple_of(BLOCK as u64) - size;
    io::copy(&mut Content { source, left }, &mut io::sink())?;
    Ok(())
}

/// Behind the first zero block: another one, and zeros to the end.
fn check_end<R: Read>(source: &mut R) -> Result<(), Stop> {
    let mut zeros = 0;
    let mut buffer = [0; 8 * 1024];
    loop {
        let size = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if buffer[..size].iter().any(|byte| *byte != 0) {
            return Err(Refusal::whole(Why::Hidden { place: "behind the end of the tar" }).into());
        }
        zeros += size;
    }
    if zeros < BLOCK { Err(Stop::cut()) } else { Ok(()) }
}

/// One content; that it ends too early is an error.
struct Content<'s, R> {
    source: &'s mut R,
    left: u64,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let size = self.source.read(&mut buffer[..room])?;
        if size == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside an entry"));
        }
        self.left -= size as u64;
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use crate::release::archive::fixtures::*;
    use crate::release::archive::limits::Limits;

    #[test]
    fn what_honest_tars_hold_is_taken() {
        let long = format!("top/{}/x.php", "n".repeat(150));
        let archive = open(&tar(&[
            entry("pax_global_header", b'g', &pax("comment", "0123456789")),
            entry("top/", b'5', b""),
            entry("PaxHeaders/x", b'x', &[pax("path", &long), pax("mtime", "1.5")].concat()),
            entry("top/short", b'0', b"by pax"),
            entry("././@LongLink", b'L', format!("{long}.gnu\0").as_bytes()),
            entry("top/short", b'0', b"by gnu"),
            link("top/l", b'2', "a.php"),
            entry("top/a.php", b'0', b"a"),
            entry("top/old/", b'0', b""),
        ]));
        let below = &long[4..];
        let mut wanted = vec![
            format!("{below} 644 by pax"),
            format!("{below}.gnu 644 by gnu"),
            "l -> a.php".into(),
            "a.php 644 a".into(),
            "old/".into(),
        ];
        wanted.sort();
        assert_eq!(listed(&archive.unwrap()), wanted);
    }

    #[test]
    fn modes_become_plain_and_set_id_files_are_refused() {
        let with_mode = |kind, name, mode| {
            let mut header = header(name, kind, 0);
            header.set_mode(mode);
            header.set_cksum();
            header.as_bytes().to_vec()
        };
        let archive = open(&tar(&[
            with_mode(b'5', "d/", 0o2777),
            with_mode(b'0', "world", 0o666),
            with_mode(b'0', "run", 0o700),
        ]));
        assert_eq!(listed(&archive.unwrap()), ["d/", "run 755 ", "world 644 "]);
        for mode in [0o4755, 0o2644] {
            assert!(refusal(&tar(&[with_mode(b'0', "s", mode)])).contains("setuid"));
        }
    }

    #[test]
    fn special_entries_are_refused() {
        for (kind, name) in [
            (b'1', "hard link"),
            (b'3', "device"),
            (b'4', "device"),
            (b'6', "fifo"),
            (b'7', "unknown"),
            (b'S', "sparse"),
            (b'V', "unknown"),
            (b'D', "unknown"),
            (b'M', "unknown"),
            (b'X', "unknown"),
        ] {
            let why = refusal(&tar(&[entry("a", b'0', b""), link("b\x1b", kind, "a")]));
            assert!(why.contains(name) && why.contains("b\\x1b"), "{}: {why}", char::from(kind));
        }
    }

    #[test]
    fn headers_that_contradict_are_refused() {
        let inner = tar(&[entry("evil.php", b'0', b"evil")]);
        for (defect, reason, parts) in [
            (
                "pax size over an empty entry",
                "the sizes differ",
                vec![entry("p", b'x', &pax("size", "2048")), entry("a", b'0', b""), inner],
            ),
            (
                "pax size under the header's",
                "the sizes differ",
                vec![entry("p", b'x', &pax("size", "0")), entry("a", b'0', b"x")],
            ),
            (
                "two pax headers",
                "two headers",
                vec![
                    entry("p", b'x', &pax("path", "b")),
                    entry("p", b'x', &pax("path", "c")),
                    entry("a", b'0', b""),
                ],
            ),
            (
                "two gnu names",
                "two headers",
                vec![entry("L", b'L', b"b\0"), entry("L", b'L', b"c\0"), entry("a", b'0', b"")],
            ),
            (
                "pax and gnu names",
                "the names differ",
                vec![entry("L", b'L', b"b\0"), entry("p", b'x', &pax("path", "c")), entry("a", b'0', b"")],
            ),
            (
                "bytes behind a long name",
                "behind its end",
                vec![entry("L", b'L', b"b\0c"), entry("a", b'0', b"")],
            ),
            (
                "a header without entry",
                "has no entry",
                vec![entry("a", b'0', b""), entry("p", b'x', &pax("path", "b"))],
            ),
            (
                "a global path",
                "global header",
                vec![entry("g", b'g', &pax("path", "b")), entry("a", b'0', b"")],
            ),
            (
                "a pax sparse file",
                "sparse",
                vec![entry("p", b'x', &pax("GNU.sparse.major", "1")), entry("a", b'0', b"")],
            ),
            ("a folder with content", "has content", vec![entry("d/", b'5', b"x")]),
            ("a link with content", "has content", vec![entry("l", b'2', b"x")]),
            (
                "pax path with a line break",
                "control character",
                vec![entry("p", b'x', &pax("path", "a\nb")), entry("a", b'0', b"")],
            ),
        ] {
            let why = refusal(&tar(&parts));
            assert!(why.contains(reason), "{defect}: {why}");
        }
    }

    #[test]
    fn data_behind_the_end_is_refused_and_padding_is_not() {
        let mut bytes = tar(&[entry("a", b'0', b"x")]);
        bytes.resize(10240, 0);
        assert!(open(&bytes).is_ok());
        bytes.extend(entry("evil", b'0', b""));
        assert!(refusal(&bytes).contains("behind the end"));
        let lone_zero_block = [entry("a", b'0', b"x"), vec![0; 512], entry("b", b'0', b""), TAR_END.to_vec()];
        assert!(refusal(&lone_zero_block.concat()).contains("behind the end"));
    }

    #[test]
    fn a_cut_or_damaged_tar_fails() {
        let whole = tar(&[entry("a", b'0', b"content"), entry("b", b'0', b"content")]);
        for size in [600, 1024, 1030, 2047, 2048, 2560] {
            let error = open(&whole[..size]).err().unwrap();
            assert_eq!(error.exit(), Exit::Failed, "cut at {size}: {error}");
        }
        let mut damaged = whole;
        damaged[1024] ^= 1;
        assert_eq!(open(&damaged).err().unwrap().exit(), Exit::Failed);
    }

    #[test]
    fn limits_hold() {
        let three = tar(&[entry("a", b'0', b"12345"), entry("b", b'0', b""), entry("c", b'0', b"")]);
        let limits = Limits::default();
        assert!(open_with(&three, &Limits { entries: 3, file_bytes: 5, ..limits.clone() }).is_ok());
        for limits in [
            Limits { entries: 2, ..limits.clone() },
            Limits { file_bytes: 4, ..limits.clone() },
            Limits { total_bytes: 1000, ..limits },
        ] {
            assert_eq!(open_with(&three, &limits).err().unwrap().exit(), Exit::Untrusted);
        }
        let lie = tar(&[header("big", b'0', 3 << 30).as_bytes().to_vec()]);
        assert!(refusal(&lie).contains("larger than"));
    }
}
