//! What is kept of a site, its backup set and staged code before all, is
//! nobody's to fetch.

use std::path::Path;

use url::Url;

use crate::base::check::Check;
use crate::site::exposure;
use crate::site::exposure::Canary;
use crate::site::exposure::addresses_beside;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;
use crate::update::checks::Subject;

/// Asks the web server for a file that is put, for an instant, where the state
/// is, or where the backup set of a run will be.
pub fn privacy(subject: &Subject) -> Option<Check> {
    let url = subject.site.settings.url.as_ref()?;
    let (root, state) = (&subject.site.root, subject.site.state.folder());
    let heard = match is_elsewhere(root, state) {
        // The run will have a folder of its own inside the site.
        Ok(true) => Canary::guarded(root).map(|canary| canary.is_heard_at(std::slice::from_ref(url))),
        Ok(false) => Canary::put_into(state).map(|canary| canary.is_heard_at(&addresses(root, state, url))),
        Err(error) => Err(error),
    };
    Some(match heard {
        Ok(false) => Check::ok("privacy", "the web server does not hand out what entracte keeps"),
        Ok(true) => {
            Check::error("privacy", "anybody can fetch what entracte keeps of the site", exposure::FORBID)
        }
        Err(error) => {
            Check::warning("privacy", error.to_string(), "see whether the folder can be written to")
        }
    })
}

fn is_elsewhere(root: &Path, state: &Path) -> Result<bool, IoError> {
    Ok(!state.starts_with(root) && !Root::open(root)?.shares_mount(&Root::open(state)?)?)
}

/// Where the state could be found, were it served.
fn addresses(root: &Path, state: &Path, url: &Url) -> Vec<Url> {
    let folder = |base: &Url, below: &Path| base.join(&format!("{}/", below.to_string_lossy())).ok();
    match (state.strip_prefix(root), state.file_name()) {
        (Ok(below), _) => folder(url, below).into_iter().collect(),
        (Err(_), Some(name)) => {
            addresses_beside(url).iter().filter_map(|base| folder(base, Path::new(name))).collect()
        }
        (Err(_), None) => Vec::new(),
    }
}
