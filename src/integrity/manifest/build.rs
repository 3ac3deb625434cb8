//! A manifest made from the content of a folder or an archive.

use jiff::Timestamp;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::PathError;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::base::tree::Kind;
use crate::base::tree::Tree;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::FromRule;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::ManifestError;
use crate::integrity::manifest::RunOnce;

/// Lines of a script in which its own words are looked for.
const HEADER_LINES: usize = 20;

/// What a tree does not say about itself.
#[derive(Clone, Debug)]
pub struct Describe {
    pub product: String,
    pub version: String,
    pub time: Timestamp,
    pub made: Made,
    pub extent: Extent,
    pub from: Vec<FromRule>,
    pub deleted: Vec<SitePath>,
    pub conventions: Conventions,
}

/// Which files of a release have a role, where no manifest says it.
#[derive(Clone, Debug, Default)]
pub struct Conventions {
    pub schema: Patterns,
    pub tables: Patterns,
    pub run_once: Patterns,
    pub extensions: Patterns,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("a name in the release cannot be used")]
    Name(#[from] PathError),
    #[error("{path} is a socket, fifo or device")]
    Special { path: SitePath },
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: SitePath, reason: String },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Fault for BuildError {
    fn exit(&self) -> Exit {
        match self {
            BuildError::Unreadable { .. } => Exit::Failed,
            BuildError::Manifest(error) => error.exit(),
            BuildError::Name(_) | BuildError::Special { .. } => Exit::Untrusted,
        }
    }
}

/// Makes the manifest; `read` gives the content of a script for its header.
pub fn build(
    tree: &Tree,
    describe: Describe,
    read: &mut dyn FnMut(&SitePath) -> Option<Vec<u8>>,
) -> Result<Manifest, BuildError> {
    let files = entries(tree)?;
    let conventions = &describe.conventions;
    let matching = |patterns: &Patterns| -> Vec<SitePath> {
        let plain = files.iter().filter(|entry| matches!(entry.content, Content::File { .. }));
        plain.map(|entry| &entry.path).filter(|path| patterns.matches(path.as_str())).cloned().collect()
    };
    let schema = matching(&conventions.schema);
    let tables = matching(&conventions.tables);
    let extensions = matching(&conventions.extensions);
    let run_once = matching(&conventions.run_once)
        .into_iter()
        .filter(is_script)
        .map(|path| {
            let content = read(&path).unwrap_or_default();
            script(path, &content)
        })
        .collect();
    let manifest = Manifest {
        product: describe.product,
        version: describe.version,
        time: describe.time,
        extent: describe.extent,
        made: describe.made,
        from: describe.from,
        files,
        deleted: describe.deleted,
        schema,
        tables,
        run_once,
        extensions,
    };
    manifest.check()?;
    Ok(manifest)
}

