//! What a cron expression says that its writer hardly means.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::schedule::cron::Expression;

/// As far ahead changes of clocks are looked for.
const AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);
/// What comes so often a day loses nothing that matters when clocks change.
const OFTEN: usize = 12;
/// Times that are looked at to find the shortest distance.
const LOOKED_AT: usize = 50;

/// What should be told about `expression`, where somebody asks every so many
/// minutes whether it is due.
pub fn traps(expression: &Expression, now: Timestamp, every: Option<u32>) -> Vec<String> {
    let fields = expression.fields();
    let mut found = Vec::new();
    let each_minute = minutes(fields[0]);
    if each_minute && fields[1] == "*" {
        found.push("it is due every minute".to_owned());
    } else if each_minute {
        found.push(each_minute_of(&fields));
    } else if let Some(minutes) = every.and_then(|every| shorter_than(expression, now, every)) {
        found.push(minutes);
    }
    if is_restricted(fields[2]) && is_restricted(fields[4]) && !fields[4].starts_with('+') {
        found.push(format!(
            "it names a day of the month ({}) and a day of the week ({}): it is due on each day that is one of \
             them, not only where both meet",
            fields[2], fields[4]
        ));
    }
    found.extend(changes_of_clocks(expression, now));
    found
}

/// Whether the field of minutes means all sixty of them.
fn minutes(field: &str) -> bool {
    matches!(field, "*" | "*/1" | "0-59" | "0-59/1")
}

fn is_restricted(field: &str) -> bool {
    !matches!(field, "*" | "?")
}

fn each_minute_of(fields: &[&str; 5]) -> String {
    let hours = match fields[1].strip_prefix("*/") {
        Some("2") => "every second hour".to_owned(),
        Some("3") => "every third hour".to_owned(),
        Some("4") => "every fourth hour".to_owned(),
        Some("6") => "every sixth hour".to_owned(),
        Some(number) => format!("each {number}th hour"),
        None => format!("the hours {}", fields[1]),
    };
    let once = [&["0"], &fields[1..]].concat().join(" ");
    format!("it is due every minute of {hours}; once in each is `{once}`")
}

fn shorter_than(expression: &Expression, now: Timestamp, every: u32) -> Option<String> {
    let times = expression.next(now, LOOKED_AT);
    let distances = times.windows(2).map(|pair| pair[1].timestamp().duration_since(pair[0].timestamp()));
    let shortest = distances.min()?.as_mins();
    (shortest < i64::from(every)).then(|| {
        format!(
            "it is due after {shortest} minutes again, but is asked for every {every} minutes: times between are \
             made up for once"
        )
    })
}

/// The times of the coming year that do not exist, or exist twice.
fn changes_of_clocks(expression: &Expression, now: Timestamp) -> Vec<String> {
    let zone = expression.zone();
    let until = now.saturating_add(AHEAD).unwrap_or(Timestamp::MAX);
    let coming = zone.following(now).take_while(|change| change.timestamp() < until);
    let told = coming.filter_map(|change| {
        let at = change.timestamp();
        let before = zone.to_offset(at.checked_sub(SignedDuration::from_secs(1)).ok()?);
        told_of(expression, at, before, change.offset())
    });
    told.collect()
}

fn told_of(expression: &Expression, at: Timestamp, before: Offset, after: Offset) -> Option<String> {
    let (old, new) = (before.to_datetime(at), after.to_datetime(at));
    let (from, until) = (old.min(new), old.max(new));
    let mut times = from.series(jiff::Span::new().minutes(1)).take_while(|time| *time < until);
    let meant = times.find(|time| expression.means(*time))?;
    if times_of_the_day(expression, meant) >= OFTEN {
        return None;
    }
    let (day, time) = (meant.date(), meant.strftime("%H:%M"));
    Some(match old < new {
        true => {
            let next = expression.after(at.checked_sub(SignedDuration::from_secs(1)).ok()?)?;
            match next.timestamp() == at {
                true => format!(
                    "there is no {time} on {day}, when clocks go forward: it is due at {} that day",
                    next.strftime("%H:%M")
                ),
                false => format!("there is no {time} on {day}, when clocks go forward: it is left out"),
            }
        }
        false => {
            let again = before.to_timestamp(meant).ok().and_then(|first| expression.after(first));
            let is_again = again.is_some_and(|again| again.datetime() == meant);
            let times = if is_again { "both times" } else { "the first time only" };
            format!("there are two {time} on {day}, when clocks go back: it is due {times}")
        }
    })
}

