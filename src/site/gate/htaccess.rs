//! Puts the block into a live `.htaccess` and takes it out, so that the
//! original comes back as the same inode.
//!
//! While the site is closed the original is **held**: it rests beside the gate
//! folder (or beside the live file, where that is another file system) and an
//! update works on it there. One exchange closes and one opens. A file at the
//! held place that begins with our block is not the original but a copy of
//! ours, prepared before an exchange or left after one.
//!
//! | live | held | `open` does |
//! |---|---|---|
//! | ours, as made | original | exchanges them |
//! | ours, as made | nothing | removes ours: there was none before, or the update removed it |
//! | ours, edited below the block | any | strips the block, sets the held one aside |
//! | not ours | same inode | removes the second name (a close cut in the middle) |
//! | not ours | original | leaves the live one, sets the held one aside |
//! | nothing | original | puts it into place |

use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::base::path::TreePath;
use crate::base::tree::Meta;
use crate::site::gate::apache;
use crate::site::gate::held;
use crate::site::gate::held::Place;
use crate::site::gate::held::Shelf;
use crate::site::gate::held::live_name;
use crate::site::gate::live;
use crate::site::gate::live::Found;
use crate::sys::beneath::Rename;
use crate::sys::beneath::StatKind;
use crate::sys::fault;
use crate::sys::fs::IoError;

type Result<T> = std::result::Result<T, IoError>;

/// One site's `.htaccess`.
pub struct Htaccess {
    shelf: Shelf,
}

impl Htaccess {
    /// To work with; the folder `beside` is made (0700) when missing.
    pub fn new(site: &Path, beside: &Path) -> Result<Htaccess> {
        Ok(Htaccess { shelf: Shelf::make(site, beside)? })
    }

    /// To look at only.
    pub fn look(site: &Path, beside: &Path) -> Result<Htaccess> {
        Ok(Htaccess { shelf: Shelf::look(site, beside)? })
    }

    /// Refuses what cannot be exchanged, a link above all, before anything is touched.
    pub fn check(&self) -> Result<()> {
        self.live().map(drop)
    }

    /// Whether the live file begins with our block.
    pub fn is_ours(&self) -> Result<bool> {
        Ok(!self.live_is_odd()? && self.live()?.is_some_and(|found| apache::read(&found.bytes).is_some()))
    }

