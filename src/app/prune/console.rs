//! What a console left in the state folder: uploads that nobody went on with,
//! and comparisons that nobody looks at any more.

use jiff::Timestamp;

use crate::app::compared;
use crate::app::desk::Held;
use crate::app::prune::Broom;
use crate::app::prune::RemovedView;
use crate::app::prune::staging::is_old;
use crate::app::prune::staging::remove_all;
use crate::app::upload::Uploads;
use crate::sys::fs;

pub fn uploads(held: &Held, broom: &mut Broom) {
    let uploads = Uploads::of_site(&held.site);
    for left in broom.seen(uploads.left()) {
        let (path, why) = (fs::shown(&left.path), left.why.clone());
        let removed = RemovedView { what: "upload".into(), path, bytes: left.bytes, why };
        broom.sweep(removed, || Ok(uploads.clear(&left)?));
    }
}

pub fn comparisons(held: &Held, now: Timestamp, broom: &mut Broom) {
    // Even where nothing is kept, one may just be at work.
    let days = held.site.settings.retention.days.max(1);
    let folder = held.site.state.comparisons();
    for mut files in broom.seen(compared::files(&folder)) {
        if files.iter().all(|file| is_old(file, now, days).unwrap_or(false)) {
            files.sort();
            remove_all("comparison", &folder, files, &format!("older than {days} days"), broom);
        }
    }
}
