//! Runs: the one that is open, what going back needs, the history, and how
//! long ago the last update and the last watch were.

use jiff::Timestamp;

use crate::app::doctor::Patient;
use crate::app::doctor::failed;
use crate::app::prune::edits_to_go;
use crate::app::status::stands_at;
use crate::base::check::Check;
use crate::base::count;
use crate::site::history;
use crate::site::installed::Baseline;
use crate::sys::fs;
use crate::update::backup_set;
use crate::update::checks::environment;
use crate::update::journal;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::End;
use crate::update::standing::Halt;
use crate::update::standing::Standing;
use crate::watch::memory::Memory;

/// After so many days without an update somebody should look.
const LONG_DAYS: i64 = 180;
/// What people wrote and `prune` will remove is told so long before, in days.
const EDITS_DAYS: u32 = 14;
/// As many of it are named.
const SHOWN: usize = 5;
const WAYS: &str = "`entracte resume` goes on with it, `entracte rollback` takes it back";

pub fn checks(patient: &Patient) -> Vec<Check> {
    let mut checks = vec![open_run(patient)];
    let lock = environment::exposed_lock(patient.site);
    checks.push(lock.unwrap_or_else(|| Check::ok("lock", "nobody else can hold it")));
    checks.extend([backup(patient), chain(patient), baseline(patient), last_update(patient)]);
    checks.extend([last_watch(patient), edits(patient)]);
    checks
}

/// What people wrote is named before `prune` takes it away.
fn edits(patient: &Patient) -> Check {
    const NAME: &str = "edits";
    let going = edits_to_go(patient.site, EDITS_DAYS);
    let Some((folder, first)) = going.first() else {
        return Check::ok(NAME, "nothing that people wrote is about to be cleared away");
    };
    let more: usize = going.iter().map(|(_, edits)| edits.len()).sum::<usize>() - first.len().min(SHOWN);
    Check::warning(
        NAME,
        format!(
            "what was set aside when runs were taken back goes within {EDITS_DAYS} days: {}{}",
            first[..first.len().min(SHOWN)].join(", "),
            and_more(more)
        ),
        format!("copy what you need of it from {}", fs::shown(folder)),
    )
}

fn open_run(patient: &Patient) -> Check {
    const NAME: &str = "run";
    let works = patient
        .holder
        .as_ref()
        .map(|holder| format!("entracte works on the site now: {} (process {})", holder.doing, holder.pid));
    let (id, standing) = match (&patient.open_run, works) {
        (Err(error), _) => return failed(NAME, error, "look into the run's folder"),
        (Ok(_), Some(works)) => {
            return Check::ok(NAME, format!("{works}; what is found now may be on its way"));
        }
        (Ok(None), None) => return Check::ok(NAME, "no run is open"),
        (Ok(Some((id, standing))), None) => (id, standing),
    };
    let step = stands_at(standing).map_or("its end", |step| step.name());
    match &standing.halted {
        Some(Halt::Stopped { .. }) => {
            Check::warning(NAME, format!("run {id} is stopped before {step}"), WAYS)
        }
        Some(Halt::Failed { message, .. }) => {
            Check::error(NAME, format!("run {id} failed at {step}: {message}"), WAYS)
        }
        None => Check::error(NAME, format!("run {id} was left at {step} by a process that died"), WAYS),
    }
}

/// Each run with where it stands, the newest first.
fn runs(patient: &Patient) -> impl Iterator<Item = (String, Option<Timestamp>, Standing)> {
    let runs = patient.site.state.runs();
    let ids = run::list(&runs).unwrap_or_default();
    ids.into_iter().rev().filter_map(move |id| {
        let (records, standing) = journal::read(&RunFolder::new(runs.join(&id)).journal()).ok()?;
        Some((id, records.last().map(|record| record.at), standing))
    })
}

