//! A cron expression of five fields in its time zone.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::CronParser;
use croner::parser::Seconds;
use croner::parser::Year;
use jiff::Timestamp;
use jiff::Zoned;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::clock;

/// The fields of an expression, with what each takes.
pub(super) const FIELDS: [(&str, &str); 5] = [
    ("minute", "0-59"),
    ("hour", "0-23"),
    ("day of the month", "1-31, or L for the last"),
    ("month", "1-12 or jan-dec"),
    ("day of the week", "0-7 (Sunday is 0 and 7) or sun-sat"),
];

/// Names for expressions, as cron has them.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// When something is to be done.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    cron: Cron,
    zone: TimeZone,
}

#[derive(Debug, thiserror::Error)]
pub enum ExpressionError {
    #[error(
        "\"{text}\" has {found} fields; a cron expression has five: minute, hour, day of the month, month, day of the week"
    )]
    Count { text: String, found: usize },
    #[error("\"{text}\" is no name of a time: @hourly, @daily, @weekly, @monthly or @yearly")]
    Nickname { text: String },
    #[error("field {} of \"{text}\", the {}, cannot be \"{field}\": it takes {}", position + 1, FIELDS[*position].0, FIELDS[*position].1)]
    Field {
        text: String,
        position: usize,
        field: String,
        #[source]
        source: CronError,
    },
    #[error("\"{text}\" cannot be understood")]
    Whole {
        text: String,
        #[source]
        source: CronError,
    },
    #[error("\"{text}\" never comes: no such month has that day")]
    Never { text: String },
    #[error("this machine knows no time zone \"{name}\"")]
    Zone {
        name: String,
        #[source]
        source: jiff::Error,
    },
}

impl Fault for ExpressionError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ExpressionError::Zone { .. } => vec![
                "zones are called as Europe/Paris; where the machine knows none at all, install its package `tzdata`"
                    .into(),
            ],
            _ => vec!["each day at 3:17 is \"17 3 * * *\", each Sunday at 4:05 is \"5 4 * * 0\"".into()],
        }
    }
}

/// The zone of this name, or the machine's own.
pub fn zone(name: Option<&str>) -> Result<TimeZone, ExpressionError> {
    match name {
        None => Ok(clock::system_zone()),
        Some(name) => clock::zone(name)
            .map_err(|source| ExpressionError::Zone { name: escape::text(name).into_owned(), source }),
    }
}