fn times_of_the_day(expression: &Expression, day: DateTime) -> usize {
    let Ok(start) = day.with().hour(0).minute(0).second(0).subsec_nanosecond(0).build() else { return 0 };
    let minutes = start.series(jiff::Span::new().minutes(1)).take_while(|time| time.date() == start.date());
    minutes.filter(|time| expression.means(*time)).take(OFTEN).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::cron::tests::expression;

    fn told(text: &str, zone: &str) -> String {
        traps(&expression(text, zone), "2026-11-21T12:00:00Z".parse().unwrap(), Some(10)).join("\n")
    }

    #[test]
    fn expressions_that_mean_what_they_say() {
        for text in
            ["17 3 * * *", "0 */4 * * *", "*/10 * * * *", "@weekly", "0 4 1 * *", "0 4 * * 1-5", "0 4 1 * ?"]
        {
            assert_eq!(told(text, "Europe/Paris"), "", "{text}");
        }
        // The whole day is full of times.
        assert_eq!(told("*/30 * * * *", "Europe/Paris"), "");
        assert_eq!(told("30 2 * * *", "UTC"), "");
    }

    #[test]
    fn classic_traps() {
        let cases = [
            ("* */4 * * *", "it is due every minute of every fourth hour; once in each is `0 */4 * * *`"),
            ("*/1 */2 * * *", "it is due every minute of every second hour; once in each is `0 */2 * * *`"),
            ("* 3 * * *", "it is due every minute of the hours 3; once in each is `0 3 * * *`"),
            ("* * * * *", "it is due every minute"),
            (
                "*/5 * * * *",
                "it is due after 5 minutes again, but is asked for every 10 minutes: times between are made up for once",
            ),
            (
                "0,5 4 * * *",
                "it is due after 5 minutes again, but is asked for every 10 minutes: times between are made up for once",
            ),
            (
                "0 4 1 * mon",
                "it names a day of the month (1) and a day of the week (mon): it is due on each day that is one of \
                 them, not only where both meet",
            ),
        ];
        for (text, warning) in cases {
            assert_eq!(told(text, "Europe/Paris"), warning, "{text}");
        }
    }

    #[test]
    fn times_that_clocks_leave_out_or_repeat() {
        assert_eq!(
            told("30 2 * * *", "Europe/Paris"),
            "there is no 02:30 on 2027-03-28, when clocks go forward: it is due at 03:00 that day\n\
             there are two 02:30 on 2027-10-31, when clocks go back: it is due the first time only"
        );
        assert_eq!(
            told("30 2,14 * * *", "Europe/Paris"),
            "there is no 02:30 on 2027-03-28, when clocks go forward: it is left out\n\
             there are two 02:30 on 2027-10-31, when clocks go back: it is due both times"
        );
        // Half an hour, and in the south.
        assert_eq!(
            told("45 1 * * *", "Australia/Lord_Howe"),
            "there are two 01:45 on 2027-04-04, when clocks go back: it is due the first time only"
        );
        assert_eq!(told("30 2 * * 1", "Europe/Paris"), "", "clocks change on Sundays");
        assert_eq!(told("0 3 * * *", "Europe/Paris"), "");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

        /// Whatever is typed is refused or understood, and soon.
        #[test]
        fn no_text_does_harm(
            fields in proptest::collection::vec("[0-9*]{1,2}([-/,#][0-9*]{1,2}){0,2}|[LW#+?]{1,2}|[0-9]{1,2}[LW]|[a-z]{3}", 5),
            text in "\\PC{0,30}",
        ) {
            let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
            for text in [fields.join(" "), text] {
                let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
                if let Ok(expression) = Expression::parse(&text, zone) {
                    let next = expression.next(now, 5);
                    proptest::prop_assert!(next.is_sorted(), "{} comes at {:?}", text, next);
                    traps(&expression, now, Some(10));
                }
            }
        }
    }
}