    /// Where the original is, or would be put while the gate is closed.
    pub fn held_at(&self) -> Result<Place<'_>> {
        match self.shelf.find()? {
            Some((place, _)) => Ok(place),
            None => self.shelf.usual(),
        }
    }

    /// Names of ours in the site besides `.htaccess` that exist now.
    pub fn leftovers(&self) -> Result<Vec<TreePath>> {
        self.shelf.leftovers()
    }

    /// Puts the block on top; `file` makes the whole file from what stood there.
    pub fn close(&self, file: impl Fn(&[u8]) -> Vec<u8>) -> Result<()> {
        self.shelf.note_holding()?;
        if self.live()?.is_none() {
            match self.shelf.find()? {
                Some((held, _)) => self.put_back(&held)?,
                None => self.put_where_none_was(&file(b""))?,
            }
        }
        if let Some(found) = self.live()? {
            match apache::read(&found.bytes) {
                Some(ours) => self.renew(&found, &ours, &file)?,
                None => self.put_over(&found, &file(&found.bytes))?,
            }
        }
        visit("gate-htaccess-placed")?;
        self.shelf.sync()
    }

    /// Takes the block away. Returns where an original was set aside because
    /// somebody's newer file took its place.
    pub fn open(&self) -> Result<Option<PathBuf>> {
        let aside = self.restore()?;
        visit("gate-htaccess-restored")?;
        self.shelf.clean()?;
        self.shelf.sync()?;
        Ok(aside)
    }

    /// The table above.
    fn restore(&self) -> Result<Option<PathBuf>> {
        if self.live_is_odd()? {
            return self.shelf.find()?.map(|(held, _)| held.set_aside()).transpose();
        }
        let live = self.live()?;
        let ours = live.as_ref().and_then(|found| apache::read(&found.bytes).map(|ours| (found, ours)));
        Ok(match (ours, &live, self.shelf.find()?) {
            (Some((found, ours)), _, held) if ours.is_edited => {
                self.replace_live(ours.rest, &found.stat.meta)?;
                held.map(|(place, _)| place.set_aside()).transpose()?
            }
            (Some(_), _, Some((held, _))) => {
                self.trade_back(&held)?;
                None
            }
            (Some((found, ours)), _, None) if !ours.rest.is_empty() && !self.shelf.is_holding()? => {
                self.replace_live(ours.rest, &found.stat.meta)?;
                None
            }
            (Some(_), _, None) => {
                self.shelf.site().remove_file(&live_name())?;
                None
            }
            (None, Some(found), Some((held, stat))) if found.stat.meta.identity() == stat.identity() => {
                held.root.remove_file(&held.path)?;
                None
            }
            (None, Some(_), Some((held, _))) => Some(held.set_aside()?),
            (None, None, Some((held, _))) => {
                self.put_back(&held)?;
                None
            }
            (None, _, None) => None,
        })
    }

    fn live(&self) -> Result<Option<Found>> {
        live::read(self.shelf.site(), &live_name())
    }

    /// Whether a link or folder stands in the live place: it is somebody's, not ours.
    fn live_is_odd(&self) -> Result<bool> {
        Ok(self.shelf.site().stat(&live_name())?.is_some_and(|stat| stat.kind != StatKind::File))
    }

    /// The live file is ours already: only the block may need other words.
    fn renew(&self, found: &Found, ours: &apache::Ours<'_>, file: &impl Fn(&[u8]) -> Vec<u8>) -> Result<()> {
        let wanted = file(ours.rest);
        if ours.is_edited || wanted == found.bytes {
            return Ok(());
        }
        self.replace_live(&wanted, &found.stat.meta)
    }

    fn put_where_none_was(&self, bytes: &[u8]) -> Result<()> {
        let new = held::new_name();
        live::prepare(self.shelf.site(), &new, bytes, None)?;
        visit("gate-htaccess-prepared")?;
        self.shelf.site().rename(&new, self.shelf.site(), &live_name(), Rename::NoReplace)
    }

    /// The original becomes the live file where there is none.
    fn put_back(&self, held: &Place<'_>) -> Result<()> {
        held.root.rename(&held.path, self.shelf.site(), &live_name(), Rename::NoReplace)
    }

    fn put_over(&self, found: &Found, bytes: &[u8]) -> Result<()> {
        if let Some((held, stat)) = self.shelf.find()? {
            match stat.identity() == found.stat.meta.identity() {
                true => held.root.remove_file(&held.path)?,
                // Somebody put a newer file over our block: theirs is the site's now.
                false => drop(held.set_aside()?),
            }
        }
        match self.exchange_in(&self.shelf.usual()?, found, bytes) {
            Err(error) if error.source.kind() == io::ErrorKind::CrossesDevices => {
                self.exchange_in(&self.shelf.inside(), found, bytes)
            }
            done => done,
        }
    }

    /// Made in the site, so that it gets the labels that the system gives
    /// files there, and moved whole: what is held is never half a file.
    fn exchange_in(&self, place: &Place<'_>, found: &Found, bytes: &[u8]) -> Result<()> {
        let (site, new) = (self.shelf.site(), held::new_name());
        live::prepare(site, &new, bytes, Some(&found.stat.meta))?;
        visit("gate-htaccess-prepared")?;
        site.rename(&new, place.root, &place.path, Rename::Replace)?;
        self.shelf.sync()?;
        visit("gate-htaccess-shelved")?;
        match place.root.rename(&place.path, site, &live_name(), Rename::Exchange) {
            Err(error) if live::is_unsupported(&error) => {
                place.root.remove_file(&place.path)?;
                self.link_and_replace(place, found, bytes)
            }
            done => done,
        }
    }

    /// Where names cannot be exchanged: the original gets its second name
    /// first, so that the live name never disappears.
    fn link_and_replace(&self, place: &Place<'_>, found: &Found, bytes: &[u8]) -> Result<()> {
        let new = held::new_name();
        live::prepare(self.shelf.site(), &new, bytes, Some(&found.stat.meta))?;
        self.shelf.site().link(&live_name(), place.root, &place.path)?;
        visit("gate-htaccess-linked")?;
        self.shelf.site().rename(&new, self.shelf.site(), &live_name(), Rename::Replace)
    }

    fn trade_back(&self, held: &Place<'_>) -> Result<()> {
        match held.root.rename(&held.path, self.shelf.site(), &live_name(), Rename::Exchange) {
            Err(error) if live::is_unsupported(&error) => {
                held.root.rename(&held.path, self.shelf.site(), &live_name(), Rename::Replace)
            }
            done => done,
        }
    }

    /// Writes the live file anew; only ever over one that is ours.
    fn replace_live(&self, bytes: &[u8], like: &Meta) -> Result<()> {
        let new = held::new_name();
        live::prepare(self.shelf.site(), &new, bytes, Some(like))?;
        self.shelf.site().rename(&new, self.shelf.site(), &live_name(), Rename::Replace)
    }
}

