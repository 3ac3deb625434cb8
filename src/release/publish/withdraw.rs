//! Releases that go: out of what is signed first, and what only they needed
//! when nobody can still be fetching it.

use std::collections::BTreeMap;

use crate::release::publish::add::signed;
use crate::release::publish::draft;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::index;
use crate::release::publish::sweep;
use crate::release::publish::sweep::Swept;
use crate::release::reference::custom::ManifestTarget;
use crate::release::reference::listing::releases;
use crate::release::trust;
use crate::release::trust::Keyring;
use crate::release::trust::TargetInfo;

type Targets = BTreeMap<String, TargetInfo>;

/// What was done.
#[derive(Clone, Debug)]
pub struct Withdrawn {
    pub product: String,
    pub version: String,
    pub was_draft: bool,
    pub swept: Swept,
}

/// Takes a release, or a draft of one, out of the reference; for a draft no keys
/// are needed.
pub fn unpublish(
    reference: &Reference,
    product: Option<&str>,
    version: &str,
    keyring: Option<&Keyring>,
    grace: i64,
) -> Result<Withdrawn, PublishError> {
    let is_it = |about: &ManifestTarget| {
        about.version == version && product.is_none_or(|product| product == about.product)
    };
    let mut targets = signed(reference)?;
    let mut found: Vec<(String, ManifestTarget)> = releases(&targets)?
        .into_iter()
        .filter(|listed| is_it(&listed.about))
        .map(|listed| (listed.name.to_owned(), listed.about))
        .collect();
    let mut drafts = Vec::new();
    for draft in draft::all(reference)? {
        if let Some(about) = draft.release()?.map(|listed| listed.about).filter(is_it) {
            drafts.push((draft, about));
        }
    }
    let mut products: Vec<String> = found
        .iter()
        .map(|(_, about)| about)
        .chain(drafts.iter().map(|(_, about)| about))
        .map(|about| about.product.clone())
        .collect();
    products.sort();
    products.dedup();
    if products.len() > 1 {
        return Err(PublishError::SeveralProducts { version: version.into(), products });
    }
    let Some(product) = products.pop() else {
        return Err(PublishError::NoRelease { version: version.into(), path: reference.shown() });
    };
    let was_draft = found.is_empty();
    if let Some((name, about)) = found.pop() {
        take_out(&mut targets, &name, &about);
        let keyring = keyring.ok_or(PublishError::NoKeys)?;
        trust::sign(reference.folder(), keyring, &targets)?;
        index::write(reference, &targets)?;
    }
    for (draft, _) in drafts {
        draft.remove(reference)?;
    }
    let swept = sweep::sweep(reference, &targets, grace)?;
    Ok(Withdrawn { product, version: version.into(), was_draft, swept })
}

/// Takes out all but the newest `keep` releases of a product; their versions.
pub(super) fn oldest(targets: &mut Targets, product: &str, keep: usize) -> Result<Vec<String>, PublishError> {
    let listed = releases(targets)?;
    let of_product: Vec<(String, ManifestTarget)> = listed
        .into_iter()
        .filter(|listed| listed.about.product == product)
        .map(|listed| (listed.name.to_owned(), listed.about))
        .collect();
    let going = &of_product[..of_product.len().saturating_sub(keep)];
    for (name, about) in going {
        take_out(targets, name, about);
    }
    Ok(going.iter().map(|(_, about)| about.version.clone()).collect())
}

fn take_out(targets: &mut Targets, name: &str, about: &ManifestTarget) {
    targets.remove(name);
    for name in about.packs.iter().chain(&about.archive) {
        targets.remove(name);
    }
}
