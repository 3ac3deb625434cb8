//! A site as its application's vendor sees it.

use std::io::Read;
use std::path::PathBuf;

use crate::app::failure::Failure;
use crate::integrity::manifest::version;
use crate::release::network::Network;
use crate::release::vendor::ask::Asking;
use crate::site::Site;
use crate::site::installed::Installed;
use crate::site::php_programs;
use crate::site::php_programs::Php;
use crate::site::profile::VersionRule;
use crate::sys::beneath::Root;

/// Largest file that is read for a number, in bytes.
const MOST: u64 = 1 << 20;
/// The installed version, where nobody knows it: everything is newer.
const NOTHING: &str = "0";

/// What a vendor is told of a site, and what decides over its offers.
pub(super) struct Customer<'a> {
    site: &'a Site,
    pub installed: String,
    build: Option<String>,
    pub php: Option<String>,
    folder: PathBuf,
}

impl Customer<'_> {
    pub fn of(site: &Site) -> Result<Customer<'_>, Failure> {
        let current = Installed(&site.state.installed()).current()?;
        let known = current.map(|current| current.version).filter(|name| version::is_known(name));
        let rule = site.profile.vendor.as_ref().and_then(|vendor| vendor.build.as_ref());
        let build = match rule {
            Some(rule) => numbers_in(&site.tree()?, rule),
            None => None,
        };
        Ok(Customer {
            site,
            installed: known.unwrap_or_else(|| NOTHING.into()),
            build,
            php: php(site),
            folder: site.state.vendor(),
        })
    }

    /// Asks in the name of the site; answers are kept apart for each that asks.
    pub fn asking<'a>(&'a self, who: &str, network: &'a Network) -> Asking<'a> {
        let site = self.site;
        Asking {
            profile: &site.profile,
            settings: &site.settings.vendor,
            channel: site.settings.vendor.channel.unwrap_or(site.settings.policy.channel),
            installed: &self.installed,
            build: self.build.as_deref(),
            php: self.php.as_deref(),
            folder: self.folder.join(who),
            network,
        }
    }
}

/// The PHP that limits the site: the newest that can serve it, or that of the
/// command line where that is older and has to upgrade the database.
fn php(site: &Site) -> Option<String> {
    let newest = |all: Vec<Php>| {
        all.into_iter().map(|php| php.version).max_by(|one, other| version::compare(one, other))
    };
    let web = newest(php_programs::of_web_servers(site.settings.php.fpm.as_deref()));
    let upgrades = site.profile.upgrade.as_ref().is_some_and(|upgrade| !upgrade.argv.is_empty());
    let line = match web.is_none() || upgrades {
        true => php_programs::of_command_line().map(|php| php.version),
        false => None,
    };
    web.into_iter().chain(line).min_by(|one, other| version::compare(one, other))
}

/// The numbers in what the rule finds, with dots between: `array(31,0,4,1)`.
fn numbers_in(tree: &Root, rule: &VersionRule) -> Option<String> {
    let mut content = Vec::new();
    tree.open_file(&rule.file).ok()?.take(MOST).read_to_end(&mut content).ok()?;
    let text = String::from_utf8_lossy(&content);
    let said = rule.said_in(&text)?;
    let numbers =
        said.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty() && part.len() < 10);
    let numbers: Vec<&str> = numbers.take(4).collect();
    (!numbers.is_empty()).then(|| numbers.join("."))
}
