//! What one side of a comparison is, told from what was typed.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

use crate::app::archive_side::ArchiveSide;
use crate::app::compare::Subject;
use crate::app::failure::Failure;
use crate::app::reference_side::ReferenceSide;
use crate::base::digest::Algorithms;
use crate::base::escape;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::json;
use crate::base::pattern::Patterns;
use crate::compare::content::Contents;
use crate::compare::content::Elsewhere;
use crate::compare::listing::Listing;
use crate::compare::lists::Source;
use crate::database::address::Address;
use crate::database::dump;
use crate::database::dump::DumpRecord;
use crate::database::dump::aside::Aside;
use crate::site::Site;
use crate::site::config;
use crate::site::config::Found;
use crate::site::detect;
use crate::site::profile;
use crate::site::profile::Profile;
use crate::site::state::State;
use crate::sys::beneath::Root;
use crate::sys::env;
use crate::sys::fs;
use crate::update::sealed;

pub(super) enum Side {
    Site(Box<Site>),
    Folder(PathBuf),
    /// An archive, a manifest or a list of digests.
    File(PathBuf),
    Database(Found),
    Dump(Dump),
    Reference(Box<ReferenceSide>),
    Archive(ArchiveSide),
}

/// What a run saved of a database.
pub(super) struct Dump {
    pub folder: PathBuf,
    pub record: DumpRecord,
}

impl Side {
    pub fn find(subject: &Subject) -> Result<Side, Failure> {
        let text = subject.text.as_str();
        if let Some(side) = ReferenceSide::find(text)? {
            return Ok(Side::Reference(Box::new(side)));
        }
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some("mysql" | "mariadb" | "sqlite") => Ok(Side::Database(address(subject)?)),
            Some(scheme) if text[scheme.len()..].starts_with("://") => Err(no_reference(scheme)),
            _ => Side::of_path(Path::new(text)),
        }
    }

    fn of_path(path: &Path) -> Result<Side, Failure> {
        if let Some(dump) = Dump::at(path)? {
            return Ok(Side::Dump(dump));
        }
        if fs::is_file(path) {
            return Ok(Side::File(path.to_owned()));
        }
        if !fs::is_folder(path) {
            let message = format!("there is no file or folder {}", fs::shown(path));
            return Err(Failure::new(Exit::Refused, message));
        }
        let folder = fs::canonical(path)?;
        match State::known(&folder) {
            Some(state) => Ok(Side::Site(Box::new(Site::open(state)?))),
            None => Ok(Side::Folder(folder)),
        }
    }

    pub fn shown(&self) -> String {
        match self {
            Side::Site(site) => fs::shown(&site.root),
            Side::Folder(path) | Side::File(path) => fs::shown(path),
            Side::Database(found) => found.address.to_string(),
            Side::Dump(dump) => fs::shown(&dump.folder),
            Side::Reference(side) => side.shown(),
            Side::Archive(side) => side.shown(),
        }
    }

    /// As it could be typed again.
    pub fn retyped(&self) -> String {
        match self {
            Side::Reference(side) => side.retyped(),
            other => escape::word(&other.shown()),
        }
    }

    pub fn site(&self) -> Option<&Site> {
        match self {
            Side::Site(site) => Some(site),
            _ => None,
        }
    }

    pub fn has_files(&self) -> bool {
        !matches!(self, Side::Database(_) | Side::Dump(_))
    }

    pub fn profile(&self) -> Option<&Profile> {
        match self {
            Side::Site(site) => Some(&site.profile),
            _ => None,
        }
    }

    /// What is not compared, since it changes by itself.
    pub fn volatile(&self) -> Patterns {
        match self {
            Side::Site(site) => site.volatile(),
            _ => Patterns::default(),
        }
    }

    /// The folder, where it is one.
    pub fn live(&self) -> Option<&Path> {
        match self {
            Side::Site(site) => Some(&site.root),
            Side::Folder(path) => Some(path),
            _ => None,
        }
    }

    /// The owner's files, and whether the application that says so is known.
    pub fn keep(&self) -> Option<(bool, Patterns)> {
        let is_known = |profile: &Profile| profile.name != profile::GENERIC;
        match self {
            Side::Site(site) => Some((is_known(&site.profile), site.keep())),
            Side::Folder(path) => {
                detect::profile(path, None).ok().map(|profile| (is_known(&profile), profile.keep))
            }
            _ => None,
        }
    }

    /// Where files can be read again; `elsewhere` is outside the site.
    pub fn contents(&self, elsewhere: Vec<Elsewhere>) -> Result<Contents, Failure> {
        Ok(match (self, self.live()) {
            (_, Some(folder)) => Contents::Folder(Root::open(folder)?, elsewhere),
            (Side::File(path), _) => Contents::of_file(path)?,
            (Side::Archive(side), _) => Contents::of_file(side.path())?,
            _ => Contents::Nowhere,
        })
    }

    /// A folder is read for these digests.
    pub fn listing(&self, skip: &Patterns, algorithms: Algorithms, watch: Watch) -> Result<Listing, Failure> {
        Ok(match self {
            Side::Site(site) => Listing::of_folder(&site.root, skip, algorithms, watch)?,
            Side::Folder(path) => Listing::of_folder(path, skip, algorithms, watch)?,
            Side::File(path) => Listing::of_file(path, skip)?,
            Side::Reference(side) => side.listing(skip)?,
            Side::Archive(side) => side.listing(skip)?,
            Side::Database(_) | Side::Dump(_) => Listing::default(),
        })
    }

    /// Where files can be read for digests of other kinds.
    pub fn source(&self) -> Result<Source<'_>, Failure> {
        Ok(match (self, self.live()) {
            (_, Some(folder)) => Source::Folder(folder),
            (Side::File(path), _) => match Contents::of_file(path)? {
                Contents::Archive(_) => Source::Archive(path),
                _ => Source::Nowhere,
            },
            _ => Source::Nowhere,
        })
    }

    pub fn database(&self) -> Result<Option<Found>, Failure> {
        match self {
            Side::Site(site) => Ok(site.database()?),
            Side::Database(found) => Ok(Some(found.clone())),
            Side::Dump(dump) => Ok(dump.as_file()),
            Side::Folder(_) | Side::File(_) | Side::Reference(_) | Side::Archive(_) => Ok(None),
        }
    }
}

