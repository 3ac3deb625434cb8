//! Gate, lock, clock, database, and the application's own updater.

use std::cmp::Ordering;

use crate::base::check::Check;
use crate::database;
use crate::database::scope::Scope;
use crate::integrity::manifest::version;
use crate::site::Site;
use crate::site::config::Found;
use crate::site::gate::Closing;
use crate::site::gate::Gate;
use crate::site::gate::Kind;
use crate::site::gate::held;
use crate::site::php;
use crate::site::profile::Profile;
use crate::sys::clock;
use crate::sys::fs;
use crate::update::checks::Subject;

/// A clock that stands before this program was made is wrong, in seconds since 1970.
const PROGRAM_MADE: i64 = 1_790_000_000;

pub fn gate(subject: &Subject) -> Check {
    let is_closed = || {
        let closed = subject.gate.state().is_ok_and(|state| state.closed);
        closed.then(|| {
            Check::warning("gate", "the site is closed already", "the update will open it at its end")
        })
    };
    let site = subject.site;
    let ails = changed_behind(subject).or_else(|| page(subject.gate)).or_else(is_closed);
    ails.unwrap_or_else(|| can_close(site, subject.gate))
}

/// Whether programs would change the file that the gate's block stands in: what
/// they write there is not in the version that the gate holds.
fn changed_behind(subject: &Subject) -> Option<Check> {
    let name = held::live_name();
    let patterns = subject.sealed.changed_by_programs().and(&subject.site.profile.lock_changes());
    let is_brought =
        || subject.operations.iter().any(|this| name == (&this.path).into() && this.new.is_some());
    let is_hit = *subject.gate.kind() == Kind::Apache
        && patterns.matches_bytes(name.as_bytes())
        && (subject.live.contains_key(&name) || is_brought());
    is_hit.then(|| {
        Check::error(
            "gate",
            format!("a script or the application's upgrade may change {NAME}, where the gate's block stands meanwhile", NAME = held::NAME),
            "set another `kind` under [gate] in entracte.toml: `prepend` leaves that file alone",
        )
    })
}

/// What is wrong with the page that visitors of a closed site see.
pub fn page(gate: &Gate) -> Option<Check> {
    let closing = Closing {
        reason: "a check".into(),
        by: "operator".into(),
        since: clock::now(),
        retry_after_seconds: 60,
    };
    let error = gate.preview(&closing).err()?;
    Some(Check::warning("gate", error.to_string(), "mend the template; the built-in page is used until then"))
}

