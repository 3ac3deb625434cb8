//! Whether what is to be done unattended will be: for `doctor`.

use std::path::Path;
use std::path::PathBuf;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::base::check::Check;
use crate::base::escape;
use crate::base::exit;
use crate::schedule::crontab;
use crate::schedule::due::Job;
use crate::schedule::line::EVERY;
use crate::schedule::line::Rhythm;
use crate::schedule::outlook::outlook;
use crate::schedule::record::Record;
use crate::schedule::sites;
use crate::schedule::systemd::Units;
use crate::site::Site;
use crate::sys::clock;
use crate::sys::fs;

/// Names of programs that read crontabs.
const DAEMONS: [&str; 5] = ["cron", "crond", "fcron", "cronie", "bcron-sched"];
const INSTALL: &str = "entracte schedule install";

/// What asks which jobs are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The line of our block.
    Crontab(Vec<u8>),
    Systemd(Units),
    Nobody,
}

/// Who asks, as the user that we work as sees it, and what could not be seen.
pub fn asker() -> (Asker, Option<String>) {
    let units = Units::ours().ok().filter(Units::are_there);
    if let Some(units) = units {
        return (Asker::Systemd(units), None);
    }
    let line = crontab::read().and_then(|crontab| Ok(crontab::line(&crontab)?.map(<[u8]>::to_vec)));
    match line {
        Ok(Some(line)) => (Asker::Crontab(line), None),
        Ok(None) => (Asker::Nobody, None),
        Err(error) => (Asker::Nobody, Some(error.to_string())),
    }
}

impl Asker {
    pub fn rhythm(&self) -> Option<Rhythm> {
        match self {
            Asker::Crontab(line) => Rhythm::of_line(line),
            Asker::Systemd(units) => units.rhythm(),
            Asker::Nobody => None,
        }
    }
}

/// Every check of what is done unattended on `site`.
pub fn check(site: &Site) -> Vec<Check> {
    let schedule = &site.settings.schedule;
    if Job::ALL.iter().all(|job| job.expression(schedule).is_none()) {
        return vec![Check::ok("schedule", "nothing is to be done unattended")];
    }
    let now = clock::now();
    let record = match Record::load(&site.state) {
        Ok(record) => record,
        Err(error) => return vec![wrong("schedule", &error)],
    };
    let (asker, unseen) = asker();
    let every = asker.rhythm().map_or(EVERY, |rhythm| rhythm.every);
    let ticked = record.ticked().filter(|ticked| is_recent(*ticked, now, every));
    let mut checks = expressions(site, &record, now, every);
    checks.push(tick(record.ticked(), ticked.is_some(), now));
    checks.push(match &asker {
        Asker::Crontab(line) => points_at(line),
        Asker::Systemd(units) => runs(units),
        // Somebody's crontab does it, if not this user's.
        Asker::Nobody if ticked.is_some() => Check::ok("schedule-line", "a crontab of another user asks"),
        Asker::Nobody => Check::error("schedule-line", nobody(unseen.as_deref()), INSTALL),
    });
    if matches!(asker, Asker::Crontab(_)) {
        checks.push(daemon());
    }
    if ticked.is_none() || asker != Asker::Nobody {
        checks.push(listed(site.state.folder()));
    }
    checks
}

