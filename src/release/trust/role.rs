//! The four roles of a reference, and how long what they sign holds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use tough::schema::RoleType;

/// Who signs what, as The Update Framework has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Says which keys count.
    Root,
    /// Says which releases there are.
    Targets,
    /// Says which list of releases goes with which.
    Snapshot,
    /// Says that this is the newest.
    Timestamp,
}

const HOURS_A_DAY: i64 = 24;
/// Nobody is warned earlier than this.
const EARLIEST_WARNING: u32 = 30;

/// The text names none of the roles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is root, targets, snapshot or timestamp")]
pub struct RoleError;

impl Role {
    pub const ALL: [Role; 4] = [Role::Root, Role::Targets, Role::Snapshot, Role::Timestamp];

    pub fn name(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Targets => "targets",
            Role::Snapshot => "snapshot",
            Role::Timestamp => "timestamp",
        }
    }

    pub(super) fn kind(self) -> RoleType {
        match self {
            Role::Root => RoleType::Root,
            Role::Targets => RoleType::Targets,
            Role::Snapshot => RoleType::Snapshot,
            Role::Timestamp => RoleType::Timestamp,
        }
    }

    fn usual_days(self) -> u32 {
        match self {
            Role::Root => 365,
            Role::Targets => 90,
            Role::Snapshot => 30,
            Role::Timestamp => 7,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Role, RoleError> {
        Role::ALL.into_iter().find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// How many days each role's signature holds; the usual ones where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetimes(BTreeMap<Role, u32>);

impl Lifetimes {
    pub fn days(&self, role: Role) -> u32 {
        self.0.get(&role).copied().unwrap_or(role.usual_days())
    }

    pub fn set(&mut self, role: Role, days: u32) {
        self.0.insert(role, days);
    }

    /// Until when holds what is signed now, in whole seconds.
    pub(super) fn end(&self, role: Role, now: Timestamp) -> Timestamp {
        let life = days(self.days(role));
        let end = now.saturating_add(life).unwrap_or(Timestamp::MAX);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }

    /// How long before its end a signature should be renewed.
    pub(super) fn margin(&self, role: Role) -> SignedDuration {
        let whole = days(self.days(role));
        (whole / 3).min(days(EARLIEST_WARNING))
    }
}

fn days(count: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(count) * HOURS_A_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_warned_a_third_of_the_life_before_its_end_and_at_most_a_month() {
        let usual = Lifetimes::default();
        for (role, life, hours) in [
            (Role::Root, 365, 30 * 24),
            (Role::Targets, 90, 30 * 24),
            (Role::Snapshot, 30, 10 * 24),
            (Role::Timestamp, 7, 56),
        ] {
            assert_eq!((usual.days(role), usual.margin(role).as_hours()), (life, hours), "{role}");
        }
    }

    #[test]
    fn a_life_ends_in_a_whole_second() {
        let now: Timestamp = "2026-11-21T10:00:00.7Z".parse().unwrap();
        let mut lifetimes = Lifetimes::default();
        lifetimes.set(Role::Timestamp, 1);
        assert_eq!(lifetimes.end(Role::Timestamp, now).to_string(), "2026-11-22T10:00:00Z");
        lifetimes.set(Role::Root, u32::MAX);
        assert!(lifetimes.end(Role::Root, now) > now);
    }

    #[test]
    fn roles_have_one_spelling() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("Root".parse::<Role>(), Err(RoleError));
    }
}
