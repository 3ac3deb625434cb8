//! What is kept of a site, its backup set and staged code before all, is
//! nobody's to fetch.

use std::path::Path;

use url::Url;

use crate::base::check::Check;
use crate::site::Site;
use crate::site::exposure;
use crate::site::exposure::Canary;
use crate::site::exposure::addresses_beside;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;

/// Asks the web server for a file that is put, for an instant, where the state
/// is, or where the backup set of a run will be.
pub fn privacy(site: &Site) -> Option<Check> {
    let url = site.settings.url.as_ref()?;
    let (root, state) = (&site.root, site.state.folder());
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

/// Fetches a saved copy, put for an instant where those of runs are.
pub fn backups(site: &Site) -> Option<Check> {
    const NAME: &str = "privacy-of-backups";
    let (root, url, runs) = (&site.root, site.settings.url.as_ref()?, site.state.runs());
    let heard = Canary::as_backup(&runs).map(|canary| canary.is_heard_at(&addresses(root, &runs, url)));
    Some(match heard {
        Ok(false) => Check::ok(NAME, "no saved copy can be fetched"),
        Ok(true) => Check::error(NAME, "anybody can fetch the saved copies of runs", exposure::FORBID),
        Err(error) => Check::warning(NAME, error.to_string(), "see whether the folder can be written to"),
    })
}

fn is_elsewhere(root: &Path, state: &Path) -> Result<bool, IoError> {
    Ok(!state.starts_with(root) && !Root::open(root)?.shares_mount(&Root::open(state)?)?)
}

/// Where a folder of the state could be found, were it served.
fn addresses(root: &Path, folder: &Path, url: &Url) -> Vec<Url> {
    let at = |base: &Url, below: &Path| base.join(&format!("{}/", below.to_string_lossy())).ok();
    if let Ok(below) = folder.strip_prefix(root) {
        return at(url, below).into_iter().collect();
    }
    // By its name beside the site, and as part of whatever folder above is served.
    let above = root.parent().and_then(|parent| folder.strip_prefix(parent).ok());
    let name = above.or(folder.file_name().map(Path::new));
    let beside = addresses_beside(url);
    name.into_iter().flat_map(|name| beside.iter().filter_map(move |base| at(base, name))).collect()
}
