//! This site against another, a folder, an archive or a reference. Begun by
//! operators alone: a comparison reads whatever the site's owner can read.

use std::io::Write;

use askama::Template;
use axum::http::StatusCode;

use crate::app::compare::report_policy;
use crate::app::compared;
use crate::app::compared::Database;
use crate::app::compared::Found;
use crate::app::compared::Kept;
use crate::app::compared::Request;
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
use crate::console::reply::Stream;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::words::Words;
use crate::console::work;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/compare", show),
    act("/sites/{site}/compare", begin),
    look("/sites/{site}/compare/{id}", result),
    look("/sites/{site}/compare/{id}/lines", lines),
    look("/sites/{site}/compare/{id}/report", report),
];

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    frame: Frame,
    past: Vec<(Kept, String)>,
    /// Word and name of the other sites.
    others: Vec<(String, String)>,
    inbox: Vec<(String, String)>,
}

fn show(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (place, here) = (ask.place()?, &ask.site()?.word);
    let past = compared::list(place)?.into_iter().map(|kept| {
        let when = ask.words.moment(&kept.at.map(|at| at.to_string()).unwrap_or_default());
        (kept, when)
    });
    let others = ask.console.sites.all().iter().filter(|site| site.word != *here);
    page(&Page {
        past: past.collect(),
        others: others.map(|site| (site.word.clone(), site.name.clone())).collect(),
        // What waits there is for those who may compare with it.
        inbox: compared::inbox(place).unwrap_or_default(),
        frame: Frame::new(ask, ask.words.t("compare.title"), "compare"),
    })
}

fn begin(ask: &mut Ask) -> Result<Reply, Wrong> {
    let request = Request {
        other: other(ask)?,
        part: ask.form.get("part").to_owned(),
        lines: ask.form.get("lines") == "1",
    };
    work::start(ask, compared::begin(&ask.place_of_person()?, &request)?)
}

/// The one side that was named.
fn other(ask: &Ask) -> Result<String, Wrong> {
    let form = &ask.form;
    let typed = |name: &str| Some(form.get(name).trim().to_owned()).filter(|text| !text.is_empty());
    let named = ["site", "folder", "archive", "reference"].map(typed);
    let wrong = || Wrong::Question(ask.words.t("compare.one"));
    if named.iter().flatten().count() != 1 {
        return Err(wrong());
    }
    match named {
        [Some(word), ..] => {
            let site = ask.console.sites.find(&word).ok_or_else(wrong)?;
            let root = crate::app::status::root(&site.place)?;
            root.into_os_string().into_string().map_err(|_| wrong())
        }
        [_, Some(folder), ..] if folder.starts_with('/') => Ok(folder),
        [_, _, Some(name), _] => {
            let mut inbox = compared::inbox(ask.place()?)?.into_iter();
            inbox.find(|(known, _)| *known == name).map(|(_, path)| path).ok_or_else(wrong)
        }
        [_, _, _, Some(url)] if url.starts_with("https://") || url.starts_with("http://") => Ok(url),
        _ => Err(wrong()),
    }
}

#[derive(Template)]
#[template(path = "compared.html")]
struct ResultPage {
    frame: Frame,
    kept: Kept,
    is_same: bool,
    checked: String,
    notes: Vec<String>,
    tabs: Vec<(String, String, bool)>,
    rows: Vec<Row>,
    pager: Pager,
    query: String,
    group: String,
    database: Option<Database>,
}

struct Row {
    path: String,
    what: String,
    lines: Option<String>,
}

const GROUPS: [&str; 5] = ["different", "only_a", "only_b", "moved", "unreadable"];

