//! A pack is unpacked as it comes, group by group, and believed in nothing: the
//! new manifest has the digest that was signed, each object the one that stands
//! in it. Where the manifest is in the pack alone, its digests are those of what
//! was unpacked, and the signed digest proves them all at the end.

use std::collections::BTreeSet;
use std::io;
use std::io::BufReader;
use std::io::Read;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::MAX_BYTES;
use crate::integrity::manifest::Manifest;
use crate::release::reference::content::Exactly;
use crate::release::reference::content::decoder;
use crate::release::reference::content::unpacked;
use crate::release::reference::custom::PackTarget;
use crate::release::reference::pack::FORMAT;
use crate::release::reference::pack::Group;
use crate::release::reference::pack::Head;
use crate::release::reference::pack::LARGEST;
use crate::release::reference::pack::MAGIC;
use crate::release::reference::pack::MAX_HEAD;
use crate::release::reference::pack::PREFIX_READS;
use crate::release::reference::pack::PackError;
use crate::release::reference::pack::file_at;
use crate::release::reference::pack::set_digest;

/// Who has the old release's files, and takes the new one's.
pub trait Taker {
    type Error;

    /// So many objects come, of which nobody has said yet what they are. The outline is the new manifest
    /// without their digests; nobody has proved it either.
    fn expect(&mut self, outline: &Manifest, objects: u64);

    /// One of these: it is kept by the digest that it has.
    fn unnamed(&mut self, content: &mut dyn Read) -> Result<Sha256, Self::Error>;

    /// The new manifest, before any object of it; its digest is the signed one.
    fn manifest(&mut self, manifest: &Manifest) -> Result<(), Self::Error>;

    /// Whether this content is needed.
    fn wants(&mut self, entry: &FileEntry) -> bool;

    /// The content of an old file, where it is to be had; it need not be right.
    fn old(&mut self, entry: &FileEntry) -> Option<Box<dyn Read>>;

    /// The content of a new file. The reader ends only if it had its size and
    /// digest; an error of the reader is to be handed back as an error.
    fn object(&mut self, entry: &FileEntry, content: &mut dyn Read) -> Result<(), Self::Error>;
}

/// What became of a pack.
#[derive(Debug)]
pub struct Unpacked {
    pub manifest: Manifest,
    /// Objects whose group could not be unpacked, since an old file is not here
    /// or not as it was: places among the new manifest's files.
    pub left_out: Vec<u32>,
}

/// Why unpacking ended early; what was taken until then is good.
#[derive(Debug)]
pub enum Stopped<E> {
    Pack(PackError),
    Taker(E),
}

impl<E> From<PackError> for Stopped<E> {
    fn from(error: PackError) -> Stopped<E> {
        Stopped::Pack(error)
    }
}

/// Unpacks what `pack` gives, holding one group in memory at a time. `known` is
/// the new manifest, where it is here already.
pub fn unpack<T: Taker>(
    pack: &mut dyn Read,
    about: &PackTarget,
    old: &Manifest,
    known: Option<&Manifest>,
    taker: &mut T,
) -> Result<Unpacked, Stopped<T::Error>> {
    let mut pack = Source { inner: pack, failed: None };
    let (head, old_json) = (head(&mut pack, about)?, old.to_json());
    let found = Sha256::of(&old_json);
    if found != about.from {
        return Err(PackError::OtherOld { found: about.from, wanted: found }.into());
    }
    let outline = outline(&mut pack, &head, &old_json)?;
    drop(old_json);
    let groups = &head.groups[1..];
    let (manifest, left_out) = match known {
        Some(known) => {
            check(groups, about, old, proved(known, about)?)?;
            (known.clone(), take_all(&mut pack, groups, old, known, taker)?)
        }
        None => {
            check(groups, about, old, &outline)?;
            (take_unnamed(&mut pack, groups, old, outline, taker)?, Vec::new())
        }
    };
    proved(&manifest, about)?;
    match read_up_to(&mut pack, 1)?.is_empty() {
        true => Ok(Unpacked { manifest, left_out }),
        false => Err(PackError::damaged("something follows its last group").into()),
    }
}

fn proved<'m>(manifest: &'m Manifest, about: &PackTarget) -> Result<&'m Manifest, PackError> {
    match manifest.digest() == about.to {
        true => Ok(manifest),
        false => Err(PackError::damaged("its manifest has another digest")),
    }
}

