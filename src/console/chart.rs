//! Bars drawn on the server: an inline SVG, its geometry without any style, and
//! a text for who does not see it. The table beside it says the same.

use askama::Template;

use crate::console::filters;

const WIDTH: f64 = 360.0;
/// Where bars begin, and how long they are at most.
const LEFT: f64 = 96.0;
const LONGEST: f64 = 190.0;
const BAR: f64 = 9.0;
const GAP: f64 = 9.0;
/// Of a longer label the end is shown: which release it led to.
const LABEL_LETTERS: usize = 13;

/// What is drawn.
pub struct Bars {
    /// In the page: a letter and letters.
    pub id: &'static str,
    pub title: String,
    pub description: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub label: String,
    pub values: Vec<Value>,
}

/// One bar of a row.
pub struct Value {
    /// `one` or `two`: which colour.
    pub kind: &'static str,
    pub value: f64,
    pub text: String,
}

#[derive(Template)]
#[template(path = "chart.html")]
struct Drawing<'a> {
    bars: &'a Bars,
    width: f64,
    height: f64,
    labels: Vec<(f64, String)>,
    rectangles: Vec<Rectangle<'a>>,
}

struct Rectangle<'a> {
    kind: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    text_x: f64,
    text_y: f64,
    text: &'a str,
}

/// The drawing as it stands in a page; empty where there is nothing to draw.
pub fn draw(bars: &Bars) -> String {
    let most = bars.rows.iter().flat_map(|row| &row.values).map(|value| value.value).fold(0.0, f64::max);
    if bars.rows.is_empty() || most <= 0.0 {
        return String::new();
    }
    let (mut y, mut labels, mut rectangles) = (GAP, Vec::new(), Vec::new());
    for row in &bars.rows {
        let height = row.values.len() as f64 * BAR;
        labels.push((y + height / 2.0 + 3.5, shortened(&row.label)));
        for value in &row.values {
            let width = rounded((value.value.max(0.0) / most * LONGEST).max(0.5));
            rectangles.push(Rectangle {
                kind: value.kind,
                x: LEFT,
                y,
                width,
                height: BAR - 1.0,
                text_x: rounded(LEFT + width + 4.0),
                text_y: y + BAR - 1.5,
                text: &value.text,
            });
            y += BAR;
        }
        y += GAP;
    }
    Drawing { bars, width: WIDTH, height: y, labels, rectangles }.render().unwrap_or_default()
}

fn shortened(label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    match letters.len() > LABEL_LETTERS {
        true => std::iter::once(&'…').chain(&letters[letters.len() + 1 - LABEL_LETTERS..]).collect(),
        false => label.to_owned(),
    }
}

fn rounded(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, values: &[(f64, &str)]) -> Row {
        let kinds = ["one", "two"];
        let value = |(at, (value, text)): (usize, &(f64, &str))| Value {
            kind: kinds[at],
            value: *value,
            text: text.to_string(),
        };
        Row { label: label.into(), values: values.iter().enumerate().map(value).collect() }
    }

    #[test]
    fn bars_of_two_runs() {
        let drawn = draw(&Bars {
            id: "spans",
            title: "Time of each run".into(),
            description: "The last run took 12 s, and the site was closed for 4.0 s of it.".into(),
            rows: vec![
                row("1.9 → 2.0", &[(12.0, "12 s"), (4.0, "4.0 s")]),
                row("<script>alert(1)</script>", &[(3.0, "3.0 s"), (0.0, "0.0 s")]),
            ],
        });
        insta::assert_snapshot!(drawn);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let bars = |rows| Bars { id: "x", title: "x".into(), description: String::new(), rows };
        assert_eq!(draw(&bars(Vec::new())), "");
        assert_eq!(draw(&bars(vec![row("a", &[(0.0, "0")])])), "");
    }
}
