//! Extensions found in a tree, as data: `extension.toml`, and the hook files of
//! YACS read as text. Nothing of them is executed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::site::php::Reader;
use crate::site::php::Token;
use crate::site::php::Value;
use crate::site::php::tokens;
use crate::sys::beneath::Root;
use crate::sys::beneath::StatKind;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub const FORMAT: u32 = 1;
/// Largest descriptor that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// The types of hooks that YACS knows.
const HOOK_TYPES: [&str; 5] = ["link", "include", "call", "serve", "layout"];

/// One extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    pub id: String,
    pub kind: String,
    /// The descriptor.
    pub source: SitePath,
    /// Everything else that the descriptor states.
    pub fields: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    extensions: Vec<Extension>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    #[error("the list of extensions {path} cannot be understood")]
    Damaged {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ExtensionError {
    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// What a tree's descriptors say, in byte order of their paths, and what is
/// wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub extensions: Vec<Extension>,
    pub warnings: Vec<String>,
}

/// Reads the descriptors among `paths`; `read` gives their content, `exists`
/// says whether the scripts that they name are there.
pub fn find<'p>(
    paths: impl Iterator<Item = &'p SitePath>,
    patterns: &Patterns,
    read: &dyn Fn(&SitePath) -> Option<Vec<u8>>,
    exists: &dyn Fn(&SitePath) -> bool,
) -> Found {
    let mut found = Found::default();
    for path in paths.filter(|path| patterns.matches(path.as_str())) {
        let Some(content) = read(path) else {
            found.warnings.push(format!("{path} cannot be read"));
            continue;
        };
        let text = String::from_utf8_lossy(&content);
        if path.name().ends_with(".toml") {
            descriptor(path, &text, &mut found);
        } else {
            hooks(path, &text, exists, &mut found);
        }
    }
    found
}

/// The descriptors of a live tree.
pub fn scan_tree(root: &Root, patterns: &Patterns) -> Result<Found, IoError> {
    if patterns.is_empty() {
        return Ok(Found::default());
    }
    let mut paths = Vec::new();
    collect(root, &TreePath::root(), patterns, &mut paths)?;
    paths.sort();
    let read = |path: &SitePath| {
        let mut text = Vec::new();
        let file = root.open_file(path).ok()?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BYTES), &mut text).ok()?;
        Some(text)
    };
    Ok(find(paths.iter(), patterns, &read, &|path| matches!(root.stat(path), Ok(Some(_)))))
}

fn collect(
    root: &Root,
    folder: &TreePath,
    patterns: &Patterns,
    paths: &mut Vec<SitePath>,
) -> Result<(), IoError> {
    for (name, stat) in root.list(folder)? {
        let path = folder.child(&name);
        match stat.map(|stat| stat.kind) {
            Ok(StatKind::Folder) if folder.as_bytes().is_empty() && path.to_site_path().is_err() => {}
            Ok(StatKind::Folder) => collect(root, &path, patterns, paths)?,
            Ok(StatKind::File) if patterns.matches_bytes(path.as_bytes()) => {
                paths.extend(path.to_site_path())
            }
            _ => {}
        }
    }
    Ok(())
}

fn descriptor(path: &SitePath, text: &str, found: &mut Found) {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return found.warnings.push(format!("{path}: {}", error.message())),
    };
    let word = |name: &str| table.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    if table.get("format").and_then(toml::Value::as_integer) != Some(i64::from(FORMAT)) {
        return found.warnings.push(format!("{path}: `format = {FORMAT}` is missing"));
    }
    let Some(id) = word("id").filter(|id| !id.is_empty()) else {
        return found.warnings.push(format!("{path}: `id` is missing"));
    };
    let plain = table.iter().filter(|(name, _)| !matches!(name.as_str(), "format" | "id" | "kind"));
    let fields = plain.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let kind = word("kind").unwrap_or_else(|| "extension".into());
    found.extensions.push(Extension { id, kind, source: path.clone(), fields });
}

/// `$hooks[] = array('id' => …)`, any number of them.
fn hooks(path: &SitePath, text: &str, exists: &dyn Fn(&SitePath) -> bool, found: &mut Found) {
    let tokens = tokens(text);
    for at in 0..tokens.len() {
        let [Token::Variable(name), Token::Mark("["), Token::Mark("]"), Token::Mark("="), rest @ ..] =
            &tokens[at..]
        else {
            continue;
        };
        if name != "hooks" {
            continue;
        }
        match hook(path, Reader::new(rest).value(0)) {
            Ok(extension) => {
                found.warnings.extend(doubts(&extension, exists));
                found.extensions.push(extension);
            }
            Err(why) => found.warnings.push(format!("{path}: {why}")),
        }
    }
}