/// Hands over everything; the manifest with the digests of it.
fn take_unnamed<T: Taker>(
    pack: &mut Source,
    groups: &[Group],
    old: &Manifest,
    mut outline: Manifest,
    taker: &mut T,
) -> Result<Manifest, Stopped<T::Error>> {
    taker.expect(&outline, groups.iter().map(|group| group.objects.len() as u64).sum());
    let mut digests = Vec::new();
    for group in groups {
        let prefix = prefix(group, old, taker).ok_or(PackError::ManifestNeeded)?;
        read_group(pack, group, &prefix, &outline, Proof::Nothing, &mut |place, _, object| {
            digests.push((place, taker.unnamed(object)?));
            Ok(())
        })?;
    }
    for (place, digest) in digests {
        set_digest(&mut outline, place, digest);
    }
    Ok(outline)
}

/// Hands over what is wanted; places of what is wanted and cannot be unpacked.
fn take_all<T: Taker>(
    pack: &mut Source,
    groups: &[Group],
    old: &Manifest,
    manifest: &Manifest,
    taker: &mut T,
) -> Result<Vec<u32>, Stopped<T::Error>> {
    taker.manifest(manifest).map_err(Stopped::Taker)?;
    let mut left_out = Vec::new();
    for group in groups {
        let wanted = |place: &u32| file_at(manifest, *place).is_some_and(|(entry, ..)| taker.wants(entry));
        let wanted: BTreeSet<u32> = group.objects.iter().copied().filter(wanted).collect();
        let prefix = match wanted.is_empty() {
            true => None,
            false => prefix(group, old, taker),
        };
        let Some(prefix) = prefix else {
            pass_over(pack, group.bytes)?;
            left_out.extend(wanted);
            continue;
        };
        read_group(pack, group, &prefix, manifest, Proof::Digest, &mut |place, entry, object| {
            if wanted.contains(&place) { taker.object(entry, object) } else { Ok(()) }
        })?;
    }
    Ok(left_out)
}

/// Tells apart what is wrong with the pack and what is wrong with its way here.
struct Source<'r> {
    inner: &'r mut dyn Read,
    failed: Option<io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let told = io::Error::from(error.kind());
                self.failed = Some(error);
                Err(told)
            }
            read => read,
        }
    }
}

impl Source<'_> {
    /// What an error means that came while reading from this.
    fn explain(&mut self, what: &str, source: io::Error) -> PackError {
        match self.failed.take() {
            Some(error) => PackError::Read(error),
            None => PackError::Content { what: what.into(), source },
        }
    }
}

fn read_up_to(pack: &mut Source, bytes: u64) -> Result<Vec<u8>, PackError> {
    let mut read = Vec::new();
    pack.by_ref().take(bytes).read_to_end(&mut read).map_err(|error| pack.explain("content", error))?;
    Ok(read)
}

fn read_all(pack: &mut Source, bytes: u64) -> Result<Vec<u8>, PackError> {
    let read = read_up_to(pack, bytes)?;
    match read.len() as u64 == bytes {
        true => Ok(read),
        false => Err(PackError::damaged("it is cut off")),
    }
}

fn pass_over(pack: &mut Source, bytes: u64) -> Result<(), PackError> {
    let passed = io::copy(&mut pack.by_ref().take(bytes), &mut io::sink());
    match passed.map_err(|error| pack.explain("content", error))? == bytes {
        true => Ok(()),
        false => Err(PackError::damaged("it is cut off")),
    }
}

fn head(pack: &mut Source, about: &PackTarget) -> Result<Head, PackError> {
    if read_all(pack, MAGIC.len() as u64)? != MAGIC {
        return Err(PackError::damaged("it does not begin as a pack of this format"));
    }
    let length: [u8; 4] = read_all(pack, 4)?.try_into().map_err(|_| PackError::damaged("it is cut off"))?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > MAX_HEAD {
        return Err(PackError::damaged(format!("its head has {length} bytes")));
    }
    let (packed, mut text) = (read_all(pack, length)?, Vec::new());
    decoder(&packed[..], &[])
        .and_then(|decoder| decoder.take(MAX_HEAD + 1).read_to_end(&mut text))
        .map_err(|source| PackError::Content { what: "head".into(), source })?;
    if text.len() as u64 > MAX_HEAD {
        return Err(PackError::damaged("its head is too long"));
    }
    let head: Head = json::read_format(&text, FORMAT).map_err(PackError::Head)?;
    match (head.from, head.to) == (about.from, about.to) {
        true => Ok(head),
        false => Err(PackError::damaged("it leads from or to another release")),
    }
}

