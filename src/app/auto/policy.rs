//! What the owner's policy says of a release and of a plan; nothing is done here.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::check::Level;
use crate::base::count;
use crate::integrity::manifest::version;
use crate::integrity::three_way::ChangeKind;
use crate::release::staging::Trust;
use crate::site::settings::Ask;
use crate::site::settings::Channel;
use crate::site::settings::Policy;
use crate::site::settings::Vouched;
use crate::update::plan::Plan;
use crate::update::review;

/// What is known of a staged release.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    pub version: &'a str,
    pub installed: &'a str,
    pub trust: Trust,
    /// Since when it is out, as far as that can be believed.
    pub since: Timestamp,
    /// Why it failed here before.
    pub blocked: Option<&'a str>,
}

/// What the policy says of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Take,
    /// Not for this site, or not yet: nothing to do.
    Leave(String),
    /// It failed here before.
    Blocked(String),
    /// Nobody vouches for it: a person has to look.
    Refuse(String),
}

pub fn judge(policy: &Policy, offer: &Offer, is_unproven: bool, now: Timestamp) -> Word {
    let version = offer.version;
    if !version::is_known(version) {
        return Word::Refuse(
            "the release does not say its version, so nobody knows whether it is newer".into(),
        );
    }
    if version::compare(version, offer.installed).is_lt() {
        return Word::Leave(format!("{version} is older than {}, which is installed", offer.installed));
    }
    if let Some(versions) = policy.versions.as_ref().filter(|versions| !versions.take(version)) {
        return Word::Leave(format!("{version} is not in the policy's versions, {versions}"));
    }
    if policy.channel == Channel::Stable && version::is_in_the_making(version) {
        return Word::Leave(format!("{version} is not a stable version"));
    }
    if let Some(reason) = offer.blocked {
        return Word::Blocked(format!("{version} is on the blocklist: {reason}"));
    }
    let (vouched, needed) = (vouched(offer.trust), if is_unproven { Vouched::None } else { policy.trust });
    if vouched < needed {
        let told = match needed {
            Vouched::Signed => "nobody that the site trusts signed it",
            _ => "no published list vouches for it",
        };
        return Word::Refuse(format!("{version} is not taken without a person: {told}"));
    }
    let wanted = SignedDuration::from_hours(policy.min_age_hours.into());
    let age = now.duration_since(offer.since);
    if !wanted.is_zero() && age < wanted {
        let age = age.as_hours().max(0);
        return Word::Leave(format!(
            "{version} is {} old; the policy waits for {}",
            count::of(age, "hour"),
            policy.min_age_hours
        ));
    }
    Word::Take
}

fn vouched(trust: Trust) -> Vouched {
    match trust {
        Trust::Signed => Vouched::Signed,
        Trust::List => Vouched::List,
        Trust::None => Vouched::None,
    }
}

/// Why the plan needs a person, a sentence each; none: it may be carried out.
pub fn needs_person(policy: &Policy, plan: &Plan) -> Vec<String> {
    policy.ask.iter().flat_map(|ask| reasons(*ask, plan)).collect()
}

fn reasons(ask: Ask, plan: &Plan) -> Vec<String> {
    let sealed = &plan.sealed;
    let one = |holds: bool, reason: String| if holds { vec![reason] } else { Vec::new() };
    let conflicts = sealed.changes.iter().filter(|change| change.kind == ChangeKind::Conflict).count();
    match ask {
        Ask::Always => vec!["the policy asks for every update".into()],
        Ask::Major => one(
            major(&sealed.from.version) != major(&sealed.to.version),
            format!("{} -> {} is a major step", sealed.from.version, sealed.to.version),
        ),
        Ask::Schema => one(sealed.changes_schema(), "the structure of the database may change".into()),
        Ask::Scripts => one(
            !sealed.scripts.is_empty(),
            format!("{} will run", count::of(sealed.scripts.len(), "one-time script")),
        ),
        Ask::Conflicts => {
            one(conflicts > 0, format!("changed here and by the release: {}", count::of(conflicts, "file")))
        }
        Ask::Warnings => {
            let warned = plan.checks.iter().filter(|check| check.level == Level::Warning);
            let checks = warned.map(|check| format!("{}: {}", check.name, check.detail));
            checks.chain(review::worries(plan)).collect()
        }
    }
}

/// The first number of a version.
fn major(version: &str) -> &str {
    let version = version.trim_start_matches(['v', 'V']);
    version.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default()
}

