//! What the release asks of PHP, where the profile knows it: of the command
//! line's, which upgrades, and of the web server's, which serves.

use crate::base::check::Check;
use crate::base::path::SitePath;
use crate::integrity::manifest::version;
use crate::site::Site;
use crate::site::php_programs;
use crate::site::php_programs::Php;
use crate::update::checks::Subject;

/// Larger files do not say what they need.
const MOST_BYTES: u64 = 1 << 20;

pub fn all(subject: &Subject) -> Vec<Check> {
    let read = |path: &SitePath| {
        let digest = subject.staged.manifest.entry(path)?.sha256()?;
        subject.at_hand.read(&digest, MOST_BYTES).ok()
    };
    let is_php = |argv: &Vec<String>| argv.first().is_some_and(|program| program == "php");
    let upgrade = subject.sealed.upgrade.as_ref();
    let upgrades_by_php = upgrade.is_some_and(|upgrade| is_php(&upgrade.argv));
    for_version(subject.site, &subject.sealed.to.version, &read, upgrades_by_php)
}

/// What the version `to`, whose files `read` finds, asks of PHP.
pub fn for_version(
    site: &Site,
    to: &str,
    read: &dyn Fn(&SitePath) -> Option<Vec<u8>>,
    upgrades_by_php: bool,
) -> Vec<Check> {
    let requirements = &site.profile.requirements;
    let silent = requirements.php.is_empty() && requirements.php_in.is_none();
    if silent && requirements.extensions.is_empty() {
        return Vec::new();
    }
    let wanted = Wanted::of(site, to, read);
    vec![command_line(upgrades_by_php, &wanted), web_server(site, &wanted)]
}

/// What the new version needs.
struct Wanted<'a> {
    to: &'a str,
    /// The least PHP version, as the release says itself or the profile knows.
    min: Option<String>,
    extensions: &'a [String],
}

impl<'a> Wanted<'a> {
    fn of(site: &'a Site, to: &'a str, read: &dyn Fn(&SitePath) -> Option<Vec<u8>>) -> Wanted<'a> {
        let profile = &site.profile;
        let of_table = || profile.least_php(to).map(str::to_owned);
        let min = profile.php_in(read).or_else(of_table);
        Wanted { to, min, extensions: &profile.requirements.extensions }
    }

    /// What `php` lacks, in words; `None` when nothing.
    fn lacking(&self, php: &Php) -> Option<String> {
        if let Some(min) = self.min.as_ref().filter(|min| version::compare(&php.version, min).is_lt()) {
            return Some(format!("{} is {}, and {} needs {min}", php.name, php.version, self.to));
        }
        let missing: Vec<&str> =
            self.extensions.iter().filter(|name| !php.has(name)).map(String::as_str).collect();
        (!missing.is_empty()).then(|| format!("{} lacks {}", php.name, missing.join(", ")))
    }
}

fn command_line(upgrades_by_php: bool, wanted: &Wanted) -> Check {
    const NAME: &str = "php-cli";
    let fix = "install what is missing for PHP on the command line";
    let lacking = match php_programs::of_command_line() {
        None => "there is no working php on the command line".to_owned(),
        Some(php) => match wanted.lacking(&php) {
            None => return Check::ok(NAME, format!("PHP {} on the command line", php.version)),
            Some(lacking) => lacking,
        },
    };
    // The application's upgrade would fail in the middle of the run.
    match upgrades_by_php {
        true => Check::error(NAME, lacking, fix),
        false => Check::warning(NAME, lacking, fix),
    }
}

/// Of several that could serve the site, one that suffices is enough to go on.
fn web_server(site: &Site, wanted: &Wanted) -> Check {
    const NAME: &str = "php-web";
    let which = "name the one that serves the site as `fpm` under [php] in entracte.toml";
    let found = php_programs::of_web_servers(site.settings.php.fpm.as_deref());
    let lacking: Vec<String> = found.iter().filter_map(|php| wanted.lacking(php)).collect();
    match (found.len(), lacking.len()) {
        (0, _) => Check::warning(NAME, "nobody knows which PHP serves the site", which),
        (_, 0) => {
            let names: Vec<String> =
                found.iter().map(|php| format!("{} ({})", php.name, php.version)).collect();
            Check::ok(NAME, format!("{} will do", names.join(", ")))
        }
        (all, some) if some < all => Check::warning(NAME, lacking.join("; "), which),
        _ => Check::error(NAME, lacking.join("; "), "install what is missing for the web server's PHP"),
    }
}
