//! The order of version names, as far as names can be ordered.

use std::cmp::Ordering;

use crate::integrity::manifest::FromRule;

/// Numbers by their value, other parts by their letters; a part with letters
/// comes before the same without (`2.0rc1` before `2.0`).
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    for at in 0..a.len().max(b.len()) {
        let order = match (a.get(at), b.get(at)) {
            (Some(Part::Number(a)), Some(Part::Number(b))) => a.cmp(b),
            (Some(Part::Text(a)), Some(Part::Text(b))) => a.cmp(b),
            (Some(Part::Number(_)), Some(Part::Text(_))) | (Some(Part::Number(1..)), None) => {
                Ordering::Greater
            }
            (Some(Part::Text(_)), Some(Part::Number(_)) | None) => Ordering::Less,
            (None, Some(Part::Text(_))) => Ordering::Greater,
            (None, Some(Part::Number(1..))) => Ordering::Less,
            (Some(Part::Number(0)), None) | (None, Some(Part::Number(0)) | None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Whether a release with these rules may follow the version `installed`.
pub fn may_follow(rules: &[FromRule], installed: &str) -> bool {
    let fits = |rule: &FromRule| {
        rule.min.as_ref().is_none_or(|min| compare(installed, min) != Ordering::Less)
            && rule.below.as_ref().is_none_or(|below| compare(installed, below) == Ordering::Less)
    };
    rules.is_empty() || rules.iter().any(fits)
}

#[derive(Debug, PartialEq)]
enum Part {
    Number(u64),
    Text(String),
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
            let text = run.trim_matches(|c: char| !c.is_alphanumeric());
            if !text.is_empty() {
                parts.push(Part::Text(text.to_ascii_lowercase()));
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
            "2022-07-31a",
            "2024-02-06b",
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
