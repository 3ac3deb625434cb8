//! What nobody asks for: uploads that were left are swept away when the console
//! starts, and once an hour.

use std::thread;
use std::time::Duration;

use crate::app::desk;
use crate::app::desk::Place;
use crate::app::upload::Uploads;
use crate::console::sites::Sites;

const EVERY: Duration = Duration::from_secs(3600);

/// Goes on until the console ends.
pub fn begin(sites: &Sites) {
    let places: Vec<Place> = sites.all().iter().map(|site| site.place.clone()).collect();
    thread::spawn(move || {
        loop {
            places.iter().for_each(sweep);
            desk::rest(EVERY);
        }
    });
}

/// What does not go now goes another time, or `prune` says why it cannot.
fn sweep(place: &Place) {
    if let Ok(uploads) = Uploads::of(place) {
        let _ = uploads.sweep();
    }
}