impl Dump {
    /// The folder of a dump, or the file in it, with its record beside the folder.
    fn at(path: &Path) -> Result<Option<Dump>, Failure> {
        let is_dump = |name: &OsStr| name == dump::SQL_FILE || name == dump::SQLITE_FILE;
        let folder = match path.file_name() {
            Some(name) if is_dump(name) && fs::is_file(path) => path.parent().unwrap_or(path),
            _ => path,
        };
        if ![dump::SQL_FILE, dump::SQLITE_FILE].iter().any(|name| fs::is_file(&folder.join(name))) {
            return Ok(None);
        }
        let folder = fs::canonical(folder)?;
        let path = folder.with_extension("json");
        let Some(bytes) = sealed::read(&path)? else { return Ok(None) };
        let Ok(record) = json::read::<DumpRecord>(&bytes) else { return Ok(None) };
        Ok(Some(Dump { folder, record }))
    }

    /// A database that is a file needs no server to be looked at.
    fn as_file(&self) -> Option<Found> {
        let is_file = self.record.file == dump::SQLITE_FILE;
        let address = Address::Sqlite(self.folder.join(dump::SQLITE_FILE));
        is_file.then(|| Found { address, prefix: self.record.scope.prefix().to_owned() })
    }

    /// Laid out on the server of the other side, until what is returned goes.
    pub fn lay_out(&self, other: &Found, watch: Watch) -> Result<(Aside, Found), Failure> {
        let Address::MySql(server) = &other.address else {
            let message = "a dump of MySQL needs a server to be looked at, and the other side has none";
            return Err(Failure::new(Exit::Refused, message)
                .hint("bring it back into an empty database, and compare with that"));
        };
        let aside = Aside::lay_out(server, &self.record, &self.folder, watch)?;
        let found = Found { address: aside.address(), prefix: self.record.scope.prefix().to_owned() };
        Ok((aside, found))
    }
}

/// An address never holds its password: everybody on the machine would see it.
fn address(subject: &Subject) -> Result<Found, Failure> {
    let base = env::current_folder()?;
    if let Address::MySql(typed) = Address::parse(&subject.text, None, &base)?
        && !typed.password.reveal().is_empty()
    {
        let message = "a database address on the command line must not hold the password";
        return Err(Failure::new(Exit::Usage, message)
            .hint("write it into a file that only you can read, and name that with --password-file"));
    }
    let password = subject.password_file.as_deref().map(config::password).transpose()?;
    let address = Address::parse(&subject.text, password, &base)?;
    Ok(Found { address, prefix: subject.prefix.clone().unwrap_or_default() })
}

fn no_reference(scheme: &str) -> Failure {
    let message = format!("{}:// cannot be compared yet", escape::text(scheme));
    Failure::new(Exit::Usage, message)
        .hint("compare folders, archives and their addresses, manifest files, sites, references (https://…/), mysql://USER@HOST/NAME or sqlite:PATH")
}
