//! A whole release as one archive, with its manifest, which comes last: it is known when all was read.
//! The same manifest always gives the same bytes.

use std::io;
use std::io::Write;

use tar::Builder;
use tar::EntryType;
use tar::Header;

use crate::base::digest::Sha256;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::release::publish::error::PublishError;
use crate::release::publish::pieces::Held;
use crate::release::publish::pieces::Piece;
use crate::release::publish::release::Release;
use crate::release::publish::release::unread;
use crate::release::stage::MANIFEST_NAME;

const LEVEL: i32 = 3;
/// More threads need more memory, not more time.
const THREADS: u32 = 4;

/// An archive that is being written.
pub(super) struct Archive<'m, 'o> {
    release: &'m Release<'m>,
    tar: Builder<zstd::Encoder<'static, &'o mut dyn Write>>,
}

impl<'m, 'o> Archive<'m, 'o> {
    pub fn new(release: &'m Release, out: &'o mut dyn Write) -> Result<Archive<'m, 'o>, PublishError> {
        let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(unwritten)?;
        let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(THREADS);
        encoder.multithread(threads.min(THREADS)).map_err(unwritten)?;
        Ok(Archive { release, tar: Builder::new(encoder) })
    }

    /// The files that come next in the order of the manifest.
    pub fn append(&mut self, piece: &Piece) -> Result<(), PublishError> {
        piece.each().try_for_each(|(entry, held)| self.entry(entry, held))
    }

    /// The manifest, and the end.
    pub fn end(mut self, json: &[u8]) -> Result<(), PublishError> {
        let mut header = header(self.release, EntryType::Regular, 0o644);
        header.set_size(json.len() as u64);
        self.tar.append_data(&mut header, MANIFEST_NAME, json).map_err(unwritten)?;
        let encoder = self.tar.into_inner().map_err(unwritten)?;
        encoder.finish().map_err(unwritten)?.flush().map_err(unwritten)
    }

    fn entry(&mut self, entry: &FileEntry, held: Held) -> Result<(), PublishError> {
        let path = entry.path.as_path();
        match &entry.content {
            Content::File { size, .. } => {
                let mut header = header(self.release, EntryType::Regular, entry.mode.unwrap_or(0o644));
                header.set_size(*size);
                match held {
                    Held::Whole(content) => {
                        self.tar.append_data(&mut header, path, content).map_err(unwritten)
                    }
                    Held::Digest(digest) => self.large(&mut header, entry, digest),
                }
            }
            Content::Link { target } => {
                let mut header = header(self.release, EntryType::Symlink, 0o777);
                self.tar.append_link(&mut header, path, target).map_err(unwritten)
            }
            Content::Folder => {
                let mut header = header(self.release, EntryType::Directory, entry.mode.unwrap_or(0o755));
                self.tar.append_data(&mut header, path, io::empty()).map_err(unwritten)
            }
        }
    }

    /// A file that is read here.
    fn large(
        &mut self,
        header: &mut Header,
        entry: &FileEntry,
        digest: Option<Sha256>,
    ) -> Result<(), PublishError> {
        let failed = |source| unread(entry, source);
        let mut content = self.release.content(entry, digest)?;
        self.tar.append_data(header, entry.path.as_path(), &mut content).map_err(failed)?;
        // The end is where it is judged.
        io::copy(&mut content, &mut io::sink()).map(|_| ()).map_err(failed)
    }
}

fn header(release: &Release, kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(release.time().as_second()).unwrap_or(0));
    header.set_size(0);
    header
}

fn unwritten(source: io::Error) -> PublishError {
    crate::sys::fs::IoError::new("write", "the archive", source).into()
}
