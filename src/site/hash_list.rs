//! Lists of digests that an application ships in its own tree: they tell which
//! of its files are as released, without the release at hand.
//!
//! Formats: YACS's `footprints.php` (`$footprints['path']=array(size, 'md5');`,
//! read as text) and Nextcloud's `core/signature.json` (`{"hashes": {path:
//! sha512}}`). Neither is believed for more than that: nobody proved who wrote it.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use sha2::Digest as _;

use crate::base::digest::Algorithms;
use crate::base::digest::Md5;
use crate::base::json;
use crate::base::path::SitePath;
use crate::base::tree::Tree;
use crate::integrity::scan::hash_file;
use crate::site::php::Reader;
use crate::site::php::Token;
use crate::site::php::Value;
use crate::site::php::tokens;
use crate::sys::beneath::Root;
use crate::sys::fs::IoError;

const BUFFER: usize = 128 * 1024;

/// Which kind of list a profile names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    Footprints,
    NextcloudSignature,
}

/// What a list says of each path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HashList(BTreeMap<SitePath, Listed>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Md5(Md5),
    Sha512([u8; 64]),
}

/// A tree held against a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    pub exact: Vec<SitePath>,
    pub modified: Vec<SitePath>,
    pub missing: Vec<SitePath>,
}

impl HashList {
    /// Reads a list; `None` when it holds nothing that can be used.
    pub fn parse(text: &str, format: Format) -> Option<HashList> {
        let list = match format {
            Format::Footprints => footprints(text),
            Format::NextcloudSignature => signature(text)?,
        };
        (!list.is_empty()).then_some(HashList(list))
    }

    /// Hashes every listed file of the tree.
    pub fn compare(&self, root: &Root, tree: &Tree) -> Result<Compared, IoError> {
        let mut compared = Compared::default();
        for (path, listed) in &self.0 {
            let place = match tree.get(&path.into()).and_then(|node| node.sha256()) {
                None => &mut compared.missing,
                Some(_) if listed.fits(root, path)? => &mut compared.exact,
                Some(_) => &mut compared.modified,
            };
            place.push(path.clone());
        }
        Ok(compared)
    }
}

impl Listed {
    fn fits(&self, root: &Root, path: &SitePath) -> Result<bool, IoError> {
        match self {
            Listed::Md5(md5) => Ok(hash_file(root, path, Algorithms::Sha256AndMd5)?.2 == Some(*md5)),
            Listed::Sha512(wanted) => Ok(sha512(root, path)? == *wanted),
        }
    }
}

fn sha512(root: &Root, path: &SitePath) -> Result<[u8; 64], IoError> {
    let mut file = root.open_file(path)?;
    let mut hasher = sha2::Sha512::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer).map_err(|source| IoError::new("read", root.full(path), source))? {
            0 => return Ok(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// `$footprints['path']=array(N, 'md5');`. Lists with two digests an entry hash
/// the text without its line ends, which says nothing of the file: left out.
fn footprints(text: &str) -> BTreeMap<SitePath, Listed> {
    let tokens = tokens(text);
    let mut list = BTreeMap::new();
    for at in 0..tokens.len() {
        let [
            Token::Variable(name),
            Token::Mark("["),
            Token::Text(path),
            Token::Mark("]"),
            Token::Mark("="),
            rest @ ..,
        ] = &tokens[at..]
        else {
            continue;
        };
        if name != "footprints" {
            continue;
        }
        let Value::Array(items) = Reader::new(rest).value(0) else { continue };
        if let ([(None, Value::Word(_)), (None, Value::Text(digest))], Ok(path)) =
            (&items[..], SitePath::parse(path))
            && let Ok(md5) = digest.parse()
        {
            list.insert(path, Listed::Md5(md5));
        }
    }
    list
}

fn signature(text: &str) -> Option<BTreeMap<SitePath, Listed>> {
    #[derive(Deserialize)]
    struct Document {
        hashes: BTreeMap<String, String>,
    }
    let document: Document = json::read(text.as_bytes()).ok()?;
    let entry = |(path, digest): (String, String)| {
        let mut bytes = [0; 64];
        hex::decode_to_slice(digest, &mut bytes).ok()?;
        Some((SitePath::parse(&path).ok()?, Listed::Sha512(bytes)))
    };
    Some(document.hashes.into_iter().filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::pattern::Patterns;
    use crate::integrity::scan;

    fn compared(list: &HashList, files: &[(&str, &str)]) -> Compared {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let root = Root::open(folder.path()).unwrap();
        let nothing = Patterns::default();
        let options = scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, cache: None };
        let tree = scan::scan(&root, &options, &mut |_, _| {}).unwrap().tree;
        list.compare(&root, &tree).unwrap()
    }

    fn names(paths: &[SitePath]) -> Vec<&str> {
        paths.iter().map(SitePath::as_str).collect()
    }

    #[test]
    fn footprints_of_every_dialect_are_read_as_text() {
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let text = format!(
            "<?php\n// on October 2, 2010\nglobal $footprints;\nif(!isset($footprints)) $footprints = array();\n\
             $footprints['a.php']=array(1, '{md5}');\n$footprints['b.php']=array(3,'{md5}');\n\
             $footprints['c.php']=array(3,'{md5}');\n$footprints['old.php']=array(3, '{md5}', '{md5}');\n\
             $footprints['../evil.php']=array(3,'{md5}');\n$generation['date']='101002-13:44:17 GMT';\n?>\n"
        );
        let list = HashList::parse(&text, Format::Footprints).unwrap();
        let found = compared(&list, &[("a.php", "abc"), ("b.php", "changed")]);
        assert_eq!(
            (names(&found.exact), names(&found.modified), names(&found.missing)),
            (vec!["a.php"], vec!["b.php"], vec!["c.php"])
        );
    }

    #[test]
    fn a_signature_file_is_read() {
        let sha512 = hex::encode(sha2::Sha512::digest(b"abc"));
        let text = format!(
            r#"{{"hashes": {{"a.php": "{sha512}", "../evil": "{sha512}"}}, "signature": "x", "certificate": "y"}}"#
        );
        let list = HashList::parse(&text, Format::NextcloudSignature).unwrap();
        assert_eq!(names(&compared(&list, &[("a.php", "abc")]).exact), ["a.php"]);
        assert_eq!(names(&compared(&list, &[("a.php", "abd")]).modified), ["a.php"]);
    }

    #[test]
    fn what_lists_nothing_is_no_list() {
        for text in ["", "<?php", "<?php $footprints = array();", "{}", "{\"hashes\": {}}"] {
            assert!(HashList::parse(text, Format::Footprints).is_none());
            assert!(HashList::parse(text, Format::NextcloudSignature).is_none());
        }
    }
}
