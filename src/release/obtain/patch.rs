//! A pack, unpacked behind the files that the site holds of the old release.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::network::Growth;
use crate::release::obtain::ObtainError;
use crate::release::obtain::Work;
use crate::release::obtain::pick::Release;
use crate::release::obtain::place::Far;
use crate::release::obtain::place::Place;
use crate::release::obtain::read_all;
use crate::release::reference::Kind;
use crate::release::reference::custom::PackTarget;
use crate::release::reference::pack::LARGEST;
use crate::release::reference::pack::PackError;
use crate::release::reference::pack::Stopped;
use crate::release::reference::pack::Taker;
use crate::release::reference::pack::unpack;
use crate::release::staging::StagingError;
use crate::release::staging::Unproved;
use crate::release::trust::TargetInfo;
use crate::sys::fs;

/// So many old files that were edited here are fetched as they were, rather
/// than all that is packed behind them.
const MOST_OLD: usize = 8;
const LARGEST_OLD: u64 = 1 << 20;

/// A pack, and what it leads from.
pub struct Pack<'a> {
    name: &'a str,
    info: &'a TargetInfo,
    about: PackTarget,
    /// Whose manifest has to be fetched first: the one that is installed says the same in other words.
    old: Option<&'a Release>,
}

impl Pack<'_> {
    pub fn length(&self) -> u64 {
        self.info.length.saturating_add(self.old.map_or(0, |old| old.info.length))
    }
}

impl Work<'_> {
    /// The pack that leads here from what is installed, or from what was published as its version.
    pub(super) fn pack(&self) -> Option<Pack<'_>> {
        let installed = self.installed?;
        self.pack_from(&installed.digest(), None).or_else(|| {
            let same = self.published.iter().find(|other| {
                other.about.product == installed.product && other.about.version == installed.version
            })?;
            self.pack_from(&same.about.digest, Some(same))
        })
    }

    fn pack_from<'s>(&'s self, old: &Sha256, published: Option<&'s Release>) -> Option<Pack<'s>> {
        self.release.about.packs.iter().find_map(|name| {
            let (name, info) = self.verified.targets.get_key_value(name)?;
            match Kind::parse(info.custom.as_ref()?) {
                Ok(Some(Kind::Pack(about)))
                    if about.from == *old && about.to == self.release.about.digest =>
                {
                    let is_here = self.place.may_have(name, info)
                        && published.is_none_or(|old| self.place.may_have(&old.name, &old.info));
                    is_here.then_some(Pack { name, info, about, old: published })
                }
                _ => None,
            }
        })
    }

    /// `None` when the pack turned out to be of no use. `known` is the release's manifest, where it is here.
    pub(super) fn unpack_pack(
        &self,
        known: Option<&Manifest>,
        watch: Watch,
    ) -> Result<Option<Manifest>, ObtainError> {
        let (Some(pack), Some(installed)) = (self.pack(), self.installed) else { return Ok(None) };
        let published = pack.old.map(|old| self.fetch_manifest(old, watch)).transpose()?;
        let old = published.as_ref().unwrap_or(installed);
        let path = match (&self.place, known) {
            (Place::Server(_), None) => match self.unpack_what_comes(&pack, old, watch)? {
                Came::Unpacked(manifest) => return Ok(Some(*manifest)),
                Came::Packed(path) => path,
            },
            _ => self.place.target(pack.name, pack.info, &self.staging.downloads(), watch)?,
        };
        apply(&path, &pack.about, (old, known), self, watch)
    }

    /// Unpacks the pack while it comes, without anything but what is here. Nothing of it has a name
    /// before both the pack and the manifest in it are what was signed.
    fn unpack_what_comes(&self, pack: &Pack, old: &Manifest, watch: Watch) -> Result<Came, ObtainError> {
        let growth = Growth::default();
        thread::scope(|scope| {
            let unpacking = scope.spawn(|| {
                let mut silent = |_: Option<Step>, _: Event| {};
                let mut patching = Patching::new(self, &pack.about, &mut silent);
                patching.fetched = MOST_OLD;
                let unpacked = unpack(&mut growth.reader(), &pack.about, old, None, &mut patching);
                unpacked.ok().map(|unpacked| (unpacked.manifest, patching.kept()))
            });
            let (growth, to) = (Some(&growth), self.staging.downloads());
            let path = self.place.target_read_by(growth, pack.name, pack.info, &to, watch);
            let unpacked = unpacking.join();
            let path = path?;
            match unpacked {
                Ok(Some((manifest, kept))) => {
                    kept.settle()?;
                    Ok(Came::Unpacked(Box::new(manifest)))
                }
                // Why it could not be unpacked is found once more, and told.
                _ => Ok(Came::Packed(path)),
            }
        })
    }
}

/// What became of a pack while it came.
enum Came {
    Unpacked(Box<Manifest>),
    Packed(PathBuf),
}

