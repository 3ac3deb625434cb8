//! What the application does of its own accord: it may update itself beside us,
//! and leave a maintenance flag behind, which keeps visitors out for as long as
//! nobody takes it away.

use jiff::Timestamp;
use serde::Deserialize;

use crate::base::path::SitePath;
use crate::site::Site;
use crate::site::gate::live;
use crate::site::php;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// A file whose presence closes the site, or a PHP file in which a setting does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceRule {
    pub file: SitePath,
    /// Named as in a database rule; anything but false, 0 or nothing closes.
    pub setting: Option<String>,
    /// After so many minutes it was left behind.
    pub minutes: u32,
    /// How to take it away; `{site}` stands for the site's folder.
    pub fix: String,
}

/// How to see that the application does not update itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoUpdater {
    pub file: SitePath,
    /// Constants of which one must be true.
    pub off: Vec<String>,
    pub advice: String,
}

/// A flag that is set and is none of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    pub path: SitePath,
    pub since: Timestamp,
    /// Whoever set it should be done by now.
    pub is_orphan: bool,
    /// How it goes away.
    pub fix: String,
}

/// The flags that are set in the site now.
pub fn flags(site: &Site, now: Timestamp) -> Result<Vec<Flag>, IoError> {
    let mut found = Vec::new();
    for rule in &site.profile.maintenance {
        if let Some(since) = set_since(site, rule)? {
            let minutes = now.duration_since(since).as_mins();
            let fix = rule.fix.replace("{site}", &fs::shown(&site.root));
            let is_orphan = minutes >= i64::from(rule.minutes);
            found.push(Flag { path: rule.file.clone(), since, is_orphan, fix });
        }
    }
    Ok(found)
}

fn set_since(site: &Site, rule: &MaintenanceRule) -> Result<Option<Timestamp>, IoError> {
    let tree = site.tree()?;
    let Some(stat) = tree.stat(&rule.file)? else { return Ok(None) };
    if live::is_ours(&tree, &rule.file)? {
        return Ok(None);
    }
    if let Some(setting) = &rule.setting {
        let Some(found) = live::read(&tree, &rule.file)? else { return Ok(None) };
        let stated = php::settings(&String::from_utf8_lossy(&found.bytes));
        let value = stated.get(setting).cloned().flatten().unwrap_or_default();
        if matches!(value.to_ascii_lowercase().as_str(), "" | "0" | "false" | "null") {
            return Ok(None);
        }
    }
    // A time beyond any calendar is as good as none.
    Ok(Some(Timestamp::from_second(stat.meta.mtime).unwrap_or(Timestamp::UNIX_EPOCH)))
}