impl Expression {
    pub fn parse(text: &str, zone: TimeZone) -> Result<Expression, ExpressionError> {
        let text = text.trim();
        let shown = || escape::text(text).chars().take(80).collect::<String>();
        let fields = fields(text)?;
        for position in 0..FIELDS.len() {
            let mut alone = ["*"; 5];
            alone[position] = fields[position];
            parser().parse(&alone.join(" ")).map_err(|source| ExpressionError::Field {
                text: shown(),
                position,
                field: escape::text(fields[position]).chars().take(40).collect(),
                source,
            })?;
        }
        let cron = parser()
            .parse(&fields.join(" "))
            .map_err(|source| ExpressionError::Whole { text: shown(), source })?;
        let expression = Expression { text: text.to_owned(), cron, zone };
        match expression.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(expression),
            None => Err(ExpressionError::Never { text: shown() }),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The first time after this one.
    pub fn after(&self, time: Timestamp) -> Option<Zoned> {
        let mut from = time.to_zoned(self.zone.clone());
        loop {
            let found = self.cron.find_next_occurrence(&from, false).ok()?;
            if found.timestamp() > time {
                return Some(found);
            }
            // Around a change of clocks the search may come back to where it began.
            from = found.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
        }
    }

    /// The next `count` times after this one.
    pub fn next(&self, time: Timestamp, count: usize) -> Vec<Zoned> {
        let first = self.after(time);
        std::iter::successors(first, |last| self.after(last.timestamp())).take(count).collect()
    }

    /// Whether a clock on the wall that shows this time means it.
    pub(super) fn means(&self, time: DateTime) -> bool {
        self.cron.is_time_matching(&time).unwrap_or(false)
    }

    /// The five fields.
    pub(super) fn fields(&self) -> [&str; 5] {
        fields(&self.text).unwrap_or(["*"; 5])
    }
}

fn fields(text: &str) -> Result<[&str; 5], ExpressionError> {
    let shown = || escape::text(text).chars().take(80).collect::<String>();
    let meant = match text.starts_with('@') {
        false => text,
        true => {
            let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            known.ok_or_else(|| ExpressionError::Nickname { text: shown() })?.1
        }
    };
    let fields: Vec<&str> = meant.split_whitespace().collect();
    let found = fields.len();
    <[&str; 5]>::try_from(fields).map_err(|_| ExpressionError::Count { text: shown(), found })
}

fn parser() -> CronParser {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn expression(text: &str, zone: &str) -> Expression {
        Expression::parse(text, TimeZone::get(zone).unwrap()).unwrap()
    }

    fn times(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let next = expression(text, zone).next(from.parse().unwrap(), count);
        next.iter().map(|time| time.strftime("%a %Y-%m-%d %H:%M %z").to_string()).collect()
    }

    #[test]
    fn what_is_wrong_is_said_by_field() {
        let cases = [
            ("", "0 fields"),
            ("17 3 * *", "4 fields"),
            ("0 17 3 * * *", "6 fields"),
            ("60 3 * * *", "field 1 of \"60 3 * * *\", the minute, cannot be \"60\": it takes 0-59"),
            ("17 24 * * *", "field 2 of \"17 24 * * *\", the hour, cannot be \"24\": it takes 0-23"),
            ("0 0 0 * *", "the day of the month, cannot be \"0\""),
            ("0 0 * 13 *", "the month, cannot be \"13\""),
            ("0 0 * * 8", "the day of the week, cannot be \"8\""),
            ("0 0 * * someday", "the day of the week, cannot be \"someday\""),
            ("*/0 * * * *", "the minute, cannot be \"*/0\""),
            ("5-1 * * * *", "the minute, cannot be \"5-1\""),
            ("@reboot", "no name of a time"),
            ("@dayly", "no name of a time"),
            ("0 0 31 2 *", "never comes"),
            ("0 0 30 2 *", "never comes"),
            ("0 0 31 4,6,9,11 *", "never comes"),
            ("0 0 1\x1b[31m * *", "cannot be \"1\\x1b[31m\""),
        ];
        for (text, said) in cases {
            let Err(error) = Expression::parse(text, TimeZone::UTC) else { panic!("{text} is accepted") };
            let error = error.to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(zone(Some("Europe/Pariss")).unwrap_err().to_string().contains("Europe/Pariss"));
    }

    #[test]
    fn the_next_times() {
        let from = "2026-11-21T12:00:00Z";
        assert_eq!(
            times("17 3 * * *", "Europe/Paris", from, 2),
            ["Sun 2026-11-22 03:17 +0100", "Mon 2026-11-23 03:17 +0100"]
        );
        assert_eq!(
            times("@weekly", "UTC", from, 2),
            ["Sun 2026-11-22 00:00 +0000", "Sun 2026-11-29 00:00 +0000"]
        );
        assert_eq!(times("@Midnight", "UTC", from, 1), ["Sun 2026-11-22 00:00 +0000"]);
        assert_eq!(times("0 12 * * *", "UTC", from, 1), ["Sun 2026-11-22 12:00 +0000"]);
        assert_eq!(times("0 4 29 2 *", "UTC", from, 1), ["Tue 2028-02-29 04:00 +0000"]);
        assert_eq!(times("0 4 l * *", "UTC", from, 1), ["Mon 2026-11-30 04:00 +0000"]);
        assert_eq!(times("0 4 * * mon-fri", "UTC", from, 1), ["Mon 2026-11-23 04:00 +0000"]);
    }

    /// 2027: clocks go forward on March 28 at 2:00 and back on October 31 at 3:00.
    #[test]
    fn where_clocks_change() {
        let (spring, autumn) = ("2027-03-27T12:00:00Z", "2027-10-30T12:00:00Z");
        assert_eq!(
            times("30 2 * * *", "Europe/Paris", spring, 2),
            ["Sun 2027-03-28 03:00 +0200", "Mon 2027-03-29 02:30 +0200"]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Paris", autumn, 2),
            ["Sun 2027-10-31 02:30 +0200", "Mon 2027-11-01 02:30 +0100"]
        );
        let (spring, autumn) = ("2027-03-27T14:00:00Z", "2027-10-30T14:00:00Z");
        assert_eq!(times("30 2,14 * * *", "Europe/Paris", spring, 1), ["Sun 2027-03-28 14:30 +0200"]);
        assert_eq!(
            times("30 2,14 * * *", "Europe/Paris", autumn, 3),
            ["Sun 2027-10-31 02:30 +0200", "Sun 2027-10-31 02:30 +0100", "Sun 2027-10-31 14:30 +0100"]
        );
    }
}
