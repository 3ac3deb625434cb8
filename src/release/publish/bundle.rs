//! One file for machines without network: the metadata, and the targets that
//! one release needs.

use std::collections::BTreeMap;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use serde::Serialize;
use tar::Builder;
use tar::EntryType;
use tar::Header;

use crate::base::json;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::publish::sweep;
use crate::release::reference::content::Exactly;
use crate::release::reference::custom::ManifestTarget;
use crate::release::reference::listing;
use crate::release::reference::listing::Listed;
use crate::release::reference::names;
use crate::release::trust;
use crate::release::trust::TargetInfo;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The first file of a bundle.
pub const BUNDLE_NAME: &str = "entracte-bundle.json";
const FORMAT: u32 = 1;

/// What goes into a bundle.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub product: Option<&'a str>,
    pub version: &'a str,
    /// The pack from this version instead of the whole release.
    pub from: Option<&'a str>,
    /// The reference's address, for people.
    pub url: &'a str,
}

/// What a new bundle holds.
#[derive(Clone, Debug)]
pub struct Bundled {
    pub about: ManifestTarget,
    /// The archive or the pack.
    pub content: String,
    pub bytes: u64,
}

#[derive(Serialize)]
struct Head<'a> {
    format: u32,
    reference: &'a str,
    product: &'a str,
    version: &'a str,
    manifest: &'a str,
}

type Targets = BTreeMap<String, TargetInfo>;

/// Writes a bundle to `output`.
pub fn bundle(reference: &Path, wanted: Wanted, output: &Path) -> Result<Bundled, PublishError> {
    let reference = Reference::look(reference)?;
    let targets = trust::signed_targets(reference.folder())?;
    let release = find(&reference, &targets, wanted)?;
    let content = content(&targets, &release, wanted)?;
    let head = Head {
        format: FORMAT,
        reference: wanted.url,
        product: &release.about.product,
        version: &release.about.version,
        manifest: release.name,
    };
    let failed = |source| PublishError::Record { path: BUNDLE_NAME.into(), source };
    let head = json::pretty(&head).map_err(failed)?;
    let names = [release.name, content].map(|name| (name, &targets[name]));
    // Opened before anything is written, so that what is missing is told by its name.
    let metadata = metadata(&reference)?;
    let mut wrong = None;
    fs::write_durable_by(output, 0o644, |out| {
        let written = write(&reference, &head, &metadata, &names, out);
        written.map_err(|error| {
            let told = io::Error::other(error.to_string());
            wrong = Some(error);
            told
        })
    })
    .map_err(|error| wrong.take().unwrap_or(PublishError::Io(error)))?;
    let bytes = fs::metadata(output)?.map_or(0, |file| file.len());
    Ok(Bundled { content: content.to_owned(), about: release.about, bytes })
}

fn find<'t>(reference: &Reference, targets: &'t Targets, wanted: Wanted) -> Result<Listed<'t>, PublishError> {
    let mut found = listing::releases(targets)?;
    found.retain(|listed| {
        listed.about.version == wanted.version
            && wanted.product.is_none_or(|product| product == listed.about.product)
    });
    let version = || wanted.version.to_owned();
    match found.len() {
        0 => Err(PublishError::NoRelease { version: version(), path: reference.shown() }),
        1 => Ok(found.remove(0)),
        _ => {
            let products = found.into_iter().map(|listed| listed.about.product).collect();
            Err(PublishError::SeveralProducts { version: version(), products })
        }
    }
}

/// The target that brings the content.
fn content<'t>(targets: &'t Targets, release: &Listed, wanted: Wanted) -> Result<&'t str, PublishError> {
    let nothing = || PublishError::NothingToBundle {
        version: wanted.version.to_owned(),
        from: wanted.from.map(str::to_owned),
    };
    let key = |name: &String| targets.get_key_value(name).map(|(key, _)| key.as_str());
    let Some(from) = wanted.from else {
        return release.about.archive.as_ref().and_then(key).ok_or_else(nothing);
    };
    let olds = listing::releases(targets)?;
    let is_old =
        |listed: &&Listed| listed.about.product == release.about.product && listed.about.version == from;
    let old = olds.iter().find(is_old).ok_or_else(nothing)?.about.digest;
    for name in &release.about.packs {
        if listing::pack(targets, name)?.is_some_and(|(_, pack)| pack.from == old) {
            return key(name).ok_or_else(nothing);
        }
    }
    Err(nothing())
}

/// All roots, and the lists that count now, each as it is served.
fn metadata(reference: &Reference) -> Result<Vec<(String, Vec<u8>)>, PublishError> {
    let mut names = sweep::current_metadata(reference)?;
    names.insert(format!("{}/timestamp.json", names::METADATA));
    for path in fs::list(&reference.folder().join(names::METADATA))? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.strip_suffix(".root.json").is_some_and(|number| number.parse::<u64>().is_ok()) {
            names.insert(format!("{}/{name}", names::METADATA));
        }
    }
    let read = |name: String| Ok((name.clone(), fs::read(&reference.folder().join(name))?));
    names.into_iter().map(read).collect()
}

fn write(
    reference: &Reference,
    head: &[u8],
    metadata: &[(String, Vec<u8>)],
    targets: &[(&str, &TargetInfo)],
    out: &mut dyn Write,
) -> Result<(), PublishError> {
    let mut tar = Builder::new(out);
    append(&mut tar, BUNDLE_NAME, head, head.len() as u64).map_err(unwritten)?;
    for (name, bytes) in metadata {
        append(&mut tar, name, &bytes[..], bytes.len() as u64).map_err(unwritten)?;
    }
    for (name, target) in targets {
        let path = reference.target(name, &target.sha256);
        let mut content = Exactly::new(fs::open(&path)?, target.length, Some(target.sha256));
        append(&mut tar, &names::target_path(name, &target.sha256), &mut content, target.length)
            // The end is where its digest is judged.
            .and_then(|()| io::copy(&mut content, &mut io::sink()))
            .map_err(|source| PublishError::Damaged { path: fs::shown(&path), source: Some(source) })?;
    }
    tar.finish().map_err(unwritten)
}

fn append<W: Write>(tar: &mut Builder<W>, name: &str, content: impl Read, size: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
}

fn unwritten(source: io::Error) -> PublishError {
    IoError::new("write", "the bundle", source).into()
}
