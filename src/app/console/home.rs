//! The folder in which the console of one user keeps what is its own.

use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::site::settings;
use crate::site::stored;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::user;

/// Where it is; a console without a home knows links alone.
#[derive(Clone, Debug, Default)]
pub struct Home(Option<PathBuf>);

impl Home {
    /// The folder that was named, or the one of the user that this process works as.
    pub fn find(named: Option<&Path>) -> Home {
        let own = || user::configuration().map(|folder| folder.join("entracte/console"));
        Home(named.map(Path::to_owned).or_else(own))
    }

    pub(super) fn file(&self, name: &str) -> Result<PathBuf, Failure> {
        match &self.0 {
            Some(folder) => Ok(folder.join(name)),
            None => Err(Failure::new(
                Exit::Refused,
                format!("this user (uid {}) has no home folder for accounts and tokens", env::user_id()),
            )
            .hint("`--home DIR` names a folder of this user's own")),
        }
    }

    /// What is recorded there; nothing yet is the default. What somebody else
    /// could have written is not believed.
    pub(super) fn load<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, Failure> {
        let Some(folder) = &self.0 else { return Ok(T::default()) };
        let file = folder.join(name);
        if !fs::exists(&file) {
            return Ok(T::default());
        }
        settings::check_private(folder)?;
        settings::check_private(&file)?;
        Ok(stored::load(&file)?)
    }

    /// Reads, changes and writes, one process at a time; an error of `change` leaves all as it is.
    pub(super) fn change<T: DeserializeOwned + Serialize + Default, R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut T) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let file = self.file(name)?;
        let _turn = self.turn()?;
        let mut value: T = self.load(name)?;
        let result = change(&mut value)?;
        stored::save(&file, &value)?;
        Ok(result)
    }

    /// Waits for its turn, which ends when what comes back is dropped.
    pub(super) fn turn(&self) -> Result<std::fs::File, Failure> {
        let path = self.file("lock")?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_folders(folder, 0o700).map_err(|error| no_folder(folder, error))?;
        settings::check_private(folder)?;
        let turn = fs::append(&path)?;
        turn.lock().map_err(|source| IoError::new("lock", &path, source))?;
        Ok(turn)
    }
}

fn no_folder(folder: &Path, error: IoError) -> Failure {
    let (shown, uid, gid) = (fs::shown(folder), env::user_id(), env::group_id());
    let failure = Failure::from(error);
    failure
        .ending(Exit::Refused)
        .hint(format!("as root: install -d -m 700 -o {uid} -g {gid} {shown}"))
        .hint("or `--home DIR` names another folder of this user's own")
}
