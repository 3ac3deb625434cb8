//! Findings over time: drawn on the server, with the table that says the same.

use crate::app::watch::past::Point;
use crate::console::words::Words;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
/// Room for the numbers on the left.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 18.0;
/// More of them are no picture any more.
const MOST: usize = 120;

pub struct Chart {
    /// Of the line that shows how many there were.
    pub points: String,
    pub highest: String,
    pub first: String,
    pub last: String,
    /// What somebody hears who does not see it.
    pub told: String,
    /// The newest first.
    pub rows: Vec<Row>,
}

pub struct Row {
    pub at: String,
    pub total: String,
    /// In the order of the table: unexpected, modified, missing, unreadable.
    pub counts: [String; 4],
}

impl Chart {
    pub fn of(words: Words, points: &[Point]) -> Chart {
        let shown = &points[points.len().saturating_sub(MOST)..];
        let highest = shown.iter().map(|point| point.counts.total()).max().unwrap_or(0);
        let moment = |point: Option<&Point>| {
            point.map(|point| words.moment(&point.at.to_string())).unwrap_or_default()
        };
        let (first, last) = (moment(shown.first()), moment(shown.last()));
        let now = shown.last().map_or(0, |point| point.counts.total());
        Chart {
            points: steps(shown, highest),
            highest: words.number(highest),
            told: words.say("watch.chart_told", &[&first, &last, &words.number(highest), &words.number(now)]),
            first,
            last,
            rows: shown.iter().rev().map(|point| row(words, point)).collect(),
        }
    }

    /// One point is no course.
    pub fn is_worth_it(&self) -> bool {
        self.rows.len() > 1
    }
}

fn row(words: Words, point: &Point) -> Row {
    let counts = &point.counts;
    Row {
        at: words.moment(&point.at.to_string()),
        total: words.number(counts.total()),
        counts: [counts.unexpected, counts.modified, counts.missing, counts.unreadable]
            .map(|count| words.number(count)),
    }
}

/// The number stays what it was until a watch finds another one.
fn steps(points: &[Point], highest: u64) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return String::new() };
    let span = last.at.duration_since(first.at).as_secs_f64().max(1.0);
    let mut text = String::new();
    let mut before: Option<f64> = None;
    for point in points {
        // A clock that was put back draws nothing outside.
        let passed = (point.at.duration_since(first.at).as_secs_f64() / span).clamp(0.0, 1.0);
        let x = LEFT + passed * (WIDTH - LEFT);
        let share = point.counts.total() as f64 / highest.max(1) as f64;
        let y = 6.0 + (1.0 - share) * (HEIGHT - BOTTOM - 6.0);
        if let Some(before) = before {
            text.push_str(&format!("{x:.1},{before:.1} "));
        }
        text.push_str(&format!("{x:.1},{y:.1} "));
        before = Some(y);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::watch::past::Counts;
    use crate::console::words::Language;

    #[test]
    fn the_line_goes_in_steps_and_stays_inside() {
        let point = |at: &str, modified| Point {
            at: at.parse().unwrap(),
            counts: Counts { modified, ..Counts::default() },
        };
        let points = [
            point("2026-11-20T00:00:00Z", 0),
            point("2026-11-21T00:00:00Z", 4),
            point("2026-11-19T00:00:00Z", 2),
            point("2026-11-22T00:00:00Z", 2),
        ];
        let chart = Chart::of(Words(Language::English), &points);
        assert_eq!(chart.points, "44.0,142.0 342.0,142.0 342.0,6.0 44.0,6.0 44.0,74.0 640.0,74.0 640.0,74.0");
        assert_eq!((chart.highest.as_str(), chart.rows.len()), ("4", 4));
        assert!(!Chart::of(Words(Language::English), &[]).is_worth_it());
    }
}
