//! What the last watch found: looked at, accepted with a note, watched again.

mod chart;

use std::ffi::OsString;

use askama::Template;

use crate::app::watch;
use crate::app::watch::past;
use crate::app::watch::past::LastWatch;
use crate::app::watch::past::PastFinding;
use crate::base::digest::Sha256;
use crate::console::ask::Ask;
use crate::console::diff;
use crate::console::diff::LinesPage;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::listing::Pager;
use crate::console::listing::encoded;
use crate::console::listing::holds;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::words::Words;
use crate::console::work;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/watch", show),
    look("/sites/{site}/watch/lines", lines),
    act("/sites/{site}/watch/run", run),
    act("/sites/{site}/watch/accept", accept),
];

/// The order of the page; those that nobody can read come last.
const KINDS: [&str; 4] = ["unexpected", "modified", "missing", "unreadable"];

#[derive(Template)]
#[template(path = "watch.html")]
struct Page {
    frame: Frame,
    /// `None`: nobody watched yet.
    last: Option<LastWatch>,
    summary: String,
    accepted: String,
    tabs: Vec<Tab>,
    groups: Vec<Group>,
    pager: Pager,
    query: String,
    kind: String,
    chart: chart::Chart,
    is_done: bool,
}

/// How many there are of one kind, and the way to see these alone.
struct Tab {
    text: String,
    to: String,
    is_here: bool,
}

struct Group {
    title: String,
    about: String,
    can_accept: bool,
    rows: Vec<Row>,
}

struct Row {
    finding: PastFinding,
    since: String,
    lines: Option<String>,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (place, words) = (ask.place()?, ask.words);
    let mut last = past::last(place)?;
    let chart = chart::Chart::of(words, &past::over_time(place)?);
    let (query, kind) = (ask.query.get("q").to_owned(), ask.query.get("kind").to_owned());
    let path = format!("/sites/{}/watch", ask.site()?.word);
    let all = last.as_mut().map(|last| std::mem::take(&mut last.findings)).unwrap_or_default();
    let tabs = tabs(words, &all, &path, &kind);
    let mut found: Vec<PastFinding> = all
        .into_iter()
        .filter(|finding| (kind.is_empty() || finding.kind == kind) && matches(finding, &query))
        .collect();
    found.sort_by_key(|finding| {
        (KINDS.iter().position(|kind| *kind == finding.kind), !finding.alarm, finding.path.clone())
    });
    let (found, pager) = Pager::cut(ask, found, &path, &["q", "kind"]);
    page(&Page {
        frame: Frame::new(ask, words.t("watch.title"), "watch"),
        summary: summary(words, last.as_ref(), &tabs),
        accepted: last.as_ref().map(|last| words.count("watch.accepted", last.accepted)).unwrap_or_default(),
        groups: groups(words, found, &path),
        is_done: ask.query.get("done") == "accepted",
        last,
        tabs,
        pager,
        query,
        kind,
        chart,
    })
}

fn matches(finding: &PastFinding, query: &str) -> bool {
    holds(&finding.path, query) || finding.why.iter().any(|why| holds(&why.text, query))
}

fn summary(words: Words, last: Option<&LastWatch>, tabs: &[Tab]) -> String {
    let Some(last) = last else { return words.t("watch.never") };
    let when = words.moment(&last.at.to_string());
    let against = last.against.as_ref().map(|(version, _)| version.as_str()).unwrap_or("?");
    match tabs.len() > 1 {
        true => words.say("watch.summary", &[&when, &against]),
        false => words.say("watch.summary_clean", &[&when, &against]),
    }
}

fn tabs(words: Words, all: &[PastFinding], path: &str, here: &str) -> Vec<Tab> {
    let all_of_them = Tab {
        text: format!("{} ({})", words.t("common.all"), words.number(all.len() as u64)),
        to: path.to_owned(),
        is_here: here.is_empty(),
    };
    let of_kind = KINDS.into_iter().filter_map(|kind| {
        let count = all.iter().filter(|finding| finding.kind == kind).count() as u64;
        let text = format!("{} ({})", words.t(&format!("watch.kind_{kind}")), words.number(count));
        (count > 0).then(|| Tab { text, to: format!("{path}?kind={kind}"), is_here: here == kind })
    });
    std::iter::once(all_of_them).chain(of_kind).collect()
}

fn groups(words: Words, found: Vec<PastFinding>, path: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut kind = "";
    for finding in found {
        if finding.kind != kind {
            kind = finding.kind;
            groups.push(Group {
                title: words.t(&format!("watch.kind_{kind}")),
                about: words.t(&format!("watch.about_{kind}")),
                can_accept: kind != "unreadable",
                rows: Vec::new(),
            });
        }
        let lines = (kind == "modified").then(|| format!("{path}/lines?path={}", encoded(&finding.path)));
        let row = Row { since: words.moment(&finding.since.to_string()), lines, finding };
        if let Some(group) = groups.last_mut() {
            group.rows.push(row);
        }
    }
    groups
}

/// How a changed file differs from the release.
fn lines(ask: &mut Ask) -> Result<Reply, Wrong> {
    let path = ask.query.get("path").to_owned();
    let lines = watch::lines(ask.place()?, &path)?;
    page(&LinesPage {
        frame: Frame::new(ask, ask.words.t("watch.lines"), "watch"),
        missing: ask.words.t("watch.not_at_hand"),
        back_to: ask.words.t("watch.back"),
        back: format!("/sites/{}/watch", ask.site()?.word),
        lines: lines.map(|text| diff::lines(&text)),
        path,
    })
}

fn run(ask: &mut Ask) -> Result<Reply, Wrong> {
    let mut arguments: Vec<OsString> = vec!["watch".into()];
    if ask.form.get("paranoid") == "1" {
        arguments.push("--paranoid".into());
    }
    work::start(ask, arguments)
}

/// A person answers for what stands there now.
fn accept(ask: &mut Ask) -> Result<Reply, Wrong> {
    let accept: Vec<String> = ask.form.all("path").map(str::to_owned).collect();
    if accept.is_empty() {
        return Err(Wrong::Question(ask.words.t("watch.nothing_chosen")));
    }
    if ask.form.get("note").trim().is_empty() {
        return Err(Wrong::Question(ask.words.t("watch.no_note")));
    }
    let seen = ask.form.get("seen").parse::<Sha256>();
    let seen = seen.map_err(|_| Wrong::Question(ask.words.t("common.refused_token")))?;
    let note = Some(ask.form.get("note").to_owned());
    let request = watch::Request { accept, note, seen: Some(seen), ..watch::Request::default() };
    watch::watch(&ask.place_of_person()?, &request, &mut |_, _, _| ())?;
    Ok(Reply::See(format!("/sites/{}/watch?done=accepted", ask.site()?.word)))
}