fn entries(tree: &Tree) -> Result<Vec<FileEntry>, BuildError> {
    let mut files = Vec::new();
    for (path, node) in tree {
        let path = path.to_site_path()?;
        let content = match &node.kind {
            Kind::File { size, sha256, md5 } => Content::File { size: *size, sha256: *sha256, md5: *md5 },
            Kind::Link { target } => Content::Link {
                target: String::from_utf8(target.clone())
                    .map_err(|_| ManifestError::LinkOut { path: path.clone() })?,
            },
            Kind::Folder if is_empty(tree, &path) => Content::Folder,
            Kind::Folder => continue,
            Kind::Special(_) => return Err(BuildError::Special { path }),
            Kind::Unreadable { reason } => {
                return Err(BuildError::Unreadable { path, reason: reason.clone() });
            }
        };
        let mode = match content {
            Content::Link { .. } => None,
            Content::Folder => Some(0o755),
            Content::File { .. } => Some(if node.meta.mode & 0o100 == 0 { 0o644 } else { 0o755 }),
        };
        files.push(FileEntry { path, content, mode });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_empty(tree: &Tree, folder: &SitePath) -> bool {
    let start = format!("{}/", folder.as_str());
    let below = crate::base::path::TreePath::from_bytes(start.as_bytes());
    !tree.range(below..).next().is_some_and(|(path, _)| path.as_bytes().starts_with(start.as_bytes()))
}

/// One-time scripts have names that begin with a digit; one that ran ends in `.done`.
pub fn is_script(path: &SitePath) -> bool {
    path.name().starts_with(|c: char| c.is_ascii_digit()) && !path.name().ends_with(".done")
}

/// What a script says of itself in the comments of its first lines:
/// `entracte: repeatable` and `entracte: changes = PATTERN, PATTERN`.
pub fn script(path: SitePath, content: &[u8]) -> RunOnce {
    let text = String::from_utf8_lossy(content);
    let words = text
        .lines()
        .take(HEADER_LINES)
        .filter_map(|line| line.split_once("entracte:"))
        .map(|(_, said)| said.trim());
    let (mut repeatable, mut changes) = (false, Vec::new());
    for said in words {
        if said.split_whitespace().next() == Some("repeatable") {
            repeatable = true;
        }
        if let Some(list) = said.strip_prefix("changes").and_then(|rest| rest.trim_start().strip_prefix('='))
        {
            let list = list.trim_end_matches("*/").trim_end_matches("-->");
            changes.extend(
                list.split(',').map(|pattern| pattern.trim().to_owned()).filter(|word| !word.is_empty()),
            );
        }
    }
    let changes = Patterns::new(changes).unwrap_or_default();
    RunOnce { path, repeatable, changes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::path::TreePath;
    use crate::base::tree::Meta;
    use crate::base::tree::Node;
    use crate::base::tree::Special;

    fn describe() -> Describe {
        let patterns = |pattern: &str| Patterns::new([pattern]).unwrap();
        Describe {
            product: "shop".into(),
            version: "1".into(),
            time: Timestamp::UNIX_EPOCH,
            made: Made::Built,
            extent: Extent::Complete,
            from: Vec::new(),
            deleted: Vec::new(),
            conventions: Conventions {
                schema: patterns("schema/*.sql"),
                tables: patterns("schema/*.toml"),
                run_once: patterns("run_once/*"),
                extensions: patterns("**/extension.toml"),
            },
        }
    }

    fn tree(entries: &[(&[u8], Kind)]) -> Tree {
        entries
            .iter()
            .map(|(path, kind)| {
                let meta = Meta { mode: 0o4775, ..Meta::default() };
                (TreePath::from_bytes(path), Node { kind: kind.clone(), meta })
            })
            .collect()
    }

    fn file() -> Kind {
        Kind::File { size: 1, sha256: Sha256::of(b"x"), md5: None }
    }

    #[test]
    fn roles_modes_and_empty_folders_are_found() {
        let tree = tree(&[
            (b"d", Kind::Folder),
            (b"empty", Kind::Folder),
            (b"d/extension.toml", file()),
            (b"run_once/010_x.sh", file()),
            (b"run_once/README.md", file()),
            (b"run_once/009_old.sh.done", file()),
            (b"schema/2.sql", file()),
            (b"schema/tables.toml", file()),
            (b"schema/10.sql", file()),
        ]);
        let header = b"#!/bin/sh\n# entracte: repeatable\n# entracte: changes = up/**, cache\n".to_vec();
        let manifest = build(&tree, describe(), &mut |_| Some(header.clone())).unwrap();
        let names =
            |paths: &[SitePath]| paths.iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&manifest.schema), ["schema/10.sql", "schema/2.sql"]);
        assert_eq!(names(&manifest.tables), ["schema/tables.toml"]);
        assert_eq!(names(&manifest.extensions), ["d/extension.toml"]);
        let [script] = &manifest.run_once[..] else { panic!("{:?}", manifest.run_once) };
        assert_eq!((script.path.as_str(), script.repeatable), ("run_once/010_x.sh", true));
        assert_eq!(script.changes.words(), ["up/**", "cache"]);
        let empty = manifest.entry(&SitePath::parse("empty").unwrap()).unwrap();
        assert_eq!((&empty.content, empty.mode), (&Content::Folder, Some(0o755)));
        assert!(manifest.entry(&SitePath::parse("d").unwrap()).is_none());
    }

    #[test]
    fn what_no_release_may_hold() {
        for (path, kind) in [
            (&b"a\xff"[..], file()),
            (b"a\nb", file()),
            (b"pipe", Kind::Special(Special::Fifo)),
            (b"secret", Kind::Unreadable { reason: "no".into() }),
            (b"out", Kind::Link { target: b"../x".to_vec() }),
        ] {
            assert!(build(&tree(&[(path, kind)]), describe(), &mut |_| None).is_err(), "{path:?}");
        }
    }
}
