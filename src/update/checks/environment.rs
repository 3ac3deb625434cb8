//! Gate, clock, PHP, database, and the application's own updater.

use std::time::Duration;

use crate::base::check::Check;
use crate::base::path::SitePath;
use crate::database;
use crate::integrity::manifest::version;
use crate::site::gate::Closing;
use crate::site::gate::Kind;
use crate::site::php;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::process;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::update::checks::Subject;

/// A clock that stands before this program was made is wrong, in seconds since 1970.
const PROGRAM_MADE: i64 = 1_790_000_000;

pub fn gate(subject: &Subject) -> Check {
    let closing = Closing {
        reason: "a check".into(),
        by: "operator".into(),
        since: clock::now(),
        retry_after_seconds: 60,
    };
    if let Err(error) = subject.gate.preview(&closing) {
        return Check::warning(
            "gate",
            error.to_string(),
            "mend the template; the built-in page is used until then",
        );
    }
    if subject.gate.state().is_ok_and(|state| state.closed) {
        return Check::warning("gate", "the site is closed already", "the update will open it at its end");
    }
    let probe = subject.site.probe();
    match (subject.gate.kind(), &probe) {
        (Kind::None, _) => Check::warning(
            "gate",
            "visitors are not kept out during the update",
            "set `kind` under [gate] in entracte.toml",
        ),
        (_, Ok(None)) => Check::warning(
            "gate",
            "without `url` in entracte.toml nobody can prove that the gate closes",
            "set `url`",
        ),
        (_, Err(error)) => Check::warning("gate", error.to_string(), "check `url` in entracte.toml"),
        (Kind::Nginx, Ok(Some((probe, url)))) => match probe.gate_is_installed(url, subject.gate.pass()) {
            Ok(true) => Check::ok("gate", "nginx knows the gate"),
            Ok(false) => Check::error(
                "gate",
                "nginx does not know the gate",
                "paste what `entracte gate show` prints into the site's server block and reload nginx",
            ),
            Err(error) => Check::warning("gate", error.to_string(), "check `url` in entracte.toml"),
        },
        (_, Ok(Some(_))) => Check::ok("gate", "it is proved by a request when it closes"),
    }
}

pub fn clock(_subject: &Subject) -> Check {
    match clock::now().as_second() < PROGRAM_MADE {
        true => Check::error("clock", format!("the clock says {}", clock::now()), "set the machine's clock"),
        false => Check::ok("clock", "the clock is plausible"),
    }
}

/// Whether the application would update itself beside us.
pub fn auto_updater(subject: &Subject) -> Check {
    let Some(rule) = &subject.site.profile.auto_updater else {
        return Check::ok("auto-updater", "the application does not update itself");
    };
    let text = fs::read_text(&subject.site.root.join(rule.file.as_path()), 4 << 20).unwrap_or_default();
    let stated = php::settings(&text);
    let is_true = |name: &String| {
        stated.get(name).is_some_and(|value| value.as_deref().is_some_and(|v| v.eq_ignore_ascii_case("true")))
    };
    match rule.off.iter().any(is_true) {
        true => Check::ok("auto-updater", "it is switched off"),
        false => Check::warning("auto-updater", "the application may update itself", rule.advice.clone()),
    }
}

/// What the release asks of PHP, where the profile knows it.
pub fn php(subject: &Subject) -> Vec<Check> {
    let requirements = &subject.site.profile.requirements;
    let silent = requirements.php.is_empty() && requirements.php_in.is_none();
    if silent && requirements.extensions.is_empty() {
        return Vec::new();
    }
    if process::find("php").is_none() {
        return vec![Check::warning(
            "php",
            "no php on the command line, so nobody knows which version the site runs on",
            "install php-cli of the version that serves the site",
        )];
    }
    let code = "echo PHP_VERSION, PHP_EOL, implode(' ', get_loaded_extensions());";
    let mut program = Program::new(["php", "-r", code], &subject.site.root);
    program.limit = Duration::from_secs(20);
    match program.capture(1 << 20) {
        Ok((Ended::Status(0), said)) => php_said(subject, &String::from_utf8_lossy(&said)),
        _ => vec![Check::warning("php", "php on the command line does not work", "try `php -v`")],
    }
}

fn php_said(subject: &Subject, said: &str) -> Vec<Check> {
    let requirements = &subject.site.profile.requirements;
    let mut lines = said.lines();
    let found = lines.next().unwrap_or_default();
    let loaded = lines.next().unwrap_or_default().to_ascii_lowercase();
    let to = &subject.sealed.to.version;
    let php = match least_php(subject) {
        Some(least) if version::compare(found, &least).is_lt() => Check::error(
            "php",
            format!("{to} needs PHP {least} and the command line has {found}"),
            "bring PHP up to date first",
        ),
        _ => Check::ok("php", format!("PHP {found} on the command line")),
    };
    let has = |name: &&String| loaded.split(' ').any(|extension| extension == name.to_ascii_lowercase());
    let missing: Vec<&str> =
        requirements.extensions.iter().filter(|name| !has(name)).map(String::as_str).collect();
    let extensions = match missing.is_empty() {
        true => Check::ok("php-extensions", format!("{} are loaded", requirements.extensions.len())),
        false => {
            let detail = format!("PHP on the command line lacks {}", missing.join(", "));
            let fix = "install them, for the web server's PHP too";
            // The application's upgrade would fail in the middle of the run.
            match upgrades_by_php(subject) {
                true => Check::error("php-extensions", detail, fix),
                false => Check::warning("php-extensions", detail, fix),
            }
        }
    };
    vec![php, extensions]
}

/// The least PHP version, as the release says itself or the profile knows.
fn least_php(subject: &Subject) -> Option<String> {
    let profile = &subject.site.profile;
    let read = |path: &SitePath| {
        let digest = subject.staged.manifest.entry(path)?.sha256()?;
        fs::read_text(&subject.staging.object_path(&digest), 1 << 20).ok().map(String::into_bytes)
    };
    let of_table = || {
        let to = &subject.sealed.to.version;
        let rule = profile.requirements.php.iter().rfind(|rule| version::compare(to, &rule.from).is_ge());
        rule.map(|rule| rule.min.clone())
    };
    profile.php_in(&read).or_else(of_table)
}

/// Whether PHP on the command line does the application's upgrade.
fn upgrades_by_php(subject: &Subject) -> bool {
    let upgrade = subject.sealed.upgrade.as_ref();
    upgrade.and_then(|upgrade| upgrade.argv.first()).is_some_and(|program| program == "php")
}

pub fn database(subject: &Subject) -> Vec<Check> {
    let needs = !subject.sealed.sql.is_empty() || subject.sealed.upgrade.is_some();
    let Some(found) = subject.database else {
        return match needs {
            true => vec![Check::error(
                "database",
                "the release changes the database, and none is configured",
                "set `url` under [database] in entracte.toml",
            )],
            false => vec![Check::ok("database", "the plan touches none")],
        };
    };
    match database::open(&found.address) {
        Ok(mut database) => database.checks(),
        Err(error) => vec![Check::error(
            "database",
            format!(
                "{error}{}",
                crate::base::exit::causes(&error)
                    .iter()
                    .map(|cause| format!(": {cause}"))
                    .collect::<String>()
            ),
            "check the address and the password of the site's database",
        )],
    }
}
