//! The page of releases, for people: one file, no script, nothing from elsewhere.

use std::collections::BTreeMap;

use minijinja::AutoEscape;
use minijinja::Environment;
use minijinja::value::Serde;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::integrity::manifest::known_time;
use crate::release::publish::error::PublishError;
use crate::release::publish::folder::Reference;
use crate::release::reference::listing;
use crate::release::reference::names;
use crate::release::trust::TargetInfo;
use crate::sys::fs;

#[derive(Serialize)]
struct Page {
    root: String,
    products: Vec<Product>,
}

#[derive(Serialize)]
struct Product {
    name: String,
    /// The newest first.
    releases: Vec<Release>,
}

#[derive(Serialize)]
struct Release {
    version: String,
    date: Option<String>,
    notes: String,
    files: u64,
    size: String,
    digest: String,
    archive: Option<Link>,
    packs: Vec<Link>,
}

#[derive(Serialize)]
struct Link {
    name: String,
    path: String,
    size: String,
}

/// Writes the page of what is signed.
pub(super) fn write(
    reference: &Reference,
    targets: &BTreeMap<String, TargetInfo>,
) -> Result<(), PublishError> {
    let text = page(&reference.root_digest()?, targets)?;
    let path = reference.folder().join(names::INDEX);
    if fs::read_if_present(&path)?.as_deref() != Some(text.as_bytes()) {
        fs::write_durable_with(&path, text.as_bytes(), 0o644)?;
    }
    Ok(())
}

fn page(root: &Sha256, targets: &BTreeMap<String, TargetInfo>) -> Result<String, PublishError> {
    let mut products: Vec<Product> = Vec::new();
    for listed in listing::releases(targets)? {
        let about = &listed.about;
        if products.last().is_none_or(|product| product.name != about.product) {
            products.push(Product { name: about.product.clone(), releases: Vec::new() });
        }
        let link = |name: &String| {
            let target = targets.get(name)?;
            let path = names::target_path(name, &target.sha256);
            Some(Link { name: name.clone(), path, size: size(target.length) })
        };
        let release = Release {
            version: about.version.clone(),
            date: known_time(about.time).map(|time| time.strftime("%Y-%m-%d").to_string()),
            notes: escape::block(&about.notes),
            files: about.files,
            size: size(about.content_bytes),
            digest: about.digest.to_string(),
            archive: about.archive.as_ref().and_then(link),
            packs: about.packs.iter().filter_map(link).collect(),
        };
        if let Some(product) = products.last_mut() {
            product.releases.insert(0, release);
        }
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = Page { root: root.to_string(), products };
    environment.render_str(include_str!("index.html"), Serde(&page)).map_err(PublishError::Page)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::reference::Kind;
    use crate::release::reference::custom::ManifestTarget;

    fn target(length: u64, kind: Kind) -> TargetInfo {
        TargetInfo { length, sha256: Sha256::of(&length.to_le_bytes()), custom: Some(kind.to_value()) }
    }

    fn release(product: &str, version: &str, notes: &str) -> (String, TargetInfo) {
        let about = ManifestTarget {
            product: product.into(),
            version: version.into(),
            time: "2026-11-21T08:00:00Z".parse().unwrap(),
            digest: digest(version),
            manifest_bytes: 900,
            files: 3,
            content_bytes: 2_500_000,
            objects_bytes: 900,
            notes: notes.into(),
            archive: Some(archive(product, version)),
            packs: vec![pack(product, version), "gone.pack".into()],
        };
        (names::manifest_name(product, version, &about.digest), target(7, Kind::Manifest(about)))
    }

    fn digest(version: &str) -> Sha256 {
        Sha256::of(version.as_bytes())
    }

    fn archive(product: &str, version: &str) -> String {
        names::archive_name(product, version, &digest(version))
    }

    fn pack(product: &str, version: &str) -> String {
        names::pack_name(product, ("0", &digest("0")), (version, &digest(version)))
    }

    #[test]
    fn the_page_of_releases() {
        let targets = BTreeMap::from([
            release("shop", "2.0", "First line\nsecond line"),
            release("shop", "10.0", "</pre><script>alert(1)</script> \u{202e}&amp;"),
            release("blog", "1<b>\"'", ""),
            (archive("shop", "10.0"), target(1_500_000, Kind::Archive)),
            (pack("shop", "10.0"), target(3000, Kind::Archive)),
            ("stranger".into(), TargetInfo { custom: None, ..target(1, Kind::Archive) }),
        ]);
        let text = page(&Sha256::of(b"root"), &targets).unwrap();
        assert!(!text.contains("<script") && !text.contains("<b>") && !text.contains('\u{202e}'));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_page_without_releases() {
        assert!(page(&Sha256::of(b"root"), &BTreeMap::new()).unwrap().contains("No release yet"));
    }
}
