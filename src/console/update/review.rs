//! The plan, looked through and approved.

use std::borrow::Borrow;

use askama::Template;

use crate::app::desk::Place;
use crate::app::review as plans;
use crate::app::review::Check;
use crate::app::review::Content;
use crate::app::review::Filter;
use crate::app::review::KINDS;
use crate::app::review::Level;
use crate::app::review::Line;
use crate::app::review::Lines;
use crate::app::review::Review;
use crate::app::review::Row;
use crate::app::review::Side;
use crate::app::review::Stale;
use crate::app::review::Told;
use crate::app::review::Word;
use crate::base::step::Step;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::live;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::session::Role;
use crate::console::update::WizardStep;
use crate::console::update::ago;
use crate::console::update::see;
use crate::console::update::steps;
use crate::console::update::with_query;

/// Statements that the first page shows, and how much of each.
const MOST_STATEMENTS: usize = 20;
const MOST_STATEMENT_CHARS: usize = 1000;
/// Of all statements on their own page, in bytes.
const MOST_SQL_BYTES: usize = 512 << 10;
/// Longer paths and words are looked for by nobody.
const MOST_FILTER: usize = 200;

#[derive(Template)]
#[template(path = "update-review.html")]
struct ReviewPage {
    frame: Frame,
    steps: Vec<WizardStep>,
    holder: Option<String>,
    review: Review,
    filter: Filter,
    lines: Lines,
    statements: Vec<String>,
}

impl ReviewPage {
    fn kinds(&self) -> Vec<(&'static str, usize)> {
        KINDS
            .into_iter()
            .map(|kind| (kind, self.lines.kinds.get(kind).copied().unwrap_or_default()))
            .collect()
    }

    fn all(&self) -> usize {
        self.lines.kinds.values().sum()
    }

    fn same(&self) -> usize {
        let same = self.review.view.counts.get("same").copied().unwrap_or_default();
        usize::try_from(same).unwrap_or(usize::MAX)
    }

    fn count(&self, key: &str, count: impl Borrow<usize>) -> String {
        self.frame.words.count(key, *count.borrow())
    }

    fn number(&self, number: impl Borrow<usize>) -> String {
        self.frame.words.number(*number.borrow() as u64)
    }

    fn kind_name(&self, kind: &str) -> String {
        self.frame.t(&format!("update.kind_{kind}"))
    }

    /// This page with one thing looked at otherwise.
    fn with(&self, kind: &str, folder: &str, page: usize) -> String {
        let page = if page == 0 { String::new() } else { (page + 1).to_string() };
        let query = [
            ("kind", kind),
            ("text", self.filter.text.as_str()),
            ("folder", folder),
            ("page", page.as_str()),
        ];
        with_query(&self.frame.at("/update/review"), &query) + "#files"
    }

    fn this_kind(&self, kind: &str) -> String {
        self.with(kind, &self.filter.folder, 0)
    }

    fn this_folder(&self, folder: &str) -> String {
        self.with(&self.filter.kind, folder, 0)
    }

    fn this_page(&self, page: usize) -> String {
        self.with(&self.filter.kind, &self.filter.folder, page)
    }

    /// The folder above the one that is looked at.
    fn above(&self) -> String {
        let above = self.filter.folder.rsplit_once('/').map_or("", |(above, _)| above);
        self.this_folder(above)
    }

    fn diff_of(&self, line: &Line) -> String {
        with_query(&self.frame.at("/update/review/diff"), &[("path", &line.path)])
    }

    fn script_of(&self, path: &str) -> String {
        with_query(&self.frame.at("/update/review/script"), &[("path", path)])
    }

    fn sizes(&self, line: &Line) -> String {
        let bytes = |size: u64| self.frame.words.bytes(size);
        match (line.old_size, line.new_size) {
            (Some(old), Some(new)) if old != new => format!("{} → {}", bytes(old), bytes(new)),
            (_, Some(size)) | (Some(size), None) => bytes(size),
            (None, None) => String::new(),
        }
    }

    fn made(&self) -> String {
        ago(self.frame.words, self.review.age)
    }

    /// The worst first.
    fn findings(&self) -> Vec<&Check> {
        let mut found: Vec<&Check> =
            self.review.view.checks.iter().filter(|check| check.level != Level::Ok).collect();
        found.sort_by_key(|check| std::cmp::Reverse(check.level));
        found
    }

    fn passed(&self) -> Vec<&Check> {
        self.review.view.checks.iter().filter(|check| check.level == Level::Ok).collect()
    }