/// Unpacks what it can into staging; groups whose old files cannot be had stay
/// missing. `None`: it is signed, and all the same of no use.
fn apply(
    path: &Path,
    pack: &PackTarget,
    (old, known): (&Manifest, Option<&Manifest>),
    work: &Work,
    watch: Watch,
) -> Result<Option<Manifest>, ObtainError> {
    let mut patching = Patching::new(work, pack, watch);
    let unpacked = match unpack(&mut fs::open(path)?, pack, old, known, &mut patching) {
        Err(Stopped::Pack(PackError::ManifestNeeded)) => {
            let manifest = work.fetch_manifest(&work.release, patching.watch)?;
            unpack(&mut fs::open(path)?, pack, old, Some(&manifest), &mut patching)
        }
        unpacked => unpacked,
    };
    match unpacked {
        Ok(unpacked) => {
            patching.kept().settle()?;
            Ok(Some(unpacked.manifest))
        }
        Err(Stopped::Taker(error)) => Err(error.into()),
        Err(Stopped::Pack(error)) => {
            let message = format!("the pack is not used: {error}");
            (patching.watch)(Some(Step::Stage), Event::Warning { message });
            Ok(None)
        }
    }
}

struct Patching<'a, 'w> {
    work: &'a Work<'a>,
    watch: Watch<'w>,
    done: u64,
    total: u64,
    bytes: u64,
    total_bytes: u64,
    /// Old files that were fetched.
    fetched: usize,
    /// What the live tree holds of the outline's files.
    unchanged: Option<BTreeSet<Sha256>>,
    /// What came without a digest of its own.
    unproved: Unproved<'a>,
}

impl Taker for Patching<'_, '_> {
    type Error = StagingError;

    fn expect(&mut self, outline: &Manifest, objects: u64) {
        self.total = objects;
        // There is time for that while the rest comes.
        self.unchanged = Some(self.work.here.unchanged(outline));
    }

    fn unnamed(&mut self, content: &mut dyn Read) -> Result<Sha256, StagingError> {
        let (bytes, digest) = self.unproved.add(content)?;
        self.tell(bytes);
        Ok(digest)
    }

    fn manifest(&mut self, manifest: &Manifest) -> Result<(), StagingError> {
        self.total = self.work.missing(manifest).len() as u64;
        Ok(())
    }

    fn wants(&mut self, entry: &FileEntry) -> bool {
        entry.sha256().is_some_and(|digest| self.work.lacks(&digest, entry.size()))
    }

    fn old(&mut self, entry: &FileEntry) -> Option<Box<dyn Read>> {
        let digest = entry.sha256().filter(|_| entry.size() <= LARGEST)?;
        let content = self
            .staged(entry, &digest)
            .or_else(|| self.work.here.unmodified(entry, &digest))
            .or_else(|| self.fetch(entry, &digest))?;
        Some(Box::new(Cursor::new(content)))
    }

    fn object(&mut self, entry: &FileEntry, content: &mut dyn Read) -> Result<(), StagingError> {
        let (bytes, _) = self.work.staging.add(content, entry.sha256())?;
        self.tell(bytes);
        Ok(())
    }
}

impl<'a, 'w> Patching<'a, 'w> {
    fn new(work: &'a Work<'a>, pack: &PackTarget, watch: Watch<'w>) -> Patching<'a, 'w> {
        let unproved = work.staging.unproved();
        let total_bytes = pack.content_bytes;
        Patching {
            work,
            watch,
            done: 0,
            total: 0,
            bytes: 0,
            total_bytes,
            fetched: 0,
            unchanged: None,
            unproved,
        }
    }

    fn kept(self) -> Kept<'a> {
        Kept { work: self.work, unchanged: self.unchanged, unproved: self.unproved }
    }
}

/// What unpacking left, good for nothing until the manifest is proved.
struct Kept<'a> {
    work: &'a Work<'a>,
    unchanged: Option<BTreeSet<Sha256>>,
    unproved: Unproved<'a>,
}

impl Kept<'_> {
    /// The outline was that of a manifest that is signed.
    fn settle(self) -> Result<(), StagingError> {
        if let Some(unchanged) = self.unchanged {
            // Where it is known already, it is the same.
            let _ = self.work.unchanged.set(unchanged);
        }
        self.unproved.settle()
    }
}

impl Patching<'_, '_> {
    fn tell(&mut self, bytes: u64) {
        self.done += 1;
        self.bytes += bytes;
        let (what, done, total) = ("unpacking".into(), self.done, self.total);
        let (bytes, total_bytes) = (self.bytes, self.total_bytes);
        (self.watch)(Some(Step::Stage), Event::Progress { what, done, total, bytes, total_bytes });
    }

    fn staged(&self, entry: &FileEntry, digest: &Sha256) -> Option<Vec<u8>> {
        if !self.work.staging.has(digest, entry.size()) {
            return None;
        }
        let content = read_all(self.work.staging.open_object(digest).ok()?)?;
        (Sha256::of(&content) == *digest).then_some(content)
    }

    /// An old file that was edited here, as it was; what cannot be had is no failure.
    fn fetch(&mut self, entry: &FileEntry, digest: &Sha256) -> Option<Vec<u8>> {
        if self.fetched >= MOST_OLD || entry.size() > LARGEST_OLD || !self.work.place.has_objects() {
            return None;
        }
        self.fetched += 1;
        let far = Far { done: 0, total: 1, total_bytes: 0 };
        let fetched = self.work.place.objects(&[entry], self.work.staging, far, &mut |_, _| {});
        match fetched {
            Ok(()) => self.staged(entry, digest),
            Err(_) => {
                // Who has one of them no more is not asked for others.
                self.fetched = MOST_OLD;
                None
            }
        }
    }
}
