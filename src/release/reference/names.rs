//! Names in a reference. They are for people and for caches; what is signed
//! decides.

use crate::base::digest::Sha256;

pub const METADATA: &str = "metadata";
pub const TARGETS: &str = "targets";
pub const OBJECTS: &str = "objects";
/// What only the publisher needs; not to be served.
pub const PUBLISHER: &str = "publisher";
pub const INDEX: &str = "index.html";

/// Longest name of a target: with its digest before it, it is one name of a file.
const LONGEST: usize = 180;
/// How much of a product's or version's name stands in the name of a target.
const PART: usize = 40;

/// Where the content of a file lies.
pub fn object_name(digest: &Sha256) -> String {
    format!("{}/{digest}.zst", shelf_of(digest))
}

/// The folder of that.
pub fn shelf_of(digest: &Sha256) -> String {
    format!("{OBJECTS}/{:02x}", digest.as_bytes()[0])
}

/// Where a target lies.
pub fn target_path(name: &str, digest: &Sha256) -> String {
    format!("{TARGETS}/{digest}.{name}")
}

/// The target that holds the manifest of a release.
pub fn manifest_name(product: &str, version: &str, manifest: &Sha256) -> String {
    format!("{}-{}-{}.manifest.json.zst", plain(product), plain(version), manifest.short())
}

/// The target that holds a whole release.
pub fn archive_name(product: &str, version: &str, manifest: &Sha256) -> String {
    format!("{}-{}-{}.tar.zst", plain(product), plain(version), manifest.short())
}

/// The target that leads from one release to another: both manifests make it
/// unique, since an old release may have been published anew under its version.
pub fn pack_name(product: &str, old: (&str, &Sha256), new: (&str, &Sha256)) -> String {
    let (from, to) = (plain(old.0), plain(new.0));
    format!("{}-{from}-to-{to}-{}-{}.pack", plain(product), &old.1.short()[..6], new.1.short())
}

/// Whether this can be the name of a target: one name of a file, in the
/// characters that names of targets are made of.
pub fn is_target_name(name: &str) -> bool {
    name.len() <= LONGEST && is_file_name(name)
}

/// Whether a file of a reference can be called so.
pub fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && name.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '_' | '-')
}

fn plain(text: &str) -> String {
    let clean: String = text.chars().take(PART).map(|c| if is_plain(c) { c } else { '_' }).collect();
    match clean.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_flat_whatever_a_version_is_called() {
        let digest = Sha256::of(b"abc");
        assert_eq!(manifest_name("shop", "2.1", &digest), "shop-2.1-ba7816bf8f01.manifest.json.zst");
        assert_eq!(archive_name("shop", "1:2~3|x", &digest), "shop-1_2_3_x-ba7816bf8f01.tar.zst");
        let long = "é/..".repeat(40);
        for name in [
            manifest_name(".hidden", "..", &digest),
            archive_name(&long, &long, &digest),
            pack_name(&long, (&long, &digest), (&long, &digest)),
        ] {
            assert!(is_target_name(&name), "{name}");
            assert!(target_path(&name, &digest).len() <= "targets/".len() + 255);
        }
        assert_eq!(
            object_name(&digest),
            "objects/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.zst"
        );
    }

    #[test]
    fn what_is_no_name_of_a_target() {
        for name in ["", ".", "..", ".x", "a/b", "a\\b", "a b", "é", "a\n", &"a".repeat(181), "%2e", "a\0"] {
            assert!(!is_target_name(name), "{name:?}");
        }
    }
}
