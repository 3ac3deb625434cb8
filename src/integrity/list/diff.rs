//! What changed between two lists, as far as they speak of the same things.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::list::HashList;
use crate::integrity::list::Listed;
use crate::integrity::manifest::diff::Difference;

#[derive(Debug, thiserror::Error)]
#[error("of {path} the two lists have no kind of digest in common")]
pub struct NothingInCommon {
    path: SitePath,
}

impl Fault for NothingInCommon {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        vec!["`entracte manifest convert --tree DIR` takes other digests from the files themselves".into()]
    }
}

impl HashList {
    /// Of files alone: of links, folders and modes a list does not know.
    pub fn difference(&self, new: &HashList) -> Result<Difference, NothingInCommon> {
        let mut found = Difference::default();
        for (path, listed) in &new.files {
            match self.files.get(path) {
                None => found.added.push(path.clone()),
                Some(before) => match is_same(before, listed) {
                    Some(true) => {}
                    Some(false) => found.changed.push(path.clone()),
                    None => return Err(NothingInCommon { path: path.clone() }),
                },
            }
        }
        found.removed = self.files.keys().filter(|path| !new.files.contains_key(path)).cloned().collect();
        Ok(found)
    }
}

/// `None` where nobody can tell.
fn is_same(old: &Listed, new: &Listed) -> Option<bool> {
    if old.size.zip(new.size).is_some_and(|(old, new)| old != new) {
        return Some(false);
    }
    let kinds = new.kinds();
    let common: Vec<_> = old.kinds().into_iter().filter(|kind| kinds.contains(kind)).collect();
    let fits = |kind| old.of_kind(kind).any(|digest| new.digests.contains(digest));
    (!common.is_empty()).then(|| common.into_iter().all(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    #[test]
    fn what_both_lists_say_decides() {
        let (a, b) = ("0".repeat(32), "1".repeat(32));
        let list = |text: String| parse(text.as_bytes(), None).unwrap();
        let old = list(format!("{a}  same\n{a}  changed\n{a}  gone\n{}  same\n", "2".repeat(64)));
        let new = list(format!("{a}  same\n{b}  changed\n{b}  new\n"));
        let found = old.difference(&new).unwrap();
        let names = |paths: &[SitePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(
            [names(&found.added), names(&found.removed), names(&found.changed)],
            ["new", "gone", "changed"]
        );
        let other = list(format!("{}  gone\n", "2".repeat(40)));
        assert!(old.difference(&other).unwrap_err().to_string().starts_with("of gone the two lists"));
    }
}