/// The first group: the new manifest, without digests of what is packed.
fn outline(pack: &mut Source, head: &Head, old_json: &[u8]) -> Result<Manifest, PackError> {
    let Some(group) = head.groups.first() else { return Err(PackError::damaged("it holds no manifest")) };
    let most = MAX_BYTES as u64;
    if !group.prefix.is_empty() || !group.objects.is_empty() || group.content > most || group.bytes > most {
        return Err(PackError::damaged("its first group is not a manifest's"));
    }
    let frame = read_all(pack, group.bytes)?;
    let json = unpacked(&frame, old_json, group.content)
        .map_err(|source| PackError::Content { what: "manifest".into(), source })?;
    Manifest::parse(&json).map_err(PackError::Manifest)
}

/// Whether every group is what the two manifests say, and no work without end.
fn check(groups: &[Group], about: &PackTarget, old: &Manifest, new: &Manifest) -> Result<(), PackError> {
    let (mut seen, mut prefixes, mut contents) = (BTreeSet::new(), 0_u64, 0_u64);
    for group in groups {
        let (mut content, mut prefix, mut used) = (0_u64, 0_u64, BTreeSet::new());
        for place in &group.objects {
            let file = file_at(new, *place).filter(|_| seen.insert(*place));
            let (_, size, _) = file.ok_or_else(|| PackError::damaged(format!("there is no file {place}")))?;
            content = content.saturating_add(size);
        }
        for place in &group.prefix {
            let file = file_at(old, *place).filter(|_| used.insert(*place));
            let (_, size, _) =
                file.ok_or_else(|| PackError::damaged(format!("there is no old file {place}")))?;
            prefix = prefix.saturating_add(size);
        }
        prefixes = prefixes.saturating_add(prefix);
        contents = contents.saturating_add(content);
        let is_large = prefix > LARGEST || (prefix > 0 && content > LARGEST);
        if group.objects.is_empty() || group.content != content || is_large {
            return Err(PackError::damaged("a group is not what the manifests say"));
        }
    }
    // It may not have been proved yet; this was signed.
    if contents > about.content_bytes {
        return Err(PackError::damaged("it holds more than was signed"));
    }
    match prefixes > old.bytes().saturating_mul(PREFIX_READS) {
        true => Err(PackError::damaged("it reads the old release too often")),
        false => Ok(()),
    }
}

/// The old files of a group, if they are here and as they were.
fn prefix(group: &Group, old: &Manifest, taker: &mut impl Taker) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for place in &group.prefix {
        let (entry, size, digest) = file_at(old, *place)?;
        let content = taker.old(entry)?;
        Exactly::new(content, size, Some(digest)).read_to_end(&mut bytes).ok()?;
    }
    Some(bytes)
}

/// Whether an object must have the digest that the manifest says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Digest,
    Nothing,
}

/// What is done with each object of a group, by its place.
type Take<'a, E> = &'a mut dyn FnMut(u32, &FileEntry, &mut dyn Read) -> Result<(), E>;

fn read_group<E>(
    pack: &mut Source,
    group: &Group,
    prefix: &[u8],
    manifest: &Manifest,
    proof: Proof,
    take: Take<E>,
) -> Result<(), Stopped<E>> {
    let mut frame = BufReader::new(pack.by_ref().take(group.bytes));
    let content =
        decoder(&mut frame, prefix).map_err(|source| PackError::Content { what: "group".into(), source })?;
    let mut content = Exactly::new(content, group.content, None);
    let mut wrong = None;
    for place in &group.objects {
        let Some((entry, size, digest)) = file_at(manifest, *place) else { continue };
        let digest = (proof == Proof::Digest).then_some(digest);
        let mut object = Judged { inner: Exactly::part(&mut content, size, digest), wrong: &mut wrong };
        let taken = take(*place, entry, &mut object).map_err(Stopped::Taker);
        // Whoever took it need not have read to the end, where its digest is judged.
        let rest = io::copy(&mut object, &mut io::sink());
        if let Some(error) = wrong.take().or(rest.err()) {
            drop(content);
            drop(frame);
            return Err(pack.explain(&format!("content of {}", entry.path), error).into());
        }
        taken?;
    }
    let ended = content.read(&mut [0]);
    let is_whole = frame.buffer().is_empty() && frame.get_ref().limit() == 0;
    drop(frame);
    match ended {
        Err(error) => Err(pack.explain("group", error).into()),
        Ok(_) if !is_whole => Err(PackError::damaged("a group is not as long as its head says").into()),
        Ok(_) => Ok(()),
    }
}

/// Keeps the error of a reader, whatever becomes of it on its way.
struct Judged<'e, R> {
    inner: Exactly<R>,
    wrong: &'e mut Option<io::Error>,
}

impl<R: Read> Read for Judged<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            *self.wrong = Some(io::Error::new(error.kind(), error.to_string()));
        })
    }
}
