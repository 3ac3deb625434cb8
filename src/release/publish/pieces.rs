//! A release goes from who packs it to who puts it into the archive in pieces.

use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::sync::mpsc::SyncSender;

use crate::base::digest::Sha256;
use crate::integrity::manifest::FileEntry;

/// What is in memory at once, of one file or of several.
pub(super) const AT_ONCE: u64 = 8 << 20;
const FILES_AT_ONCE: usize = 4096;

/// Files that follow each other in the manifest, and what they hold, one behind the other.
pub(super) struct Piece<'m> {
    pub files: &'m [FileEntry],
    pub digests: Vec<Option<Sha256>>,
    pub content: Vec<u8>,
}

/// What a piece has of a file.
pub(super) enum Held<'p> {
    Whole(&'p [u8]),
    /// It is too large for a piece: whoever wants it reads it, and proves it, by himself.
    Digest(Option<Sha256>),
}

impl<'m> Piece<'m> {
    pub fn each(&self) -> impl Iterator<Item = (&'m FileEntry, Held<'_>)> {
        let mut rest = &self.content[..];
        self.files.iter().zip(&self.digests).map(move |(entry, digest)| {
            let (content, behind) = rest.split_at(room(entry));
            rest = behind;
            match entry.size() > AT_ONCE {
                true => (entry, Held::Digest(*digest)),
                false => (entry, Held::Whole(content)),
            }
        })
    }

    /// Its memory, for another one.
    pub fn into_memory(self) -> Vec<u8> {
        self.content
    }
}

/// By which pieces go, and their memory comes back.
pub(super) struct Line<'m> {
    pub next: SyncSender<Piece<'m>>,
    pub spare: Receiver<Vec<u8>>,
}

/// The line, its end, and its way back.
pub(super) fn line<'m>() -> (Line<'m>, Receiver<Piece<'m>>, Sender<Vec<u8>>) {
    let ((next, pieces), (back, spare)) = (mpsc::sync_channel(1), mpsc::channel());
    (Line { next, spare }, pieces, back)
}

/// In the order of the files.
pub(super) fn pieces(files: &[FileEntry]) -> impl Iterator<Item = &[FileEntry]> {
    let mut rest = files;
    std::iter::from_fn(move || {
        let mut bytes = 0u64;
        let fits = |entry: &&FileEntry| {
            bytes = bytes.saturating_add(entry.size());
            bytes <= AT_ONCE
        };
        let many = rest.iter().take(FILES_AT_ONCE).take_while(fits).count();
        let (piece, behind) = rest.split_at(many.max(1).min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

/// How much of a piece a file takes.
pub(super) fn room(entry: &FileEntry) -> usize {
    usize::try_from(entry.size()).ok().filter(|_| entry.size() <= AT_ONCE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::SitePath;
    use crate::integrity::manifest::Content;

    fn file(size: u64) -> FileEntry {
        let content = Content::File { size, sha256: Sha256::of(b""), md5: None };
        FileEntry { path: SitePath::parse("x").unwrap(), content, mode: None }
    }

    #[test]
    fn pieces_are_bounded_and_hold_everything_once() {
        for (what, sizes, expected) in [
            ("nothing", vec![], vec![]),
            ("small ones go together", vec![1, 0, AT_ONCE - 1], vec![3]),
            ("a byte too many begins another", vec![1, AT_ONCE], vec![1, 1]),
            ("a large one stands alone", vec![1, AT_ONCE + 1, u64::MAX, 1], vec![1, 1, 1, 1]),
            ("many empty ones", vec![0; FILES_AT_ONCE + 1], vec![FILES_AT_ONCE, 1]),
        ] {
            let files: Vec<FileEntry> = sizes.into_iter().map(file).collect();
            assert_eq!(pieces(&files).map(<[FileEntry]>::len).collect::<Vec<_>>(), expected, "{what}");
        }
    }

    #[test]
    fn each_file_has_its_part() {
        let digest = Some(Sha256::of(b"x"));
        let held = |sizes: &[u64], content: &[u8]| -> Vec<Option<Vec<u8>>> {
            let files: Vec<FileEntry> = sizes.iter().copied().map(file).collect();
            let digests = vec![digest; files.len()];
            let piece = Piece { files: &files, digests, content: content.to_vec() };
            let each = piece.each().map(|(_, held)| match held {
                Held::Whole(content) => Some(content.to_vec()),
                Held::Digest(found) => {
                    assert_eq!(found, digest);
                    None
                }
            });
            each.collect()
        };
        let parts = [b"abc".to_vec(), b"".to_vec(), b"de".to_vec()].map(Some);
        assert_eq!(held(&[3, 0, 2], b"abcde"), parts);
        assert_eq!(held(&[AT_ONCE + 1], b""), [None]);
    }
}
