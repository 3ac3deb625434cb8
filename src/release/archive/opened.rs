//! An archive that was read to its end and found clean.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;

use crate::base::digest::Sha256;
use crate::base::path::SitePath;
use crate::release::archive::detect;
use crate::release::archive::detect::Format;
use crate::release::archive::error::ArchiveError;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::hashed::Hashed;
use crate::release::archive::limits::Limits;
use crate::release::archive::names;
use crate::release::archive::server;
use crate::release::archive::tar;
use crate::release::archive::zip;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// What an archive holds under one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub path: SitePath,
    pub kind: MemberKind,
    /// 0644, or 0755 where the owner may execute; folders have 0755.
    pub mode: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// `size` in bytes.
    File {
        size: u64,
    },
    /// A symbolic link; it stays inside the archive, also through other links.
    Link {
        target: String,
    },
    Folder,
}

/// A release archive, opened and wholly checked.
pub struct Archive {
    path: PathBuf,
    file: File,
    format: Format,
    limits: Limits,
    members: Vec<Member>,
    /// Every entry in archive order, as the first pass found it.
    order: Vec<Seen>,
}

/// What the second pass must find again.
struct Seen {
    /// Of name, kind and mode; copies of these would double the memory.
    heading: [u8; 32],
    sha256: [u8; 32],
    /// The entry's place in `members`; none for a top folder that was stripped.
    member: Option<usize>,
}

/// An entry as its format tells it; the name is still unchecked.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: MemberKind,
    pub(super) mode: u32,
}

/// Gets every entry with its content, which it may leave unread.
pub(super) type Visit<'v> = dyn FnMut(Entry, &mut dyn Read) -> Result<(), Stop> + 'v;

impl Archive {
    /// Recognises the format by content and walks everything, decompressing and
    /// verifying sizes and checksums, before it answers; nothing is written.
    ///
    /// Fails when the file is no archive, cut or damaged; refuses it whole when
    /// anything in it is hostile, ambiguous or beyond `limits`.
    pub fn open(path: &Path, limits: &Limits) -> Result<Archive, ArchiveError> {
        let file = fs::open(path)?;
        let metadata = file.metadata().map_err(|source| IoError::new("look at", path, source))?;
        let unknown = || ArchiveError::Unknown { archive: path.into() };
        if !metadata.is_file() {
            return Err(unknown());
        }
        let format = detect::format(&file).map_err(|stop| stop.at(path.into()))?.ok_or_else(unknown)?;
        let (members, order) = survey(&file, format, limits).map_err(|stop| stop.at(path.into()))?;
        Ok(Archive { path: path.into(), file, format, limits: limits.clone(), members, order })
    }

    /// Everything in it, sorted by path; one common top folder is left out.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What each file's content had as its digest in the first pass.
    pub fn digests(&self) -> BTreeMap<&SitePath, Sha256> {
        let digest = |seen: &Seen| {
            let member = &self.members[seen.member?];
            let is_file = matches!(member.kind, MemberKind::File { .. });
            is_file.then(|| (&member.path, Sha256::from_bytes(seen.sha256)))
        };
        self.order.iter().filter_map(digest).collect()
    }