/// Whether an open site could be closed, as far as that shows.
pub fn can_close(site: &Site, gate: &Gate) -> Check {
    let probe = site.probe();
    match (gate.kind(), &probe) {
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
        (Kind::Nginx, Ok(Some((probe, url)))) => match probe.gate_is_installed(url, gate.pass()) {
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

pub fn clock() -> Check {
    match clock::now().as_second() < PROGRAM_MADE {
        true => Check::error("clock", format!("the clock says {}", clock::now()), "set the machine's clock"),
        false => Check::ok("clock", "the clock is plausible"),
    }
}

/// Whether the application would update itself beside us.
pub fn auto_updater(site: &Site) -> Check {
    let Some(rule) = &site.profile.auto_updater else {
        return Check::ok("auto-updater", "the application does not update itself");
    };
    let text = fs::read_text(&site.root.join(rule.file.as_path()), 4 << 20).unwrap_or_default();
    let stated = php::settings(&text);
    let is_true = |name: &String| {
        stated.get(name).is_some_and(|value| value.as_deref().is_some_and(|v| v.eq_ignore_ascii_case("true")))
    };
    match rule.off.iter().any(is_true) {
        true => Check::ok("auto-updater", "it is switched off"),
        false => Check::warning("auto-updater", "the application may update itself", rule.advice.clone()),
    }
}

/// The lock was taken before anything was looked at.
pub fn lock(subject: &Subject) -> Check {
    exposed_lock(subject.site).unwrap_or_else(|| Check::ok("lock", "nobody else works on this site"))
}

/// A lock that others could take.
pub fn exposed_lock(site: &Site) -> Option<Check> {
    match fs::mode(&site.state.lock()) {
        Ok(mode) if mode & 0o077 != 0 => Some(Check::warning(
            "lock",
            "other users can open the site's lock, and so hold it",
            format!("chmod 600 {}", fs::shown(&site.state.lock())),
        )),
        _ => None,
    }
}

pub fn database(subject: &Subject) -> Vec<Check> {
    let needs = subject.sealed.changes_schema() || !subject.staged.manifest.tables.is_empty();
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
    let saved = subject.sealed.database.dumped();
    let mut checks = connected(found, saved.as_ref(), &subject.site.profile, &subject.sealed.to.version);
    let others = subject.others.iter().filter(|_| !subject.sealed.others.is_empty());
    checks.extend(others.flat_map(|other| reached(other, Some(&Scope::of_prefix(&other.prefix))).0));
    checks
}

/// Whether the database can be worked with, and will do for the version `to`.
pub fn connected(found: &Found, saved: Option<&Scope>, profile: &Profile, to: &str) -> Vec<Check> {
    let (mut checks, version) = reached(found, saved);
    checks.extend(version.and_then(|said| database_version(profile, to, &said)));
    checks
}

/// Whether a database can be worked with, and what it says it is.
pub fn reached(found: &Found, saved: Option<&Scope>) -> (Vec<Check>, Option<String>) {
    match database::open(&found.address) {
        Ok(mut database) => (database.checks(saved), database.version().ok()),
        Err(error) => (
            vec![Check::error(
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
            None,
        ),
    }
}

/// Whether the server is new enough for the new version, where the profile says.
fn database_version(profile: &Profile, to: &str, said: &str) -> Option<Check> {
    const NAME: &str = "database version";
    let rules = &profile.requirements.database;
    let rule = rules.iter().rfind(|rule| version::compare(to, &rule.from).is_ge())?;
    let (engine, found) = engine_and_version(said);
    let min = match engine {
        "MariaDB" => rule.mariadb.as_ref(),
        "MySQL" => rule.mysql.as_ref(),
        // The application has an SQLite of its own, within PHP.
        _ => None,
    }?;
    Some(match version::compare(found, min) {
        Ordering::Less => Check::error(
            NAME,
            format!("{to} needs {engine} {min}, and this is {found}"),
            "bring the database server up to date first",
        ),
        Ordering::Equal | Ordering::Greater => Check::ok(NAME, format!("{engine} {found} will do")),
    })
}

/// What a server says of itself, e.g. `10.11.6-MariaDB-0+deb12u1`, `8.0.36`, `SQLite 3.46.0`.
fn engine_and_version(said: &str) -> (&'static str, &str) {
    let engine = match said {
        said if said.contains("MariaDB") => "MariaDB",
        said if said.contains("SQLite") => "SQLite",
        _ => "MySQL",
    };
    // Old clients were told a MySQL version before MariaDB's own.
    let said = said.strip_prefix("5.5.5-").filter(|_| engine == "MariaDB").unwrap_or(said);
    let start = said.find(|c: char| c.is_ascii_digit()).unwrap_or(said.len());
    let length = said[start..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(said.len() - start);
    (engine, &said[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_their_version_in_many_ways() {
        for (said, found) in [
            ("10.11.6-MariaDB-0+deb12u1", ("MariaDB", "10.11.6")),
            ("5.5.5-10.3.39-MariaDB-log", ("MariaDB", "10.3.39")),
            ("MariaDB 11.8.3-MariaDB-0+deb13u1 from Debian", ("MariaDB", "11.8.3")),
            ("8.0.36-0ubuntu0.22.04.1", ("MySQL", "8.0.36")),
            ("MySQL 8.4.0", ("MySQL", "8.4.0")),
            ("SQLite 3.46.0", ("SQLite", "3.46.0")),
            ("unheard of", ("MySQL", "")),
        ] {
            assert_eq!(engine_and_version(said), found, "{said}");
        }
    }
}
