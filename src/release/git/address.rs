//! Which repository, and what of it.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::release::git::refs::Wanted;
use crate::release::network::address::is_loopback;
use crate::release::network::address::shown;
use crate::sys::fs;

const PREFIX: &str = "git+";

/// `git+URL#NAME`, shown without what may be secret in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Repository {
    place: Place,
    pub wanted: Wanted,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    Remote(Url),
    /// A folder, or a bundle of git's own.
    Local(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepositoryError {
    #[error("the address of the repository cannot be understood: {0}")]
    Url(#[from] url::ParseError),
    #[error("repositories are not fetched by {scheme}:")]
    Scheme { scheme: String },
    #[error("the address {url} holds a password or a query, which every user of this machine could see")]
    Secret { url: String },
    #[error("{url} is no address of a repository")]
    Strange { url: String },
    #[error("\"{name}\" is no name of a branch, a tag or a commit")]
    Name { name: String },
    #[error("there is no repository {path}")]
    Missing { path: String },
}

impl Repository {
    /// Whether a repository is meant rather than anything else.
    pub fn is_meant(text: &str) -> bool {
        text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    }

    pub fn parse(text: &str) -> Result<Repository, RepositoryError> {
        let text = text.get(PREFIX.len()..).unwrap_or_default();
        let (place, name) = text.split_once('#').map_or((text, None), |(place, name)| (place, Some(name)));
        let wanted = match name {
            None | Some("") => Wanted::Head,
            Some(name) => Wanted::parse(name)
                .ok_or_else(|| RepositoryError::Name { name: escape::text(name).into_owned() })?,
        };
        let place = match place.contains("://") {
            true => Place::parse(place)?,
            false => Place::local(Path::new(place))?,
        };
        Ok(Repository { place, wanted })
    }

    /// As git is told.
    pub fn argument(&self) -> PathBuf {
        match &self.place {
            Place::Remote(url) => url.as_str().into(),
            Place::Local(path) => path.clone(),
        }
    }

    /// Where it is, unless it is on this machine.
    pub fn url(&self) -> Option<&Url> {
        match &self.place {
            Place::Remote(url) => Some(url),
            Place::Local(_) => None,
        }
    }

    /// What somebody says of it, without its user: a token may stand there.
    pub fn without_user(&self, said: &str) -> String {
        match self.url().map(Url::username).filter(|user| !user.is_empty()) {
            Some(user) => said.replace(&format!("//{user}@"), "//"),
            None => said.to_owned(),
        }
    }

    /// The one way on which git may go.
    pub fn scheme(&self) -> &str {
        match &self.place {
            Place::Remote(url) => url.scheme(),
            Place::Local(_) => "file",
        }
    }

    /// Whether nobody on the way can change what comes.
    pub fn is_protected(&self) -> bool {
        match &self.place {
            Place::Remote(url) => matches!(url.scheme(), "https" | "ssh") || is_loopback(url),
            Place::Local(_) => true,
        }
    }

    /// The name under which it rests here.
    pub fn key(&self) -> String {
        Sha256::of(self.argument().as_os_str().as_encoded_bytes()).to_string()
    }
}

impl Place {
    fn parse(text: &str) -> Result<Place, RepositoryError> {
        let url = Url::parse(text)?;
        if !["https", "http", "ssh", "git", "file"].contains(&url.scheme()) {
            return Err(RepositoryError::Scheme { scheme: escape::text(url.scheme()).into_owned() });
        }
        if url.password().is_some() || url.query().is_some() {
            return Err(RepositoryError::Secret { url: shown(&url) });
        }
        let strange = || RepositoryError::Strange { url: shown(&url) };
        if url.scheme() == "file" {
            return Place::local(&url.to_file_path().map_err(|()| strange())?);
        }
        let host = url.host_str().unwrap_or_default();
        // What begins so would be an option of another program.
        if host.is_empty() || [host, url.username(), url.path()].iter().any(|part| part.starts_with('-')) {
            return Err(strange());
        }
        Ok(Place::Remote(url))
    }

    fn local(path: &Path) -> Result<Place, RepositoryError> {
        match fs::exists(path).then(|| fs::canonical(path)) {
            Some(Ok(path)) => Ok(Place::Local(path)),
            _ => Err(RepositoryError::Missing { path: fs::shown(path) }),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.place {
            Place::Remote(url) => shown(url),
            Place::Local(path) => fs::shown(path),
        };
        write!(f, "git+{place}{}", self.wanted)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_and_a_name_are_told_apart() {
        for (text, shown, scheme, protected) in [
            ("git+https://example.org/a.git#main", "git+https://example.org/a.git#main", "https", true),
            ("GIT+ssh://git@example.org:2222/a.git", "git+ssh://example.org:2222/a.git", "ssh", true),
            ("git+http://example.org/a#v1.0", "git+http://example.org/a#v1.0", "http", false),
            ("git+http://127.0.0.1/a", "git+http://127.0.0.1/a", "http", true),
            ("git+git://example.org/a", "git+git://example.org/a", "git", false),
            ("git+/tmp#x/y", "git+/tmp#x/y", "file", true),
            ("git+file:///tmp", "git+/tmp", "file", true),
        ] {
            let repository = Repository::parse(text).unwrap();
            let said = (repository.to_string(), repository.scheme().to_owned(), repository.is_protected());
            assert_eq!(said, (shown.into(), scheme.into(), protected), "{text}");
        }
        let ssh = Repository::parse("git+ssh://git@example.org/a.git").unwrap();
        assert_eq!(ssh.argument(), Path::new("ssh://git@example.org/a.git"));
    }

    #[test]
    fn what_would_harm_is_refused() {
        for text in [
            "git+ext::sh -c id",
            "git+ext://x/y",
            "git+ftp://x/y",
            "git+ssh://-oProxyCommand=id/x",
            "git+ssh://-oProxyCommand=id@example.org/x",
            "git+https://me:hunter2@example.org/x",
            "git+https://example.org/x?token=hunter2",
            "git+file://elsewhere/x",
            "git+/no/such",
            "git+--upload-pack=id",
            "git+https://",
            "git+https://example.org/x#--upload-pack=id",
            "git+https://example.org/x#a:refs/heads/b",
            "git+",
        ] {
            let error = Repository::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
