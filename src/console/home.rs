//! Where every site stands, and what it needs.

mod needs;

use askama::Template;

use crate::app::overview;
use crate::app::overview::Overview;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::listing::Pager;
use crate::console::listing::holds;
use crate::console::live;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::sites::Site;
use crate::console::words::Words;
use crate::console::work;

pub const ROUTES: &[Route] =
    &[look("/", sites), look("/sites/{site}", home), act("/sites/{site}/check", check)];

#[derive(Template)]
#[template(path = "sites.html")]
struct SitesPage {
    frame: Frame,
    rows: Vec<Row>,
    pager: Pager,
    query: String,
    only: bool,
    counted: String,
}

/// One site in short.
struct Row {
    word: String,
    name: String,
    /// Folders of one name are told apart by it.
    folder: String,
    /// The most pressing thing, and where it is done; how many more there are.
    need: Option<(String, String)>,
    more: String,
    /// In place of all else: why nothing can be said of it.
    broken: Option<String>,
    installed: String,
    update: String,
    watch: String,
    run: String,
    gate: String,
}

/// The list; with one site, that site.
fn sites(ask: &mut Ask) -> Result<Reply, Wrong> {
    let all = ask.console.sites.all();
    if let [only] = all {
        return Ok(Reply::See(format!("/sites/{}", only.word)));
    }
    let overviews = overview::overviews(all.iter().map(|site| &site.place));
    let mut rows: Vec<Row> = all
        .iter()
        .zip(overviews)
        .map(|(site, overview)| match overview {
            Ok(overview) => row(ask.words, site, &overview),
            Err(failure) => Row { broken: Some(failure.message), ..Row::of(site) },
        })
        .collect();
    let in_need = rows.iter().filter(|row| row.needs_somebody()).count();
    let (query, only) = (ask.query.get("q").to_owned(), ask.query.get("only") == "needs");
    rows.retain(|row| {
        (holds(&row.name, &query) || holds(&row.folder, &query)) && (!only || row.needs_somebody())
    });
    rows.sort_by_key(|row| (!row.needs_somebody(), row.name.to_lowercase()));
    let (rows, pager) = Pager::cut(ask, rows, "/", &["q", "only"]);
    let counts =
        [ask.words.count("home.count_sites", pager.total), ask.words.count("home.count_needs", in_need)];
    let frame = Frame::new(ask, ask.words.t("home.sites"), "");
    page(&SitesPage { frame, rows, pager, query, only, counted: counts.join(" · ") })
}

impl Row {
    fn of(site: &Site) -> Row {
        let none = String::new;
        Row {
            word: site.word.clone(),
            name: site.name.clone(),
            folder: site.folder.display().to_string(),
            need: None,
            more: none(),
            broken: None,
            installed: none(),
            update: none(),
            watch: none(),
            run: none(),
            gate: none(),
        }
    }

    fn needs_somebody(&self) -> bool {
        self.broken.is_some() || self.need.is_some()
    }
}

fn row(words: Words, site: &Site, overview: &Overview) -> Row {
    let facts = Facts::of(words, overview);
    let need = overview.needs.first().map(|need| {
        let told = needs::told(words, need);
        (told.text, format!("/sites/{}{}", site.word, told.rest))
    });
    Row {
        need,
        more: match overview.needs.len() {
            0 | 1 => String::new(),
            count => words.count("home.more", count - 1),
        },
        installed: overview.installed.as_ref().map(|installed| installed.version.clone()).unwrap_or_default(),
        update: overview.update().map(str::to_owned).unwrap_or_default(),
        watch: facts.watch,
        run: facts.run,
        gate: if overview.status.gate.closed { words.t("home.closed") } else { words.t("home.open") },
        ..Row::of(site)
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    overview: Overview,
    needs: Vec<needs::Told>,
    facts: Facts,
}

fn home(ask: &mut Ask) -> Result<Reply, Wrong> {
    let overview = overview::overview(ask.place()?)?;
    let words = ask.words;
    page(&Home {
        frame: Frame::new(ask, words.t("home.title"), "home"),
        needs: overview.needs.iter().map(|need| needs::told(words, need)).collect(),
        facts: Facts {
            working: live::who_works(ask, overview.status.holder.as_deref())?,
            ..Facts::of(words, &overview)
        },
        overview,
    })
}

/// What is told of a site, in sentences.
struct Facts {
    installed: String,
    update: String,
    watch: String,
    run: String,
    gate: String,
    working: Option<String>,
    jobs: Vec<(String, String)>,
}

impl Facts {
    fn of(words: Words, overview: &Overview) -> Facts {
        let nothing = words.t("home.nothing");
        let gate = &overview.status.gate;
        let reason = gate.reason.as_deref().unwrap_or_default();
        let since = words.moment(gate.since.as_deref().unwrap_or_default());
        Facts {
            installed: match &overview.installed {
                Some(installed) => words.say(
                    "home.installed_since",
                    &[&installed.version, &words.moment(&installed.since.to_string())],
                ),
                None => nothing.clone(),
            },
            update: update(words, overview),
            watch: match &overview.watch {
                None => words.t("home.never_watched"),
                Some(watch) => {
                    let when = words.moment(&watch.at.to_string());
                    match watch.counts.total() {
                        0 => words.say("home.watch_clean", &[&when]),
                        count => {
                            words.say("home.watch_found", &[&when, &words.count("home.findings", count)])
                        }
                    }
                }
            },
            run: match &overview.last_run {
                None => words.t("home.never_run"),
                Some(run) => words.say(
                    "home.run_was",
                    &[
                        &run.from,
                        &run.to,
                        &words.t(&format!("home.outcome_{}", run.outcome)),
                        &words.moment(&run.at),
                    ],
                ),
            },
            gate: match gate.closed {
                false => words.t("home.open"),
                true => {
                    words.say("home.closed_since", &[&since, &gate.by.as_deref().unwrap_or("?"), &reason])
                }
            },
            working: overview.status.holder.clone(),
            jobs: overview
                .jobs
                .iter()
                .map(|job| (words.t(&format!("home.job_{}", job.job)), words.moment(&job.at.to_string())))
                .collect(),
        }
    }
}

fn update(words: Words, overview: &Overview) -> String {
    let Some(checked) = &overview.checked else {
        return words.t(if overview.has_vendor { "home.never_asked" } else { "home.no_vendor" });
    };
    let when = words.moment(&checked.at.map(|at| at.to_string()).unwrap_or_default());
    match overview.update() {
        Some(version) => words.say("home.update_there", &[&version, &checked.vendor, &when]),
        None => words.say("home.update_none", &[&checked.vendor, &when]),
    }
}

/// Asks the vendor, in a process of its own.
fn check(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["check"])
}
