//! The order of version names, as far as names can be ordered.

use std::cmp::Ordering;

use crate::integrity::manifest::FromRule;

/// Begins the name of a release that does not say its version.
pub const UNKNOWN: &str = "unknown-";

/// Whether a release says its version: others stand in no order.
pub fn is_known(version: &str) -> bool {
    !version.starts_with(UNKNOWN)
}

/// `rc`, `beta`, `alpha`, `dev` and the like, with a number before or behind.
pub fn is_in_the_making(version: &str) -> bool {
    let version = version.to_ascii_lowercase();
    ["rc", "alpha", "beta", "dev", "preview", "nightly", "snapshot"].iter().any(|word| version.contains(word))
}

/// Numbers by their value, words by their letters; a part with a word comes
/// before the same without (`2.0rc1` before `2.0`), one with a last single letter
/// behind it (`2024-02-06` before `2024-02-06b`).
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    let at = |parts: &[Part], at: usize| parts.get(at).cloned().unwrap_or(Part::Number(0));
    let orders = (0..a.len().max(b.len())).map(|place| at(&a, place).cmp(&at(&b, place)));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Whether a release with these rules may follow the version `installed`.
pub fn may_follow(rules: &[FromRule], installed: &str) -> bool {
    let fits = |rule: &FromRule| {
        rule.min.as_ref().is_none_or(|min| compare(installed, min) != Ordering::Less)
            && rule.below.as_ref().is_none_or(|below| compare(installed, below) == Ordering::Less)
    };
    rules.is_empty() || rules.iter().any(fits)
}

/// What is not there is the number 0.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Word(String),
    Letter(char),
    Number(u64),
}

impl Part {
    fn rank(&self) -> u8 {
        match self {
            Part::Word(_) => 0,
            Part::Number(0) => 1,
            Part::Letter(_) => 2,
            Part::Number(_) => 3,
        }
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Part) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| match (self, other) {
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
            (Part::Letter(a), Part::Letter(b)) => a.cmp(b),
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            _ => Ordering::Equal,
        })
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Part) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version.trim_start_matches(['v', 'V']);
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if is_digit {
            parts.push(Part::Number(run.parse().unwrap_or(u64::MAX)));
        } else {
            let text = run.trim_matches(|c: char| !c.is_alphanumeric()).to_ascii_lowercase();
            let mut letters = text.chars();
            match (letters.next(), letters.next()) {
                (None, _) => {}
                (Some(letter), None) if rest.is_empty() && !parts.is_empty() => {
                    parts.push(Part::Letter(letter))
                }
                _ => parts.push(Part::Word(text)),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_order() {
        let order = [
            "1.9",
            "1.10",
            "2.0alpha1",
            "2.0beta2",
            "2.0-rc1",
            "2.0-rc2",
            "2.0",
            "2.0.1",
            "10.0",
            "2022-07-31",
            "2022-07-31a",
            "2022-07-31b",
            "2022-07-31.1",
            "2024-02-06rc1",
            "2024-02-06",
        ];
        for (at, a) in order.iter().enumerate() {
            for (other, b) in order.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} and {b}");
            }
        }
        assert_eq!(compare("2", "2.0.0"), Ordering::Equal);
        assert_eq!(compare("v2.1", "2.1"), Ordering::Equal);
    }

    #[test]
    fn rules_say_which_versions_may_be_followed() {
        let rule = |min: Option<&str>, below: Option<&str>| FromRule {
            min: min.map(Into::into),
            below: below.map(Into::into),
        };
        let rules = [rule(Some("2.0"), Some("3.0")), rule(Some("4.1"), None)];
        for (installed, may) in
            [("1.9", false), ("2.0", true), ("2.9.9", true), ("3.0", false), ("4.1", true)]
        {
            assert_eq!(may_follow(&rules, installed), may, "{installed}");
        }
        assert!(may_follow(&[], "anything"));
    }
}