fn hook(path: &SitePath, value: Value) -> Result<Extension, String> {
    let Value::Array(items) = value else { return Err("a hook is no array".into()) };
    let mut fields = BTreeMap::new();
    for (key, value) in items {
        if let (Some(key), Value::Text(text) | Value::Word(text)) = (key, value) {
            fields.insert(key, text);
        }
    }
    let id = fields.remove("id").filter(|id| !id.is_empty()).ok_or("a hook has no id")?;
    let kind = fields.remove("type").ok_or_else(|| format!("hook {id} has no type"))?;
    match HOOK_TYPES.contains(&kind.as_str()) {
        true => Ok(Extension { id, kind, source: path.clone(), fields }),
        false => Err(format!("hook {id} is of unknown type {kind}")),
    }
}

fn doubts(extension: &Extension, exists: &dyn Fn(&SitePath) -> bool) -> Option<String> {
    let (id, source) = (&extension.id, &extension.source);
    let Some(script) = extension.fields.get("script") else {
        return (extension.kind != "call").then(|| format!("{source}: hook {id} names no script"));
    };
    let there = SitePath::parse(script).is_ok_and(|path| exists(&path));
    (!there).then(|| format!("{source}: the script {script} of hook {id} is not there"))
}

/// Ids that were found before and are not now, sorted.
pub fn vanished(previous: &[Extension], now: &[Extension]) -> Vec<String> {
    let mut gone: Vec<String> = previous
        .iter()
        .filter(|before| !now.iter().any(|after| after.id == before.id))
        .map(|extension| extension.id.clone())
        .collect();
    gone.sort();
    gone.dedup();
    gone
}

pub fn to_json(extensions: &[Extension]) -> Vec<u8> {
    // Structs of strings always serialise.
    json::pretty(&Stored { format: FORMAT, extensions: extensions.to_vec() }).unwrap_or_default()
}

/// The stored list; empty when there is none.
pub fn load(path: &Path) -> Result<Vec<Extension>, ExtensionError> {
    let Some(bytes) = fs::read_if_present(path)? else { return Ok(Vec::new()) };
    let stored: Stored = json::read_format(&bytes, FORMAT)
        .map_err(|source| ExtensionError::Damaged { path: fs::shown(path), source })?;
    Ok(stored.extensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Found {
        let path = SitePath::parse(name).unwrap();
        let patterns = Patterns::new(["**/*hook.php", "**/extension.toml"]).unwrap();
        find([&path].into_iter(), &patterns, &|_| Some(text.as_bytes().to_vec()), &|path| {
            path.as_str() == "a.php"
        })
    }

    #[test]
    fn hooks_are_read_in_both_forms_and_what_is_computed_is_left_out() {
        let found = found(
            "x/hook.php",
            "<?php\n// a comment\nglobal $hooks;\n$hooks[] = array(\n 'id' => 'one', 'type' => 'link',\n\
             'script' => 'a.php', 'label_en' => 'It\\'s ' . \"one\", 'when' => time());\n\
             $hooks[] = ['id' => 'two', 'type' => 'call', 'function' => 'A::b'];\nif(x()) { $other[] = array(); }\n?>",
        );
        assert_eq!(found.warnings, Vec::<String>::new());
        let ids: Vec<&str> = found.extensions.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, ["one", "two"]);
        assert_eq!(found.extensions[0].fields["label_en"], "It's one");
        assert!(!found.extensions[0].fields.contains_key("when"));
    }

    #[test]
    fn bad_hooks_and_missing_scripts_are_warnings() {
        for (text, warning) in [
            ("<?php $hooks[] = array('type' => 'link');", "x/hook.php: a hook has no id"),
            (
                "<?php $hooks[] = array('id' => 'a', 'type' => 'new');",
                "x/hook.php: hook a is of unknown type new",
            ),
            ("<?php $hooks[] = call();", "x/hook.php: a hook is no array"),
            (
                "<?php $hooks[] = array('id'=>'a','type'=>'link','script'=>'../b.php');",
                "x/hook.php: the script ../b.php of hook a is not there",
            ),
        ] {
            assert_eq!(found("x/hook.php", text).warnings, [warning]);
        }
    }

    #[test]
    fn descriptors_need_format_and_id() {
        let good = found("x/extension.toml", "format = 1\nid = \"mail\"\nname = \"Mail\"\n");
        assert_eq!(good.extensions[0].id, "mail");
        for text in ["id = \"mail\"", "format = 1", "format = ", "format = 2\nid = \"x\""] {
            assert_eq!(found("x/extension.toml", text).warnings.len(), 1, "{text}");
        }
    }

    #[test]
    fn what_vanished_is_named_once() {
        let one = |id: &str| Extension {
            id: id.into(),
            kind: "link".into(),
            source: SitePath::parse("h.php").unwrap(),
            fields: BTreeMap::new(),
        };
        assert_eq!(vanished(&[one("b"), one("a"), one("a")], &[one("b")]), ["a"]);
    }
}
