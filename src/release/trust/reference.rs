//! The metadata of a reference on the publisher's disk: read, believed by its
//! own root, written one after another.

use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tough::schema::Role as TufRole;
use tough::schema::Root;
use tough::schema::Signed;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::release::trust::role::Lifetimes;
use crate::release::trust::role::Role;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Everybody may read what is served.
const SERVED: u32 = 0o644;
/// The name of what is ours in a root.
const OURS: &str = "entracte";

#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    #[error("{path} holds no reference: there is no root in it")]
    None { path: String },
    #[error("{path} holds a reference already")]
    Exists { path: String },
    #[error("{path} is no metadata of a reference")]
    Parse {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the {role} metadata in {path} are not signed by its own keys")]
    Unbelieved { path: String, role: Role },
    #[error("no key for the role {role}")]
    NoKey { role: Role },
    #[error("the {role} metadata need {need} signatures, and {have} can be made here{}", behind_a_passphrase(.locked))]
    TooFewKeys { role: Role, have: u64, need: u64, locked: Vec<String> },
    #[error("{need} signatures are demanded for the role {role}, which would have {have} keys")]
    Threshold { role: Role, have: usize, need: u64 },
    #[error("no key of the reference begins with {id}")]
    NoSuchKey { id: String },
    #[error("\"{name}\" cannot be the name of a target")]
    Name { name: String },
    #[error("metadata cannot be written")]
    Document {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the {role} metadata have reached their last version")]
    LastVersion { role: Role },
    #[error(transparent)]
    Io(#[from] IoError),
}

fn behind_a_passphrase(names: &[String]) -> String {
    match names.is_empty() {
        true => String::new(),
        false => format!(" ({} cannot be opened without its passphrase)", names.join(", ")),
    }
}

impl Fault for ReferenceError {
    fn exit(&self) -> Exit {
        match self {
            ReferenceError::Unbelieved { .. } => Exit::Untrusted,
            ReferenceError::Io(error) => error.exit(),
            ReferenceError::Document { .. } => Exit::Failed,
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            ReferenceError::None { .. } => "`entracte publish` makes one; --reference names another folder".into(),
            ReferenceError::Unbelieved { path, .. } => {
                format!("somebody else wrote there: nothing of it is signed again. Bring {path} back from a copy")
            }
            ReferenceError::NoKey { role } => format!("`entracte key new --role {role}`, or one for all roles"),
            ReferenceError::TooFewKeys { locked, .. } if !locked.is_empty() => {
                "name the file that holds its passphrase by --passphrase-file".into()
            }
            ReferenceError::TooFewKeys { .. } => {
                "`entracte key status` shows which keys the reference knows and which are here; --keys names another folder".into()
            }
            ReferenceError::NoSuchKey { .. } => "`entracte key status` lists the keys; at least 8 digits are needed".into(),
            ReferenceError::Name { .. } => "names are flat: no / and no ..".into(),
            ReferenceError::Io(error) => return error.hints(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

/// A reference's folder.
pub(super) struct Reference {
    folder: PathBuf,
}

impl Reference {
    pub fn at(folder: &Path) -> Reference {
        Reference { folder: folder.to_owned() }
    }

    pub fn shown(&self) -> String {
        fs::shown(&self.folder)
    }

    fn metadata(&self) -> PathBuf {
        self.folder.join("metadata")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.metadata().join(name)
    }

    /// A root that waits for signatures; not served.
    pub fn draft(&self, version: u64) -> PathBuf {
        self.folder.join("publisher").join(format!("{version}.root.json"))
    }

    /// The versions of this role's documents that lie here, ascending.
    pub fn versions(&self, role: Role) -> Result<Vec<u64>, ReferenceError> {
        if !fs::is_folder(&self.metadata()) {
            return Ok(Vec::new());
        }
        let end = format!(".{role}.json");
        let paths = fs::list(&self.metadata())?;
        let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
        let mut versions: Vec<u64> = names.filter_map(|name| name.strip_suffix(&end)?.parse().ok()).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    pub fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<Signed<T>>, ReferenceError> {
        let Some(bytes) = fs::read_if_present(path)? else { return Ok(None) };
        let parsed = json::read(&bytes);
        parsed
            .map(Some)
            .map_err(|source| ReferenceError::Parse { path: fs::shown(path), source: source.into() })
    }

    /// The newest root, which signs itself.
    pub fn root(&self) -> Result<Signed<Root>, ReferenceError> {
        let newest = self.versions(Role::Root)?.pop();
        let none = || ReferenceError::None { path: self.shown() };
        let path = self.path(&format!("{}.root.json", newest.ok_or_else(none)?));
        let root: Signed<Root> = self.read(&path)?.ok_or_else(none)?;
        match root.signed.verify_role(&root).is_ok() && Some(root.signed.version.get()) == newest {
            true => Ok(root),
            false => Err(ReferenceError::Unbelieved { path: fs::shown(&path), role: Role::Root }),
        }
    }

    /// Writes a document under its name, durably; its bytes.
    pub fn write<T: TufRole>(&self, name: &str, document: &Signed<T>) -> Result<Vec<u8>, ReferenceError> {
        fs::create_folders(&self.metadata(), 0o755)?;
        let bytes = text(document)?;
        fs::write_durable_with(&self.path(name), &bytes, SERVED)?;
        Ok(bytes)
    }

    pub fn write_draft(&self, root: &Signed<Root>) -> Result<PathBuf, ReferenceError> {
        let path = self.draft(root.signed.version.get());
        if let Some(folder) = path.parent() {
            fs::create_folders(folder, 0o700)?;
        }
        fs::write_durable(&path, &text(root)?)?;
        Ok(path)
    }
}

/// The text of a document, always the same for the same content.
fn text<T: Serialize>(document: &T) -> Result<Vec<u8>, ReferenceError> {
    let failed = |source: serde_json::Error| ReferenceError::Document { source: source.into() };
    let value = serde_json::to_value(document).map_err(failed)?;
    let mut bytes = json::pretty(&value).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// How long signatures hold, as the root says.
pub(super) fn lifetimes(root: &Root) -> Lifetimes {
    let days = root._extra.get(OURS).and_then(|ours| ours.get("days"));
    days.and_then(|days| serde_json::from_value(days.clone()).ok()).unwrap_or_default()
}

pub(super) fn set_lifetimes(root: &mut Root, lifetimes: &Lifetimes) {
    let ours = serde_json::json!({"days": lifetimes, "format": 1});
    root._extra.insert(OURS.into(), ours);
}