/// Whether the site may be closed now.
pub fn is_in_window(policy: &Policy, now: Timestamp) -> bool {
    let zone = policy.zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone());
    policy.windows.is_empty() || policy.windows.iter().any(|window| window.holds(now, &zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::check::Check;
    use crate::base::digest::Sha256;
    use crate::base::path::SitePath;
    use crate::update::plan::DatabaseScope;
    use crate::update::plan::Endpoint;
    use crate::update::plan::Estimate;
    use crate::update::plan::Sealed;
    use crate::update::plan::SqlFile;

    const OFFER: Offer = Offer {
        version: "6.8.7",
        installed: "6.1.9",
        trust: Trust::Signed,
        since: Timestamp::UNIX_EPOCH,
        blocked: None,
    };

    fn policy(text: &str) -> Policy {
        toml::from_str(text).unwrap()
    }

    fn hours(count: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(count)
    }

    #[test]
    fn a_policy_takes_leaves_or_refuses() {
        use Word::*;
        let kind = |word: Word| match word {
            Take => "take",
            Leave(_) => "leave",
            Blocked(_) => "blocked",
            Refuse(_) => "refuse",
        };
        let rc = Offer { version: "7.0-RC1", ..OFFER };
        let unsigned = Offer { trust: Trust::None, ..OFFER };
        let listed = Offer { trust: Trust::List, ..OFFER };
        for (name, text, offer, unproven, expected) in [
            ("the default takes what is signed", "", OFFER, false, "take"),
            (
                "a version that nobody knows",
                "",
                Offer { version: "unknown-7a2b6bcd", ..OFFER },
                true,
                "refuse",
            ),
            (
                "an installed version that nobody knows",
                "",
                Offer { installed: "unknown-63c99d4c", ..OFFER },
                false,
                "take",
            ),
            ("older", "", Offer { version: "6.0", ..OFFER }, false, "leave"),
            ("in range", "versions = '6.*'", OFFER, false, "take"),
            ("out of range", "versions = '<6.8'", OFFER, false, "leave"),
            ("a candidate", "", rc.clone(), false, "leave"),
            ("a candidate that is wanted", "channel = 'testing'", rc, false, "take"),
            ("unsigned", "", unsigned.clone(), false, "refuse"),
            ("unsigned, unproven", "", unsigned.clone(), true, "take"),
            ("unsigned, allowed", "trust = 'none'", unsigned.clone(), false, "take"),
            ("unsigned, a list is enough", "trust = 'list'", unsigned, false, "refuse"),
            ("listed, a list is enough", "trust = 'list'", listed, false, "take"),
            ("blocked", "", Offer { blocked: Some("bad health"), ..OFFER }, true, "blocked"),
            ("too young", "min_age_hours = 49", OFFER, true, "leave"),
            ("old enough", "min_age_hours = 48", OFFER, false, "take"),
            (
                "out of range and blocked",
                "versions = '<6'",
                Offer { blocked: Some("x"), ..OFFER },
                false,
                "leave",
            ),
        ] {
            let word = judge(&policy(text), &offer, unproven, hours(48));
            assert_eq!(kind(word.clone()), expected, "{name}: {word:?}");
        }
    }

    #[test]
    fn a_clock_that_went_back_makes_no_release_old() {
        let offer = Offer { since: hours(100), ..OFFER };
        let word = judge(&policy("min_age_hours = 1"), &offer, false, hours(2));
        assert_eq!(word, Word::Leave("6.8.7 is 0 hours old; the policy waits for 1".into()));
    }

    #[test]
    fn the_first_number_is_the_major_one() {
        for (version, number) in
            [("6.8.7", "6"), ("v2", "2"), ("2025-05-14b", "2025"), ("10", "10"), ("x", "")]
        {
            assert_eq!(major(version), number);
        }
    }

    #[test]
    fn outside_every_window_a_site_stays_open() {
        let night = "zone = 'UTC'\nwindows = ['02:00-05:00', 'Sun 00:00-24:00']";
        // The epoch was a Thursday.
        for (hour, inside) in [(1, false), (2, true), (5, false), (3 * 24 + 12, true), (4 * 24 + 12, false)] {
            assert_eq!(is_in_window(&policy(night), hours(hour)), inside, "{hour}");
        }
        assert!(is_in_window(&policy(""), hours(1)));
    }

    /// A plan that nobody need be asked about.
    fn plan(from: &str, to: &str) -> Plan {
        let end =
            |version: &str| Endpoint { version: version.into(), manifest: Sha256::of(version.as_bytes()) };
        let sealed = Sealed {
            product: "generic".into(),
            from: end(from),
            to: end(to),
            observed: false,
            partial: false,
            changes: Vec::new(),
            unchanged: 0,
            tables: None,
            sql: Vec::new(),
            upgrade: None,
            hooks: Default::default(),
            scripts: Vec::new(),
            extensions: Vec::new(),
            database: DatabaseScope::None,
            others: Vec::new(),
        };
        Plan::seal(sealed, Vec::new(), Estimate::default(), Vec::new(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_person_is_asked_about_what_the_policy_names() {
        let quiet = plan("6.8.1", "6.8.2");
        let mut warned = quiet.clone();
        warned.checks = vec![Check::ok("space", "enough"), Check::warning("php", "old", "update it")];
        let mut observed = quiet.clone();
        observed.sealed.observed = true;
        let mut sql = quiet.clone();
        sql.sealed.sql = vec![SqlFile {
            path: SitePath::parse("1.sql").unwrap(),
            sha256: Sha256::of(b""),
            statements: Vec::new(),
        }];
        let all = "ask = ['major', 'schema', 'scripts', 'conflicts', 'warnings']";
        for (name, text, plan, reasons) in [
            ("nothing to ask about", all, &quiet, vec![]),
            ("always", "ask = ['always']", &quiet, vec!["asks for every update"]),
            ("a major step", "", &plan("6.8", "7.0"), vec!["major step"]),
            ("ten is not one", "", &plan("1.2", "10.2"), vec!["major step"]),
            ("a warning", "", &warned, vec!["php: old"]),
            ("an observed baseline", "", &observed, vec!["only observed"]),
            ("a schema that nobody asked about", "", &sql, vec![]),
            ("a schema", all, &sql, vec!["structure of the database"]),
            ("nobody asks", "ask = []", &warned, vec![]),
        ] {
            let found = needs_person(&policy(text), plan);
            assert_eq!(found.len(), reasons.len(), "{name}: {found:?}");
            for (found, wanted) in found.iter().zip(reasons) {
                assert!(found.contains(wanted), "{name}: {found}");
            }
        }
    }
}
