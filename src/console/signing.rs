//! Signing in with a password: slowly where somebody guesses, and never with
//! more memory than a few at a time need.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use sha2::Digest as _;
use sha2::Sha256;

use crate::app::console::accounts;
use crate::app::console::accounts::Account;
use crate::app::console::accounts::MAX_PASSWORD_BYTES;
use crate::app::console::home::Home;
use crate::app::desk;
use crate::app::failure::Failure;
use crate::base::secret::Secret;
use crate::console::tries::Of;
use crate::console::tries::Tries;

/// Each of them waits on a thread; who comes later comes again.
const MOST_WAITING: usize = 8;

#[derive(Debug, Default)]
pub struct Signing {
    tries: Mutex<Tries>,
    /// A password is hashed in 19 MiB, so that one at a time is.
    turn: Mutex<()>,
    waiting: AtomicUsize,
}

/// How a try ended.
#[derive(Debug)]
pub enum Tried {
    Known(Account),
    /// The name or the password: nobody is told which.
    Unknown,
    /// Not tried at all; after so many seconds it would be.
    TooMany(u64),
}

impl Signing {
    pub fn try_in(
        &self,
        home: &Home,
        name: &str,
        password: &Secret,
        from: Option<IpAddr>,
    ) -> Result<Tried, Failure> {
        let Some(_place) = Place::take(&self.waiting) else {
            return Ok(Tried::TooMany(1));
        };
        let name_of = Of::Account(Sha256::digest(name.to_ascii_lowercase()).into());
        let of: Vec<Of> = [name_of].into_iter().chain(from.map(Of::address)).collect();
        if let Err(wait) = self.tries().begin(&of, desk::now()) {
            return Ok(Tried::TooMany(u64::try_from(wait.as_secs()).unwrap_or_default() + 1));
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if password.reveal().len() > MAX_PASSWORD_BYTES {
            return Ok(Tried::Unknown);
        }
        match accounts::recognise(home, name, password)? {
            Some(account) => {
                self.tries().was_right(&of);
                Ok(Tried::Known(account))
            }
            None => Ok(Tried::Unknown),
        }
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the few that may wait for their turn.
struct Place<'s>(&'s AtomicUsize);

impl<'s> Place<'s> {
    fn take(waiting: &'s AtomicUsize) -> Option<Place<'s>> {
        let place = Place(waiting);
        // Dropped again at once where there is none.
        (waiting.fetch_add(1, Ordering::SeqCst) < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_wait_for_their_turn() {
        let waiting = AtomicUsize::new(0);
        let places: Vec<_> = (0..MOST_WAITING).map(|_| Place::take(&waiting)).collect();
        assert!(places.iter().all(Option::is_some) && Place::take(&waiting).is_none());
        drop(places);
        assert!(Place::take(&waiting).is_some());
        assert_eq!(waiting.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn who_guesses_waits_for_a_name_that_is_there_as_for_one_that_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(&folder.path().join("home")));
        let right = Secret::new("four words and one");
        accounts::add(&home, "ada", accounts::Role::Operator, &right, "root").unwrap();
        let signing = Signing::default();
        for name in ["ada", "bob"] {
            for _ in 0..5 {
                let tried = signing.try_in(&home, name, &Secret::new("guess"), None).unwrap();
                assert!(matches!(tried, Tried::Unknown), "{name} {tried:?}");
            }
            let tried = signing.try_in(&home, name, &right, None).unwrap();
            assert!(matches!(tried, Tried::TooMany(_)), "{name} {tried:?}");
        }
    }
}
