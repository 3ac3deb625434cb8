//! Whom to believe, where a reference is named and no site has said it before:
//! how it is pinned, and what is told where nobody is believed yet.

use std::io::Read;
use std::path::Path;

use crate::app::failure::Failure;
use crate::app::trust::Belief;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::release::network::Network;
use crate::release::obtain::ObtainError;
use crate::release::obtain::Where;
use crate::release::obtain::bundle::Bundle;
use crate::release::source::Found;
use crate::release::source::Source;
use crate::release::trust::Pinned;
use crate::release::trust::Store;
use crate::release::trust::TrustError;
use crate::release::trust::Unreachable;
use crate::release::trust::documents;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The largest root that is read, and asked for.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// What is named; an address that is believed needs no slash at its end.
pub(super) fn source(text: &str, store: &Store, belief: Option<&Belief>) -> Result<Source, Failure> {
    let source = Source::parse(text)?;
    if let Source::Url(address) = &source
        && address.digest().is_none()
        && address.file().is_none()
        && (belief.is_some() || store.find(address.url().as_str())?.is_some())
    {
        return Ok(Source::Reference(address.url().clone()));
    }
    Ok(source)
}

/// The reference that the source is, if it is one.
pub(super) fn reference(source: &Source) -> Result<Option<Where>, Failure> {
    let may_be_one = match source {
        Source::Reference(_) | Source::Folder(_) | Source::Archive(_) => true,
        Source::Url(address) => address.file().is_some(),
        _ => false,
    };
    if !may_be_one {
        return Ok(None);
    }
    // Nothing of these is fetched.
    let here = Path::new("/");
    match source.find(here, here, &mut |address| Ok(address.file().unwrap_or_default()))? {
        Found::Reference(place) => Ok(Some(place)),
        _ => Ok(None),
    }
}

/// The reference that somebody says is to be believed.
pub(super) fn expected(source: &Source) -> Result<Where, Failure> {
    reference(source)?.ok_or_else(|| {
        let message = format!("{} is no reference: there is no root to believe", source.text());
        Failure::new(Exit::Usage, message)
            .hint("--root and --digest go with the address or the folder of a reference, or with a bundle")
    })
}

/// From now on the reference is believed, as somebody says.
pub(super) fn pin(
    store: &Store,
    place: &Where,
    belief: &Belief,
    network: &Network,
) -> Result<Pinned, ObtainError> {
    Ok(match place {
        Where::Server(url) => believe(store, url.as_str(), belief, network)?,
        Where::Folder(folder) => believe(store, &folder.to_string_lossy(), belief, network)?,
        Where::Bundle(path) => believe_bundle(store, path, belief)?,
    })
}

/// The same, of what is named as `trust add` takes it.
pub(super) fn believe(
    store: &Store,
    url: &str,
    belief: &Belief,
    network: &Network,
) -> Result<Pinned, TrustError> {
    Ok(match belief {
        Belief::Root(path) => store.add(url, fs::read_text(path, MOST_BYTES)?.as_bytes())?,
        Belief::Digest(digest) => {
            let mut source = documents::Source::open(url, network)?;
            store.add_by_digest(url, *digest, &mut |name, limit| source.ask(name, limit))?
        }
    })
}

/// A bundle is believed as the reference is that it was made from.
fn believe_bundle(store: &Store, path: &Path, belief: &Belief) -> Result<Pinned, ObtainError> {
    let bundle = Bundle::open(path)?;
    let url = match bundle.reference() {
        "" => path.to_string_lossy().into_owned(),
        url => url.to_owned(),
    };
    Ok(match belief {
        Belief::Root(root) => store.add(&url, fs::read_text(root, MOST_BYTES)?.as_bytes())?,
        Belief::Digest(digest) => {
            store.add_by_digest(&url, *digest, &mut |name, most| document(&bundle, name, most))?
        }
    })
}

fn document(bundle: &Bundle, name: &str, most: u64) -> Result<Option<Vec<u8>>, Unreachable> {
    let Some(file) = bundle.read(name)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| IoError::new("read", name, source))?;
    Ok(Some(bytes))
}

/// The error, with how to believe a reference that is not believed yet: `command`
/// and the option that says whom.
pub(super) fn untrusted(error: ObtainError, command: &str) -> Failure {
    let option = match &error {
        ObtainError::Trust(TrustError::NotTrusted { offered: Some(digest), .. }) => {
            format!("--digest {digest}")
        }
        ObtainError::Trust(TrustError::NotTrusted { offered: None, .. }) => "--root FILE".into(),
        _ => return error.into(),
    };
    let mut failure = Failure::from(error);
    failure.hints = vec![
        "compare this digest with the one that its maker publishes elsewhere".into(),
        format!("if they are the same: `{command} {option}`"),
    ];
    failure
}

/// What was typed, to be typed again.
pub(super) fn retyped(text: &str) -> String {
    match url::Url::parse(text) {
        // A password is not repeated.
        Ok(url) if url.password().is_some() || !url.username().is_empty() || url.query().is_some() => {
            "URL".into()
        }
        _ => escape::word(text),
    }
}
