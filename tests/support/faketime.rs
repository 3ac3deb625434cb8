//! The program under another clock, by the library of the package `faketime`.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use super::effort;
use super::run::Entracte;
use super::small::SmallSite;

/// The library that answers for the clock; `None`, told loudly, where it is missing.
pub fn library() -> Option<PathBuf> {
    if cfg!(target_feature = "crt-static") {
        effort::skipped("clock jumps", "the program is static, no library answers for its clock");
        return None;
    }
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let found = folders.map(|folder| folder.join("faketime/libfaketime.so.1")).find(|path| path.exists());
    if found.is_none() {
        effort::skipped("clock jumps", "the package faketime is not installed");
    }
    found
}

/// The program for a small site, by a clock that is wrong by `offset`: `+10y`.
pub fn at(small: &SmallSite, offset: &str) -> Entracte {
    entracte(&small.root(), offset)
}

/// The same for any site; a clock that begins at a time is `@2026-11-21 12:00:00`.
pub fn entracte(site: &Path, offset: &str) -> Entracte {
    let entracte = Entracte::new(site);
    if offset == NOW {
        return entracte;
    }
    let library = library().expect("asked for before");
    // The library has memory that another user may not look at: there is no change of users.
    let entracte = entracte.by_owner();
    // What files say of their times is what the kernel says.
    entracte.with("LD_PRELOAD", library.to_str().unwrap()).with("FAKETIME", offset).with("NO_FAKE_STAT", "1")
}

/// The right time.
pub const NOW: &str = "+0";
