//! A whole release as one archive, with its manifest: the same manifest always
//! gives the same bytes.

use std::io;
use std::io::Write;

use tar::Builder;
use tar::EntryType;
use tar::Header;

use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::publish::Release;
use crate::release::publish::error::PublishError;
use crate::release::publish::objects::Piece;
use crate::release::reference::content::Exactly;
use crate::release::stage::MANIFEST_NAME;

const LEVEL: i32 = 3;
/// More threads need more memory, not more time.
const THREADS: u32 = 4;

/// Takes what `pieces` brings, all files in the order of the manifest; if those end too early, so does
/// the archive, and who brought them says why.
pub(super) fn write<'m>(
    release: &'m Release,
    json: &[u8],
    pieces: impl Iterator<Item = Piece<'m>>,
    out: &mut dyn Write,
) -> Result<(), PublishError> {
    let manifest = &release.manifest;
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(unwritten)?;
    let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(THREADS);
    encoder.multithread(threads.min(THREADS)).map_err(unwritten)?;
    let mut tar = Builder::new(encoder);
    let mut header = header(manifest, EntryType::Regular, 0o644);
    header.set_size(json.len() as u64);
    tar.append_data(&mut header, MANIFEST_NAME, json).map_err(unwritten)?;
    for (entry, content) in pieces.flatten() {
        append(&mut tar, release, entry, content)?;
    }
    let encoder = tar.into_inner().map_err(unwritten)?;
    encoder.finish().map_err(unwritten)?.flush().map_err(unwritten)
}

fn append<W: Write>(
    tar: &mut Builder<W>,
    release: &Release,
    entry: &FileEntry,
    known: Option<Vec<u8>>,
) -> Result<(), PublishError> {
    let path = entry.path.as_path();
    match &entry.content {
        Content::File { size, sha256, .. } => {
            let mode = entry.mode.unwrap_or(0o644);
            let mut header = header(&release.manifest, EntryType::Regular, mode);
            header.set_size(*size);
            if let Some(content) = known {
                return tar.append_data(&mut header, path, &content[..]).map_err(unwritten);
            }
            let failed = |source| PublishError::Content { path: entry.path.clone(), source };
            let content = (release.open)(entry).map_err(failed)?;
            let mut content = Exactly::new(content, *size, Some(*sha256));
            tar.append_data(&mut header, path, &mut content).map_err(failed)?;
            // The end is where its digest is judged.
            io::copy(&mut content, &mut io::sink()).map(|_| ()).map_err(failed)
        }
        Content::Link { target } => {
            let mut header = header(&release.manifest, EntryType::Symlink, 0o777);
            tar.append_link(&mut header, path, target).map_err(unwritten)
        }
        Content::Folder => {
            let mode = entry.mode.unwrap_or(0o755);
            let mut header = header(&release.manifest, EntryType::Directory, mode);
            tar.append_data(&mut header, path, io::empty()).map_err(unwritten)
        }
    }
}

fn header(manifest: &Manifest, kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(manifest.time.as_second()).unwrap_or(0));
    header.set_size(0);
    header
}

fn unwritten(source: io::Error) -> PublishError {
    crate::sys::fs::IoError::new("write", "the archive", source).into()
}
