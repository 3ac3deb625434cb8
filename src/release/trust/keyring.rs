//! The keys of a folder. For each key `ROLE-ID.key` (private, 0600) and
//! `ROLE-ID.pub`, or the public half alone; ROLE is a role or `all`.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use tough::schema::key::Key;

use crate::base::secret::Secret;
use crate::release::trust::key::KeyError;
use crate::release::trust::key::OneKey;
use crate::release::trust::key::Private;
use crate::release::trust::key::described;
use crate::release::trust::role::Role;
use crate::sys::fs;

/// Keys on disk, as far as they can be opened.
pub struct Keyring {
    folder: PathBuf,
    keys: Vec<Held>,
}

pub(super) struct Held {
    pub id: String,
    pub key: Key,
    pub one: OneKey,
}

/// What people are told of a key.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeyView {
    /// SHA-256 of the public key as metadata write it.
    pub id: String,
    pub name: String,
    /// None: all roles.
    pub role: Option<Role>,
    /// `here`, `locked` (behind a passphrase) or `elsewhere`.
    pub private: &'static str,
}

impl Keyring {
    /// Reads all keys of the folder. What is behind a passphrase that was not
    /// given stays locked, and is missed only by what needs it.
    pub fn open(folder: &Path, passphrase: Option<&Secret>) -> Result<Keyring, KeyError> {
        let mut keys = Vec::new();
        for name in names(folder)? {
            keys.push(Held::new(OneKey::read(folder, &name, passphrase)?)?);
        }
        match keys.is_empty() {
            true => Err(KeyError::Empty { path: fs::shown(folder) }),
            false => Ok(Keyring { folder: folder.to_owned(), keys }),
        }
    }

    /// Makes a key for one role, or for all, in the folder.
    pub fn make(folder: &Path, role: Option<Role>, passphrase: Option<&Secret>) -> Result<KeyView, KeyError> {
        fs::create_folders(folder, 0o700)?;
        let one = OneKey::make(role)?;
        one.write(folder, passphrase)?;
        Ok(Held::new(one)?.view())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn keys(&self) -> Vec<KeyView> {
        self.keys.iter().map(Held::view).collect()
    }

    pub(super) fn held(&self) -> &[Held] {
        &self.keys
    }

    pub(super) fn find(&self, id: &str) -> Option<&Held> {
        self.keys.iter().find(|held| held.id == id)
    }
}

impl Held {
    fn new(one: OneKey) -> Result<Held, KeyError> {
        let (id, key) = described(&one.public)?;
        Ok(Held { id, key, one })
    }

    /// The signature, when the private half is at hand.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.one.private {
            Private::Open(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
            Private::Locked | Private::Absent => None,
        }
    }

    pub fn is_locked(&self) -> bool {
        matches!(self.one.private, Private::Locked)
    }

    pub fn view(&self) -> KeyView {
        let private = match self.one.private {
            Private::Open(_) => "here",
            Private::Locked => "locked",
            Private::Absent => "elsewhere",
        };
        KeyView { id: self.id.clone(), name: self.one.name.clone(), role: self.one.role, private }
    }
}

fn names(folder: &Path) -> Result<BTreeSet<String>, KeyError> {
    if !fs::is_folder(folder) {
        return Err(KeyError::Empty { path: fs::shown(folder) });
    }
    let paths = fs::list(folder)?;
    let keys = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "key" || end == "pub"));
    Ok(keys.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn opened(folder: &Path, passphrase: Option<&str>) -> Result<Keyring, KeyError> {
        Keyring::open(folder, passphrase.map(Secret::new).as_ref())
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let folder = bench();
        let keys = folder.path().join("keys");
        let made = Keyring::make(&keys, Some(Role::Root), None).unwrap();
        assert_eq!((fs::mode(&keys).unwrap(), made.private), (0o700, "here"));
        let path = keys.join(format!("{}.key", made.name));
        assert_eq!((fs::mode(&path).unwrap(), made.name), (0o600, format!("root-{}", &made.id[..12])));
        let again = opened(&keys, None).unwrap();
        assert_eq!(again.keys()[0].id, made.id);
        assert!(again.find(&made.id).unwrap().sign(b"x").is_some());
        for held in again.held() {
            assert!(held.one.serves(Role::Root) && !held.one.serves(Role::Targets));
        }
    }

    #[test]
    fn a_passphrase_is_needed_to_sign_and_not_to_look() {
        let folder = bench();
        Keyring::make(folder.path(), None, Some(&Secret::new("hunter2"))).unwrap();
        let locked = opened(folder.path(), None).unwrap();
        assert_eq!((locked.keys()[0].private, locked.held()[0].sign(b"x")), ("locked", None));
        let open = opened(folder.path(), Some("hunter2")).unwrap();
        assert!(open.held()[0].sign(b"x").is_some());
        let error = opened(folder.path(), Some("hunter3")).err().unwrap();
        assert!(matches!(error, KeyError::Passphrase { .. }) && !error.to_string().contains("hunter"));
        let nothing = Keyring::make(folder.path(), None, Some(&Secret::new("")));
        assert!(matches!(nothing, Err(KeyError::NoPassphrase)));
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_not_one_is_refused() {
        let folder = bench();
        let made = Keyring::make(folder.path(), None, None).unwrap();
        let (key, public) = (
            folder.path().join(format!("{}.key", made.name)),
            folder.path().join(format!("{}.pub", made.name)),
        );
        fs::set_mode(&key, 0o640).unwrap();
        assert!(matches!(opened(folder.path(), None), Err(KeyError::Open { mode: 0o640, .. })));
        fs::set_mode(&key, 0o600).unwrap();
        let other = Keyring::make(&folder.path().join("other"), None, None).unwrap();
        let theirs = fs::read(&folder.path().join("other").join(format!("{}.pub", other.name))).unwrap();
        fs::write_durable(&public, &theirs).unwrap();
        assert!(matches!(opened(folder.path(), None), Err(KeyError::OtherPublic { .. })));
        fs::write_durable(&public, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").unwrap();
        assert!(matches!(opened(folder.path(), None), Err(KeyError::NoKey { .. })));
        fs::remove_file(&public).unwrap();
        assert_eq!(opened(folder.path(), None).unwrap().keys()[0].private, "here");
        fs::remove_file(&key).unwrap();
        assert!(matches!(opened(folder.path(), None), Err(KeyError::Empty { .. })));
    }

    #[test]
    fn a_public_half_alone_is_a_key_that_cannot_sign() {
        let folder = bench();
        let made = Keyring::make(folder.path(), Some(Role::Root), None).unwrap();
        fs::remove_file(&folder.path().join(format!("{}.key", made.name))).unwrap();
        let ring = opened(folder.path(), None).unwrap();
        assert_eq!((ring.keys()[0].private, ring.keys()[0].id.clone()), ("elsewhere", made.id));
        assert_eq!(ring.held()[0].sign(b"x"), None);
    }
}