/// Whether the last update could be taken back.
fn backup(patient: &Patient) -> Check {
    const NAME: &str = "backup-set";
    let last = runs(patient).find(|(_, _, standing)| standing.end != Some(End::RolledBack));
    let Some((id, ..)) = last.filter(|(_, _, run)| run.end == Some(End::Finished) && !run.committed) else {
        return Check::ok(NAME, "no update waits to be taken back or committed");
    };
    let folder = RunFolder::new(patient.site.state.runs().join(&id));
    let problems = backup_set::problems(&patient.site.root, &id, &folder, patient.depth);
    match (problems.first(), patient.depth) {
        (None, backup_set::Depth::Sizes) => {
            Check::ok(NAME, format!("what going back from run {id} needs is there (--deep reads it)"))
        }
        (None, backup_set::Depth::Content) => {
            Check::ok(NAME, format!("what going back from run {id} needs is there and unharmed"))
        }
        (Some(first), _) => Check::error(
            NAME,
            format!("run {id} cannot be taken back as it is: {first}{}", and_more(problems.len() - 1)),
            "bring the file back from a backup of your own, or `entracte commit` keeps the new release",
        ),
    }
}

fn and_more(count: usize) -> String {
    if count > 0 { format!(", and {count} more") } else { String::new() }
}

fn chain(patient: &Patient) -> Check {
    const NAME: &str = "history";
    match history::verify(&patient.site.state.history()) {
        Ok(proof) if proof.is_whole() => Check::ok(NAME, "no line was changed or taken away"),
        Ok(proof) => Check::error(
            NAME,
            format!(
                "history.jsonl was altered at line {}: {}",
                proof.wrong_line.unwrap_or_default(),
                proof.why.unwrap_or_default()
            ),
            "compare it with a backup of your own, and find out who can write it",
        ),
        Err(error) => failed(NAME, &error, "make it readable"),
    }
}

fn baseline(patient: &Patient) -> Check {
    const NAME: &str = "baseline";
    match &patient.installed {
        Ok((current, manifest)) if current.baseline == Baseline::Observed => Check::warning(
            NAME,
            format!(
                "version {} was taken from the live tree ({}): nothing is known to be the release's",
                current.version,
                count::of(manifest.files.len(), "file")
            ),
            "update from a whole release once, or `entracte init` anew with --release",
        ),
        Ok((current, manifest)) => Check::ok(
            NAME,
            format!(
                "version {}, {}, known by {}",
                current.version,
                count::of(manifest.files.len(), "file"),
                if current.baseline == Baseline::List { "a list of digests" } else { "the release" }
            ),
        ),
        Err(error) => {
            failed(NAME, error, "adopt the site anew: move the state folder away, then `entracte init`")
        }
    }
}

fn last_update(patient: &Patient) -> Check {
    const NAME: &str = "last-update";
    let finished = runs(patient).find(|(_, _, standing)| standing.end == Some(End::Finished));
    let adopted = patient.installed.as_ref().ok().map(|(current, _)| current.since);
    let Some(at) = finished.and_then(|(_, at, _)| at).or(adopted) else {
        return Check::ok(NAME, "unknown");
    };
    match days(at, patient.now) {
        days if days > LONG_DAYS => Check::warning(
            NAME,
            format!("{} ago", count::of(days, "day")),
            "see whether there is a newer release, and whether updates still arrive",
        ),
        days => Check::ok(NAME, format!("{} ago", count::of(days, "day"))),
    }
}

fn last_watch(patient: &Patient) -> Check {
    const NAME: &str = "last-watch";
    match Memory::load(&patient.site.state.watch()).map(|memory| memory.at) {
        Ok(Some(at)) => Check::ok(NAME, format!("{} ago", count::of(days(at, patient.now), "day"))),
        Ok(None) => Check::ok(NAME, "unknown: the site was not watched yet"),
        Err(error) => failed(NAME, &error, "make it readable"),
    }
}

fn days(at: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(at).as_hours().max(0) / 24
}
