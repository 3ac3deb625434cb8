//! Free space: enough for what the last update needed, and for how long.

use crate::app::doctor::Patient;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::site::Site;
use crate::site::space;
use crate::sys::disk;
use crate::update::checks::disk as preflight;
use crate::update::plan::Plan;
use crate::update::run;

/// A disk that is full by then is spoken of.
const SOON_DAYS: f64 = 14.0;

pub fn checks(patient: &Patient) -> Vec<Check> {
    let folder = patient.site.state.folder();
    let (bytes, inodes) = needed(patient.site);
    let checks =
        [preflight::space(folder, bytes), preflight::inodes(folder, inodes), preflight::quota(folder, bytes)];
    space::remember(&patient.site.state, patient.now);
    let is_writable = disk::space(folder).is_ok_and(|space| !space.read_only);
    let is_a_guess = is_writable && bytes > 0;
    let checks = checks.into_iter().map(|check| if is_a_guess { compared(check) } else { check });
    checks.chain([trend(patient)]).collect()
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
    match space::days_left(&patient.site.state, patient.now) {
        Some(days) if days < SOON_DAYS => Check::warning(
            NAME,
            format!("at this pace the disk is full in {days:.0} days"),
            "find what grows (`du -x --max-depth=2 / | sort -n | tail`); `entracte prune` clears away what entracte keeps",
        ),
        Some(days) => Check::ok(NAME, format!("at this pace the disk is full in {days:.0} days")),
        None => Check::ok(NAME, "the disk does not fill up, as far as is known"),
    }
}
