//! A whole release as one archive, with its manifest: the same manifest always
//! gives the same bytes.

use std::io;
use std::io::Write;

use tar::Builder;
use tar::EntryType;
use tar::Header;

use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::publish::Release;
use crate::release::publish::error::PublishError;
use crate::release::reference::content::Exactly;
use crate::release::stage::MANIFEST_NAME;

const LEVEL: i32 = 3;
/// More threads need more memory, not more time.
const THREADS: u32 = 4;

pub(super) fn write(release: &Release, out: &mut dyn Write, watch: Watch) -> Result<(), PublishError> {
    let manifest = &release.manifest;
    let mut encoder = zstd::Encoder::new(out, LEVEL).map_err(unwritten)?;
    let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(THREADS);
    encoder.multithread(threads.min(THREADS)).map_err(unwritten)?;
    let mut tar = Builder::new(encoder);
    let json = manifest.to_json();
    let mut header = header(manifest, EntryType::Regular, 0o644);
    header.set_size(json.len() as u64);
    tar.append_data(&mut header, MANIFEST_NAME, &json[..]).map_err(unwritten)?;
    let (total, total_bytes) = (manifest.files.len() as u64, manifest.bytes());
    let (mut done, mut bytes) = (0, 0);
    for entry in &manifest.files {
        append(&mut tar, release, entry)?;
        done += 1;
        bytes += entry.size();
        watch(None, Event::Progress { what: "writing the archive".into(), done, total, bytes, total_bytes });
    }
    let encoder = tar.into_inner().map_err(unwritten)?;
    encoder.finish().map_err(unwritten)?.flush().map_err(unwritten)
}

fn append<W: Write>(tar: &mut Builder<W>, release: &Release, entry: &FileEntry) -> Result<(), PublishError> {
    let path = entry.path.as_path();
    match &entry.content {
        Content::File { size, sha256, .. } => {
            let failed = |source| PublishError::Content { path: entry.path.clone(), source };
            let content = (release.open)(entry).map_err(failed)?;
            let mut content = Exactly::new(content, *size, Some(*sha256));
            let mode = entry.mode.unwrap_or(0o644);
            let mut header = header(&release.manifest, EntryType::Regular, mode);
            header.set_size(*size);
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
