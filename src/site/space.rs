//! What was free on the disk when, and how long that will last.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::site::state::State;
use crate::sys::disk;
use crate::sys::fs;

const FORMAT: u32 = 1;
/// Samples that are kept, and how far apart they are at least, in seconds.
const KEPT: usize = 200;
const APART: i64 = 3600;
/// As far back as a pace is judged by, and at least so much, in days.
const WINDOW_DAYS: i64 = 30;
const LEAST_DAYS: f64 = 1.0;

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
pub fn remember(state: &State, now: Timestamp) {
    let Ok(space) = disk::space(state.folder()) else { return };
    let mut samples = samples(state);
    // A clock that was wrong once leaves no samples of times to come.
    samples.retain(|sample| sample.at <= now);
    if samples.last().is_some_and(|last| now.duration_since(last.at).as_secs() < APART) {
        return;
    }
    samples.push(Sample { at: now, free: space.free_bytes });
    let samples = samples.split_off(samples.len().saturating_sub(KEPT));
    // Plain numbers always serialise.
    let text = json::line(&Stored { format: FORMAT, samples }).unwrap_or_default();
    let _ = fs::write_durable(&state.space(), &text);
}

fn samples(state: &State) -> Vec<Sample> {
    let text = fs::read_if_present(&state.space()).ok().flatten().unwrap_or_default();
    json::read_format::<Stored>(&text, FORMAT).unwrap_or_default().samples
}

/// In how many days nothing is free, by the straight line that is nearest to all
/// samples; `None` where less is not free, or too little is known.
pub fn days_left(state: &State, now: Timestamp) -> Option<f64> {
    by_pace(&samples(state), now)
}

fn by_pace(samples: &[Sample], now: Timestamp) -> Option<f64> {
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
            let found = by_pace(&samples, now);
            let is_near = |days: f64| found.is_some_and(|found| (found - days).abs() < 0.01);
            assert!(expected.map_or(found.is_none(), is_near), "{case}: {found:?}");
        }
    }
}
