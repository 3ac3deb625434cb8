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
use crate::site::gate::live;
use crate::site::gate::live::Found;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The file's name in the site, and in the folder that holds it.
pub const NAME: &str = ".htaccess";
/// Where the original rests when the folder beside is of no use.
pub const HELD_INSIDE: &str = ".htaccess.entracte-held";
const NEW_INSIDE: &str = ".htaccess.entracte-new";

type Result<T> = std::result::Result<T, IoError>;

/// One site's `.htaccess` and the place that holds its original.
pub struct Htaccess {
    site: Root,
    /// The folder beside the gate; `None` when it is not there and only looked for.
    beside: Option<Root>,
}

/// A name in one of the two roots.
struct Place<'a> {
    root: &'a Root,
    path: TreePath,
}

impl Htaccess {
    /// To work with; `beside` is made (0700) when missing.
    pub fn new(site: &Path, beside: &Path) -> Result<Htaccess> {
        if !fs::is_folder(beside) {
            fs::create_folders(beside, 0o700)?;
        }
        Htaccess::look(site, beside)
    }

    /// To look at only.
    pub fn look(site: &Path, beside: &Path) -> Result<Htaccess> {
        let beside = if fs::is_folder(beside) { Some(Root::open(beside)?) } else { None };
        Ok(Htaccess { site: Root::open(site)?, beside })
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
    pub fn held_at(&self) -> Result<PathBuf> {
        let place = match self.find_held()? {
            Some((place, _)) => place,
            None => self.usual_place()?,
        };
        Ok(place.root.full(&place.path))
    }

    /// Names of ours in the site besides `.htaccess` that exist now.
    pub fn leftovers(&self) -> Result<Vec<TreePath>> {
        let mut names = Vec::new();
        for name in [HELD_INSIDE, NEW_INSIDE] {
            let path = TreePath::from_bytes(name.as_bytes());
            if self.site.stat(&path)?.is_some() {
                names.push(path);
            }
        }
        Ok(names)
    }

    /// Puts the block on top; `file` makes the whole file from what stood there.
    pub fn close(&self, file: impl Fn(&[u8]) -> Vec<u8>) -> Result<()> {
        self.note_holding()?;
        if self.live()?.is_none() {
            match self.find_held()? {
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
        self.sync()
    }

    /// Takes the block away. Returns where an original was set aside because
    /// somebody's newer file took its place.
    pub fn open(&self) -> Result<Option<PathBuf>> {
        let aside = self.restore()?;
        visit("gate-htaccess-restored")?;
        self.clean()?;
        self.sync()?;
        Ok(aside)
    }

    /// The table above.
    fn restore(&self) -> Result<Option<PathBuf>> {
        if self.live_is_odd()? {
            return self.find_held()?.map(|(held, _)| self.set_aside(&held)).transpose();
        }
        let live = self.live()?;
        let ours = live.as_ref().and_then(|found| apache::read(&found.bytes).map(|ours| (found, ours)));
        Ok(match (ours, &live, self.find_held()?) {
            (Some((found, ours)), _, held) if ours.is_edited => {
                self.replace_live(ours.rest, &found.stat.meta)?;
                held.map(|(place, _)| self.set_aside(&place)).transpose()?
            }
            (Some(_), _, Some((held, _))) => {
                self.trade_back(&held)?;
                None
            }
            (Some((found, ours)), _, None) if !ours.rest.is_empty() && !self.is_holding()? => {
                self.replace_live(ours.rest, &found.stat.meta)?;
                None
            }
            (Some(_), _, None) => {
                self.site.remove_file(&live_name())?;
                None
            }
            (None, Some(found), Some((held, stat))) if found.stat.meta.identity() == stat.identity() => {
                held.root.remove_file(&held.path)?;
                None
            }
            (None, Some(_), Some((held, _))) => Some(self.set_aside(&held)?),
            (None, None, Some((held, _))) => {
                self.put_back(&held)?;
                None
            }
            (None, _, None) => None,
        })
    }

    fn live(&self) -> Result<Option<Found>> {
        live::read(&self.site, &live_name())
    }

    /// Whether a link or folder stands in the live place: it is somebody's, not ours.
    fn live_is_odd(&self) -> Result<bool> {
        Ok(self.site.stat(&live_name())?.is_some_and(|stat| stat.kind != StatKind::File))
    }

    /// Where an original may be held; the best place first.
    fn places(&self) -> Vec<Place<'_>> {
        let inside = Place { root: &self.site, path: TreePath::from_bytes(HELD_INSIDE.as_bytes()) };
        let beside = self.beside.as_ref().map(|root| Place { root, path: live_name() });
        beside.into_iter().chain([inside]).collect()
    }

    /// Where the next original will be held: one rename must reach it.
    fn usual_place(&self) -> Result<Place<'_>> {
        let device = |root: &Root| Ok(root.stat(&TreePath::root())?.map(|stat| stat.meta.device));
        let here = device(&self.site)?;
        let inside = Place { root: &self.site, path: TreePath::from_bytes(HELD_INSIDE.as_bytes()) };
        match &self.beside {
            Some(root) if device(root)? == here => Ok(Place { root, path: live_name() }),
            _ => Ok(inside),
        }
    }

    /// Notes that what is not held was taken away on purpose, not lost with
    /// the folder.
    fn note_holding(&self) -> Result<()> {
        match &self.beside {
            Some(beside) if !self.is_holding()? => beside.create_file(&holding(), 0o600).map(drop),
            _ => Ok(()),
        }
    }

    fn is_holding(&self) -> Result<bool> {
        match &self.beside {
            Some(beside) => Ok(beside.stat(&holding())?.is_some()),
            None => Ok(false),
        }
    }

    /// The original that is held now.
    fn find_held(&self) -> Result<Option<(Place<'_>, Meta)>> {
        for place in self.places() {
            if let Some(found) = live::read(place.root, &place.path)?
                && apache::read(&found.bytes).is_none()
            {
                return Ok(Some((place, found.stat.meta)));
            }
        }
        Ok(None)
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
        let new = TreePath::from_bytes(NEW_INSIDE.as_bytes());
        live::prepare(&self.site, &new, bytes, None)?;
        visit("gate-htaccess-prepared")?;
        live::place(&self.site, &new, &self.site, &live_name(), Rename::NoReplace)
    }

    /// The original becomes the live file where there is none.
    fn put_back(&self, held: &Place<'_>) -> Result<()> {
        live::place(held.root, &held.path, &self.site, &live_name(), Rename::NoReplace)
    }

    fn put_over(&self, found: &Found, bytes: &[u8]) -> Result<()> {
        if let Some((held, stat)) = self.find_held()? {
            match stat.identity() == found.stat.meta.identity() {
                true => held.root.remove_file(&held.path)?,
                // Somebody put a newer file over our block: theirs is the site's now.
                false => drop(self.set_aside(&held)?),
            }
        }
        let usual = self.usual_place()?;
        let inside = Place { root: &self.site, path: TreePath::from_bytes(HELD_INSIDE.as_bytes()) };
        match self.exchange_in(&usual, found, bytes) {
            Err(error) if error.source.kind() == io::ErrorKind::CrossesDevices => {
                usual.root.remove_file(&usual.path)?;
                self.exchange_in(&inside, found, bytes)
            }
            done => done,
        }
    }

    fn exchange_in(&self, place: &Place<'_>, found: &Found, bytes: &[u8]) -> Result<()> {
        live::prepare(place.root, &place.path, bytes, Some(&found.stat.meta))?;
        place.root.sync_folder(&TreePath::root())?;
        visit("gate-htaccess-prepared")?;
        match place.root.rename(&place.path, &self.site, &live_name(), Rename::Exchange) {
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
        let new = TreePath::from_bytes(NEW_INSIDE.as_bytes());
        live::prepare(&self.site, &new, bytes, Some(&found.stat.meta))?;
        self.site.link(&live_name(), place.root, &place.path)?;
        visit("gate-htaccess-linked")?;
        self.site.rename(&new, &self.site, &live_name(), Rename::Replace)
    }

    fn trade_back(&self, held: &Place<'_>) -> Result<()> {
        match held.root.rename(&held.path, &self.site, &live_name(), Rename::Exchange) {
            Err(error) if live::is_unsupported(&error) => {
                held.root.rename(&held.path, &self.site, &live_name(), Rename::Replace)
            }
            done => done,
        }
    }

    /// Writes the live file anew; only ever over one that is ours.
    fn replace_live(&self, bytes: &[u8], like: &Meta) -> Result<()> {
        let new = TreePath::from_bytes(NEW_INSIDE.as_bytes());
        live::prepare(&self.site, &new, bytes, Some(like))?;
        self.site.rename(&new, &self.site, &live_name(), Rename::Replace)
    }

    /// Keeps an original that is no longer the site's, under a name of its own.
    fn set_aside(&self, held: &Place<'_>) -> Result<PathBuf> {
        let mut number = 1;
        loop {
            let name = TreePath::from_bytes(format!("{NAME}.aside-{number}").as_bytes());
            if held.root.stat(&name)?.is_none() {
                live::place(held.root, &held.path, held.root, &name, Rename::NoReplace)?;
                return Ok(held.root.full(&name));
            }
            number += 1;
        }
    }

    /// Removes copies of ours that were prepared or came out of an exchange.
    fn clean(&self) -> Result<()> {
        for place in self.places() {
            if live::read(place.root, &place.path)?.is_some_and(|found| apache::read(&found.bytes).is_some())
            {
                place.root.remove_file(&place.path)?;
            }
        }
        let new = TreePath::from_bytes(NEW_INSIDE.as_bytes());
        if self.site.stat(&new)?.is_some() {
            self.site.remove_file(&new)?;
        }
        match &self.beside {
            Some(beside) if self.is_holding()? => beside.remove_file(&holding()),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        if let Some(beside) = &self.beside {
            beside.sync_folder(&TreePath::root())?;
        }
        self.site.sync_folder(&TreePath::root())
    }
}

/// `.htaccess`, as found in a tree.
pub fn live_name() -> TreePath {
    TreePath::from_bytes(NAME.as_bytes())
}

fn holding() -> TreePath {
    TreePath::from_bytes(b"holding")
}

fn visit(point: &'static str) -> Result<()> {
    fault::point(point).map_err(|source| IoError::new("close through", NAME, source))
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
        let live = site.join(NAME);
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
        let place = htaccess.usual_place().unwrap();
        htaccess.link_and_replace(&place, &found, &file(&found.bytes)).unwrap();
        assert!(htaccess.is_ours().unwrap());
        assert_eq!(inode(&htaccess.held_at().unwrap()), original);
        htaccess.open().unwrap();
        assert_eq!(inode(&live), original);
    }

    #[test]
    fn a_close_cut_between_link_and_rename_is_undone_and_repeated() {
        for repeats in [false, true] {
            let (_folder, live, htaccess) = bed();
            let original = inode(&live);
            let place = htaccess.usual_place().unwrap();
            htaccess.site.link(&live_name(), place.root, &place.path).unwrap();
            if repeats {
                htaccess.close(file).unwrap();
                assert_eq!(inode(&htaccess.held_at().unwrap()), original);
            }
            htaccess.open().unwrap();
            assert_eq!(inode(&live), original);
            assert!(htaccess.find_held().unwrap().is_none());
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
