//! How often somebody may guess. Five wrong tries are free, then each costs
//! twice the time of the one before; by account, and by address.

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::SignedDuration;
use jiff::Timestamp;

const FREE: u32 = 5;
/// Nobody is kept out of an account for longer by what others do.
const LONGEST_ACCOUNT: SignedDuration = SignedDuration::from_secs(60);
const LONGEST_ADDRESS: SignedDuration = SignedDuration::from_mins(15);
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
const MOST: usize = 20_000;

/// Who, or what, is guessed from or at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Of {
    /// The digest of a name, whether there is such an account or not.
    Account([u8; 32]),
    Address(IpAddr),
}

impl Of {
    /// Whoever has one address of IPv6 has all of its network.
    pub fn address(address: IpAddr) -> Of {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Of::Address(IpAddr::V6(network.into()))
            }
            address => Of::Address(address),
        }
    }

    fn longest(self) -> SignedDuration {
        match self {
            Of::Account(_) => LONGEST_ACCOUNT,
            Of::Address(_) => LONGEST_ADDRESS,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    last: Timestamp,
}

#[derive(Debug, Default)]
pub struct Tries(HashMap<Of, Count>);

impl Tries {
    /// Counts a try as wrong before it is made, so that many at once are many;
    /// `Err`: how long to wait before there is one.
    pub fn begin(&mut self, of: &[Of], now: Timestamp) -> Result<(), SignedDuration> {
        let wait = of.iter().filter_map(|of| self.wait(*of, now)).max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        self.make_room(now);
        for of in of {
            let count = self.0.entry(*of).or_insert(Count { wrong: 0, last: now });
            if now.duration_since(count.last) > FORGOTTEN {
                count.wrong = 0;
            }
            *count = Count { wrong: count.wrong.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// It was right after all. An address may be many people's, and one of
    /// them being right excuses none of the others.
    pub fn was_right(&mut self, of: &[Of]) {
        for of in of {
            match (of, self.0.get_mut(of)) {
                (Of::Account(_), _) => drop(self.0.remove(of)),
                (Of::Address(_), Some(count)) => count.wrong = count.wrong.saturating_sub(1),
                (Of::Address(_), None) => {}
            }
        }
    }

    fn wait(&self, of: Of, now: Timestamp) -> Option<SignedDuration> {
        let count = self.0.get(&of)?;
        let over = count.wrong.checked_sub(FREE)?;
        let delay = SignedDuration::from_secs(1 << over.min(20)).min(of.longest());
        let passed = now.duration_since(count.last);
        (passed < delay).then(|| delay - passed)
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.0.len() < MOST {
            return;
        }
        self.0.retain(|_, count| now.duration_since(count.last) <= FORGOTTEN);
        if self.0.len() >= MOST {
            // What was tried least is forgotten first.
            self.0.retain(|_, count| count.wrong > FREE);
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Of = Of::Account([1; 32]);
    const BOB: Of = Of::Account([2; 32]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn here() -> Of {
        Of::address("192.0.2.7".parse().unwrap())
    }

    #[test]
    fn each_wrong_try_costs_twice_as_much() {
        let mut tries = Tries::default();
        let mut second = 0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            if let Err(wait) = tries.begin(&[ADA, here()], at(second)) {
                waits.push(wait.as_secs());
                second += wait.as_secs();
                assert_eq!(tries.begin(&[ADA], at(second)), Ok(()));
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn an_address_that_guesses_waits_whatever_the_name() {
        let mut tries = Tries::default();
        for name in 0..20 {
            let _ = tries.begin(&[Of::Account([name; 32]), here()], at(0));
        }
        assert_eq!(tries.begin(&[BOB, here()], at(0)), Err(SignedDuration::from_secs(1)));
        assert_eq!(tries.begin(&[BOB], at(0)), Ok(()));
        for hour in 0..9 {
            let _ = tries.begin(&[here()], at(1000 + hour * 1000));
        }
        assert!(tries.begin(&[here()], at(9001)).is_err_and(|wait| wait <= LONGEST_ADDRESS));
    }

    #[test]
    fn who_is_right_has_tried_nothing() {
        let mut tries = Tries::default();
        for _ in 0..4 {
            tries.begin(&[ADA, here()], at(0)).unwrap();
        }
        tries.begin(&[ADA, here()], at(0)).unwrap();
        tries.was_right(&[ADA, here()]);
        assert_eq!(tries.begin(&[ADA], at(0)), Ok(()));
        // The wrong ones of that address still count.
        tries.begin(&[BOB, here()], at(0)).unwrap();
        assert!(tries.begin(&[BOB, here()], at(0)).is_err());
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let mut tries = Tries::default();
        for second in 0..40 {
            let _ = tries.begin(&[ADA], at(second * 60));
        }
        assert!(tries.begin(&[ADA], at(39 * 60 + 1)).is_err());
        for _ in 0..5 {
            assert_eq!(tries.begin(&[ADA], at(39 * 60 + 3601)), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut tries = Tries::default();
        for number in 0..MOST as u128 + 10 {
            let network = std::net::Ipv6Addr::from(number << 64);
            let _ = tries.begin(&[Of::address(network.into())], at(0));
        }
        assert!(tries.0.len() <= MOST);
        let (one, other) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        assert_eq!(Of::address(one), Of::address(other), "one network of IPv6");
        let (one, other) = ("::ffff:192.0.2.7".parse().unwrap(), "192.0.2.7".parse().unwrap());
        assert_eq!(Of::address(one), Of::address(other));
    }
}
