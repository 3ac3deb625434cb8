//! Where the original `.htaccess` rests while the gate's stands in its place.

use std::path::Path;
use std::path::PathBuf;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Meta;
use crate::site::gate::apache;
use crate::site::gate::live;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// A file that stands in for a live one while the gate is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub path: SitePath,
    /// The folder in which it stands, or would stand if there were one.
    pub folder: PathBuf,
    /// Its name there, which need not be the one that it has in the site.
    pub name: SitePath,
}

impl Held {
    pub fn stands_at(&self) -> PathBuf {
        self.folder.join(self.name.as_path())
    }
}

/// What opening had to leave for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The original `.htaccess`, when somebody edited the live one meanwhile.
    pub set_aside: Option<PathBuf>,
}

/// The file's name in the site, and in the folder that holds it.
pub const NAME: &str = ".htaccess";
/// Where the original rests when the folder beside is of no use.
const HELD_INSIDE: &str = ".htaccess.entracte-held";
const NEW_INSIDE: &str = ".htaccess.entracte-new";
/// Says that what is not held was taken away on purpose, not lost with the folder.
const HOLDING: &str = "holding";

type Result<T> = std::result::Result<T, IoError>;

/// The site's folder and the one beside the gate's.
pub struct Shelf {
    site: Root,
    /// `None` when it is not there and was only looked for.
    beside: Option<Root>,
}

/// A name in one of the two.
pub struct Place<'a> {
    pub root: &'a Root,
    pub path: TreePath,
}

impl Shelf {
    /// To work with; `beside` is made (0700) when missing.
    pub fn make(site: &Path, beside: &Path) -> Result<Shelf> {
        if !fs::is_folder(beside) {
            fs::create_folders(beside, 0o700)?;
        }
        Shelf::look(site, beside)
    }

    /// To look at only.
    pub fn look(site: &Path, beside: &Path) -> Result<Shelf> {
        let beside = if fs::is_folder(beside) { Some(Root::open(beside)?) } else { None };
        Ok(Shelf { site: Root::open(site)?, beside })
    }

    pub fn site(&self) -> &Root {
        &self.site
    }

    /// The original that is held now.
    pub fn find(&self) -> Result<Option<(Place<'_>, Meta)>> {
        for place in self.places() {
            if let Some(stat) = place.root.stat(&place.path)?
                && !place.is_ours()?
            {
                return Ok(Some((place, stat.meta)));
            }
        }
        Ok(None)
    }

    /// Where the next original will be held: one rename must reach it.
    pub fn usual(&self) -> Result<Place<'_>> {
        match &self.beside {
            Some(root) if root.shares_mount(&self.site)? => Ok(Place { root, path: live_name() }),
            _ => Ok(self.inside()),
        }
    }

    /// Where an original is held in the site itself.
    pub fn inside(&self) -> Place<'_> {
        Place { root: &self.site, path: TreePath::from_bytes(HELD_INSIDE.as_bytes()) }
    }

    /// Names of ours in the site besides `.htaccess` that exist now.
    pub fn leftovers(&self) -> Result<Vec<TreePath>> {
        let mut names = Vec::new();
        for path in [self.inside().path, new_name()] {
            if self.site.stat(&path)?.is_some() {
                names.push(path);
            }
        }
        Ok(names)
    }

    /// Notes that from now on nothing held means nothing there.
    pub fn note_holding(&self) -> Result<()> {
        match &self.beside {
            Some(beside) if !self.is_holding()? => beside.create_file(&holding(), 0o600).map(drop),
            _ => Ok(()),
        }
    }

    pub fn is_holding(&self) -> Result<bool> {
        match &self.beside {
            Some(beside) => Ok(beside.stat(&holding())?.is_some()),
            None => Ok(false),
        }
    }

    /// Removes copies of ours that were prepared or came out of an exchange.
    pub fn clean(&self) -> Result<()> {
        for place in self.places() {
            if place.is_ours()? {
                place.root.remove_file(&place.path)?;
            }
        }
        if self.site.stat(&new_name())?.is_some() {
            self.site.remove_file(&new_name())?;
        }
        match &self.beside {
            Some(beside) if self.is_holding()? => beside.remove_file(&holding()),
            _ => Ok(()),
        }
    }

    /// Writes the names in both folders to the disk.
    pub fn sync(&self) -> Result<()> {
        if let Some(beside) = &self.beside {
            beside.sync_folder(&TreePath::root())?;
        }
        self.site.sync_folder(&TreePath::root())
    }

    /// Where an original may be held; the best place first.
    fn places(&self) -> Vec<Place<'_>> {
        let beside = self.beside.as_ref().map(|root| Place { root, path: live_name() });
        beside.into_iter().chain([self.inside()]).collect()
    }
}

impl Place<'_> {
    pub fn full(&self) -> PathBuf {
        self.root.full(&self.path)
    }

    /// Keeps an original that is no longer the site's, under a name of its own.
    pub fn set_aside(&self) -> Result<PathBuf> {
        let mut number = 1;
        loop {
            let name = TreePath::from_bytes(format!("{NAME}.aside-{number}").as_bytes());
            if self.root.stat(&name)?.is_none() {
                self.root.rename(&self.path, self.root, &name, Rename::NoReplace)?;
                return Ok(self.root.full(&name));
            }
            number += 1;
        }
    }

    /// Whether a copy with our block stands here, not an original.
    fn is_ours(&self) -> Result<bool> {
        match self.root.stat(&self.path)? {
            Some(stat) if stat.kind == StatKind::File => {
                let found = live::read(self.root, &self.path)?;
                Ok(found.is_some_and(|found| apache::read(&found.bytes).is_some()))
            }
            _ => Ok(false),
        }
    }
}

/// `.htaccess`, as found in a tree.
pub fn live_name() -> TreePath {
    TreePath::from_bytes(NAME.as_bytes())
}

/// Where the next live file is made.
pub fn new_name() -> TreePath {
    TreePath::from_bytes(NEW_INSIDE.as_bytes())
}

fn holding() -> TreePath {
    TreePath::from_bytes(HOLDING.as_bytes())
}