fn visit(point: &'static str) -> Result<()> {
    fault::point(point).map_err(|source| IoError::new("close through", held::NAME, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;
    use crate::site::gate::page::Pages;

    fn file(rest: &[u8]) -> Vec<u8> {
        let pages = Pages { default: "closed".into(), french: "closed".into() };
        apache::file(&Secret::new("0123456789abcdef0123456789abcdef"), "/", 300, &pages, rest)
    }

    fn bed() -> (tempfile::TempDir, PathBuf, Htaccess) {
        let folder = tempfile::tempdir().unwrap();
        let (site, beside) = (folder.path().join("site"), folder.path().join("held"));
        std::fs::create_dir(&site).unwrap();
        let live = site.join(held::NAME);
        std::fs::write(&live, "# old\n").unwrap();
        let htaccess = Htaccess::new(&site, &beside).unwrap();
        (folder, live, htaccess)
    }

    fn inode(path: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).unwrap().ino()
    }

    #[test]
    fn without_exchange_the_original_comes_back_all_the_same() {
        let (_folder, live, htaccess) = bed();
        let original = inode(&live);
        let found = htaccess.live().unwrap().unwrap();
        let place = htaccess.shelf.usual().unwrap();
        htaccess.link_and_replace(&place, &found, &file(&found.bytes)).unwrap();
        assert!(htaccess.is_ours().unwrap());
        assert_eq!(inode(&htaccess.held_at().unwrap().full()), original);
        htaccess.open().unwrap();
        assert_eq!(inode(&live), original);
    }

    #[test]
    fn a_close_cut_between_link_and_rename_is_undone_and_repeated() {
        for repeats in [false, true] {
            let (_folder, live, htaccess) = bed();
            let original = inode(&live);
            let place = htaccess.shelf.usual().unwrap();
            htaccess.shelf.site().link(&live_name(), place.root, &place.path).unwrap();
            if repeats {
                htaccess.close(file).unwrap();
                assert_eq!(inode(&htaccess.held_at().unwrap().full()), original);
            }
            htaccess.open().unwrap();
            assert_eq!(inode(&live), original);
            assert!(htaccess.shelf.find().unwrap().is_none());
        }
    }

    #[test]
    fn a_link_put_there_while_closed_stays_and_the_original_is_kept() {
        let (folder, live, htaccess) = bed();
        htaccess.close(file).unwrap();
        std::fs::remove_file(&live).unwrap();
        std::os::unix::fs::symlink(folder.path().join("shared"), &live).unwrap();
        let aside = htaccess.open().unwrap().unwrap();
        assert_eq!(std::fs::read(aside).unwrap(), b"# old\n");
        assert!(std::fs::symlink_metadata(&live).unwrap().is_symlink());
    }

    #[test]
    fn a_live_file_that_was_deleted_while_closed_comes_back() {
        let (_folder, live, htaccess) = bed();
        let original = inode(&live);
        htaccess.close(file).unwrap();
        std::fs::remove_file(&live).unwrap();
        htaccess.close(file).unwrap();
        assert!(htaccess.is_ours().unwrap());
        std::fs::remove_file(&live).unwrap();
        htaccess.open().unwrap();
        assert_eq!(inode(&live), original);
    }
}
