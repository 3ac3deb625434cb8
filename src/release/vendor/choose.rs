//! Which of the offers a site should take; nothing is done here.

use std::cmp::Ordering;

use crate::integrity::manifest::version;
use crate::release::vendor::offer::Offer;
use crate::site::profile::Profile;
use crate::site::settings::Channel;
use crate::site::settings::Pin;
use crate::site::settings::Versions;

/// What a site takes.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub installed: &'a str,
    pub channel: Channel,
    pub pin: Option<&'a Pin>,
    /// A range that nobody but a person leaves.
    pub versions: Option<&'a Versions>,
    /// The PHP that would run it; `None`: nobody knows.
    pub php: Option<&'a str>,
    /// Knows what PHP versions need, where the feed does not.
    pub profile: &'a Profile,
}

/// Something newer that is not for this site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    pub version: String,
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The newest that is taken, if any is newer than what is installed.
    pub offer: Option<Offer>,
    /// What is newer still, the newest first.
    pub held_back: Vec<HeldBack>,
}

pub fn choose(offers: &[Offer], wanted: &Wanted) -> Choice {
    let is_newer = |offer: &&Offer| version::compare(&offer.version, wanted.installed).is_gt();
    let mut newer: Vec<&Offer> = offers.iter().filter(is_newer).collect();
    newer.sort_by(|a, b| order(b, a));
    let mut choice = Choice::default();
    for offer in newer {
        match wanted.why_not(offer) {
            None => {
                choice.offer = Some(offer.clone());
                break;
            }
            Some(why) => choice.held_back.push(HeldBack { version: offer.version.clone(), why }),
        }
    }
    choice
}

fn order(a: &Offer, b: &Offer) -> Ordering {
    version::compare(&a.version, &b.version).then_with(|| a.version.cmp(&b.version))
}

impl Wanted<'_> {
    /// Why the site does not take it, in a sentence.
    fn why_not(&self, offer: &Offer) -> Option<String> {
        if self.channel == Channel::Stable && offer.channel == Channel::Testing {
            return Some("it is not a stable version".into());
        }
        if let Some(pin) = self.pin.filter(|pin| !pin.holds(&offer.version)) {
            return Some(format!("the settings stay with {} (`vendor.pin`)", pin.text()));
        }
        if let Some(versions) = self.versions.filter(|versions| !versions.take(&offer.version)) {
            return Some(format!("it is not in the policy's versions, {versions}"));
        }
        let least = offer.requires_php.as_deref().or_else(|| self.profile.least_php(&offer.version));
        match (least, self.php) {
            (Some(least), Some(php)) if version::compare(php, least).is_lt() => {
                Some(format!("it needs PHP {least}, and here is {php}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers() -> Vec<Offer> {
        let offer = |version: &str, php: Option<&str>| Offer {
            requires_php: php.map(str::to_owned),
            ..Offer::of(version).unwrap()
        };
        vec![
            offer("6.8.7", Some("7.2.24")),
            offer("7.1.4", Some("7.4")),
            offer("7.2-beta1", Some("7.4")),
            offer("6.1.9", Some("5.6.20")),
            offer("6.9", None),
        ]
    }

    fn chosen<'a>(
        profile: &'a Profile,
        installed: &'a str,
        change: impl FnOnce(&mut Wanted<'a>),
    ) -> (Option<String>, Vec<String>) {
        let mut wanted = Wanted {
            installed,
            channel: Channel::Stable,
            pin: None,
            versions: None,
            php: Some("8.2.1"),
            profile,
        };
        change(&mut wanted);
        let choice = choose(&offers(), &wanted);
        let held_back =
            choice.held_back.iter().map(|held| format!("{}: {}", held.version, held.why)).collect();
        (choice.offer.map(|offer| offer.version), held_back)
    }

    #[test]
    fn the_newest_that_fits_is_taken() {
        let profile = Profile::named("wordpress").unwrap();
        let pin = Pin::try_from("6.".to_owned()).unwrap();
        let range = Versions::try_from(">=6, <6.9".to_owned()).unwrap();
        let beta = "7.2-beta1: it is not a stable version";
        for (name, found, taken, held_back) in [
            ("plain", chosen(&profile, "6.8.7", |_| {}), Some("7.1.4"), vec![beta]),
            (
                "testing",
                chosen(&profile, "6.8.7", |wanted| wanted.channel = Channel::Testing),
                Some("7.2-beta1"),
                vec![],
            ),
            ("up to date", chosen(&profile, "7.1.4", |_| {}), None, vec![beta]),
            ("newer than all", chosen(&profile, "8.0", |_| {}), None, vec![]),
            ("nothing is known", chosen(&profile, "0", |_| {}), Some("7.1.4"), vec![beta]),
            (
                "pinned",
                chosen(&profile, "6.1.9", |wanted| wanted.pin = Some(&pin)),
                Some("6.9"),
                vec![beta, "7.1.4: the settings stay with 6. (`vendor.pin`)"],
            ),
            (
                "by the policy",
                chosen(&profile, "6.1.9", |wanted| wanted.versions = Some(&range)),
                Some("6.8.7"),
                vec![
                    beta,
                    "7.1.4: it is not in the policy's versions, >=6, <6.9",
                    "6.9: it is not in the policy's versions, >=6, <6.9",
                ],
            ),
            (
                "an old PHP, by the feed and by the profile",
                chosen(&profile, "6.1.9", |wanted| wanted.php = Some("7.1")),
                None,
                vec![
                    beta,
                    "7.1.4: it needs PHP 7.4, and here is 7.1",
                    "6.9: it needs PHP 7.2.24, and here is 7.1",
                    "6.8.7: it needs PHP 7.2.24, and here is 7.1",
                ],
            ),
            (
                "nobody knows the PHP",
                chosen(&profile, "6.1.9", |wanted| wanted.php = None),
                Some("7.1.4"),
                vec![beta],
            ),
        ] {
            assert_eq!(
                (found.0.as_deref(), found.1),
                (taken, held_back.into_iter().map(str::to_owned).collect()),
                "{name}"
            );
        }
    }
}
