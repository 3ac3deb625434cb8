//! The checksum documents of wordpress.org: of the core (`{"checksums": {path:
//! md5}}`, in an older shape below the version), and of plugins (`{"plugin",
//! "version", "files": {path: {"md5", "sha256"}}}`, where a digest may be a list
//! of those that the file has had under this version).

use std::borrow::Cow;

use serde::Deserialize;

use crate::base::json;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::ListError;
use crate::integrity::list::Listed;
use crate::integrity::list::gather::Gather;
use crate::integrity::list::json::Cursor;
use crate::integrity::list::json::Ordered;

/// What WordPress's own check passes over: themes and plugins are updated apart.
pub(super) const APART: &str = "wp-content/";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    checksums: Option<Said<'a>>,
    plugin: Option<String>,
    version: Option<String>,
    #[serde(borrow)]
    files: Option<Said<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said<'a> {
    One(#[serde(borrow)] Cow<'a, str>),
    Several(Vec<String>),
    Named(#[serde(borrow)] Ordered<Said<'a>>),
    /// There is no such version.
    Nothing(#[allow(dead_code, reason = "that it is one tells enough")] bool),
}

pub(super) fn parse(bytes: &[u8]) -> Result<HashList, ListError> {
    let wrong = |source| ListError::Json { format: Format::WordPress, source };
    let document: Document = json::read(bytes).map_err(wrong)?;
    let mut gather = Gather::new(Format::WordPress);
    gather.list.product = document.plugin;
    gather.list.version = document.version;
    let Some(Said::Named(mut entries)) = document.checksums.or(document.files) else {
        return Err(ListError::Nothing);
    };
    if gather.list.product.is_none() && matches!(entries.0[..], [(_, Said::Named(_))]) {
        // Below the version.
        if let Some((version, Said::Named(below))) = entries.0.pop() {
            gather.list.version = Some(version);
            entries = below;
        }
    }
    let mut cursor = Cursor::new(bytes);
    for (path, said) in &entries.0 {
        let line = said.first().map_or(0, |text| cursor.line(text));
        let digests = said.digests().ok_or_else(|| gather.wrong(line, path.as_bytes()))?;
        gather.add(line, path.as_bytes(), None, &digests)?;
    }
    gather.finish()
}

impl<'a> Said<'a> {
    /// What stands in the document as it is.
    fn first(&self) -> Option<&Cow<'a, str>> {
        match self {
            Said::One(text) => Some(text),
            Said::Named(entries) => entries.0.iter().find_map(|(_, said)| said.first()),
            Said::Several(_) | Said::Nothing(_) => None,
        }
    }

    fn digests(&self) -> Option<Vec<Digest>> {
        match self {
            Said::One(_) | Said::Several(_) => self.of_kind(Kind::Md5),
            Said::Named(kinds) => {
                let mut digests = Vec::new();
                for (name, said) in &kinds.0 {
                    match name.as_str() {
                        "md5" => digests.extend(said.of_kind(Kind::Md5)?),
                        "sha256" => digests.extend(said.of_kind(Kind::Sha256)?),
                        _ => {}
                    }
                }
                (!digests.is_empty()).then_some(digests)
            }
            Said::Nothing(_) => None,
        }
    }

    fn of_kind(&self, kind: Kind) -> Option<Vec<Digest>> {
        let digest = |text: &str| Digest::parse(text).filter(|digest| digest.kind() == kind);
        match self {
            Said::One(text) => digest(text).map(|digest| vec![digest]),
            Said::Several(texts) if !texts.is_empty() => texts.iter().map(|text| digest(text)).collect(),
            _ => None,
        }
    }
}

/// As for the core where the list is of no plugin.
pub(super) fn write(list: &HashList) -> Result<Vec<u8>, serde_json::Error> {
    let text = |kind: Kind, listed: &Listed| {
        let mut digests: Vec<String> = listed.of_kind(kind).map(ToString::to_string).collect();
        match digests.len() {
            1 => serde_json::Value::from(digests.remove(0)),
            _ => serde_json::Value::from(digests),
        }
    };
    let plugin = list.product.as_deref().filter(|product| *product != "wordpress");
    let mut files = serde_json::Map::new();
    for (path, listed) in &list.files {
        let value = match plugin {
            None => text(Kind::Md5, listed),
            Some(_) => {
                let kinds = [(Kind::Md5, "md5"), (Kind::Sha256, "sha256")].into_iter();
                let known = kinds.filter(|(kind, _)| listed.of_kind(*kind).next().is_some());
                known.map(|(kind, name)| (name.to_owned(), text(kind, listed))).collect()
            }
        };
        files.insert(path.as_str().to_owned(), value);
    }
    let document = match (plugin, &list.version) {
        (None, None) => serde_json::json!({"checksums": files}),
        (None, Some(version)) => {
            let mut below = serde_json::Map::new();
            below.insert(version.clone(), files.into());
            serde_json::json!({"checksums": below})
        }
        (Some(plugin), version) => serde_json::json!({"plugin": plugin, "version": version, "files": files}),
    };
    json::pretty(&document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";

    #[test]
    fn both_shapes_of_the_core_are_read() {
        let flat =
            format!("{{\"checksums\": {{\n\"wp-login.php\": \"{MD5}\",\n\"wp-admin\\/a.php\": \"{MD5}\"}}}}");
        let below =
            format!(r#"{{"checksums": {{"6.8": {{"wp-login.php": "{MD5}", "wp-admin/a.php": "{MD5}"}}}}}}"#);
        let (flat, below) = (parse(flat.as_bytes(), None).unwrap(), parse(below.as_bytes(), None).unwrap());
        assert_eq!((flat.version.as_deref(), below.version.as_deref()), (None, Some("6.8")));
        assert_eq!((flat.files.len(), &flat.files), (2, &below.files));
    }

    #[test]
    fn a_plugin_may_have_had_a_file_twice() {
        let (other, sha256) = (MD5.replace('9', "8"), "0".repeat(64));
        let text = format!(
            r#"{{"plugin": "akismet", "version": "5.3", "source": "https://x", "zip": "https://y", "files": {{
            "akismet.php": {{"md5": ["{MD5}", "{other}"], "sha256": "{sha256}"}},
            "readme.txt": {{"md5": "{MD5}"}} }} }}"#
        );
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!((list.product.as_deref(), list.version.as_deref()), (Some("akismet"), Some("5.3")));
        let listed = list.files.values().next().unwrap();
        assert_eq!((listed.digests.len(), listed.kinds()), (3, vec![Kind::Sha256, Kind::Md5]));
        let (good, one, two) =
            (Digest::parse(&sha256).unwrap(), Digest::parse(MD5).unwrap(), Digest::parse(&other).unwrap());
        assert!(listed.fits(1, &[good, one]) && listed.fits(1, &[good, two]) && !listed.fits(1, &[one, two]));
    }

    #[test]
    fn what_is_no_checksum_document() {
        for (defect, text, said) in [
            ("a version that is not known", r#"{"checksums": false}"#.to_owned(), "no file"),
            ("nothing in it", r#"{"checksums": {}}"#.to_owned(), "no file"),
            ("a short digest", "{\"checksums\": {\n\"a\": \"90\"}}".to_owned(), "line 2"),
            ("no digest", r#"{"plugin": "x", "files": {"a": {}}}"#.to_owned(), "nothing that a list"),
            ("a path out", format!(r#"{{"checksums": {{"../a": "{MD5}"}}}}"#), "line 1"),
            ("the same twice", format!(r#"{{"checksums": {{"a": "{MD5}", "a": "{MD5}"}}}}"#), "JSON"),
        ] {
            let error = parse(text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(said), "{defect}: {error}");
        }
    }
}
