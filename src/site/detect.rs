//! What stands in a folder, and whether entracte may take it over.

use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::site::profile;
use crate::site::profile::Profile;
use crate::site::profile::ProfileError;
use crate::sys::fs;

const CHECKOUTS: [&str; 5] = [".git", ".svn", ".hg", ".bzr", "CVS"];
/// Where dpkg keeps the list of files of each package.
const DPKG_LISTS: &str = "/var/lib/dpkg/info";

#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("there is no folder {}", fs::shown(folder))]
    NoFolder { folder: PathBuf },
    #[error("{} is a checkout: it holds {mark}", fs::shown(folder))]
    Checkout { folder: PathBuf, mark: &'static str },
    #[error("{} belongs to the distribution's package {package}", fs::shown(folder))]
    Packaged { folder: PathBuf, package: String },
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Fault for DetectError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            DetectError::NoFolder { .. } => vec!["name the folder that the web server serves".into()],
            DetectError::Checkout { .. } => {
                vec![
                    "update it with the tool that made it, or remove its version control folder first".into(),
                ]
            }
            DetectError::Packaged { package, .. } => {
                vec![format!("`apt-get install --only-upgrade {package}` updates it")]
            }
            DetectError::Profile(error) => error.hints(),
        }
    }
}

/// The profile of what stands at `root`: the one named, else the one that fits.
pub fn profile(root: &Path, named: Option<&str>) -> Result<Profile, DetectError> {
    let exists = |path: &SitePath| fs::is_file(&root.join(path.as_path()));
    Ok(match named {
        Some(name) => Profile::named(name)?,
        None => profile::detect(&exists)?,
    })
}

/// Refuses what somebody else keeps up to date.
pub fn may_adopt(root: &Path) -> Result<(), DetectError> {
    if !fs::is_folder(root) {
        return Err(DetectError::NoFolder { folder: root.to_owned() });
    }
    if let Some(mark) = CHECKOUTS.into_iter().find(|mark| fs::exists(&root.join(mark))) {
        return Err(DetectError::Checkout { folder: root.to_owned(), mark });
    }
    match owning_package(root, Path::new(DPKG_LISTS)) {
        Some(package) => Err(DetectError::Packaged { folder: root.to_owned(), package }),
        None => Ok(()),
    }
}

/// The package whose list holds a file right in the folder.
fn owning_package(root: &Path, lists: &Path) -> Option<String> {
    let inside = format!("{}/", root.to_str()?);
    let is_file_inside =
        |line: &str| line.strip_prefix(&inside).is_some_and(|rest| rest.contains('.') && !rest.contains('/'));
    for list in fs::list(lists).ok()? {
        if list.extension().is_none_or(|extension| extension != "list") {
            continue;
        }
        let text = fs::read(&list).unwrap_or_default();
        if String::from_utf8_lossy(&text).lines().any(is_file_inside) {
            let name = list.file_stem()?.to_string_lossy().into_owned();
            return Some(name.split(':').next().unwrap_or_default().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_and_a_packages_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        assert!(matches!(may_adopt(&root), Err(DetectError::Checkout { mark: ".git", .. })));
        std::fs::remove_dir(root.join(".git")).unwrap();
        may_adopt(&root).unwrap();
        let lists = folder.path().join("info");
        std::fs::create_dir(&lists).unwrap();
        std::fs::write(
            lists.join("shop:all.list"),
            format!("/.\n{}\n{}/index.php\n", root.display(), root.display()),
        )
        .unwrap();
        assert_eq!(owning_package(&root, &lists).as_deref(), Some("shop"));
        assert_eq!(owning_package(&folder.path().join("other"), &lists), None);
    }
}
