//! Whether a web server hands out what stands in a folder, found out by asking
//! for a file that is put there for an instant.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::site::probe::Probe;
use crate::site::state::DENY;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

/// A folder with a file that anybody may read; it goes away with its owner.
pub struct Canary {
    folder: PathBuf,
    file: &'static str,
    song: String,
}

const FILE: &str = "canary.txt";
/// Many a server hands out the source of a program under such a name.
const BACKUP: &str = "canary.php.bak";

impl Canary {
    pub fn put_into(parent: &Path) -> Result<Canary, IoError> {
        Canary::named(FILE, parent)
    }

    /// As the saved copy of a program.
    pub fn as_backup(parent: &Path) -> Result<Canary, IoError> {
        Canary::named(BACKUP, parent)
    }

    fn named(file: &'static str, parent: &Path) -> Result<Canary, IoError> {
        let folder = parent.join(format!(".entracte-probe-{}", random::hex(8)));
        fs::create_folders(&folder, 0o755)?;
        let canary = Canary { folder, file, song: random::hex(16) };
        // The umask may have taken bits that a web server needs.
        fs::set_mode(&canary.folder, 0o755)?;
        fs::write_durable_with(&canary.folder.join(file), canary.song.as_bytes(), 0o644)?;
        Ok(canary)
    }

    /// Kept from Apache as everything is that we keep inside a site.
    pub fn guarded(parent: &Path) -> Result<Canary, IoError> {
        let canary = Canary::put_into(parent)?;
        fs::write_durable_with(&canary.folder.join(".htaccess"), DENY, 0o644)?;
        Ok(canary)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the file can be fetched at one of the addresses that its folder
    /// could have; where nothing answers it cannot.
    pub fn is_heard_at(&self, addresses: &[Url]) -> bool {
        let Ok(probe) = Probe::new() else { return false };
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        let relative = format!("{name}/{}", self.file);
        addresses.iter().any(|base| probe.is_exposed(base, &relative, &self.song).unwrap_or(false))
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        // A folder that we have just made; what is left of it is worth nothing.
        let _ = fs::remove_folder_all(&self.folder);
    }
}

/// What to tell whom the server does not keep out.
pub const FORBID: &str = "forbid /.entracte in the web server, for nginx by `location ^~ /.entracte { return 404; }` with \
     the site's path before it; or keep the state where nothing is served (--state)";

/// Where the folder beside a site could be found, were it served: at the site's
/// own address and one level up.
pub fn addresses_beside(url: &Url) -> Vec<Url> {
    let mut addresses: Vec<Url> = ["./", "../"].iter().filter_map(|way| url.join(way).ok()).collect();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::probe::tests::reply;
    use crate::site::probe::tests::serve;

    #[test]
    fn a_canary_is_heard_where_its_folder_is_served_and_flies_away() {
        let parent = tempfile::tempdir().unwrap();
        let served = parent.path().to_owned();
        let url = serve(move |head| {
            let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/up/");
            match std::fs::read_to_string(served.join(path)) {
                Ok(text) => reply("200 OK", "", &text),
                Err(_) => reply("404 Not Found", "", "no"),
            }
        });
        let canary = Canary::put_into(parent.path()).unwrap();
        let beside = addresses_beside(&url.join("/up/site/").unwrap());
        assert_eq!(beside, [url.join("/up/site/").unwrap(), url.join("/up/").unwrap()]);
        assert!(canary.is_heard_at(&beside));
        assert!(!canary.is_heard_at(&addresses_beside(&url.join("/other/site/").unwrap())));
        assert!(!canary.is_heard_at(&[Url::parse("http://127.0.0.1:1/").unwrap()]));
        drop(canary);
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn at_the_top_there_is_nothing_above() {
        assert_eq!(addresses_beside(&Url::parse("https://a.example/").unwrap()).len(), 1);
        let page = Url::parse("https://a.example/blog/index.php").unwrap();
        assert_eq!(addresses_beside(&page)[0].as_str(), "https://a.example/blog/");
    }
}
