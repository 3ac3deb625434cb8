//! Which versions a policy takes: `>=6.1, <7`, `6.8.*`.

use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;

use crate::integrity::manifest::version;

/// A range of versions; every bound must hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Versions {
    text: String,
    bounds: Vec<Bound>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    /// In this relation to the version: less, equal or greater, two of them perhaps.
    Compared(&'static [Ordering], String),
    /// The first parts are these.
    Below(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no range of versions; write one as `>=6.1, <7` or `6.8.*`")]
pub struct NoVersions;

/// Longer signs first.
const SIGNS: [(&str, &[Ordering]); 5] = [
    (">=", &[Ordering::Greater, Ordering::Equal]),
    ("<=", &[Ordering::Less, Ordering::Equal]),
    (">", &[Ordering::Greater]),
    ("<", &[Ordering::Less]),
    ("=", &[Ordering::Equal]),
];

impl TryFrom<String> for Versions {
    type Error = NoVersions;

    fn try_from(text: String) -> Result<Versions, NoVersions> {
        let bounds = text.split(',').map(|part| Bound::parse(part.trim())).collect::<Option<Vec<Bound>>>();
        match bounds {
            Some(bounds) => Ok(Versions { text, bounds }),
            None => Err(NoVersions),
        }
    }
}

impl Bound {
    fn parse(text: &str) -> Option<Bound> {
        let is_version = |text: &str| {
            let mut letters = text.chars();
            letters.clone().any(|letter| letter.is_ascii_digit())
                && letters.all(|letter| letter.is_ascii_alphanumeric() || ".-_+~".contains(letter))
        };
        if let Some(prefix) = text.strip_suffix(".*") {
            return is_version(prefix).then(|| Bound::Below(format!("{prefix}.")));
        }
        let signed = SIGNS.iter().find_map(|(sign, orders)| Some((text.strip_prefix(sign)?, *orders)));
        let (wanted, orders) = signed.unwrap_or((text, &[Ordering::Equal]));
        let wanted = wanted.trim();
        is_version(wanted).then(|| Bound::Compared(orders, wanted.to_owned()))
    }

    fn takes(&self, offered: &str) -> bool {
        match self {
            Bound::Compared(orders, wanted) => orders.contains(&version::compare(offered, wanted)),
            Bound::Below(prefix) => format!("{offered}.").starts_with(prefix.as_str()),
        }
    }
}

impl Versions {
    pub fn take(&self, offered: &str) -> bool {
        self.bounds.iter().all(|bound| bound.takes(offered))
    }

    /// Whether only one version can ever be taken, so that nothing is ever updated.
    pub fn pin_one(&self) -> bool {
        let compared = self.bounds.iter().filter_map(|bound| match bound {
            Bound::Compared(orders, wanted) => Some((*orders, wanted)),
            Bound::Below(_) => None,
        });
        compared.clone().any(|(orders, _)| orders == [Ordering::Equal])
            || compared.clone().any(|(orders, wanted)| {
                orders == SIGNS[0].1
                    && compared.clone().any(|(upper, other)| {
                        upper == SIGNS[1].1 && version::compare(wanted, other) == Ordering::Equal
                    })
            })
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(text: &str) -> Versions {
        Versions::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_range_takes_what_all_its_bounds_take() {
        for (range, taken, left) in [
            (">=6.1, <7", vec!["6.1", "6.8.7", "6.1.0"], vec!["6.0.9", "7", "7.0", "5"]),
            ("6.8.*", vec!["6.8", "6.8.0", "6.8.7", "6.8.1.2"], vec!["6.80", "6.9", "6", "7.8"]),
            ("> 2.0", vec!["2.0.1", "3"], vec!["2.0", "2", "2.0rc1"]),
            ("<=2.0", vec!["2.0", "2.0rc1"], vec!["2.0.1"]),
            (">=2024-02-06", vec!["2024-02-06b", "2025-05-14"], vec!["2023-04-04"]),
        ] {
            let range = versions(range);
            for version in taken {
                assert!(range.take(version), "{range} {version}");
            }
            for version in left {
                assert!(!range.take(version), "{range} {version}");
            }
        }
    }

    #[test]
    fn a_range_of_one_is_known() {
        for (range, one) in [
            ("6.8.7", true),
            ("=6.8.7", true),
            (">=2, <=2.0", true),
            (">=2, <=2.1", false),
            ("6.8.*", false),
            ("<7", false),
        ] {
            assert_eq!(versions(range).pin_one(), one, "{range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for wrong in ["", ",", ">=", "six", ">=6.1 <7", "*", "6.1,", "6;7", "\u{1b}6"] {
            assert_eq!(Versions::try_from(wrong.to_owned()), Err(NoVersions), "{wrong}");
        }
    }
}
