//! The watch that the clock starts: people are told when what it finds is other
//! than what they were told last.

use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::watch::live;
use crate::app::watch::live::Looked;
use crate::app::watch::live::Manner;
use crate::app::watch::record;
use crate::base::exit::Exit;
use crate::notify;
use crate::notify::Kind as NoticeKind;
use crate::notify::Notice;
use crate::site::Site;
use crate::sys::fs;
use crate::watch::finding::Finding;
use crate::watch::memory;
use crate::watch::memory::Memory;
use crate::watch::memory::News;

/// As many findings are named.
const NAMED: usize = 50;

/// How it ended, in a sentence.
pub struct Watched {
    pub exit: Exit,
    pub told: String,
    /// Whether a person has to hear of it.
    pub news: bool,
    pub warnings: Vec<String>,
}

pub fn scheduled(held: &Held, listener: Listener) -> Watched {
    match watch(&held.site, listener) {
        Ok(watched) => watched,
        // An open run has its own way of being told.
        Err(failure) if failure.exit == Exit::Locked => {
            Watched { exit: Exit::NothingToDo, told: failure.message, news: false, warnings: Vec::new() }
        }
        Err(failure) => {
            let notice = Notice {
                details: failure.causes.clone(),
                next: failure.hints.clone(),
                ..Notice::new(
                    NoticeKind::Failed,
                    format!("the watch failed: {}", failure.message),
                    format!("watch: {}", failure.message),
                )
            };
            let warnings = notify::tell(&held.site, &notice).warnings();
            Watched { exit: failure.exit, told: failure.message, news: true, warnings }
        }
    }
}

fn watch(site: &Site, listener: Listener) -> Result<Watched, Failure> {
    let before = Memory::load(&site.state.watch())?;
    let manner = Manner { is_locked: true, ..Manner::usual(&before) };
    let looked = live::look(site, &manner, listener)?;
    let news = before.news(&looked.findings);
    let mut after = record::record(site, &looked)?;
    let told = memory::counts(&looked.findings);
    let (key, exit) = (after.key(), if looked.findings.is_empty() { Exit::Done } else { Exit::Differs });
    let is_news = key != after.told;
    let mut warnings = looked.notes.clone();
    if is_news {
        if let Some(key) = key {
            warnings.extend(notify::tell(site, &notice(site, &looked, &news, &key.to_string())).warnings());
        }
        after.told = key;
        after.save(&site.state.watch())?;
    }
    Ok(Watched { exit, told, news: is_news && key.is_some(), warnings })
}

fn notice(site: &Site, looked: &Looked, news: &News, key: &str) -> Notice {
    let what =
        format!("the files of the site are not as they should be: {}", memory::counts(&looked.findings));
    let root = fs::shown(&site.root);
    let mut findings: Vec<&Finding> = looked.findings.iter().collect();
    // Alarms first, then what is new; the paths' order else.
    let is_new = |finding: &Finding| news.new.binary_search(&finding.name()).is_ok();
    findings.sort_by_key(|finding| (!finding.is_alarm(), !is_new(finding)));
    let mut details: Vec<String> = findings
        .iter()
        .take(NAMED)
        .map(|finding| {
            let (new, kind) = (if is_new(finding) { "new: " } else { "" }, finding.kind.name());
            format!("{new}{kind} {}: {}", finding.name(), finding.reasons()).trim_end_matches(": ").to_owned()
        })
        .collect();
    if findings.len() > NAMED {
        details.push(format!("and {} more", findings.len() - NAMED));
    }
    details.extend(news.gone.iter().take(NAMED).map(|path| format!("gone: {path}")));
    Notice {
        details,
        next: vec![
            format!("entracte --site {root} watch"),
            format!("entracte --site {root} watch --accept PATH --note \"what it is\"   # where it is meant"),
        ],
        ..Notice::new(NoticeKind::Findings, what, key)
    }
}
