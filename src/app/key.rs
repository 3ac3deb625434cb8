//! `key`: the keys that sign releases, and what they sign in a reference.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::release::publish::Reference;
use crate::release::trust;
pub use crate::release::trust::Change;
pub use crate::release::trust::KeyRole;
use crate::release::trust::Keyring;
pub use crate::release::trust::RoleView;
pub use crate::release::trust::Rotated;
pub use crate::release::trust::Signed;
use crate::release::trust::error::TrustError;
pub use crate::release::trust::keyring::KeyView;
pub use crate::release::trust::role::Role;
use crate::site::config;
use crate::sys::env;
use crate::sys::fs;

/// Where keys are, and what opens them.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Default: `~/.config/entracte/keys`.
    pub folder: Option<PathBuf>,
    pub passphrase_file: Option<PathBuf>,
}

impl Keys {
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let usual = || env::home().map(|home| home.join(".config/entracte/keys"));
        self.folder.clone().or_else(usual).ok_or_else(|| {
            Failure::new(Exit::Usage, "this user has no home folder to look for keys in")
                .hint("name the folder: --keys DIR")
        })
    }

    fn passphrase(&self) -> Result<Option<Secret>, Failure> {
        Ok(self.passphrase_file.as_deref().map(config::password).transpose()?)
    }

    pub fn open(&self) -> Result<Keyring, Failure> {
        let opened = Keyring::open(&self.folder()?, self.passphrase()?.as_ref());
        Ok(opened.map_err(TrustError::from)?)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct NewKeys {
    pub folder: String,
    pub keys: Vec<KeyView>,
    pub encrypted: bool,
}

/// Makes one key for all roles, or one for each of these.
pub fn new(keys: &Keys, roles: &[Role]) -> Result<Answer<NewKeys>, Failure> {
    let (folder, passphrase) = (keys.folder()?, keys.passphrase()?);
    let wanted: Vec<Option<Role>> = match roles {
        [] => vec![None],
        roles => roles.iter().copied().map(Some).collect(),
    };
    let made = wanted.into_iter().map(|role| Keyring::make(&folder, role, passphrase.as_ref()));
    let made = made.collect::<Result<Vec<_>, _>>().map_err(TrustError::from)?;
    Ok(Answer::done(NewKeys { folder: fs::shown(&folder), keys: made, encrypted: passphrase.is_some() }))
}

/// A new root for the reference.
pub fn rotate(keys: &Keys, reference: &Path, change: &Change) -> Result<Answer<Rotated>, Failure> {
    let _lock = Reference::alone(reference, "key rotate")?;
    let rotated = trust::rotate(reference, &keys.open()?, change)?;
    let exit = match rotated.state {
        "published" => Exit::Done,
        _ => Exit::Waiting,
    };
    Ok(Answer::ending(exit, rotated))
}

/// Signs anew what comes near its end.
pub fn renew(keys: &Keys, reference: &Path) -> Result<Answer<Option<Signed>>, Failure> {
    let _lock = Reference::alone(reference, "key renew")?;
    let renewed = trust::renew(reference, &keys.open()?)?;
    let exit = if renewed.is_some() { Exit::Done } else { Exit::NothingToDo };
    Ok(Answer::ending(exit, renewed))
}

#[derive(Clone, Debug, Serialize)]
pub struct KeysView {
    pub folder: String,
    pub keys: Vec<KeyView>,
    /// Of the reference, when one was named.
    pub roles: Vec<RoleView>,
    pub warnings: Vec<String>,
}

/// Which keys there are, what they sign and until when. Ends with 9 when a
/// signature has expired: clients refuse the reference then.
pub fn status(keys: &Keys, reference: Option<&Path>) -> Result<Answer<KeysView>, Failure> {
    let folder = keys.folder()?;
    let held = match keys.open() {
        Ok(keyring) => keyring.keys(),
        // Who only looks at a reference needs no keys.
        Err(failure) if reference.is_some() && !fs::is_folder(&folder) => {
            drop(failure);
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    let roles = reference.map(trust::status).transpose()?.unwrap_or_default();
    let warnings = roles.iter().filter_map(warning).collect();
    let view = KeysView { folder: fs::shown(&folder), keys: held, warnings, roles };
    let expired: Vec<&str> =
        view.roles.iter().filter(|role| role.state == "expired").map(|role| role.role.name()).collect();
    if expired.is_empty() {
        return Ok(Answer::done(view));
    }
    let message =
        format!("signatures have expired ({}): sites refuse this reference now", expired.join(", "));
    let hint = match expired.contains(&"root") {
        true => "`entracte key rotate` signs the root anew, `entracte key renew` the rest",
        false => "`entracte key renew` signs anew; let a clock do it daily",
    };
    Ok(Answer::failing(Failure::new(Exit::Untrusted, message).hint(hint), view))
}

fn warning(role: &RoleView) -> Option<String> {
    let verb = if role.role == Role::Root { "rotate" } else { "renew" };
    let end = role.expires.map(|end| end.to_string()).unwrap_or_default();
    match role.state {
        "soon" => Some(format!("{} ends on {end}: `entracte key {verb}` signs it anew", role.role)),
        "unsigned" => Some(format!("nothing is signed by the keys of {}", role.role)),
        _ => None,
    }
}

/// `ROLE=NUMBER`, several of them.
pub fn by_role<T: Copy>(pairs: &[(Role, T)]) -> BTreeMap<Role, T> {
    pairs.iter().copied().collect()
}
