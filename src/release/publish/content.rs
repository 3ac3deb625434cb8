//! The content of a release: what one thread reads and packs another one puts into the archive,
//! and the disk is not waited for before all is packed.

use std::thread;
use std::thread::ScopedJoinHandle;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::publish::archive::Archive;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Finished;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::publish::objects;
use crate::release::publish::pieces;
use crate::release::publish::pieces::Piece;
use crate::release::publish::release::Release;
use crate::release::publish::shelves::Objects;
use crate::release::reference::Kind;
use crate::release::reference::names;
use crate::release::trust::TargetInfo;

/// What is in place, and what was learned of it.
pub(super) struct Put {
    pub objects: Objects,
    pub manifest: Manifest,
    /// The manifest as it is published.
    pub json: Vec<u8>,
    pub archive: Option<(String, TargetInfo)>,
}

/// Objects, and the archive where it is wanted.
pub(super) fn put(
    reference: &Reference,
    workshop: &Workshop,
    release: &Release,
    with_archive: bool,
    watch: Watch,
) -> Result<Put, PublishError> {
    let (total, total_bytes) = (release.files().len() as u64, release.bytes());
    let (mut done, mut bytes) = (0, 0);
    let (line, pieces, back) = pieces::line();
    let pieces = pieces.into_iter().inspect(|piece| {
        done += piece.files.len() as u64;
        bytes += piece.files.iter().map(FileEntry::size).sum::<u64>();
        watch(None, Event::Progress { what: "compressing".into(), done, total, bytes, total_bytes });
    });
    // Whoever makes pieces may need no more memory.
    let done_with = |piece: Piece| drop(back.send(piece.into_memory()));
    thread::scope(|scope| {
        let making = scope.spawn(move || objects::make(scope, reference, workshop, release, line));
        let known = || -> Result<Known, PublishError> {
            let made = joined(making)?;
            let manifest = release.manifest(made.digests());
            Ok(Known { json: manifest.to_json(), manifest, naming: scope.spawn(|| made.give_names()) })
        };
        if !with_archive {
            pieces.for_each(done_with);
            return known()?.put(reference, None);
        }
        let (archive, known) = workshop.finished("archive", |out| {
            let mut archive = Archive::new(release, out)?;
            for piece in pieces {
                archive.append(&piece)?;
                done_with(piece);
            }
            let known = known()?;
            archive.end(&known.json)?;
            Ok(known)
        })?;
        known.put(reference, Some(archive))
    })
}

/// What is known when all was read, while what was made gets its names.
struct Known<'s> {
    manifest: Manifest,
    json: Vec<u8>,
    naming: ScopedJoinHandle<'s, Result<Objects, PublishError>>,
}

impl Known<'_> {
    fn put(self, reference: &Reference, archive: Option<Finished>) -> Result<Put, PublishError> {
        let Known { manifest, json, naming } = self;
        let objects = joined(naming)?;
        let name = || names::archive_name(&manifest.product, &manifest.version, &Sha256::of(&json));
        let archive =
            archive.map(|finished| reference.put_target(name(), finished, &Kind::Archive)).transpose()?;
        Ok(Put { objects, manifest, json, archive })
    }
}

fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