fn wrong(name: &str, error: &(impl exit::Fault + 'static)) -> Check {
    let causes = exit::causes(error);
    Check::error(name, [vec![error.to_string()], causes].concat().join(": "), error.hints().join("; "))
}

fn expressions(site: &Site, record: &Record, now: Timestamp, every: u32) -> Vec<Check> {
    let jobs = match outlook(&site.settings.schedule, record, now, Some(every)) {
        Ok(jobs) => jobs,
        Err(error) => return vec![wrong("schedule", &error)],
    };
    let told = jobs.into_iter().map(|job| {
        let said = format!("{} \"{}\"", job.job.name(), escape::text(&job.expression));
        match job.warnings.is_empty() {
            true => Check::ok("schedule", said),
            false => Check::warning(
                "schedule",
                format!("{said}: {}", job.warnings.join("; ")),
                format!("change it if that is not meant: {INSTALL} --{} EXPRESSION", job.job.name()),
            ),
        }
    });
    told.collect()
}

fn is_recent(ticked: Timestamp, now: Timestamp, every: u32) -> bool {
    now.duration_since(ticked) < SignedDuration::from_mins(i64::from(3 * every).max(60))
}

fn tick(ticked: Option<Timestamp>, is_recent: bool, now: Timestamp) -> Check {
    let name = "schedule-tick";
    match ticked {
        None => Check::warning(
            name,
            "nobody has asked yet what is due",
            "wait for the first tick, or try it: entracte tick",
        ),
        Some(_) if is_recent => Check::ok(name, "somebody asks what is due"),
        Some(ticked) => {
            let hours = now.duration_since(ticked).as_hours();
            let detail = format!("nobody has asked for {hours} hours what is due");
            Check::error(name, detail, "see the checks below, and the log of cron")
        }
    }
}

fn nobody(unseen: Option<&str>) -> String {
    match unseen {
        None => "no crontab line and no timer asks what is due".into(),
        Some(unseen) => format!("no timer asks what is due, and the crontab cannot be seen: {unseen}"),
    }
}

/// The program is the word before our options.
fn points_at(line: &[u8]) -> Check {
    let name = "schedule-line";
    match program_of(line) {
        Some(program) if fs::is_file(&program) => Check::ok(name, "the crontab has its line"),
        Some(program) => Check::error(
            name,
            format!("the crontab starts {}, which is not there", fs::shown(&program)),
            INSTALL,
        ),
        None => Check::warning(name, "the line of the crontab was changed by hand", INSTALL),
    }
}

fn program_of(line: &[u8]) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let words = words(line);
    let at = words.iter().position(|word| word == b"--quiet")?.checked_sub(1)?;
    let program = PathBuf::from(OsString::from_vec(words.into_iter().nth(at)?));
    program.is_absolute().then_some(program)
}

/// As cron and then a shell take them apart.
fn words(line: &[u8]) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), Vec::new(), false);
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.peek() == Some(&b'%') => {}
            b'\'' => is_quoted = !is_quoted,
            b'\\' if !is_quoted => word.extend(bytes.next()),
            b' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            byte => word.push(byte),
        }
    }
    words.push(word);
    words
}

fn runs(units: &Units) -> Check {
    let name = "schedule-line";
    match units.is_active() {
        true => Check::ok(name, "the timer runs"),
        false => Check::error(name, "the timer does not run", units.enabling().join("; ")),
    }
}

fn daemon() -> Check {
    let name = "schedule-cron";
    let names: Vec<String> = fs::list(Path::new("/proc"))
        .unwrap_or_default()
        .iter()
        .filter_map(|process| fs::read_text(&process.join("comm"), 100).ok())
        .map(|name| name.trim().to_owned())
        .collect();
    // Where others' processes are hidden, nothing is known.
    if !fs::is_file(Path::new("/proc/1/comm")) {
        return Check::ok(name, "whether cron runs cannot be seen");
    }
    match names.iter().any(|name| DAEMONS.contains(&name.as_str())) {
        true => Check::ok(name, "cron runs"),
        false => Check::error(
            name,
            "no cron runs on this machine",
            "systemctl enable --now cron, or as your system starts it",
        ),
    }
}

fn listed(folder: &Path) -> Check {
    let name = "schedule-list";
    let sites = match sites::file().and_then(|file| Ok((sites::load(&file)?, file))) {
        Ok(sites) => sites,
        Err(error) => return wrong(name, &error),
    };
    match sites.0.iter().any(|site| site == folder) {
        true => Check::ok(name, "the site is in the list"),
        false => Check::error(name, format!("the site is not in {}", fs::shown(&sites.1)), INSTALL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::line::Command;

    #[test]
    fn the_program_of_a_line_is_found_as_it_was_written() {
        for path in ["/usr/local/bin/entracte", "/home/o'neil/50% of/entracte", "/a b/\\x"] {
            for configuration in [None, Some(PathBuf::from("/x y"))] {
                let command = Command { program: path.into(), configuration };
                let line = command.crontab(Rhythm { every: 10, offset: 7 });
                assert_eq!(program_of(&line), Some(path.into()), "{}", escape::bytes(&line));
            }
        }
        assert_eq!(program_of(b"* * * * * entracte tick"), None);
        assert!(points_at(b"* * * * * /no/such/entracte --quiet tick --all").fix.contains("install"));
    }
}
