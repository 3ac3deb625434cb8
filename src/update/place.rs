//! Where the old and new inodes of a run rest: in the run's folder, or, when
//! that is on another mount than the site, in a reserved folder inside the
//! site, since names move only within one mount.

use std::path::Path;
use std::path::PathBuf;

use crate::base::path::RESERVED;
use crate::site::state::DENY;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::update::run::Run;

/// The place, made when it is missing.
pub fn open(site: &Path, run: &Run) -> Result<PathBuf, IoError> {
    if is_beside(site, run)? {
        return Ok(run.folder.path().to_owned());
    }
    let inside = inside(site, &run.id);
    reserve(&inside)?;
    Ok(inside)
}

/// Makes the folder, or what was cut off in the making: it stands in a served tree.
fn reserve(inside: &Path) -> Result<(), IoError> {
    let deny = inside.join(".htaccess");
    if fs::is_file(&deny) {
        return Ok(());
    }
    fs::create_folders(inside, 0o700)?;
    fs::write_durable_with(&deny, DENY, 0o644)
}

/// Clears away what nobody needs once the run is over for good. What people
/// wrote meanwhile (`undone/`) ends in the run's folder.
pub fn clear(site: &Path, run: &Run) -> Result<(), IoError> {
    let folder = run.folder.path();
    if is_beside(site, run)? {
        return fs::remove_folder_all(&folder.join("new"));
    }
    leave(site, &run.id, folder)
}

/// Takes the reserved folder inside the site away, if there is one; what people
/// wrote stays, in the run's folder.
pub fn leave(site: &Path, id: &str, folder: &Path) -> Result<(), IoError> {
    let inside = inside(site, id);
    if fs::is_real_folder(&inside.join("undone")) {
        fs::copy_folder(&inside.join("undone"), &folder.join("undone"))?;
    }
    fs::remove_folder_all(&inside)
}

fn is_beside(site: &Path, run: &Run) -> Result<bool, IoError> {
    Root::open(site)?.shares_mount(&Root::open(run.folder.path())?)
}

/// The reserved folder inside the site that the run `id` has, where it needs one.
pub fn inside(site: &Path, id: &str) -> PathBuf {
    site.join(format!("{RESERVED}-run-{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_a_kill_left_without_its_rules_gets_them() {
        let site = tempfile::tempdir().unwrap();
        let inside = inside(site.path(), "r");
        std::fs::create_dir(&inside).unwrap();
        for _ in 0..2 {
            reserve(&inside).unwrap();
            assert_eq!(std::fs::read(inside.join(".htaccess")).unwrap(), DENY);
        }
    }
}
