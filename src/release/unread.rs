//! A release in a folder that is read once, while it is packed: until then its
//! files are known by their names and marks.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use crate::base::event::Watch;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::Digests;
use crate::release::content::Said;
use crate::release::content::reader;
use crate::release::content::scan_release;
use crate::release::describe::manifest_of;
use crate::release::obtain::is_reference;
use crate::release::stage::MANIFEST_NAME;
use crate::release::stage::Options;
use crate::release::stage::StageError;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::beneath::StatKind;
use crate::sys::beneath::stat_of;
use crate::sys::fs;

/// What was listed.
pub struct Unread {
    root: Root,
    tree: Tree,
}

impl Unread {
    /// What `folder` holds, and its manifest but for the digests; `None` where a manifest of its
    /// own says digests, against which all of it is read.
    pub fn list(
        folder: &Path,
        options: &Options,
        watch: Watch,
    ) -> Result<Option<(Unread, Manifest)>, StageError> {
        if is_reference(folder) || fs::exists(&folder.join(MANIFEST_NAME)) {
            return Ok(None);
        }
        let (root, mut notes) = (Root::open(folder)?, Vec::new());
        let mut tree = scan_release(&root, Digests::Later, &mut notes, watch)?;
        let extent = options.extent.unwrap_or(Extent::Partial);
        let manifest = manifest_of(&mut tree, extent, options, &Said::default(), &reader(&root), &mut notes)?;
        Ok(Some((Unread { root, tree }, manifest)))
    }

    /// Opens a file that is as it was listed; that it stays so is seen where it ends.
    pub fn open(&self, entry: &FileEntry) -> io::Result<Unchanged> {
        let path = TreePath::from(&entry.path);
        let listed = self.tree.get(&path).ok_or(io::ErrorKind::NotFound)?.meta;
        let file = self.root.open_seen(&path).map_err(|error| error.source)?;
        let opened = stat_of(&file)?;
        // Inode and change time of a name and of the open file differ on some network file systems.
        let is_same = (opened.kind, opened.size) == (StatKind::File, entry.size())
            && opened.meta.modified() == listed.modified();
        if is_same { Ok(Unchanged { file, opened }) } else { Err(changed()) }
    }
}

fn changed() -> io::Error {
    io::Error::other("it changed since it was listed")
}

/// A file that somebody might change while it is read; then it fails where it would have ended.
pub struct Unchanged {
    file: File,
    opened: Stat,
}

impl Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count == 0 && !buffer.is_empty() && stat_of(&self.file)? != self.opened {
            return Err(changed());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::base::digest::Sha256;
    use crate::release::archive::Limits;
    use crate::release::network::Network;
    use crate::site::profile::Profile;

    fn listed(folder: &Path) -> Option<(Unread, Manifest)> {
        let profile = Profile::named("generic").unwrap();
        let options = Options {
            profile: &profile,
            product: "shop",
            version: Some("1"),
            extent: Some(Extent::Complete),
            limits: Limits::default(),
            inbox: folder,
            incoming: folder,
            network: Network::default(),
            live: None,
            home: None,
        };
        Unread::list(folder, &options, &mut |_, _| {}).unwrap()
    }

    #[test]
    fn what_is_read_is_what_was_listed() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 7] = [
            ("longer", |path| fs::write(path, "text and more").unwrap()),
            ("shorter", |path| fs::write(path, "te").unwrap()),
            ("as long", |path| fs::write(path, "TEXT").unwrap()),
            ("another file", |path| {
                fs::write(path.with_extension("new"), "text").unwrap();
                fs::rename(path.with_extension("new"), path).unwrap();
            }),
            ("gone", |path| fs::remove_file(path).unwrap()),
            ("a link", |path| {
                fs::rename(path, path.with_extension("old")).unwrap();
                symlink(path.with_extension("old"), path).unwrap();
            }),
            ("a folder", |path| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            }),
        ];
        for (what, change) in changes {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            fs::write(&path, "text").unwrap();
            let (unread, manifest) = listed(folder.path()).unwrap();
            let entry = &manifest.files[0];
            assert_eq!((entry.size(), entry.sha256()), (4, Some(Sha256::UNSAID)));
            let mut content = String::new();
            unread.open(entry).unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(content, "text");
            // The clock of a file system may be slow.
            std::thread::sleep(std::time::Duration::from_millis(20));
            let before = unread.open(entry).unwrap();
            change(&path);
            assert!(unread.open(entry).is_err(), "{what}");
            assert!({ before }.read_to_string(&mut content).is_err(), "{what}");
        }
    }

    #[test]
    fn a_manifest_of_its_own_is_proved_by_reading_all() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "text").unwrap();
        assert!(listed(folder.path()).is_some());
        fs::write(folder.path().join(MANIFEST_NAME), "{}").unwrap();
        assert!(listed(folder.path()).is_none());
    }
}
