//! `/sites/S/history`: what was done here and by whom, and whether the record
//! of it is whole.

use std::collections::BTreeSet;

use askama::Template;
use url::form_urlencoded;

use crate::app::history;
use crate::app::history::EventRow;
use crate::app::history::FileHistory;
use crate::app::history::HistoryRow;
use crate::app::history::Request;
use crate::app::prune;
use crate::app::prune::RoomView;
use crate::console::ask::Ask;
use crate::console::chart;
use crate::console::chart::Bars;
use crate::console::chart::Row;
use crate::console::chart::Value;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::live::words_of;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::look;
use crate::console::words::Words;

pub const ROUTES: &[Route] = &[look("/sites/{site}/history", show)];

/// So many runs are drawn, and so many events listed on one page.
const DRAWN: usize = 15;
const LISTED: usize = 100;

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    /// The newest first.
    runs: Vec<RunRow>,
    spans: String,
    sizes: String,
    events: Vec<EventRow>,
    /// How many there are of the kind that is asked for.
    found: String,
    /// Each kind that there is, with its name.
    kinds: Vec<(String, String)>,
    kind: String,
    path: String,
    file: Option<FileHistory>,
    file_is: String,
    proof: Option<Proof>,
    /// Where older ones are listed.
    older: Option<String>,
}

struct RunRow {
    row: HistoryRow,
    outcome: String,
    room: Option<RoomView>,
}

/// What the chain of lines proves, in words.
struct Proof {
    is_whole: bool,
    text: String,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (path, kind) = (ask.query.get("file").trim().to_owned(), ask.query.get("kind").to_owned());
    let verify = ask.query.get("verify") == "1";
    let file = (!path.is_empty()).then(|| path.clone());
    let known = history::history(ask.place()?, &Request { verify, last: None, file })?.result;
    let kinds: BTreeSet<String> = known.events.iter().map(|event| event.event.clone()).collect();
    let is_asked = |event: &EventRow| kind.is_empty() || event.event == kind;
    let events: Vec<EventRow> = known.events.into_iter().rev().filter(is_asked).collect();
    let skipped = ask.query.get("from").parse().unwrap_or(0).min(events.len());
    let end = (skipped + LISTED).min(events.len());
    let rooms = prune::room_of_runs(ask.place()?, DRAWN)?;
    let room_of = |run: &str| rooms.iter().find(|room| room.run == run).cloned();
    let runs: Vec<RunRow> = known
        .runs
        .into_iter()
        .rev()
        .map(|row| RunRow {
            outcome: words_of(ask.words, "run.state", &row.outcome),
            room: room_of(&row.run),
            row,
        })
        .collect();
    let last = &runs[..runs.len().min(DRAWN)];
    page(&HistoryPage {
        spans: chart::draw(&spans(ask.words, last)),
        sizes: chart::draw(&sizes(ask.words, last)),
        found: ask.words.count("history.found", events.len()),
        older: (end < events.len()).then(|| older(&kind, end)),
        events: events.into_iter().skip(skipped).take(LISTED).collect(),
        kinds: kinds.into_iter().map(|kind| (kind.clone(), deed(ask.words, &kind))).collect(),
        proof: known.proof.map(|proof| told(ask.words, &proof)),
        file_is: known
            .file
            .as_ref()
            .map(|file| words_of(ask.words, "history.file_is", file.now))
            .unwrap_or_default(),
        file: known.file,
        runs,
        kind,
        path,
        frame: Frame::new(ask, ask.words.t("history.title"), "history"),
    })
}

impl HistoryPage {
    fn deed(&self, event: &str) -> String {
        deed(self.frame.words, event)
    }

    fn happened(&self, what: &str) -> String {
        words_of(self.frame.words, "history.what", what)
    }
}

/// What the log calls an event, in the reader's language.
pub fn deed(words: Words, event: &str) -> String {
    words_of(words, "history.deed", event)
}

fn older(kind: &str, from: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("kind", kind).append_pair("from", &from.to_string()).finish();
    format!("?{query}#events")
}

fn told(words: Words, proof: &history::Proof) -> Proof {
    let lines = words.number(proof.lines);
    let text = match (proof.wrong_line, &proof.why) {
        (Some(line), why) => {
            words.say("history.altered", &[&words.number(line), &why.as_deref().unwrap_or_default()])
        }
        (None, _) if proof.end_is_known => words.say("history.whole", &[&lines]),
        (None, _) => words.say("history.whole_so_far", &[&lines]),
    };
    Proof { is_whole: proof.is_whole(), text }
}

fn label(row: &HistoryRow) -> String {
    format!("{} → {}", row.from, row.to)
}

/// How long each run took, and for how long it kept visitors out.
fn spans(words: Words, runs: &[RunRow]) -> Bars {
    let value = |kind, seconds| Value { kind, value: seconds, text: words.seconds(seconds) };
    let row = |run: &RunRow| Row {
        label: label(&run.row),
        values: vec![value("one", run.row.worked_seconds), value("two", run.row.closed_seconds)],
    };
    let longest = runs.iter().map(|run| run.row.closed_seconds).fold(0.0, f64::max);
    Bars {
        id: "spans",
        title: words.t("history.spans"),
        description: words
            .say("history.spans_told", &[&words.number(runs.len() as u64), &words.seconds(longest)]),
        rows: runs.iter().map(row).collect(),
    }
}

/// What each backup set takes on the disk.
fn sizes(words: Words, runs: &[RunRow]) -> Bars {
    let kept: Vec<(&RunRow, u64)> =
        runs.iter().filter_map(|run| Some((run, run.room.as_ref()?.backup))).collect();
    let all: u64 = kept.iter().map(|(_, bytes)| bytes).sum();
    let row = |(run, bytes): &(&RunRow, u64)| Row {
        label: label(&run.row),
        values: vec![Value { kind: "one", value: *bytes as f64, text: words.bytes(*bytes) }],
    };
    Bars {
        id: "sizes",
        title: words.t("history.sizes"),
        description: words.say("history.sizes_told", &[&words.bytes(all)]),
        rows: kept.iter().map(row).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::history::Deed;
    use crate::console::words::Language;

    #[test]
    fn every_deed_has_a_name_in_every_language() {
        let runs = ["stopped", "failed"];
        let names = Deed::ALL.iter().map(|deed| deed.name()).chain(runs);
        for (name, language) in names.flat_map(|name| Language::ALL.iter().map(move |one| (name, *one))) {
            let key = format!("history.deed_{}", name.replace('-', "_"));
            assert_ne!(Words(language).t(&key), key, "{language:?}");
            assert_eq!(deed(Words(language), name), Words(language).t(&key));
        }
        assert_eq!(deed(Words(Language::French), "from-the-future"), "from-the-future");
    }

    #[test]
    fn what_happened_to_a_file_has_a_name_in_every_language() {
        for what in [
            "listed",
            "not listed",
            "add",
            "replace",
            "remove",
            "keep",
            "conflict",
            "same",
            "unexpected",
            "modified",
            "missing",
            "unreadable",
            "as it should be",
            "accepted",
        ] {
            for language in Language::ALL {
                let key = format!("history.what_{}", what.replace([' ', '-'], "_"));
                assert_ne!(Words(*language).t(&key), key);
                assert_eq!(words_of(Words(*language), "history.what", what), Words(*language).t(&key));
            }
        }
    }
}
