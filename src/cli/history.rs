//! `history`, told: runs and what else happened, in the order of time.

use crate::app::history;
use crate::app::history::EventRow;
use crate::app::history::FileHistory;
use crate::app::history::History;
use crate::app::history::HistoryRow;
use crate::app::history::Request;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::args::HistoryArgs;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;

pub(super) fn history(session: &mut Session, args: HistoryArgs) -> Exit {
    let request = Request { verify: args.verify, last: args.last, file: args.file };
    let answer = history::history(&session.place, &request);
    session.show("history", answer, text)
}

fn text(history: &History, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    match &history.file {
        Some(file) => of_file(&mut text, file),
        None => of_site(&mut text, history),
    }
    let Some(proof) = &history.proof else { return text.into_text() };
    match (proof.wrong_line, &proof.why) {
        (Some(line), why) => {
            let why = escape::text(why.as_deref().unwrap_or_default()).into_owned();
            text.line(&manner.paint(Paint::Red, &format!("the history was altered at line {line}: {why}")));
        }
        (None, _) if proof.end_is_known => {
            text.line(&format!("the history is unaltered: {}", count::of(proof.lines, "line")));
        }
        (None, _) => text.line(&format!(
            "the history is unaltered: {} (whether some are missing at the end is not known yet)",
            count::of(proof.lines, "line")
        )),
    }
    text.into_text()
}

fn of_site(text: &mut Page, history: &History) {
    let mut lines: Vec<(&str, String)> =
        history.runs.iter().map(|row| (row.at.as_str(), run_line(row))).collect();
    // What is told of a run already is told once.
    let of_itself = |event: &&EventRow| event.run.is_none() && event.event != "approved";
    lines.extend(history.events.iter().filter(of_itself).map(|event| (event.at.as_str(), event_line(event))));
    lines.sort_by(|a, b| a.0.cmp(b.0));
    for (_, line) in lines {
        text.line(&line);
    }
    if history.runs.is_empty() {
        text.line("no runs yet");
    }
}

fn run_line(row: &HistoryRow) -> String {
    let kept = if row.committed { ", committed" } else { "" };
    format!(
        "{}  {}  {} -> {}  {}{kept}  closed {:.1} s",
        row.run,
        when(&row.at),
        row.from,
        row.to,
        row.outcome,
        row.closed_seconds
    )
}

fn event_line(event: &EventRow) -> String {
    let by = event.by.as_ref().map(|by| format!("  by {}", escape::text(by))).unwrap_or_default();
    format!("{:<20}  {}  {}{by}", escape::text(&event.event), when(&event.at), escape::text(&event.detail))
}

fn of_file(text: &mut Page, file: &FileHistory) {
    let now = match file.now {
        "released" => "as the installed release has it",
        "changed" => "other than the installed release has it",
        "missing" => "not there",
        "unknown" => "there, and no part of the installed release",
        _ => "cannot be read",
    };
    text.line(&format!("{}: {now}", file.path));
    if !file.as_in.is_empty() {
        text.row("as in", &file.as_in.join(", "));
    }
    for row in &file.rows {
        let run = row.run.as_ref().map(|run| format!("  {run}")).unwrap_or_default();
        let detail = escape::text(&row.detail);
        text.line(
            format!("  {}  {:<12} {:<10}{run}  {detail}", when(&row.at), row.event, row.what).trim_end(),
        );
    }
    if file.rows.is_empty() {
        text.line("  nothing is recorded of it");
    }
}

/// A moment to the second, in UTC; scripts are told its fractions.
fn when(at: &str) -> String {
    at.chars().take("2026-01-01T00:00:00".len()).map(|c| if c == 'T' { ' ' } else { c }).collect()
}
