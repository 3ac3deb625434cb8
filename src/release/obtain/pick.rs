//! Which of the releases that a reference offers is meant. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::escape;
use crate::integrity::manifest::version;
use crate::release::obtain::ObtainError;
use crate::release::reference::Kind;
use crate::release::reference::custom::ManifestTarget;
use crate::release::trust::TargetInfo;
use crate::site::settings::Channel;
use crate::site::settings::Policy;

/// One release, as it is signed.
#[derive(Clone, Debug)]
pub struct Release {
    /// Of the target that holds its manifest.
    pub name: String,
    pub info: TargetInfo,
    pub about: ManifestTarget,
}

/// What is looked for.
pub struct Wish<'a> {
    pub url: &'a str,
    pub product: &'a str,
    /// Exactly this one.
    pub version: Option<&'a str>,
    pub installed: Option<&'a str>,
    pub policy: &'a Policy,
}

impl<'w> Wish<'w> {
    /// A bundle brings one version; another one that is named is not in it.
    pub fn of_bundle(self, only: Option<&'w str>) -> Result<Wish<'w>, ObtainError> {
        match (self.version, only) {
            (Some(version), Some(only)) if version != only => Err(ObtainError::NoVersion {
                url: self.url.to_owned(),
                version: escape::text(version).into_owned(),
                versions: vec![escape::text(only).into_owned()],
            }),
            (None, Some(only))
                if self.installed.is_some_and(|installed| version::compare(only, installed).is_lt()) =>
            {
                Err(ObtainError::Downgrade {
                    url: self.url.to_owned(),
                    installed: self.installed.unwrap_or_default().to_owned(),
                    offered: escape::text(only).into_owned(),
                })
            }
            (version, only) => Ok(Wish { version: version.or(only), ..self }),
        }
    }
}

/// The release that is named, else the newest one that the policy takes.
pub fn pick(targets: &BTreeMap<String, TargetInfo>, wish: &Wish) -> Result<Release, ObtainError> {
    let (mut releases, mut products) = (Vec::new(), BTreeSet::new());
    for release in releases_of(targets)? {
        match release.about.product == wish.product {
            true => releases.push(release),
            false => drop(products.insert(release.about.product)),
        }
    }
    if releases.is_empty() {
        let (url, product) = (wish.url.to_owned(), wish.product.to_owned());
        return Err(ObtainError::NoProduct { url, product, others: products.into_iter().collect() });
    }
    releases.sort_by(|a, b| {
        let order = version::compare(&a.about.version, &b.about.version);
        order.then(a.about.time.cmp(&b.about.time)).then(a.name.cmp(&b.name))
    });
    match wish.version {
        Some(version) => named(releases, version, wish),
        None => newest(releases, wish),
    }
}

/// Every release that the targets hold; what a newer entracte may know is passed over.
pub fn releases_of(targets: &BTreeMap<String, TargetInfo>) -> Result<Vec<Release>, ObtainError> {
    let mut releases = Vec::new();
    for (name, info) in targets {
        let Some(custom) = &info.custom else { continue };
        if let Some(Kind::Manifest(about)) = Kind::parse(custom)? {
            releases.push(Release { name: name.clone(), info: info.clone(), about });
        }
    }
    Ok(releases)
}

fn named(releases: Vec<Release>, version: &str, wish: &Wish) -> Result<Release, ObtainError> {
    let versions: Vec<String> = releases.iter().rev().map(|release| release.about.version.clone()).collect();
    let found = releases.into_iter().rev().find(|release| release.about.version == version);
    found.ok_or_else(|| ObtainError::NoVersion {
        url: wish.url.to_owned(),
        version: escape::text(version).into_owned(),
        versions,
    })
}

fn newest(releases: Vec<Release>, wish: &Wish) -> Result<Release, ObtainError> {
    let newest = releases.last().map(|release| release.about.version.clone()).unwrap_or_default();
    let url = wish.url.to_owned();
    let Some(found) = releases.into_iter().rev().find(|release| takes(wish.policy, &release.about.version))
    else {
        return Err(ObtainError::NoneWanted { url, newest });
    };
    match wish.installed {
        Some(installed) if version::compare(&found.about.version, installed).is_lt() => {
            let (installed, offered) = (installed.to_owned(), found.about.version);
            Err(ObtainError::Downgrade { url, installed, offered })
        }
        _ => Ok(found),
    }
}

/// Whether the policy would have this version, whatever else speaks against it.
fn takes(policy: &Policy, version: &str) -> bool {
    policy.versions.as_ref().is_none_or(|versions| versions.take(version))
        && (policy.channel == Channel::Testing || !version::is_in_the_making(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use serde_json::json;

    fn targets(versions: &[&str]) -> BTreeMap<String, TargetInfo> {
        let mut targets = BTreeMap::new();
        for (number, text) in versions.iter().enumerate() {
            let (product, version) = text.split_once(' ').unwrap();
            let custom = json!({
                "format": 1, "kind": "manifest", "product": product, "version": version,
                "time": format!("2026-11-21T08:00:{number:02}Z"), "digest": Sha256::of(text.as_bytes()),
                "manifest_bytes": 1, "files": 1, "content_bytes": 1, "objects_bytes": 1,
            });
            let info = TargetInfo { length: 1, sha256: Sha256::of(b"x"), custom: Some(custom) };
            targets.insert(format!("{number}.manifest.json.zst"), info);
        }
        targets.insert("x".into(), TargetInfo { length: 1, sha256: Sha256::of(b"x"), custom: None });
        let newer = Some(json!({"format": 1, "kind": "something"}));
        targets.insert("y".into(), TargetInfo { length: 1, sha256: Sha256::of(b"x"), custom: newer });
        targets
    }

    fn picked(
        versions: &[&str],
        wanted: Option<&str>,
        installed: &str,
        policy: &str,
    ) -> Result<String, Exit> {
        let policy: Policy = toml::from_str(policy).unwrap();
        let wish = Wish {
            url: "https://x/",
            product: "shop",
            version: wanted,
            installed: Some(installed).filter(|version| !version.is_empty()),
            policy: &policy,
        };
        match pick(&targets(versions), &wish) {
            Ok(release) => Ok(format!("{} {}", release.name, release.about.version)),
            Err(error) => Err(error.exit()),
        }
    }

    #[test]
    fn the_right_release_is_picked() {
        let shop = ["shop 1.9", "shop 1.10", "shop 2.0rc1", "other 9", "shop 1.10"];
        for (what, wanted, installed, policy, expected) in [
            ("the newest, published last", None, "1.9", "", Ok("4.manifest.json.zst 1.10")),
            ("nothing is installed", None, "", "", Ok("4.manifest.json.zst 1.10")),
            ("it is installed", None, "1.10", "", Ok("4.manifest.json.zst 1.10")),
            ("candidates, too", None, "1.9", "channel = 'testing'", Ok("2.manifest.json.zst 2.0rc1")),
            ("a range", None, "1.8", "versions = '<1.10'", Ok("0.manifest.json.zst 1.9")),
            ("none in range", None, "1.8", "versions = '>=3'", Err(Exit::NothingToDo)),
            ("all are older", None, "3", "", Err(Exit::Untrusted)),
            ("an older one that is named", Some("1.9"), "3", "", Ok("0.manifest.json.zst 1.9")),
            ("a candidate that is named", Some("2.0rc1"), "1.9", "", Ok("2.manifest.json.zst 2.0rc1")),
            ("out of range, but named", Some("1.9"), "", "versions = '>=3'", Ok("0.manifest.json.zst 1.9")),
            ("a version that is not there", Some("4"), "1.9", "", Err(Exit::Refused)),
        ] {
            assert_eq!(picked(&shop, wanted, installed, policy), expected.map(str::to_owned), "{what}");
        }
        assert_eq!(picked(&["other 9"], None, "", ""), Err(Exit::Refused), "another product alone");
        assert_eq!(picked(&[], None, "", ""), Err(Exit::Refused));
    }
}
