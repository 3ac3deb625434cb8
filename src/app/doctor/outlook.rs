//! What an update would need besides room: database, PHP, and nobody who
//! updates beside us.

use std::path::Path;

use crate::app::doctor::Patient;
use crate::app::doctor::failed;
use crate::app::schema;
use crate::app::schema::Whose;
use crate::base::check::Check;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::site::config::Databases;
use crate::site::opcache;
use crate::site::opcache::OpcodeCache;
use crate::site::php_programs;
use crate::sys::fs;
use crate::sys::process;
use crate::update::checks::environment;
use crate::update::checks::php;

/// Largest file of settings of PHP that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

pub fn checks(patient: &Patient) -> Vec<Check> {
    let mut checks = database(patient);
    checks.extend(tables(patient));
    checks.push(environment::auto_updater(patient.site));
    checks.extend(required(patient));
    checks.extend(opcode_cache(patient));
    checks
}

fn database(patient: &Patient) -> Vec<Check> {
    let version = patient.installed.as_ref().map_or("", |(current, _)| current.version.as_str());
    match patient.site.databases() {
        Ok(Databases { main: Some(found), others }) => {
            let mut checks = environment::connected(&found, None, &patient.site.profile, version);
            checks.extend(others.iter().flat_map(|other| environment::reached(other, None).0));
            checks
        }
        Ok(Databases { main: None, .. }) => vec![Check::ok("database", "none is configured")],
        Err(error) => vec![failed("database", &error, "set `url` under [database] in entracte.toml")],
    }
}

/// Whether the database is what the installed release declares, where it declares anything.
fn tables(patient: &Patient) -> Option<Check> {
    const NAME: &str = "tables";
    patient.installed.as_ref().ok()?;
    let found = match schema::difference(patient.site, Whose::Installed) {
        Ok(found) => found,
        Err(failure) if failure.exit == Exit::NothingToDo => return None,
        Err(failure) => {
            let fix = "`entracte schema check` says more";
            return Some(Check::warning(NAME, failure.message, fix));
        }
    };
    Some(match found.steps.first() {
        None => Check::ok(NAME, format!("the database is what release {} declares", found.version)),
        Some(first) => Check::warning(
            NAME,
            format!(
                "{} steps away from what release {} declares: {}: {}",
                found.steps.len(),
                found.version,
                escape::text(&first.table),
                escape::text(&first.what.join(", "))
            ),
            "`entracte schema diff` shows it, `entracte schema apply` mends it",
        ),
    })
}

/// What the installed version asks of PHP.
fn required(patient: &Patient) -> Vec<Check> {
    let (Ok((current, _)), Ok(tree)) = (&patient.installed, patient.site.tree()) else { return Vec::new() };
    let read = |path: &SitePath| {
        let mut text = Vec::new();
        let file = std::io::Read::take(tree.open_file(path).ok()?, MAX_BYTES);
        std::io::Read::read_to_end(&mut std::io::BufReader::new(file), &mut text).ok()?;
        Some(text)
    };
    let argv = match (&patient.site.settings.upgrade, &patient.site.profile.upgrade) {
        (Some(upgrade), _) => upgrade.argv.first(),
        (None, upgrade) => upgrade.as_ref().and_then(|upgrade| upgrade.argv.first()),
    };
    php::for_version(patient.site, &current.version, &read, argv.is_some_and(|program| program == "php"))
}

/// Whether PHP would serve old code after the files have changed.
fn opcode_cache(patient: &Patient) -> Option<Check> {
    const NAME: &str = "opcache";
    let (_, manifest) = patient.installed.as_ref().ok()?;
    let is_php = |path: &SitePath| path.name().ends_with(".php") || path.name().ends_with(".inc");
    if !manifest.files.iter().any(|file| is_php(&file.path)) {
        return None;
    }
    let settings = &patient.site.settings.php;
    if let Some(program) = settings.reload.first() {
        let is_there = Path::new(program).is_absolute() && fs::is_file(Path::new(program));
        return Some(match is_there || process::find(program).is_some() {
            true => Check::ok(NAME, format!("{program} makes PHP forget old code")),
            false => Check::error(
                NAME,
                format!("{program}, which is to make PHP forget old code, is not there"),
                "mend `reload` under [php] in entracte.toml",
            ),
        });
    }
    let caches = caches(patient);
    let old =
        caches.iter().filter_map(|cache| Some((cache, cache.serves_old_code(settings.revalidate_seconds)?)));
    let old: Vec<(&OpcodeCache, String)> = old.collect();
    let Some((first, why)) = old.first() else {
        let names: Vec<&str> = caches.iter().map(|cache| cache.name.as_str()).collect();
        let names = if names.is_empty() { "no PHP was found".into() } else { names.join(", ") };
        return Some(Check::ok(NAME, format!("no old code is served ({names})")));
    };
    let why = format!("{why}: old code would be served after an update");
    Some(match old.len() < caches.len() {
        // One of several, and nobody knows which serves the site.
        true => Check::warning(
            NAME,
            why,
            format!("{}; or name the one that serves the site as `fpm`", cure(first)),
        ),
        false => Check::error(NAME, why, cure(first)),
    })
}

fn cure(cache: &OpcodeCache) -> String {
    let service = cache.name.split(' ').next().filter(|name| name.starts_with("php-fpm"));
    // Debian's program is php-fpm8.2, and its service php8.2-fpm.
    let service = service.map_or("php-fpm".into(), |name| match name.trim_start_matches("php-fpm") {
        "" => "php-fpm".to_owned(),
        number => format!("php{number}-fpm"),
    });
    let reload = format!(
        "under [php] in entracte.toml: reload = [\"systemctl\", \"reload\", \"{service}\"], as a user who may"
    );
    match cache.seconds_to_wait() {
        Some(seconds) => format!("{reload}; or revalidate_seconds = {seconds:.1}"),
        None => reload,
    }
}

/// Every PHP, and every pool with settings of its own, that may serve the site.
fn caches(patient: &Patient) -> Vec<OpcodeCache> {
    let read = |path: &Path| fs::read_text(path, MAX_BYTES).unwrap_or_default();
    let of_site = read(&patient.site.root.join(".user.ini"));
    let mut caches = Vec::new();
    for listing in php_programs::settings_of_web_servers(patient.site.settings.php.fpm.as_deref()) {
        let all = OpcodeCache::listed(&listing.name, &listing.text);
        let pools: Vec<OpcodeCache> =
            listing.pools.iter().map(|file| pool(&all, file, &read(file))).collect();
        let several = if pools.is_empty() { vec![all] } else { pools };
        let with_site = several.iter().map(|one| one.changed_by(&one.name, opcache::user_ini(&of_site)));
        caches.extend(with_site);
    }
    caches
}

fn pool(all: &OpcodeCache, file: &Path, text: &str) -> OpcodeCache {
    let name = fs::shown(Path::new(file.file_name().unwrap_or_default()));
    all.changed_by(&format!("{} by {name}", all.name), opcache::pool(text))
}