    fn level(&self, check: &Check) -> (&'static str, String) {
        match check.level {
            Level::Error => ("error", self.frame.t("update.level_error")),
            Level::Warning => ("warning", self.frame.t("update.level_warning")),
            Level::Ok => ("good", self.frame.t("update.level_ok")),
        }
    }

    fn stale(&self) -> Vec<String> {
        let told = |stale: &Stale| match stale {
            Stale::Installed => self.frame.t("update.stale_installed"),
            Stale::Staged => self.frame.t("update.stale_staged"),
            Stale::Settings => self.frame.t("update.stale_settings"),
            Stale::Paths { count, first } => {
                let more = if *count > first.len() { " …" } else { "" };
                format!("{} {}{more}", self.frame.words.count("update.stale_paths", *count), first.join(", "))
            }
        };
        self.review.stale.iter().map(told).collect()
    }

    fn can_be_approved(&self) -> bool {
        self.frame.is_operator()
            && self.review.approval.is_none()
            && !self.review.is_empty
            && self.review.errors() == 0
    }

    fn closed(&self) -> String {
        self.frame.words.seconds(self.review.view.closed_seconds.ceil())
    }

    fn trust(&self) -> String {
        match self.review.view.source.as_ref().map(|source| (source.signed.is_some(), source.trust.as_str()))
        {
            Some((true, _)) | Some((_, "signed")) => self.frame.t("update.trust_signed"),
            Some((_, "list")) => self.frame.t("update.trust_list"),
            _ => self.frame.t("update.trust_none"),
        }
    }
}

/// The current plan; without one there is another page.
fn current(ask: &Ask) -> Result<Result<Review, Reply>, Wrong> {
    Ok(plans::review(ask.place()?)?.ok_or_else(|| see(ask, "/update/source")))
}

