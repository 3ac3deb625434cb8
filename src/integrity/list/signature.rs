//! Nextcloud's `signature.json`: `{"hashes": {path: sha512}, "signature",
//! "certificate"}`. Who signed it: `certificate.rs`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::base::json;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::ListError;
use crate::integrity::list::gather::Gather;
use crate::integrity::list::json::Cursor;
use crate::integrity::list::json::Ordered;

/// The updater replaces itself after the release was signed.
pub(super) const APART: &str = "updater/";
/// Below this line the server's own file may be changed by Nextcloud itself.
pub(super) const HTACCESS_MARK: &[u8] = b"#### DO NOT CHANGE ANYTHING ABOVE THIS LINE ####";

#[derive(Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    pub hashes: Ordered<Cow<'a, str>>,
    pub signature: Option<String>,
    pub certificate: Option<String>,
}

pub(super) fn document(bytes: &[u8]) -> Result<Document<'_>, ListError> {
    json::read(bytes).map_err(|source| ListError::Json { format: Format::Signature, source })
}

pub(super) fn parse(bytes: &[u8]) -> Result<HashList, ListError> {
    let document = document(bytes)?;
    let (mut gather, mut cursor) = (Gather::new(Format::Signature), Cursor::new(bytes));
    for (path, text) in &document.hashes.0 {
        let line = cursor.line(text);
        let digest = Digest::parse(text).filter(|digest| digest.kind() == Kind::Sha512);
        let digest = digest.ok_or_else(|| gather.wrong(line, path.as_bytes()))?;
        gather.add(line, path.as_bytes(), None, &[digest])?;
    }
    gather.finish()
}

/// Without signature and certificate: only the vendor has the key.
pub(super) fn write(list: &HashList) -> Result<Vec<u8>, serde_json::Error> {
    let mut hashes = serde_json::Map::new();
    for (path, listed) in &list.files {
        if let Some(digest) = listed.of_kind(Kind::Sha512).next() {
            hashes.insert(path.as_str().to_owned(), digest.to_string().into());
        }
    }
    json::pretty(&serde_json::json!({"hashes": hashes}))
}
