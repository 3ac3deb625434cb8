//! How far threads are that read files.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use crate::base::event::Event;
use crate::base::event::Watch;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Does `work` on another thread, and tells `watch` meanwhile how many files
/// and bytes it has counted.
pub(super) fn while_working(files: &AtomicU64, bytes: &AtomicU64, watch: Watch, work: impl FnOnce() + Send) {
    std::thread::scope(|threads| {
        let (done, waiting) = mpsc::channel::<()>();
        threads.spawn(move || {
            // Dropped at the end of the work, which ends the waiting below.
            let _done = done;
            work();
        });
        while waiting.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            let (done, bytes) = (files.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed));
            watch(
                None,
                Event::Progress { what: "reading files".into(), done, total: 0, bytes, total_bytes: 0 },
            );
        }
    });
}