    /// The format's usual ending: `zip`, `tar.zst`, …
    pub fn format(&self) -> &'static str {
        self.format.name()
    }

    /// Second pass: hands every file's content to `take`, in archive order.
    ///
    /// Fails when `take` does, or when the file changed since [`Archive::open`].
    /// The content is compared at its end only: what was taken before an error
    /// is not to be used.
    pub fn each(
        &self,
        take: &mut dyn FnMut(&Member, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), ArchiveError> {
        self.second_pass(take).map_err(|stop| stop.at(self.path.clone()))
    }

    fn second_pass(
        &self,
        take: &mut dyn FnMut(&Member, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Stop> {
        let mut expected = self.order.iter();
        walk(&self.file, self.format, &self.limits, &mut |entry, content| {
            let seen = expected.next().filter(|seen| seen.heading == heading(&entry)).ok_or(Stop::Changed)?;
            let mut content = Hashed::new(content);
            if let (Some(member), MemberKind::File { .. }) = (seen.member, &entry.kind) {
                content.hand_to(&self.members[member], take)?;
            }
            if content.finish()? != seen.sha256 { Err(Stop::Changed) } else { Ok(()) }
        })?;
        if expected.next().is_some() { Err(Stop::Changed) } else { Ok(()) }
    }
}

/// First pass: reads all, keeps names and digests.
fn survey(file: &File, format: Format, limits: &Limits) -> Result<(Vec<Member>, Vec<Seen>), Stop> {
    let mut order = Vec::new();
    let mut members = Vec::new();
    let mut names = 0;
    walk(file, format, limits, &mut |entry, content| {
        names += name_bytes(&entry);
        let (path, sha256) = judge(&entry, content, limits, order.len() as u64 + 1, names)
            .map_err(|stop| stop.inside(&entry.name))?;
        let mut seen = Seen { heading: heading(&entry), sha256, member: None };
        if let Some(path) = path {
            seen.member = Some(members.len());
            members.push(Member { path, kind: entry.kind, mode: entry.mode });
        }
        order.push(seen);
        Ok(())
    })?;
    if members.is_empty() {
        return Err(Stop::damaged("the archive is empty"));
    }
    let settled = names::settle(members, limits)?;
    Ok((sorted(settled, &mut order), order))
}

/// Judges an entry by itself: its path, and the digest of its content.
fn judge(
    entry: &Entry,
    content: &mut dyn Read,
    limits: &Limits,
    count: u64,
    names: u64,
) -> Result<(Option<SitePath>, [u8; 32]), Stop> {
    limits.check_entries(count)?;
    limits.check_names(names)?;
    let path = names::clean(&entry.name, matches!(entry.kind, MemberKind::Folder))?;
    let mut content = Hashed::new(content);
    if let Some(path) = &path
        && server::is_settings(path, &entry.kind).map_err(Refusal::whole)?
    {
        let mut settings = Vec::new();
        content.read_by(|content| Ok(content.read_to_end(&mut settings).map(drop)?))?;
        server::check(path, &settings).map_err(Refusal::whole)?;
    }
    Ok((path, content.finish()?))
}

/// One digest of all that an entry's header says.
fn heading(entry: &Entry) -> [u8; 32] {
    let (kind, detail) = match &entry.kind {
        MemberKind::File { size } => (b'f', size.to_le_bytes().to_vec()),
        MemberKind::Link { target } => (b'l', target.clone().into_bytes()),
        MemberKind::Folder => (b'd', Vec::new()),
    };
    let mut hash = sha2::Sha256::default();
    hash.update([kind]);
    hash.update(entry.mode.to_le_bytes());
    hash.update((entry.name.len() as u64).to_le_bytes());
    hash.update(&entry.name);
    hash.update(detail);
    hash.finalize().into()
}

fn name_bytes(entry: &Entry) -> u64 {
    let target = match &entry.kind {
        MemberKind::Link { target } => target.len(),
        _ => 0,
    };
    (entry.name.len() + target) as u64
}

/// Sorts the members by path and points `order` to their new places.
fn sorted(settled: Vec<Option<Member>>, order: &mut [Seen]) -> Vec<Member> {
    let mut numbered: Vec<(usize, Member)> =
        settled.into_iter().enumerate().filter_map(|(at, member)| Some((at, member?))).collect();
    numbered.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
    let places: std::collections::HashMap<usize, usize> =
        numbered.iter().enumerate().map(|(place, (at, _))| (*at, place)).collect();
    for seen in order {
        seen.member = seen.member.and_then(|at| places.get(&at).copied());
    }
    numbered.into_iter().map(|(_, member)| member).collect()
}

fn walk(mut file: &File, format: Format, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), Stop> {
    file.rewind()?;
    match format {
        Format::Zip => zip::walk(file, limits, visit),
        Format::Tar(packing) => tar::walk(detect::unpack(file, packing, limits), limits, visit),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use crate::release::archive::fixtures;

    fn sample() -> Vec<u8> {
        fixtures::tar(&[fixtures::entry("t/b", b'0', b"bee"), fixtures::entry("t/a", b'0', b"ay")])
    }

    type Pack = fn(&[u8]) -> Vec<u8>;

    const PACKERS: [(&str, Pack); 4] = [
        ("tar.gz", fixtures::gzip),
        ("tar.bz2", fixtures::bzip2),
        ("tar.xz", fixtures::xz),
        ("tar.zst", fixtures::zstd),
    ];

    #[test]
    fn every_format_is_recognised_by_its_content() {
        for (format, pack) in PACKERS {
            let archive = fixtures::open(&pack(&sample())).unwrap();
            assert_eq!(archive.format(), format);
            assert_eq!(fixtures::listed(&archive), ["a 644 ay", "b 644 bee"], "{format}");
        }
        assert_eq!(fixtures::open(&sample()).unwrap().format(), "tar");
        for bytes in [&b""[..], b"<html>404</html>", &[0; 4096]] {
            let error = fixtures::open(bytes).err().unwrap();
            assert!(matches!(error, ArchiveError::Unknown { .. }), "{error}");
        }
        assert!(matches!(
            Archive::open(Path::new("/"), &Limits::default()),
            Err(ArchiveError::Unknown { .. })
        ));
    }

    #[test]
    fn a_second_stream_goes_on_and_garbage_does_not() {
        let sample = sample();
        for (format, pack) in PACKERS {
            let (front, back) = sample.split_at(700);
            let archive = fixtures::open(&[pack(front), pack(back)].concat()).unwrap();
            assert_eq!(fixtures::listed(&archive), ["a 644 ay", "b 644 bee"], "{format}");
            let garbage = [pack(&sample), b"garbage".to_vec()].concat();
            assert!(fixtures::refusal(&garbage).contains("behind the packed data"), "{format}");
            let second_tar = [pack(&sample), pack(&sample)].concat();
            assert!(fixtures::refusal(&second_tar).contains("behind the end"), "{format}");
        }
    }

    #[test]
    fn a_cut_or_bent_stream_fails() {
        for (format, pack) in PACKERS {
            let whole = pack(&sample());
            for size in [whole.len() / 2, whole.len() - 1] {
                let error = fixtures::open(&whole[..size]).err().unwrap();
                assert_eq!(error.exit(), Exit::Failed, "{format} cut at {size}: {error}");
            }
            let mut bent = whole;
            let middle = bent.len() / 2;
            bent[middle] ^= 0x55;
            assert!(fixtures::open(&bent).is_err(), "{format}");
            let error = fixtures::open(&pack(b"no tar at all")).err().unwrap();
            assert_eq!(error.exit(), Exit::Failed, "{format}: {error}");
        }
    }

    #[test]
    fn a_packed_bomb_is_refused() {
        let bomb = fixtures::tar(&[fixtures::entry("zeros", b'0', &vec![0; 64 << 20])]);
        for (format, pack) in PACKERS {
            assert!(fixtures::refusal(&pack(&bomb)).contains("200 times"), "{format}");
        }
    }

    #[test]
    fn a_packing_that_takes_too_much_memory_is_refused() {
        let options = |preset: u32, dictionary: u32| {
            let mut options = liblzma::stream::LzmaOptions::new_preset(preset).unwrap();
            options.dict_size(dictionary);
            let mut filters = liblzma::stream::Filters::new();
            filters.lzma2(&options);
            liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap()
        };
        let xz = |stream| {
            let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            encoder.write_all(&sample()).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |window: u32| {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window).unwrap();
            encoder.write_all(&sample()).unwrap();
            encoder.finish().unwrap()
        };
        let fitting = Limits { memory_bytes: 160 << 20, ..Limits::default() };
        for large in [xz(options(1, 96 << 20)), zstd(27)] {
            let said = fixtures::open(&large).err().unwrap();
            assert!(said.to_string().contains("bytes of memory"), "{said}");
            assert!(said.hints()[0].contains("memory_bytes"), "{:?}", said.hints());
            assert!(fixtures::open_with(&large, &fitting).is_ok());
        }
        for usual in [xz(options(9, 64 << 20)), zstd(26)] {
            assert!(fixtures::open(&usual).is_ok());
        }
    }

    #[test]
    fn members_are_sorted_and_contents_come_in_archive_order() {
        let archive = fixtures::open(&sample()).unwrap();
        let sorted: Vec<&str> = archive.members().iter().map(|member| member.path.as_str()).collect();
        assert_eq!(sorted, ["a", "b"]);
        let mut order = Vec::new();
        let take = &mut |member: &Member, _: &mut dyn Read| {
            order.push(member.path.as_str().to_owned());
            Ok(())
        };
        archive.each(take).unwrap();
        assert_eq!(order, ["b", "a"]);
    }

    #[test]
    fn a_file_changed_behind_our_back_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&sample()).unwrap();
        let archive = Archive::open(file.path(), &Limits::default()).unwrap();
        for (place, wanted) in [(512, b"bad"), (0, b"t/c")] {
            std::os::unix::fs::FileExt::write_all_at(file.as_file(), wanted, place).unwrap();
            assert!(archive.each(&mut |_, _| Ok(())).is_err(), "changed at {place}");
            std::os::unix::fs::FileExt::write_all_at(file.as_file(), &sample(), 0).unwrap();
            archive.each(&mut |_, _| Ok(())).unwrap();
        }
        file.as_file().set_len(700).unwrap();
        assert!(archive.each(&mut |_, _| Ok(())).is_err());
    }

    #[test]
    fn the_takers_own_error_keeps_its_cause() {
        let archive = fixtures::open(&sample()).unwrap();
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = archive.each(&mut |_, _| Err(full())).unwrap_err();
        let ArchiveError::Take { entry, source, .. } = error else { panic!("{error}") };
        assert_eq!((entry.as_str(), source.kind()), ("b", io::ErrorKind::StorageFull));
    }
}
