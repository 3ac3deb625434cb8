//! What belongs to a site outside its folder: `outside` of the settings.

use std::ffi::OsStr;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::base::escape;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::TreePath;
use crate::integrity::scan;
use crate::integrity::scan::Scan;
use crate::integrity::scan::ScanError;
use crate::site::Site;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Stands before each path outside, so that none is taken for one of the site.
pub const PREFIX: &str = "outside:";

/// What the kernel makes up is no part of a site, and some of it never ends.
const MADE_UP: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];
const MOST: usize = 100;

/// One file or folder outside, by its real path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    written: String,
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    #[error("`outside` of the settings names \"{}\", which {why}", escape::text(written))]
    Refused { written: String, why: &'static str },
    #[error("`outside` of the settings names more than {MOST} paths")]
    TooMany,
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Scan(#[from] ScanError),
}

impl Fault for OutsideError {
    fn exit(&self) -> Exit {
        match self {
            OutsideError::Io(error) => error.exit(),
            OutsideError::Scan(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            OutsideError::Io(error) => error.hints(),
            OutsideError::Scan(error) => error.hints(),
            _ => vec!["`outside` is for files and folders that belong to the site and stand elsewhere: `[\"../lib\", \"/etc/cron.d/shop\"]`".into()],
        }
    }
}

impl Outside {
    /// Where it stood once, wherever its name leads now.
    pub fn at(written: &str, path: PathBuf) -> Outside {
        Outside { written: written.to_owned(), path }
    }

    /// As the settings name it.
    pub fn written(&self) -> &str {
        &self.written
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path in lists and reports: `outside:/srv/lib`.
    pub fn shown_as(&self) -> TreePath {
        use std::os::unix::ffi::OsStrExt;
        TreePath::from_bytes(&[PREFIX.as_bytes(), self.path.as_os_str().as_bytes()].concat())
    }

    /// The folder that holds it, and its name there; `None` where there is no such folder.
    pub fn spot(&self) -> Result<Option<(Root, &OsStr)>, IoError> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(None) };
        Ok(fs::is_folder(parent).then(|| Root::open(parent)).transpose()?.map(|parent| (parent, name)))
    }

    /// All that is there, each path behind [`Outside::shown_as`], which is also
    /// what `skip` is asked about; `None` when nothing is.
    pub fn scan(&self, options: &scan::Options, watch: Watch) -> Result<Option<Scan>, OutsideError> {
        let Some((parent, name)) = self.spot()? else { return Ok(None) };
        let scan = scan::scan_entry(&parent, name, &self.shown_as(), options, watch)?;
        Ok((!scan.tree.is_empty()).then_some(scan))
    }
}

/// What the settings say, and where that leads or why nobody may look there.
pub type Named = (String, Result<Outside, OutsideError>);

/// What the settings name, in their order. Whatever leads into the site, to
/// entracte's own state, or around either is refused.
pub fn of(site: &Site) -> Result<Vec<Outside>, OutsideError> {
    each(site)?.into_iter().map(|(_, found)| found).collect()
}

/// The same for whoever goes on without those that are refused.
pub fn each(site: &Site) -> Result<Vec<Named>, OutsideError> {
    let written = &site.settings.outside;
    if written.len() > MOST {
        return Err(OutsideError::TooMany);
    }
    let own = [fs::canonical(&site.root)?, fs::canonical(site.state.folder())?];
    let mut taken: Vec<PathBuf> = Vec::new();
    let mut one = |written: &String| {
        let path = real(&own[0], written)?;
        judge(&path, &own[0], &own[1])?;
        if taken.iter().any(|other| overlap(other, &path)) {
            return Err("another of its paths holds already");
        }
        taken.push(path.clone());
        Ok(Outside { written: written.clone(), path })
    };
    let refused = |written: &String, why| OutsideError::Refused { written: written.clone(), why };
    Ok(written.iter().map(|name| (name.clone(), one(name).map_err(|why| refused(name, why)))).collect())
}

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn judge(path: &Path, root: &Path, state: &Path) -> Result<(), &'static str> {
    if path.parent().is_none() {
        return Err("is the whole machine");
    }
    if path.starts_with(root) {
        return Err("is in the site");
    }
    if root.starts_with(path) {
        return Err("holds the site");
    }
    if overlap(path, state) {
        return Err("leads to the folder that entracte keeps its state in");
    }
    if MADE_UP.iter().any(|folder| path.starts_with(folder)) {
        return Err("is made up by the system");
    }
    Ok(())
}

/// The path without links, as far as it is there.
fn real(root: &Path, written: &str) -> Result<PathBuf, &'static str> {
    if written.is_empty() || written.chars().any(char::is_control) {
        return Err("is no path");
    }
    let whole = root.join(written);
    for above in whole.ancestors() {
        let Ok(real) = fs::canonical(above) else { continue };
        let rest = whole.strip_prefix(above).unwrap_or(Path::new(""));
        return match rest.components().all(|part| matches!(part, Component::Normal(_))) {
            true => Ok(real.components().chain(rest.components()).collect()),
            false => Err("leads through a folder that is not there"),
        };
    }
    Err("leads nowhere")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unsafe_is_refused() {
        let (root, state) = (Path::new("/srv/shop/www"), Path::new("/srv/shop/.entracte-www"));
        for (path, why) in [
            ("/", "is the whole machine"),
            ("/srv/shop/www", "is in the site"),
            ("/srv/shop/www/lib", "is in the site"),
            ("/srv/shop", "holds the site"),
            ("/srv/shop/.entracte-www", "leads to the folder that entracte keeps its state in"),
            ("/srv/shop/.entracte-www/runs", "leads to the folder that entracte keeps its state in"),
            ("/proc/self", "is made up by the system"),
            ("/dev", "is made up by the system"),
        ] {
            assert_eq!(judge(Path::new(path), root, state), Err(why), "{path}");
        }
        for path in ["/srv/shop/lib", "/etc/cron.d/shop", "/srv/shop/www2", "/device"] {
            assert_eq!(judge(Path::new(path), root, state), Ok(()), "{path}");
        }
    }

    #[test]
    fn a_path_is_followed_to_where_it_really_leads() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("site/in")).unwrap();
        std::fs::create_dir(top.join("lib")).unwrap();
        std::os::unix::fs::symlink("site/in", top.join("back")).unwrap();
        let real = |written: &str| real(&top.join("site"), written);
        assert_eq!(real("../lib"), Ok(top.join("lib")));
        assert_eq!(real("../lib/none/yet"), Ok(top.join("lib/none/yet")));
        assert_eq!(real("../back"), Ok(top.join("site/in")));
        assert_eq!(real("../back/.."), Ok(top.join("site")));
        assert_eq!(real("../none/../lib"), Err("leads through a folder that is not there"));
        assert_eq!(real(""), Err("is no path"));
        assert_eq!(real("a\nb"), Err("is no path"));
    }
}
