//! What is asked for, and what an answer to it means.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde::Serialize;

/// What a server says of the version that it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub length: Option<u64>,
}

/// The head of an answer, as far as it matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub status: u16,
    /// Of the body that follows.
    pub version: Version,
    pub content_range: Option<String>,
    pub encoding: Option<String>,
    pub location: Option<String>,
    pub retry_after: Option<String>,
    /// It says that it is a web page.
    pub is_page: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Whole,
    /// All of it, if it is not this version.
    IfChanged(Version),
    /// What comes behind the first bytes, if it still is this version.
    Rest {
        from: u64,
        version: Version,
    },
}

/// What to do with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What is here is still right.
    Unchanged,
    /// The body is all of it.
    Whole,
    /// The body is what was asked for, of so many bytes in all.
    Rest(u64),
    /// What is here is of no use: ask for the whole.
    Anew,
    LeadsTo(String),
    Encoded(String),
    Failed(Option<Duration>),
}

impl Version {
    /// The word by which a server knows this version for sure.
    fn strong(&self) -> Option<&str> {
        let strong = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.last_modified.as_deref())
    }

    /// Whether the rest of it can be asked for.
    pub fn is_known_for_sure(&self) -> bool {
        self.strong().is_some()
    }

    fn is_same(&self, other: &Version) -> bool {
        if self.length.is_none() || self.length != other.length {
            return false;
        }
        match (&self.etag, &other.etag) {
            (Some(one), Some(other)) => one == other,
            _ => self.last_modified.is_some() && self.last_modified == other.last_modified,
        }
    }

    /// Whether what this says of itself stands against being `other`.
    fn contradicts(&self, other: &Version) -> bool {
        let differ =
            |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
        differ(&self.etag, &other.etag) || differ(&self.last_modified, &other.last_modified)
    }
}

impl Ask {
    /// The headers that say so.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        match self {
            Ask::Whole => {}
            Ask::IfChanged(version) => {
                headers.extend(version.etag.clone().map(|etag| ("If-None-Match", etag)));
                headers.extend(version.last_modified.clone().map(|time| ("If-Modified-Since", time)));
            }
            Ask::Rest { from, version } => {
                headers.push(("Range", format!("bytes={from}-")));
                headers.extend(version.strong().map(|word| ("If-Range", word.to_owned())));
            }
        }
        headers
    }
}

pub(super) fn judge(ask: &Ask, head: &Head, now: Timestamp) -> Verdict {
    match (head.status, ask) {
        (200, Ask::IfChanged(version)) if version.is_same(&head.version) => Verdict::Unchanged,
        (200 | 206, _) if head.encoding.is_some() => {
            Verdict::Encoded(head.encoding.clone().unwrap_or_default())
        }
        (200, _) => Verdict::Whole,
        (206, Ask::Rest { from, version }) => {
            fitting(head, *from, version).map_or(Verdict::Anew, Verdict::Rest)
        }
        (304, Ask::IfChanged(_)) => Verdict::Unchanged,
        (412 | 416, Ask::Rest { .. }) => Verdict::Anew,
        (301 | 302 | 303 | 307 | 308, _) if head.location.is_some() => {
            Verdict::LeadsTo(head.location.clone().unwrap_or_default())
        }
        _ => Verdict::Failed(head.retry_after.as_deref().and_then(|text| wait(text, now))),
    }
}

/// All bytes of the whole, when the answer is its rest from there on.
fn fitting(head: &Head, from: u64, version: &Version) -> Option<u64> {
    let (first, last, total) = content_range(head.content_range.as_deref()?)?;
    let fits = first == from
        && last.checked_add(1) == Some(total)
        && version.length.is_none_or(|length| length == total)
        && head.version.length.is_none_or(|length| length == total - from)
        && !head.version.contradicts(version);
    fits.then_some(total)
}

/// `bytes FIRST-LAST/TOTAL`
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (first, last, total) = (number(first)?, number(last)?, number(total)?);
    (first <= last && last < total).then_some((first, last, total))
}

