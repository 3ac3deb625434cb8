//! `watch`, typed and told: what somebody has to look at comes first.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use crate::app::desk::new_interrupt;
use crate::app::watch;
use crate::app::watch::Detail;
use crate::app::watch::Kind;
use crate::app::watch::Request;
use crate::app::watch::Seen;
use crate::app::watch::UnknownFolder;
use crate::app::watch::WatchView;
use crate::app::watch::Why;
use crate::base::count;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page;
use crate::cli::page::Page;

#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Read every file, whatever is remembered of it
    #[arg(long)]
    pub paranoid: bool,
    /// Go on: tell each finding as it comes and as it goes; Ctrl-C ends it
    #[arg(long, conflicts_with_all = ["accept", "paranoid"])]
    pub follow: bool,
    /// Hold the site against this manifest instead of what is installed
    #[arg(long, value_name = "FILE", conflicts_with = "accept")]
    pub manifest: Option<PathBuf>,
    /// Accept what a watch found at these paths, or below them; another change there is a finding again
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "note")]
    pub accept: Vec<String>,
    /// What it is that is accepted, for the log of the site
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub note: Option<String>,
    /// Write a report as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

pub(super) fn watch(session: &mut Session, args: WatchArgs) -> Exit {
    let place = session.place.clone();
    let request = Request {
        paranoid: args.paranoid,
        manifest: args.manifest,
        accept: args.accept,
        note: args.note,
        seen: None,
        html: args.html,
    };
    if args.follow {
        let interrupt = new_interrupt();
        let answer = watch::follow(&place, &request, &interrupt, &mut |seen| tell(session, &seen));
        return session.show("watch", answer, |view, _| format!("{}\n", counts(view)));
    }
    let answer = watch::watch(&place, &request, &mut session.listener());
    session.show("watch", answer, text)
}

/// One line as it comes; with `--json` an event.
fn tell(session: &mut Session, seen: &Seen) {
    let (manner, is_note) = (session.manner, matches!(seen, Seen::Note(_)));
    let line = match seen {
        Seen::Found(finding) => {
            let (kind, reasons) = (finding.kind.name(), finding.reasons());
            format!("+ {kind:<10} {}  {reasons}", finding.name())
        }
        Seen::Gone(path) => format!("- {:<10} {path}", "gone"),
        Seen::Note(note) => escape::text(note).into_owned(),
    };
    let line = line.trim_end().to_owned();
    if manner.json {
        session.progress.take(None, None, &Event::Log { line });
    } else if is_note {
        manner.say(&manner.paint(Paint::Dim, &line));
    } else {
        output::put(&format!("{line}\n"));
    }
}

fn text(view: &WatchView, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    page.line(&counts(view));
    let against = match (view.against.baseline, view.against.accepted) {
        ("observed", _) => "what was observed when the site was adopted".to_owned(),
        ("manifest", _) => format!("the manifest of version {}", view.against.version),
        (_, 0) => format!("version {}", view.against.version),
        (_, count) => {
            format!("version {} with {}", view.against.version, count::of(count, "accepted deviation"))
        }
    };
    page.row("against", &against);
    page.raw_row(
        "checked",
        &format!(
            "{}, {}; {} read anew",
            count::of(view.found.checked, "file"),
            page::bytes(view.found.bytes),
            view.found.rehashed
        ),
    );
    if view.outside.found.checked > 0 {
        let bytes = page::bytes(view.outside.found.bytes);
        page.raw_row("outside", &format!("{} files, {bytes}", view.outside.found.checked));
    }
    if !view.accepted.is_empty() {
        page.list("accepted", &view.accepted);
    }
    let all = view.details.iter().chain(&view.outside.details);
    let (alarms, others): (Vec<&Detail>, Vec<&Detail>) = all.partition(|detail| detail.alarm);
    let (outside, others): (Vec<&Detail>, Vec<&Detail>) =
        others.into_iter().partition(|detail| detail.finding.outside);
    list(&mut page, "look at these first", &alarms, view, manner);
    for kind in Kind::ALL {
        let here: Vec<&Detail> =
            others.iter().copied().filter(|detail| detail.finding.kind == kind).collect();
        match manner.verbose {
            true => list(&mut page, kind.name(), &here, view, manner),
            false => {
                let known =
                    here.iter().copied().filter(|one| folder_of(view, one).is_none()).collect::<Vec<_>>();
                list(&mut page, kind.name(), &known, view, manner);
                if kind == Kind::Unexpected {
                    folders(&mut page, view, &here);
                }
            }
        }
    }
    for kind in Kind::ALL {
        let here: Vec<&Detail> =
            outside.iter().copied().filter(|detail| detail.finding.kind == kind).collect();
        list(&mut page, &format!("{} outside", kind.name()), &here, view, manner);
    }
    news(&mut page, view);
    page.notes(&view.notes);
    match &view.html {
        Some(path) => page.row("report", &path.to_string_lossy()),
        None if view.details.len() + view.outside.details.len() > page::SHOWN && !manner.verbose => {
            page.next("entracte watch --verbose", "lists all of it; --html FILE writes a report");
        }
        None => {}
    }
    if !(view.details.is_empty() && view.outside.details.is_empty()) && view.news.is_some() {
        page.next("entracte watch --accept PATH --note \"what it is\"", "where a change is meant");
    }
    page.into_text()
}