pub fn page_of(ask: &mut Ask) -> Result<Reply, Wrong> {
    let review = match current(ask)? {
        Ok(review) => review,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let filter = filter(ask);
    let statements =
        review.view.statements.iter().take(MOST_STATEMENTS).map(|text| shortened(text)).collect();
    page(&ReviewPage {
        frame: Frame::new(ask, ask.words.t("update.review_title"), "update"),
        steps: steps(ask.words, Step::Review),
        holder: live::who_works(ask, review.holder.as_deref())?,
        lines: review.lines(&filter),
        statements,
        filter,
        review,
    })
}

fn filter(ask: &Ask) -> Filter {
    let word = |name: &str| ask.query.get(name).chars().take(MOST_FILTER).collect::<String>();
    let folder = ask.query.get("folder").trim_matches('/').chars().take(4096).collect();
    let page = ask.query.get("page").parse::<usize>().unwrap_or(1);
    let kind = KINDS.into_iter().find(|kind| *kind == ask.query.get("kind")).unwrap_or_default();
    Filter { kind: kind.into(), text: word("text").trim().into(), folder, page: page.saturating_sub(1) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_STATEMENT_CHARS) {
        None => text.to_owned(),
        Some((at, _)) => format!("{} …", &text[..at]),
    }
}

#[derive(Template)]
#[template(path = "update-diff.html")]
struct DiffPage {
    frame: Frame,
    path: String,
    content: Content,
    is_beside: bool,
    /// The content is for operators.
    is_hidden: bool,
}

impl DiffPage {
    fn here(&self, view: &str) -> String {
        with_query(&self.frame.at("/update/review/diff"), &[("path", &self.path), ("view", view)])
    }

    fn kind_name(&self) -> String {
        self.frame.t(&format!("update.kind_{}", self.content.line.kind))
    }

    fn side(&self, side: &Option<Side>) -> String {
        let words = self.frame.words;
        match side {
            None => words.t("update.nothing_there"),
            Some(Side { what: "file", size, sha256, mode, .. }) => words.say(
                "update.a_file",
                &[&words.bytes(size.unwrap_or_default()), mode, &sha256.as_deref().unwrap_or_default()],
            ),
            Some(Side { what: "link", target, .. }) => {
                words.say("update.a_link", &[&target.as_deref().unwrap_or_default()])
            }
            Some(Side { what: "folder", mode, .. }) => words.say("update.a_folder", &[mode]),
            Some(_) => words.t("update.something"),
        }
    }

    /// Each line with its class.
    fn unified(&self) -> Vec<(&'static str, &str)> {
        let Told::Text { unified, .. } = &self.content.told else { return Vec::new() };
        let class = |line: &str| match line.as_bytes().first() {
            Some(b'+') => "add",
            Some(b'-') => "del",
            Some(b'@') => "hunk",
            Some(b'#') => "hunk",
            _ => "ctx",
        };
        unified.lines().map(|line| (class(line), line)).collect()
    }

    fn rows(&self) -> &[Row] {
        match &self.content.told {
            Told::Text { beside, .. } => &beside.rows,
            _ => &[],
        }
    }

    fn long(&self) -> String {
        let Told::Long(bytes) = &self.content.told else { return String::new() };
        self.frame.words.say("update.long", &[&self.frame.words.bytes(*bytes)])
    }

    fn more_lines(&self) -> String {
        self.frame.words.count("update.more_lines", self.cut())
    }

    fn cut(&self) -> usize {
        match &self.content.told {
            Told::Text { beside, .. } => beside.cut,
            _ => 0,
        }
    }
}

/// One file of the plan. What is the owner's may hold passwords, and is for
/// operators alone.
pub fn diff(ask: &mut Ask) -> Result<Reply, Wrong> {
    let review = match current(ask)? {
        Ok(review) => review,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let path = ask.query.get("path").to_owned();
    let content = review.content(&path)?.ok_or(Wrong::NotFound)?;
    let is_operator = ask.session.as_ref().is_some_and(|session| session.role >= Role::Operator);
    page(&DiffPage {
        frame: Frame::new(ask, ask.words.t("update.diff_title"), "update"),
        is_hidden: content.is_owners && !is_operator,
        is_beside: ask.query.get("view") == "beside",
        path,
        content,
    })
}

#[derive(Template)]
#[template(path = "update-text.html")]
struct TextPage {
    frame: Frame,
    name: String,
    texts: Vec<String>,
    is_all: bool,
}

pub fn script(ask: &mut Ask) -> Result<Reply, Wrong> {
    let review = match current(ask)? {
        Ok(review) => review,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let name = ask.query.get("path").to_owned();
    let (text, is_all) = review.script(&name)?.ok_or(Wrong::NotFound)?;
    let frame = Frame::new(ask, ask.words.t("update.script_title"), "update");
    page(&TextPage { frame, name, texts: vec![text], is_all })
}

/// Every statement, as far as a page holds them.
pub fn database(ask: &mut Ask) -> Result<Reply, Wrong> {
    let review = match current(ask)? {
        Ok(review) => review,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let (mut texts, mut bytes, mut is_all) = (Vec::new(), 0, true);
    for statement in review.view.statements {
        bytes += statement.len();
        if bytes > MOST_SQL_BYTES {
            is_all = false;
            break;
        }
        texts.push(statement);
    }
    let frame = Frame::new(ask, ask.words.t("update.database_title"), "update");
    page(&TextPage { frame, name: String::new(), texts, is_all })
}

#[derive(Template)]
#[template(path = "update-refused.html")]
struct Refused {
    frame: Frame,
    message: String,
    hints: Vec<String>,
}

/// What somebody else did since the page of the plan was shown.
fn overtaken(ask: &Ask) -> Result<Option<(String, Vec<String>)>, Wrong> {
    let Some(review) = plans::review(ask.place()?)? else { return Ok(None) };
    let words = ask.words;
    if review.view.id != ask.form.get("plan") {
        return Ok(Some((words.t("update.refused_anew"), vec![words.t("update.refused_anew_how")])));
    }
    Ok(review.approval.map(|approval| {
        let when = words.moment(&approval.at.to_string());
        let message = words.say("update.refused_second", &[&words.person(&approval.by), &when]);
        (message, vec![words.t("update.refused_second_how")])
    }))
}

/// Approves exactly the plan whose id the form carries.
pub fn approve(ask: &mut Ask) -> Result<Reply, Wrong> {
    let word = Word { plan: ask.form.get("plan"), typed: ask.form.get("typed") };
    // The record says how, as well.
    let by = Some(format!("{} (console)", ask.person()));
    let Err(failure) = plans::approve(&Place { by, ..ask.place()?.clone() }, &word) else {
        return Ok(see(ask, "/update"));
    };
    let frame = Frame::new(ask, ask.words.t("update.not_approved"), "update");
    let (message, hints) =
        overtaken(ask)?.unwrap_or_else(|| (failure.message.clone(), failure.hints.clone()));
    let refused = Refused { frame, message, hints };
    let text = refused.render().map_err(|error| Wrong::Question(error.to_string()))?;
    Ok(Reply::PageWith(Wrong::from(failure).status(), text))
}
