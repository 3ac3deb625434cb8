//! The real releases, as `releases.sh` lays them down.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

/// One version of WordPress.
#[derive(Clone, Debug)]
pub struct Release {
    pub folder: PathBuf,
    pub version: String,
    /// WordPress's number of its database layout.
    pub database: Option<u32>,
}

/// The cache of the tests, kept between runs.
pub fn cache() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-cache");
    std::env::var_os("ENTRACTE_TEST_CACHE").map_or_else(default, PathBuf::from)
}

/// The tree `name`; panics when it cannot be had.
pub fn tree(name: &str) -> Release {
    find(name).unwrap_or_else(|| panic!("{} has no release {name}", cache().display()))
}

/// The newest WordPress, which comes from a suite that moves and may be missing.
///
/// A test that goes without it says so in its output.
pub fn newest_wordpress() -> Option<Release> {
    let newest = find("wordpress-7");
    if newest.is_none() {
        println!("*** NOT TESTED: the newest WordPress cannot be had, so the hop to it is left out ***");
    }
    newest
}

/// An archive beside the trees.
pub fn archive(name: &str) -> PathBuf {
    prepare();
    let path = cache().join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

fn find(name: &str) -> Option<Release> {
    prepare();
    let folder = cache().join(name);
    let about = fs::read_to_string(cache().join(format!("{name}.about"))).ok()?;
    let value = |key: &str| {
        about.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(' ')?.to_owned()))
    };
    let version = value("version").unwrap_or_else(|| panic!("no version in {name}.about"));
    let database = value("database").map(|number| number.parse().unwrap());
    assert_reachable(&folder);
    Some(Release { folder, version, database })
}

/// Whether other users can reach a path: entracte reads as the site's owner.
pub fn is_reachable(path: &Path) -> bool {
    path.ancestors().skip(1).all(|folder| fs::metadata(folder).unwrap().permissions().mode() & 0o001 != 0)
}

fn assert_reachable(path: &Path) {
    let advice = "set ENTRACTE_TEST_CACHE to a folder that www-data can reach";
    assert!(is_reachable(path), "www-data cannot reach {}: {advice}", path.display());
}

fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/releases.sh");
        let status = Command::new("bash").arg(&script).env("ENTRACTE_TEST_CACHE", cache()).status().unwrap();
        assert!(status.success(), "{} ended with {status}", script.display());
    });
}
