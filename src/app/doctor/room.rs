//! Free space: enough for what the last update needed, and for how long.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::doctor::Patient;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::base::json;
use crate::site::Site;
use crate::sys::disk;
use crate::sys::fs;
use crate::update::checks::disk as preflight;
use crate::update::plan::Plan;
use crate::update::run;

const FORMAT: u32 = 1;
/// Samples that are kept, and how far apart they are at least, in seconds.
const KEPT: usize = 200;
const APART: i64 = 3600;
/// As far back as a pace is judged by, and at least so much, in days.
const WINDOW_DAYS: i64 = 30;
const LEAST_DAYS: f64 = 1.0;
/// A disk that is full by then is spoken of.
const SOON_DAYS: f64 = 14.0;

/// What was free when.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    at: Timestamp,
    free: u64,
}

/// `space.json` in the state folder.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    format: u32,
    samples: Vec<Sample>,
}

/// Remembers what is free now. Where that cannot be written nothing is lost but
/// a look ahead.
pub fn remember(site: &Site, now: Timestamp) {
    let Ok(space) = disk::space(site.state.folder()) else { return };
    let mut samples = samples(site);
    // A clock that was wrong once leaves no samples of times to come.
    samples.retain(|sample| sample.at <= now);
    if samples.last().is_some_and(|last| now.duration_since(last.at).as_secs() < APART) {
        return;
    }
    samples.push(Sample { at: now, free: space.free_bytes });
    let samples = samples.split_off(samples.len().saturating_sub(KEPT));
    // Plain numbers always serialise.
    let text = json::line(&Stored { format: FORMAT, samples }).unwrap_or_default();
    let _ = fs::write_durable(&site.state.space(), &text);
}

fn samples(site: &Site) -> Vec<Sample> {
    let text = fs::read_if_present(&site.state.space()).ok().flatten().unwrap_or_default();
    json::read_format::<Stored>(&text, FORMAT).unwrap_or_default().samples
}

pub(super) fn checks(patient: &Patient) -> Vec<Check> {
    let folder = patient.site.state.folder();
    let (bytes, inodes) = needed(patient.site);
    let checks =
        [preflight::space(folder, bytes), preflight::inodes(folder, inodes), preflight::quota(folder, bytes)];
    remember(patient.site, patient.now);
    checks.into_iter().map(compared).chain([trend(patient)]).collect()
}

/// What the last update needed, bytes and files.
fn needed(site: &Site) -> (u64, u64) {
    let runs = site.state.runs();
    let last = run::list(&runs).ok().and_then(|mut ids| ids.pop());
    let plan = last.and_then(|id| Plan::load(&run::folder_of(&runs, &id).ok()?.plan()).ok());
    plan.map_or((0, 0), |plan| (plan.estimate.bytes_needed, plan.estimate.inodes_needed))
}

/// The next update may need less than the last one.
fn compared(check: Check) -> Check {
    match check.level {
        Level::Error => {
            Check { level: Level::Warning, detail: format!("{} (by the last update)", check.detail), ..check }
        }
        _ => check,
    }
}

fn trend(patient: &Patient) -> Check {
    const NAME: &str = "space-trend";
    match days_left(&samples(patient.site), patient.now) {
        Some(days) if days < SOON_DAYS => Check::warning(
            NAME,
            format!("at this pace the disk is full in {days:.0} days"),
            "find what grows (`du -x --max-depth=2 / | sort -n | tail`); `entracte prune` clears away what entracte keeps",
        ),
        Some(days) => Check::ok(NAME, format!("at this pace the disk is full in {days:.0} days")),
        None => Check::ok(NAME, "the disk does not fill up, as far as is known"),
    }
}

/// In how many days nothing is free, by the straight line that is nearest to all
/// samples; `None` where less is not free, or too little is known.
fn days_left(samples: &[Sample], now: Timestamp) -> Option<f64> {
    let age = |sample: &Sample| now.duration_since(sample.at).as_secs_f64() / 86_400.0;
    let recent: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| (0.0..=WINDOW_DAYS as f64).contains(&age(sample)))
        .map(|sample| (-age(sample), sample.free as f64))
        .collect();
    let (&(first, _), &(last, free)) = (recent.first()?, recent.last()?);
    if recent.len() < 3 || last - first < LEAST_DAYS {
        return None;
    }
    let count = recent.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| recent.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let along: f64 = recent.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let spread: f64 = recent.iter().map(|point| (point.0 - x).powi(2)).sum();
    let a_day = along / spread;
    (a_day < 0.0).then(|| free / -a_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_known_from_what_was_free() {
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let sample = |&(days, free): &(i64, u64)| Sample {
            at: now.checked_sub(jiff::Span::new().hours(days * 24)).unwrap(),
            free,
        };
        for (case, known, expected) in [
            ("nothing", &[][..], None),
            ("too little", &[(2, 100), (0, 50)], None),
            ("too short a time", &[(0, 100), (0, 90), (0, 80)], None),
            ("ten a day", &[(3, 100), (2, 90), (1, 80), (0, 70)], Some(7.0)),
            ("it does not fill up", &[(3, 100), (2, 100), (0, 100)], None),
            ("it gets emptier", &[(3, 100), (2, 110), (0, 120)], None),
            ("what was long ago does not count", &[(99, 900), (3, 100), (2, 100), (0, 100)], None),
            ("nor what is still to come", &[(3, 100), (2, 100), (0, 100), (-5, 1)], None),
            ("full", &[(4, 20), (2, 10), (0, 0)], Some(0.0)),
        ] {
            let samples: Vec<Sample> = known.iter().map(sample).collect();
            let found = days_left(&samples, now);
            let is_near = |days: f64| found.is_some_and(|found| (found - days).abs() < 0.01);
            assert!(expected.map_or(found.is_none(), is_near), "{case}: {found:?}");
        }
    }
}