/// `Retry-After`: seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let then = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::from_secs((then.as_second() - now.as_second()).max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

    fn version(etag: Option<&str>, last_modified: Option<&str>, length: Option<u64>) -> Version {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Version { etag: text(etag), last_modified: text(last_modified), length }
    }

    fn head(status: u16, version: Version) -> Head {
        Head { status, version, ..Head::default() }
    }

    fn judged(ask: &Ask, head: &Head) -> Verdict {
        judge(ask, head, Timestamp::UNIX_EPOCH)
    }

    fn rest(version: Version) -> Ask {
        Ask::Rest { from: 40, version }
    }

    fn part(range: &str, version: Version) -> Head {
        Head { content_range: Some(range.into()), ..head(206, version) }
    }

    #[test]
    fn a_rest_must_fit() {
        let known = || version(Some("\"a\""), Some(TIME), Some(100));
        let ask = rest(known());
        let same = || version(Some("\"a\""), Some(TIME), Some(60));
        assert_eq!(judged(&ask, &part("bytes 40-99/100", same())), Verdict::Rest(100));
        assert_eq!(judged(&ask, &part("bytes 40-99/100", Version::default())), Verdict::Rest(100));
        for (what, answer) in [
            ("begins elsewhere", part("bytes 0-59/100", same())),
            ("ends too early", part("bytes 40-98/100", same())),
            ("is of another size", part("bytes 40-199/200", same())),
            ("is of unknown size", part("bytes 40-99/*", same())),
            ("turned around", part("bytes 99-40/100", same())),
            ("other units", part("pages 40-99/100", same())),
            ("too large to count", part("bytes 40-18446744073709551615/18446744073709551615", same())),
            ("no range at all", head(206, same())),
            ("another body", part("bytes 40-99/100", version(None, None, Some(61)))),
            ("another etag", part("bytes 40-99/100", version(Some("\"b\""), None, Some(60)))),
            ("another time", part("bytes 40-99/100", version(None, Some("later"), Some(60)))),
            ("cannot be had", head(416, Version::default())),
        ] {
            assert_eq!(judged(&ask, &answer), Verdict::Anew, "{what}");
        }
        assert_eq!(judged(&ask, &head(200, known())), Verdict::Whole, "the server knows no ranges");
        assert_eq!(judged(&Ask::Whole, &part("bytes 40-99/100", same())), Verdict::Failed(None));
        assert_eq!(judged(&Ask::Whole, &head(416, same())), Verdict::Failed(None));
    }

    #[test]
    fn what_did_not_change_is_not_fetched() {
        let known = || version(Some("\"a\""), Some(TIME), Some(100));
        for (what, here, answer, expected) in [
            ("not modified", known(), head(304, Version::default()), Verdict::Unchanged),
            ("sent all the same", known(), head(200, known()), Verdict::Unchanged),
            (
                "known by its time",
                version(None, Some(TIME), Some(9)),
                head(200, version(None, Some(TIME), Some(9))),
                Verdict::Unchanged,
            ),
            (
                "another etag",
                known(),
                head(200, version(Some("\"b\""), Some(TIME), Some(100))),
                Verdict::Whole,
            ),
            (
                "another length",
                known(),
                head(200, version(Some("\"a\""), Some(TIME), Some(99))),
                Verdict::Whole,
            ),
            ("nothing is known", Version::default(), head(200, Version::default()), Verdict::Whole),
        ] {
            assert_eq!(judged(&Ask::IfChanged(here), &answer), expected, "{what}");
        }
        assert_eq!(judged(&Ask::Whole, &head(304, known())), Verdict::Failed(None));
    }

    #[test]
    fn only_a_strong_word_asks_for_the_rest() {
        let headers = |version| rest(version).headers();
        let range = ("Range", "bytes=40-".to_owned());
        assert_eq!(
            headers(version(Some("\"a\""), Some(TIME), None)),
            [range.clone(), ("If-Range", "\"a\"".into())]
        );
        assert_eq!(
            headers(version(Some("W/\"a\""), Some(TIME), None)),
            [range.clone(), ("If-Range", TIME.into())]
        );
        assert_eq!(headers(version(Some("W/\"a\""), None, None)), [range]);
        assert!(!version(Some("W/\"a\""), None, None).is_known_for_sure());
    }

    #[test]
    fn other_answers() {
        let moved = Head { location: Some("/x".into()), ..head(302, Version::default()) };
        assert_eq!(judged(&Ask::Whole, &moved), Verdict::LeadsTo("/x".into()));
        assert_eq!(judged(&Ask::Whole, &head(302, Version::default())), Verdict::Failed(None));
        let packed = Head { encoding: Some("gzip".into()), ..head(200, Version::default()) };
        assert_eq!(judged(&Ask::Whole, &packed), Verdict::Encoded("gzip".into()));
        for (text, seconds) in [
            ("7", Some(7)),
            ("Thu, 01 Jan 1970 00:00:09 GMT", Some(9)),
            ("Wed, 31 Dec 1969 00:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let busy = Head { retry_after: Some(text.into()), ..head(503, Version::default()) };
            let expected = Verdict::Failed(seconds.map(Duration::from_secs));
            assert_eq!(judged(&Ask::Whole, &busy), expected, "{text}");
        }
    }
}