fn result(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (id, words) = (ask.parts.get("id").to_owned(), ask.words);
    let (kept, found) = compared::load(ask.place()?, &id)?.ok_or(Wrong::NotFound)?;
    let here = format!("/sites/{}/compare/{id}", ask.site()?.word);
    let is_same = found.is_same();
    let wanted = GROUPS.into_iter().find(|group| *group == ask.query.get("group"));
    let group =
        wanted.or_else(|| GROUPS.into_iter().find(|group| count(&found, group) > 0)).unwrap_or(GROUPS[0]);
    let tabs = tabs(words, &found, &here, group);
    let query = ask.query.get("q").to_owned();
    let mut rows = rows(&found, group, &here);
    rows.retain(|row| holds(&row.path, &query) || holds(&row.what, &query));
    let (rows, pager) = Pager::cut(ask, rows, &here, &["group", "q"]);
    let checked =
        words.say("compare.checked", &[&words.number(found.files.checked), &words.bytes(found.files.bytes)]);
    page(&ResultPage {
        frame: Frame::new(ask, words.t("compare.result_title"), "compare"),
        kept,
        is_same,
        checked,
        notes: found.notes,
        tabs,
        rows,
        pager,
        query,
        group: group.into(),
        database: found.database,
    })
}

fn count(found: &Found, group: &str) -> usize {
    let files = &found.files;
    match group {
        "different" => files.different.len(),
        "only_a" => files.only_a.len(),
        "only_b" => files.only_b.len(),
        "moved" => files.moved.len() + files.renamed.len(),
        _ => files.unreadable.len(),
    }
}

fn tabs(words: Words, found: &Found, here: &str, group: &str) -> Vec<(String, String, bool)> {
    let tab = |name: &&str| {
        let count = words.number(count(found, name) as u64);
        let text = format!("{} ({count})", words.t(&format!("compare.{name}")));
        (text, format!("{here}?group={name}"), *name == group)
    };
    GROUPS.iter().filter(|name| count(found, name) > 0).map(tab).collect()
}

fn rows(found: &Found, group: &str, here: &str) -> Vec<Row> {
    let files = &found.files;
    let lines = |path: &str| Some(format!("{here}/lines?path={}", encoded(path)));
    let plain = |path: &String| Row { path: path.clone(), what: String::new(), lines: None };
    match group {
        "different" => {
            let row = |detail: &compared::Detail| Row {
                path: detail.path.clone(),
                what: detail.what.join("; "),
                lines: detail
                    .what
                    .iter()
                    .find(|what| what.starts_with("content"))
                    .and_then(|_| lines(&detail.path)),
            };
            files.details.iter().map(row).collect()
        }
        "only_a" => files.only_a.iter().map(plain).collect(),
        "only_b" => files.only_b.iter().map(plain).collect(),
        "moved" => {
            let row = |moved: &compared::Moved, lines| Row {
                path: moved.from.clone(),
                what: format!("→ {}", moved.to),
                lines,
            };
            let moved = files.moved.iter().map(|moved| row(moved, None));
            moved.chain(files.renamed.iter().map(|moved| row(moved, lines(&moved.to)))).collect()
        }
        _ => {
            let row = |unreadable: &compared::Unreadable| Row {
                path: unreadable.path.clone(),
                what: format!("{}: {}", unreadable.side.to_uppercase(), unreadable.reason),
                lines: None,
            };
            files.unreadable.iter().map(row).collect()
        }
    }
}

fn lines(ask: &mut Ask) -> Result<Reply, Wrong> {
    let (id, path) = (ask.parts.get("id").to_owned(), ask.query.get("path").to_owned());
    let lines = compared::lines(ask.place()?, &id, &path)?;
    page(&LinesPage {
        frame: Frame::new(ask, ask.words.t("compare.lines"), "compare"),
        missing: ask.words.t("compare.not_readable"),
        back_to: ask.words.t("compare.back"),
        back: format!("/sites/{}/compare/{id}", ask.site()?.word),
        lines: lines.map(|text| diff::lines(&text)),
        path,
    })
}

/// The report runs its own script, known by its digest, as nobody: it can
/// neither ask the console for anything nor send anything anywhere.
fn report(ask: &mut Ask) -> Result<Reply, Wrong> {
    let report = compared::report(ask.place()?, ask.parts.get("id"))?.ok_or(Wrong::NotFound)?;
    let policy = format!("sandbox allow-scripts; {}; frame-ancestors 'none'", report_policy());
    Ok(Reply::Stream(Stream {
        status: StatusCode::OK,
        headers: vec![
            ("content-type", "text/html; charset=utf-8".into()),
            ("content-security-policy", policy),
        ],
        write: Box::new(move |out: &mut dyn Write| out.write_all(&report)),
    }))
}
