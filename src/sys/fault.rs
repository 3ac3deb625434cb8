//! Named points at which a test stops, kills or fails the program.
//!
//! `ENTRACTE_FAULT=NAME[:N]=ACTION` acts on the N-th visit (from 1) of the
//! point; ACTION is `kill` (SIGKILL to ourselves), `enospc` or `eio` (the point
//! reports that error), `wait` or `pause` (stand still for a minute, for two
//! seconds), or `halt` (stand still until SIGCONT). Release builds have no such
//! points.

use std::io;

/// Visits a point; acts when the environment selects it.
#[cfg(debug_assertions)]
pub fn point(name: &'static str) -> io::Result<()> {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    static VISITS: AtomicUsize = AtomicUsize::new(0);
    let Ok(wanted) = std::env::var("ENTRACTE_FAULT") else { return Ok(()) };
    let Some((place, action)) = wanted.split_once('=') else { return Ok(()) };
    let (place, visit) = place.split_once(':').unwrap_or((place, "1"));
    if place != name || VISITS.fetch_add(1, Ordering::SeqCst) + 1 != visit.parse().unwrap_or(1) {
        return Ok(());
    }
    match action {
        "kill" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            Ok(())
        }
        "halt" => {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
            // Any thread may take a signal that came meanwhile; it is heard before work goes on.
            std::thread::sleep(std::time::Duration::from_millis(200));
            Ok(())
        }
        "enospc" => Err(rustix::io::Errno::NOSPC.into()),
        "eio" => Err(rustix::io::Errno::IO.into()),
        "wait" | "pause" => {
            let seconds = if action == "wait" { 60 } else { 2 };
            std::thread::sleep(std::time::Duration::from_secs(seconds));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Visits a point: nothing happens in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &'static str) -> io::Result<()> {
    Ok(())
}
