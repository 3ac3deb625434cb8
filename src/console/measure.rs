//! Sizes, spans and moments, as the reader of that language writes them.

use std::borrow::Borrow;

use jiff::Timestamp;

use crate::console::words::Language;
use crate::console::words::Words;

impl Words {
    /// `1.2 MB`
    pub fn bytes(self, bytes: impl Borrow<u64>) -> String {
        let (unit, units) = match self.0 {
            Language::English => (" ", ["B", "kB", "MB", "GB", "TB"]),
            Language::French => ("\u{a0}", ["o", "ko", "Mo", "Go", "To"]),
        };
        let (mut value, mut at) = (*bytes.borrow() as f64, 0);
        while value >= 999.5 && at + 1 < units.len() {
            (value, at) = (value / 1000.0, at + 1);
        }
        let digits = if at == 0 || value >= 99.95 { 0 } else { 1 };
        format!("{}{unit}{}", self.decimal(value, digits), units[at])
    }

    /// `0.8 s`, `12 s`, `3 min 4 s`, `2 h 5 min`
    pub fn seconds(self, seconds: impl Borrow<f64>) -> String {
        let seconds = *seconds.borrow();
        let whole = seconds.max(0.0).round() as u64;
        let space = if self.0 == Language::French { "\u{a0}" } else { " " };
        match whole {
            0..10 => format!("{}{space}s", self.decimal(seconds.max(0.0), 1)),
            10..60 => format!("{whole}{space}s"),
            60..3600 => format!("{}{space}min {}{space}s", whole / 60, whole % 60),
            _ => format!("{}{space}h {}{space}min", self.number(whole / 3600), whole % 3600 / 60),
        }
    }

    /// With its thousands apart; templates hand out references.
    pub fn digits(self, number: impl Borrow<u64>) -> String {
        self.number(*number.borrow())
    }

    /// A moment to the second, in UTC; the text itself where it is none.
    pub fn moment(self, at: &str) -> String {
        match at.parse::<Timestamp>() {
            Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Err(_) => at.to_owned(),
        }
    }

    fn decimal(self, value: f64, digits: usize) -> String {
        let text = format!("{value:.digits$}");
        if self.0 == Language::French { text.replace('.', ",") } else { text }
    }
}

/// As a clock shows it: `0:07`, `12:34`, `1:02:03`. The script counts on from there.
pub fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole % 3600 / 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read() {
        let (english, french) = (Words(Language::English), Words(Language::French));
        for (bytes, expected) in
            [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (999_960, "1.0 MB"), (123_456_789, "123 MB")]
        {
            assert_eq!(english.bytes(bytes), expected);
        }
        assert_eq!(french.bytes(1_500_000), "1,5\u{a0}Mo");
        for (seconds, expected) in [
            (-1.0, "0.0 s"),
            (0.84, "0.8 s"),
            (12.4, "12 s"),
            (184.0, "3 min 4 s"),
            (7500.0, "2 h 5 min"),
            (3_600_000.0, "1,000 h 0 min"),
        ] {
            assert_eq!(english.seconds(seconds), expected);
        }
        assert_eq!(
            (clock(7.9), clock(754.0), clock(3723.0)),
            ("0:07".into(), "12:34".into(), "1:02:03".into())
        );
        assert_eq!(english.moment("2026-11-22T04:12:05.123Z"), "2026-11-22 04:12:05 UTC");
        assert_eq!(english.moment("<x>"), "<x>");
    }
}
