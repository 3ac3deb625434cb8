//! Work that is given up when it takes too long, whatever it waits for: neither
//! the search for a name nor a server that is slow on purpose knows our limits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

/// Tells work that nobody waits for it any more.
#[derive(Clone, Default)]
pub struct GivenUp(Arc<AtomicBool>);

impl GivenUp {
    pub fn is_true(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What `work` returns, unless that takes longer than `limit`. It then goes on
/// by itself until it asks or ends.
pub fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce(&GivenUp) -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let given_up = GivenUp::default();
    let theirs = given_up.clone();
    // Nobody listens to who was given up.
    std::thread::spawn(move || sender.send(work(&theirs)));
    let done = receiver.recv_timeout(limit).ok();
    given_up.0.store(done.is_none(), Ordering::SeqCst);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_waited_for_and_learns_when_it_is_not() {
        assert_eq!(within(Duration::from_secs(60), |given_up| given_up.is_true()), Some(false));
        let (go_on, wait) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let late = within(Duration::from_millis(1), move |given_up| {
            let _ = wait.recv();
            tell.send(given_up.is_true()).unwrap();
        });
        assert_eq!(late, None);
        go_on.send(()).unwrap();
        assert!(told.recv().unwrap());
    }
}
