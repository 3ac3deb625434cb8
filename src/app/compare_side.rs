//! What one side of a comparison is, told from what was typed.

use std::path::Path;
use std::path::PathBuf;

use crate::app::compare::Subject;
use crate::app::failure::Failure;
use crate::base::escape;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::pattern::Patterns;
use crate::compare::listing::Listing;
use crate::database::address::Address;
use crate::site::Site;
use crate::site::config;
use crate::site::config::Found;
use crate::site::profile::Profile;
use crate::site::state::State;
use crate::sys::env;
use crate::sys::fs;

pub(super) enum Side {
    Site(Box<Site>),
    Folder(PathBuf),
    /// An archive or a manifest.
    File(PathBuf),
    Database(Found),
}

impl Side {
    pub fn find(subject: &Subject) -> Result<Side, Failure> {
        let text = subject.text.as_str();
        let scheme = text.split_once(':').map(|(scheme, _)| scheme);
        match scheme {
            Some("mysql" | "mariadb" | "sqlite") => Ok(Side::Database(address(subject)?)),
            Some(scheme) if text[scheme.len()..].starts_with("://") => Err(no_reference(scheme)),
            _ => Side::of_path(Path::new(text)),
        }
    }

    fn of_path(path: &Path) -> Result<Side, Failure> {
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
        }
    }

    pub fn has_files(&self) -> bool {
        !matches!(self, Side::Database(_))
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

    pub fn listing(&self, skip: &Patterns, watch: Watch) -> Result<Listing, Failure> {
        Ok(match self {
            Side::Site(site) => Listing::of_folder(&site.root, skip, watch)?,
            Side::Folder(path) => Listing::of_folder(path, skip, watch)?,
            Side::File(path) => Listing::of_file(path, skip)?,
            Side::Database(_) => Listing::default(),
        })
    }

    pub fn database(&self) -> Result<Option<Found>, Failure> {
        match self {
            Side::Site(site) => Ok(site.database()?),
            Side::Database(found) => Ok(Some(found.clone())),
            Side::Folder(_) | Side::File(_) => Ok(None),
        }
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
        .hint("compare folders, archives, manifest files, sites, mysql://USER@HOST/NAME or sqlite:PATH")
}
