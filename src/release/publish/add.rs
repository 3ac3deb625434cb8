//! A release is added: content, archive, packs, manifest, then all of it to the
//! disk, then the record of it, and only then a signature.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::integrity::manifest::Manifest;
use crate::release::publish::content;
use crate::release::publish::content::Put;
use crate::release::publish::draft;
use crate::release::publish::draft::Draft;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::folder::Workshop;
use crate::release::publish::index;
use crate::release::publish::packs;
use crate::release::publish::release::Release;
use crate::release::publish::sweep;
use crate::release::publish::withdraw;
use crate::release::reference::Kind;
use crate::release::reference::custom::MAX_NOTES;
use crate::release::reference::custom::ManifestTarget;
use crate::release::reference::listing::Listed;
use crate::release::reference::listing::releases;
use crate::release::reference::names;
use crate::release::trust;
use crate::release::trust::Keyring;
use crate::release::trust::TargetInfo;
use crate::sys::fault;
use crate::sys::fs::IoError;

/// Manifests are made of digests: the more is looked for in them, the more is made of what is found by chance.
const MANIFEST_LEVEL: i32 = 1;

/// How a release is published.
#[derive(Clone, Debug)]
pub struct Options {
    pub notes: String,
    /// From how many older releases packs lead to it.
    pub packs: usize,
    pub archive: bool,
    /// How many releases of the product stay.
    pub keep: Option<usize>,
    /// For how long what is no longer named stays, in seconds.
    pub grace: i64,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Published {
    pub about: ManifestTarget,
    pub new_objects: u64,
    pub archive_bytes: Option<u64>,
    /// Each with its bytes.
    pub packs: Vec<(String, u64)>,
    pub is_draft: bool,
    /// It was published before, and nothing was to be done.
    pub was_there: bool,
    /// Versions that went away.
    pub removed: Vec<String>,
    pub root: Option<Sha256>,
}

type Targets = BTreeMap<String, TargetInfo>;

/// Publishes `release`; without keys it stays a draft.
pub fn publish(
    reference: &Reference,
    release: &Release,
    keyring: Option<&Keyring>,
    options: &Options,
    watch: Watch,
) -> Result<Published, PublishError> {
    if options.notes.len() > MAX_NOTES {
        return Err(PublishError::Notes { bytes: options.notes.len(), most: MAX_NOTES });
    }
    let published = signed(reference)?;
    let there = releases(&published)?;
    if let Some(found) = there.iter().find(|listed| release.is(&listed.about.product, &listed.about.version))
    {
        if found.about.digest != release.manifest(&release.digests()?).digest() {
            let ManifestTarget { product, version, .. } = found.about.clone();
            return Err(PublishError::OtherContent { product, version });
        }
        // One that was killed may have left its record, and the page as it was.
        forget_drafts(reference, release)?;
        index::write(reference, &published)?;
        return answer(reference, &published, found, 0, false)
            .map(|done| Published { was_there: true, ..done });
    }
    let (draft, new_objects) = prepare(reference, release, &there, options, watch)?;
    match keyring {
        Some(keyring) => {
            let signed = sign(reference, &draft, published, keyring, options, watch)?;
            Ok(Published { new_objects, ..signed })
        }
        None => {
            let listed = draft.release()?.ok_or_else(|| no_draft(reference, release.version()))?;
            answer(reference, &draft.targets, &listed, new_objects, true)
        }
    }
}

/// Signs what was published as a draft.
pub fn sign_draft(
    reference: &Reference,
    product: Option<&str>,
    version: &str,
    keyring: &Keyring,
    options: &Options,
    watch: Watch,
) -> Result<Published, PublishError> {
    let mut found = Vec::new();
    for draft in draft::all(reference)? {
        let is_it = draft.release()?.is_some_and(|listed| {
            listed.about.version == version && product.is_none_or(|product| product == listed.about.product)
        });
        if is_it && draft.is_whole(reference)? {
            found.push(draft);
        }
    }
    match &found[..] {
        [] => Err(no_draft(reference, version)),
        [draft] => sign(reference, draft, signed(reference)?, keyring, options, watch),
        several => {
            let products = several.iter().filter_map(|draft| Some(draft.release().ok()??.about.product));
            Err(PublishError::SeveralProducts { version: version.into(), products: products.collect() })
        }
    }
}

fn no_draft(reference: &Reference, version: &str) -> PublishError {
    PublishError::NoDraft { version: version.into(), path: reference.shown() }
}

/// What clients see now; nothing before the first timestamp, whatever a
/// publisher that was killed had signed already.
pub(super) fn signed(reference: &Reference) -> Result<Targets, PublishError> {
    match reference.is_signed() {
        true => Ok(trust::signed_targets(reference.folder())?),
        false => Ok(Targets::new()),
    }
}

/// What all releases of the reference are of, drafts too; `None` where they differ, or there is none.
pub fn only_product(reference: &Reference) -> Result<Option<String>, PublishError> {
    let published = signed(reference)?;
    let mut products: BTreeSet<String> =
        releases(&published)?.into_iter().map(|listed| listed.about.product).collect();
    for draft in draft::all(reference)? {
        products.extend(draft.release()?.map(|listed| listed.about.product));
    }
    Ok(products.pop_first().filter(|_| products.is_empty()))
}

/// Puts all of a release in place, and the record of it. Nothing that clients
/// are told of changes.
fn prepare(
    reference: &Reference,
    release: &Release,
    there: &[Listed],
    options: &Options,
    watch: Watch,
) -> Result<(Draft, u64), PublishError> {
    release.check()?;
    let workshop = reference.workshop()?;
    let Put { objects, manifest, json, archive } =
        content::put(reference, &workshop, release, options.archive, watch)?;
    let olds = packs::olds(there, &manifest, options.packs);
    let worth = archive.as_ref().map_or(objects.bytes, |(_, target)| target.length);
    let packs = packs::make(reference, &workshop, &olds, &manifest, worth, watch)?;
    let archive_name = archive.as_ref().map(|(name, _)| name.clone());
    let pack_names = packs.keys().cloned().collect();
    let about = ManifestTarget {
        objects_bytes: objects.bytes,
        notes: options.notes.clone(),
        archive: archive_name,
        packs: pack_names,
        ..about(&manifest, &json)
    };
    let mut targets = packs;
    targets.extend(archive);
    targets.extend([put_manifest(reference, &workshop, &json, about)?]);
    reference.sync()?;
    fault::point("publish.draft").map_err(|source| IoError::new("write", reference.publisher(), source))?;
    let draft = Draft { targets };
    forget_drafts(reference, release)?;
    draft.write(reference)?;
    Ok((draft, objects.new))
}

/// A version has one draft at most: the last.
fn forget_drafts(reference: &Reference, release: &Release) -> Result<(), PublishError> {
    for draft in draft::all(reference)? {
        if draft.release()?.is_some_and(|listed| release.is(&listed.about.product, &listed.about.version)) {
            draft.remove(reference)?;
        }
    }
    Ok(())
}

fn put_manifest(
    reference: &Reference,
    workshop: &Workshop,
    json: &[u8],
    about: ManifestTarget,
) -> Result<(String, TargetInfo), PublishError> {
    let (finished, ()) = workshop.finished("manifest", |out| {
        let packed = zstd::bulk::compress(json, MANIFEST_LEVEL);
        let written = packed.and_then(|packed| out.write_all(&packed));
        Ok(written.map_err(|source| IoError::new("write", "the manifest", source))?)
    })?;
    let name = names::manifest_name(&about.product, &about.version, &about.digest);
    reference.put_target(name, finished, &Kind::Manifest(about))
}

/// What the manifest itself says.
fn about(manifest: &Manifest, json: &[u8]) -> ManifestTarget {
    ManifestTarget {
        product: manifest.product.clone(),
        version: manifest.version.clone(),
        time: manifest.time,
        digest: Sha256::of(json),
        manifest_bytes: json.len() as u64,
        files: manifest.files.len() as u64,
        content_bytes: manifest.bytes(),
        objects_bytes: 0,
        notes: String::new(),
        archive: None,
        packs: Vec::new(),
    }
}

/// The moment at which clients see the release; then what only people see.
fn sign(
    reference: &Reference,
    draft: &Draft,
    published: Targets,
    keyring: &Keyring,
    options: &Options,
    watch: Watch,
) -> Result<Published, PublishError> {
    let release = draft.release()?.ok_or_else(|| no_draft(reference, "this release"))?;
    let mut targets = published;
    targets.extend(draft.targets.clone());
    let removed = match options.keep {
        Some(keep) => withdraw::oldest(&mut targets, &release.about.product, keep.max(1))?,
        None => Vec::new(),
    };
    if !reference.has_root() {
        trust::create(reference.folder(), keyring)?;
    }
    watch(None, Event::Log { line: "signing".into() });
    trust::sign(reference.folder(), keyring, &targets)?;
    draft.remove(reference)?;
    index::write(reference, &targets)?;
    sweep::sweep(reference, &targets, options.grace)?;
    let done = answer(reference, &draft.targets, &release, 0, false)?;
    Ok(Published { removed, ..done })
}

fn answer(
    reference: &Reference,
    targets: &Targets,
    release: &Listed,
    new_objects: u64,
    is_draft: bool,
) -> Result<Published, PublishError> {
    let length = |name: &String| targets.get(name).map(|target| target.length);
    let packs = release.about.packs.iter().filter_map(|name| Some((name.clone(), length(name)?)));
    Ok(Published {
        about: release.about.clone(),
        new_objects,
        archive_bytes: release.about.archive.as_ref().and_then(length),
        packs: packs.collect(),
        is_draft,
        was_there: false,
        removed: Vec::new(),
        root: if reference.has_root() { Some(reference.root_digest()?) } else { None },
    })
}
