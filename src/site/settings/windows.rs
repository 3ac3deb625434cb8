//! When a policy lets updates happen: `Mon-Fri 02:00-05:00`.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// Days of the week and a time of day; one that ends before it begins goes over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Window {
    pub text: String,
    days: Vec<Weekday>,
    /// Minutes of the day.
    from: u16,
    to: u16,
}

/// A time zone by its name, as `Europe/Paris`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub TimeZone);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWindow {
    #[error("this is no window; write one as `02:00-05:00` or `Mon-Fri,Sun 22:00-04:00`")]
    Window,
    #[error("no time zone has this name; write one as `Europe/Paris`")]
    Zone,
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl TryFrom<String> for Zone {
    type Error = NoWindow;

    fn try_from(name: String) -> Result<Zone, NoWindow> {
        TimeZone::get(&name).map(Zone).map_err(|_| NoWindow::Zone)
    }
}

impl TryFrom<String> for Window {
    type Error = NoWindow;

    fn try_from(text: String) -> Result<Window, NoWindow> {
        let parsed = parse(&text);
        parsed.map(|(days, from, to)| Window { days, from, to, text: text.clone() }).ok_or(NoWindow::Window)
    }
}

fn parse(text: &str) -> Option<(Vec<Weekday>, u16, u16)> {
    let (days, times) = match text.trim().rsplit_once(char::is_whitespace) {
        Some((days, times)) => (days_in(days)?, times),
        None => (DAYS.map(|(_, day)| day).to_vec(), text.trim()),
    };
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    (from != to).then_some((days, from, to))
}

fn days_in(text: &str) -> Option<Vec<Weekday>> {
    let number = |name: &str| DAYS.iter().position(|(known, _)| name.trim().eq_ignore_ascii_case(known));
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        // Sat-Mon goes over the week's end.
        let count = (last + 7 - first) % 7;
        days.extend((0..=count).map(|step| DAYS[(first + step) % 7].1));
    }
    Some(days)
}

/// Since midnight; a day ends at 24:00.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    match (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?) {
        (hour @ 0..=23, minute @ 0..=59) => Some(hour * 60 + minute),
        (24, 0) => Some(24 * 60),
        _ => None,
    }
}

impl Window {
    /// Whether `now` lies in it, by the clocks of `zone`.
    pub fn holds(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let now = now.to_zoned(zone.clone());
        let (time, today) = (now.hour() as u16 * 60 + now.minute() as u16, now.weekday());
        let begins = |day: Weekday| self.days.contains(&day);
        match self.from < self.to {
            true => begins(today) && self.from <= time && time < self.to,
            false => (begins(today) && self.from <= time) || (begins(today.previous()) && time < self.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_hours() {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        // 2026-11-21 is a Saturday; Paris is one hour ahead of UTC in winter.
        for (window, inside, outside) in [
            ("02:00-05:00", vec!["21T01:00", "21T03:59"], vec!["21T00:59", "21T04:00", "21T12:00"]),
            ("Mon-Fri 02:00-05:00", vec!["20T02:00"], vec!["21T02:00"]),
            ("Sat 22:00-04:00", vec!["21T22:00", "22T02:59"], vec!["22T03:00", "21T02:00", "22T21:30"]),
            ("fri-mon 00:00-24:00", vec!["20T00:00", "23T12:00"], vec!["24T12:00"]),
            ("Wed,Sat 10:00-11:00", vec!["21T09:30"], vec!["20T09:30"]),
        ] {
            let parsed = Window::try_from(window.to_owned()).unwrap();
            let at = |text: &str| format!("2026-11-{text}:00Z").parse::<Timestamp>().unwrap();
            for text in inside {
                assert!(parsed.holds(at(text), &zone), "{window} {text}");
            }
            for text in outside {
                assert!(!parsed.holds(at(text), &zone), "{window} {text}");
            }
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for wrong in
            ["", "night", "02:00", "2-5", "Mo 02:00-05:00", "25:00-26:00", "Mon- 02:00-03:00", "02:00-02:00"]
        {
            assert!(Window::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(Zone::try_from("Europe/Nowhere".to_owned()).is_err());
    }
}
