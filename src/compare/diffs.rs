//! How the lines of files differ, where somebody asks for it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::count;
use crate::base::diff;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::compare::content::Contents;
use crate::compare::files::Files;
use crate::integrity::pair::Pair;
use crate::integrity::pair::Seen;
use crate::integrity::pair::What;

/// All diffs together, in files and in bytes of content that is read for them.
const MOST_FILES: usize = 2000;
const MOST_TOGETHER: u64 = 64 << 20;

/// Of what the lines are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Nothing,
    /// Of all that differs, but not the owner's own files, which hold passwords.
    All,
    /// Of these files and of what is in these folders. A file of the owner's
    /// has to be named itself.
    These(Vec<TreePath>),
}

/// The lines of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// In B, where it has another name there.
    pub path: TreePath,
    /// Its name in A, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<TreePath>,
    /// A unified diff, or a word on why there is none.
    pub text: String,
}

/// The diffs, and notes on what is not shown.
pub fn diffs(
    wanted: &Wanted,
    files: &Files,
    pairs: &BTreeMap<TreePath, Pair>,
    [a, b]: [&Contents; 2],
    withheld: &Patterns,
) -> (Vec<Diff>, Vec<String>) {
    let mut notes = Vec::new();
    let (chosen, kept_back) = chosen(wanted, files, pairs, withheld);
    if !kept_back.is_empty() {
        let names = kept_back.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let more = if kept_back.len() > 5 { ", …" } else { "" };
        notes.push(format!(
            "not shown, since settings hold passwords: {names}{more} (name the file behind --diff)"
        ));
    }
    let (shown, rest) = within_limits(chosen);
    if rest > 0 {
        notes.push(format!(
            "not shown: {}; name files or folders behind --diff",
            count::of(rest, "more diff")
        ));
    }
    let files = || shown.iter().filter(|chosen| chosen.is_file());
    let of_a = a.read(&files().filter_map(|chosen| chosen.from).collect::<Vec<_>>(), diff::MAX_BYTES);
    let of_b = b.read(&files().filter_map(|chosen| chosen.to).collect::<Vec<_>>(), diff::MAX_BYTES);
    let told = shown.iter().map(|chosen| chosen.told(&of_a, &of_b));
    (told.collect(), notes)
}

/// A file with its names on both sides.
#[derive(Clone)]
struct Chosen<'p> {
    from: Option<&'p TreePath>,
    to: Option<&'p TreePath>,
    a: Option<&'p Seen>,
    b: Option<&'p Seen>,
}

fn size(seen: Option<&Seen>) -> Option<u64> {
    match seen?.what {
        What::File { size, .. } => Some(size),
        _ => None,
    }
}

impl Chosen<'_> {
    /// Whether there are lines on each side that has it.
    fn is_file(&self) -> bool {
        [self.a, self.b].iter().all(|seen| seen.is_none() || size(*seen).is_some())
    }

    fn bytes(&self) -> u64 {
        [self.a, self.b].into_iter().filter_map(size).map(|size| size.min(diff::MAX_BYTES)).sum()
    }

    fn told(&self, of_a: &BTreeMap<TreePath, Vec<u8>>, of_b: &BTreeMap<TreePath, Vec<u8>>) -> Diff {
        let name = |path: Option<&TreePath>, side: &str| match path {
            Some(path) => format!("{side}/{path}"),
            None => "/dev/null".into(),
        };
        let content = |path: Option<&TreePath>, of: &BTreeMap<TreePath, Vec<u8>>| match path {
            None => Some(Vec::new()),
            Some(path) => of.get(path).cloned(),
        };
        let text = match (content(self.from, of_a), content(self.to, of_b)) {
            _ if !self.is_file() => "no files on both sides: there are no lines to show\n".into(),
            (Some(old), Some(new)) if diff::is_text(&old) && diff::is_text(&new) => {
                diff::unified(&name(self.from, "a"), &name(self.to, "b"), &old, &new)
            }
            (Some(_), Some(_)) => format!("no text, or longer than {} MiB\n", diff::MAX_BYTES >> 20),
            _ => "its content cannot be read here\n".into(),
        };
        let path = self.to.or(self.from).cloned().unwrap_or_else(TreePath::root);
        let from = self.from.filter(|from| **from != path).cloned();
        Diff { path, from, text }
    }
}

/// What is wanted, in the order of its paths, and what is kept back of it.
fn chosen<'p>(
    wanted: &Wanted,
    files: &'p Files,
    pairs: &'p BTreeMap<TreePath, Pair>,
    withheld: &Patterns,
) -> (Vec<Chosen<'p>>, Vec<&'p TreePath>) {
    let mut found = candidates(wanted, files, pairs);
    found.sort_by_key(|chosen| chosen.to.or(chosen.from));
    let mut kept_back = Vec::new();
    found.retain(|chosen| {
        let mut names = [chosen.from, chosen.to].into_iter().flatten();
        let is_withheld = |path: &TreePath| withheld.matches_bytes(path.as_bytes());
        let is_named = |path: &TreePath| matches!(wanted, Wanted::These(these) if these.contains(path));
        match names.clone().find(|path| is_withheld(path)) {
            Some(path) if !names.any(is_named) => {
                kept_back.push(path);
                false
            }
            _ => true,
        }
    });
    (found, kept_back)
}

fn candidates<'p>(wanted: &Wanted, files: &'p Files, pairs: &'p BTreeMap<TreePath, Pair>) -> Vec<Chosen<'p>> {
    let is_wanted = |path: &TreePath| match wanted {
        Wanted::Nothing => false,
        Wanted::All => true,
        Wanted::These(these) => these.iter().any(|above| is_at_or_below(path, above)),
    };
    let of = |from: Option<&'p TreePath>, to: Option<&'p TreePath>| Chosen {
        from,
        to,
        a: from.and_then(|path| pairs.get(path)?.a.as_ref()),
        b: to.and_then(|path| pairs.get(path)?.b.as_ref()),
    };
    let other_content = |path: &&TreePath| pairs.get(*path).is_some_and(|pair| pair.other_content);
    let different = files.different.iter().filter(other_content).map(|path| of(Some(path), Some(path)));
    let renamed = files.renamed.iter().map(|pair| of(Some(&pair.from), Some(&pair.to)));
    let mut found: Vec<Chosen> = different.chain(renamed).collect();
    // All lines of what one side lacks are shown to those only who name it.
    if let Wanted::These(_) = wanted {
        let renamed: BTreeSet<&TreePath> =
            files.moved_or_renamed().flat_map(|(from, to)| [from, to]).collect();
        let is_alone = |path: &&TreePath| !renamed.contains(*path) && is_wanted(path);
        found.extend(files.only_a.iter().filter(is_alone).map(|path| of(Some(path), None)));
        found.extend(files.only_b.iter().filter(is_alone).map(|path| of(None, Some(path))));
    }
    found.retain(|chosen| [chosen.from, chosen.to].into_iter().flatten().any(is_wanted));
    found
}

fn is_at_or_below(path: &TreePath, above: &TreePath) -> bool {
    let rest = path.as_bytes().strip_prefix(above.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || above.as_bytes().is_empty())
}

fn within_limits(chosen: Vec<Chosen>) -> (Vec<Chosen>, usize) {
    let all = chosen.len();
    let mut together = 0;
    let shown: Vec<Chosen> = chosen
        .into_iter()
        .take(MOST_FILES)
        .take_while(|chosen| {
            together += chosen.bytes();
            together <= MOST_TOGETHER
        })
        .collect();
    let rest = all - shown.len();
    (shown, rest)
}
