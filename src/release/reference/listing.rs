//! The releases among the targets that were signed.

use std::collections::BTreeMap;

use crate::integrity::manifest::version;
use crate::release::reference::custom::CustomError;
use crate::release::reference::custom::Kind;
use crate::release::reference::custom::ManifestTarget;
use crate::release::reference::custom::PackTarget;
use crate::release::reference::names::is_target_name;
use crate::release::trust::TargetInfo;

/// One release of a reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<'t> {
    /// The target that holds its manifest.
    pub name: &'t str,
    pub target: &'t TargetInfo,
    pub about: ManifestTarget,
}

/// All releases, by product, oldest version first.
pub fn releases(targets: &BTreeMap<String, TargetInfo>) -> Result<Vec<Listed<'_>>, CustomError> {
    let mut found = Vec::new();
    for (name, target) in targets.iter().filter(|(name, _)| is_target_name(name)) {
        let Some(custom) = &target.custom else { continue };
        if let Some(Kind::Manifest(about)) = Kind::parse(custom)? {
            found.push(Listed { name, target, about });
        }
    }
    found.sort_by(|a, b| {
        let by_time = || a.about.time.cmp(&b.about.time);
        let by_version = || version::compare(&a.about.version, &b.about.version);
        a.about.product.cmp(&b.about.product).then_with(by_version).then_with(by_time)
    });
    Ok(found)
}

/// The pack of this name, if it is signed as one.
pub fn pack<'t>(
    targets: &'t BTreeMap<String, TargetInfo>,
    name: &str,
) -> Result<Option<(&'t TargetInfo, PackTarget)>, CustomError> {
    let Some(target) = targets.get(name) else { return Ok(None) };
    let Some(custom) = &target.custom else { return Ok(None) };
    match Kind::parse(custom)? {
        Some(Kind::Pack(about)) => Ok(Some((target, about))),
        _ => Ok(None),
    }
}