fn counts(view: &WatchView) -> String {
    let counts = [
        (view.found.modified.len(), "modified"),
        (view.found.missing.len(), "missing"),
        (view.found.unexpected.len(), "unexpected"),
        (view.found.unreadable.len(), "unreadable"),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut told: Vec<String> = told.map(|(count, word)| format!("{count} {word}")).collect();
    let outside = view.outside.details.len();
    told.extend((outside > 0).then(|| format!("{outside} outside the site")));
    if told.is_empty() { "every file is as it should be".into() } else { told.join(", ") }
}

fn list(page: &mut Page, name: &str, details: &[&Detail], view: &WatchView, manner: &Manner) {
    let is_new = |path: &String| view.news.as_ref().is_some_and(|news| news.new.binary_search(path).is_ok());
    let rows: Vec<String> = details
        .iter()
        .map(|detail| {
            let path = detail.finding.name();
            let new = if is_new(&path) { "new: " } else { "" };
            let reasons = detail.finding.reasons();
            if reasons.is_empty() { format!("{new}{path}") } else { format!("{new}{path}  {reasons}") }
        })
        .collect();
    match manner.verbose {
        true => page.whole_list(name, &rows),
        false => page.list(name, &rows),
    }
}

/// Folders that nothing is known of, each with the reasons of what is in it.
fn folders(page: &mut Page, view: &WatchView, unexpected: &[&Detail]) {
    let row = |folder: &UnknownFolder| {
        let inside = unexpected.iter().filter(|detail| folder.holds(&detail.finding));
        let why = inside.flat_map(|detail| &detail.finding.why).filter(|why| !matches!(why, Why::Recent));
        let reasons: BTreeSet<String> = why.map(ToString::to_string).collect();
        let reasons: Vec<String> = reasons.into_iter().collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!("  {}", reasons.join("; ")) };
        format!("{}  {}{reasons}", folder.path, count::of(folder.files, "file"))
    };
    let rows: Vec<String> = view.folders.iter().map(row).collect();
    page.list("unexpected folders", &rows);
}

fn folder_of<'v>(view: &'v WatchView, detail: &Detail) -> Option<&'v UnknownFolder> {
    view.folders.iter().find(|folder| folder.holds(&detail.finding))
}

fn news(page: &mut Page, view: &WatchView) {
    let Some(news) = &view.news else { return };
    page.list("gone since the last watch", &news.gone);
    match news.last {
        None => page.row("before", "nobody watched this site yet: the next watch tells what is new"),
        Some(last) => page.raw_row(
            "before",
            &format!(
                "{} new and {} gone since {}",
                news.new.len(),
                news.gone.len(),
                last.strftime("%Y-%m-%d %H:%M UTC")
            ),
        ),
    }
}

#[cfg(test)]
mod tests;
