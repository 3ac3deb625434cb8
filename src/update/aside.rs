//! What somebody wrote where a run has to work is never lost: it goes to
//! `undone/` of the run's folder, under the path that it had. What went there
//! before stays: the next one goes to `undone/2/`, and so on.

use crate::base::path::SitePath;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;
use crate::update::swap::workshop::Home;

/// Most versions of one path that are kept; a guard against going on for ever.
const MOST: u32 = 10_000;

/// As many are told of by name.
const TOLD: usize = 20;

/// Moves what stands at `home` of `path` away.
pub fn put(home: Home, undone: &Root, path: &SitePath) -> Result<(), IoError> {
    keep(undone, path, |place| home.root.rename(home.path, undone, place, Rename::NoReplace))
}

/// Keeps the file or link at `home` of `path`, which is about to be replaced in one step.
pub fn link(home: Home, undone: &Root, path: &SitePath) -> Result<(), IoError> {
    keep(undone, path, |place| home.root.link(home.path, undone, place))
}

/// Keeps a copy of the file at `home` of `path`, which others are about to change.
pub fn copy(home: Home, undone: &Root, path: &SitePath) -> Result<(), IoError> {
    keep(undone, path, |place| {
        let mut from = home.root.open_file(home.path)?;
        let mut to = undone.create_file(place, 0o600)?;
        let copied = std::io::copy(&mut from, &mut to);
        copied.map(drop).map_err(|source| IoError::new("write", undone.full(place), source))
    })
}

/// Does `how` at the first place of `undone` that is free.
fn keep(
    undone: &Root,
    path: &SitePath,
    how: impl Fn(&SitePath) -> Result<(), IoError>,
) -> Result<(), IoError> {
    let mut number = 1;
    loop {
        let place = match number {
            1 => path.clone(),
            _ => SitePath::parse(&format!("{number}/{path}"))
                .map_err(|error| IoError::new("keep", undone.full(path), std::io::Error::other(error)))?,
        };
        match undone.create_folders_above(&place, 0o700).and_then(|()| how(&place)) {
            Err(error) if is_taken(&error) && number < MOST => number += 1,
            kept => return kept,
        }
    }
}

/// Something stands there already, or a file where a folder is needed.
fn is_taken(error: &IoError) -> bool {
    matches!(error.source.kind(), std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotADirectory)
}

/// What a person is told of it: a line a path, of very many only the first.
pub fn told(paths: &[SitePath]) -> Vec<String> {
    let place = "is in undone/ of the run's folder";
    let mut lines: Vec<String> = paths
        .iter()
        .take(TOLD)
        .map(|path| format!("{path} was changed after the update had begun; that version {place}"))
        .collect();
    if let Some(more) = paths.len().checked_sub(TOLD).filter(|more| *more > 0) {
        let were = if more == 1 { "path was" } else { "paths were" };
        lines
            .push(format!("{more} more {were} changed after the update had begun; what stood there {place}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_the_first_are_named_and_the_rest_is_counted() {
        let paths: Vec<SitePath> =
            (0..23).map(|number| SitePath::parse(&format!("f{number}")).unwrap()).collect();
        assert_eq!(told(&paths[..20]).len(), 20);
        let all = told(&paths);
        assert_eq!(all.len(), 21);
        assert!(all[0].starts_with("f0 was changed") && all[20].starts_with("3 more paths"), "{all:?}");
        assert!(told(&[]).is_empty());
    }

    #[test]
    fn what_was_kept_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            Root::open(&folder.path().join(name)).unwrap()
        };
        let (live, undone) = (open("live"), open("undone"));
        let path = |text| SitePath::parse(text).unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("live/a"), text).unwrap();
        let read = |at: &str| std::fs::read_to_string(folder.path().join("undone").join(at)).unwrap();
        let (a, a_b) = (path("a"), path("a/b"));
        let home = |path| Home { root: &live, path };
        write("one");
        put(home(&a), &undone, &a).unwrap();
        write("two");
        link(home(&a), &undone, &a).unwrap();
        copy(home(&a), &undone, &a).unwrap();
        assert_eq!([read("a"), read("2/a"), read("3/a")], ["one", "two", "two"]);
        // A file is kept where a folder is needed now.
        std::fs::remove_file(folder.path().join("live/a")).unwrap();
        std::fs::create_dir(folder.path().join("live/a")).unwrap();
        std::fs::write(folder.path().join("live/a/b"), "below").unwrap();
        put(home(&a_b), &undone, &a_b).unwrap();
        assert_eq!(read("4/a/b"), "below");
    }
}
