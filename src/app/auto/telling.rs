//! Who is told what of an unattended update. That nobody could be told never
//! changes how it ended; it is a warning beside it.

use std::borrow::Cow;

use url::Url;

use crate::app::auto::Ended;
use crate::app::auto::Waiting;
use crate::app::auto::run::Ran;
use crate::app::auto::summary;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::base::count;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::notify;
use crate::notify::Beat;
use crate::notify::Kind;
use crate::notify::Notice;
use crate::site::Site;
use crate::site::automation::Automation;
use crate::site::gate::flag;
use crate::site::probe;
use crate::sys::clock;
use crate::sys::fs;
use crate::update::run::folder_of;

/// As much of a log goes into a mail, in lines.
const TAIL: usize = 40;

/// The dead man's switch is wound up: a run that is never heard of again is noticed.
pub(super) fn begin(site: &Site) -> Option<Failure> {
    warning(notify::beat(site, Beat::Start).into_iter().collect())
}

/// What an unattended update answers, and whether that is any news to a person.
pub(in crate::app) struct Came {
    pub answer: Result<Answer<RunView>, Failure>,
    pub is_news: bool,
}

/// Tells people, and gives the answer back.
pub(in crate::app) fn tell(site: &Site, ended: Ended) -> Came {
    let notice = match &ended {
        Ended::Quiet(_) => None,
        Ended::Unreachable(failure) => unreachable(site, failure),
        Ended::Refused(failure) if failure.exit == Exit::Locked => None,
        Ended::Refused(failure) => Some(refused(failure)),
        Ended::Waiting(waiting) => Some(approval(site, waiting)),
        Ended::Ran(ran) => Some(run(site, ran)),
    };
    let is_quiet = matches!(ended, Ended::Quiet(_));
    let is_news = notice.is_some() || !matches!(ended, Ended::Quiet(_) | Ended::Unreachable(_));
    let mut untold = notice.map(|notice| notify::tell(site, &notice).warnings()).unwrap_or_default();
    let answer = match ended {
        Ended::Quiet(failure) | Ended::Unreachable(failure) | Ended::Refused(failure) => Err(failure),
        Ended::Waiting(waiting) => Err(waiting.failure),
        Ended::Ran(ran) => Ok(ran.answer),
    };
    let exit = answer.as_ref().map_or_else(|failure| failure.exit, |answer| answer.exit);
    untold.extend(end(site, if is_quiet { Exit::NothingToDo } else { exit }));
    let answer = match (answer, warning(untold)) {
        (Ok(answer), untold) => Ok(Answer { result: answer.result.with_warning(untold), ..answer }),
        (Err(failure), Some(untold)) => Err(failure.hint(untold.message)),
        (Err(failure), None) => Err(failure),
    };
    Came { answer, is_news }
}

fn approval(site: &Site, waiting: &Waiting) -> Notice {
    let Waiting { plan, reasons, failure } = waiting;
    let entracte = format!("entracte --site {}", quoted(&fs::shown(&site.root)));
    let short = &plan.id.to_string()[..16];
    Notice {
        from: Some(plan.sealed.from.version.clone()),
        to: Some(plan.sealed.to.version.clone()),
        details: reasons.clone(),
        plan: Some(summary::plan(plan, reasons)),
        next: vec![
            format!("{entracte} plan"),
            format!("{entracte} approve {short}   # the next tick carries it out"),
        ],
        ..Notice::new(Kind::NeedsApproval, failure.message.clone(), plan.id.to_string())
    }
}

/// As a shell reads it as one word.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter));
    match is_plain {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

/// The dead man's switch: that nothing had to be done is a success.
fn end(site: &Site, exit: Exit) -> Option<String> {
    match exit {
        Exit::Locked => None,
        Exit::Done | Exit::NothingToDo | Exit::Waiting => notify::beat(site, Beat::Success),
        _ => notify::beat(site, Beat::Fail),
    }
}

fn warning(untold: Vec<String>) -> Option<Failure> {
    (!untold.is_empty()).then(|| Failure::new(Exit::Failed, untold.join("; ")))
}

/// Tells that visitors have been kept out for longer than the owner set; what
/// could not be told.
pub(in crate::app) fn closed_too_long(site: &Site) -> Result<Vec<String>, Failure> {
    let gate = flag::read(&site.state.gate())?;
    let minutes = site.settings.policy.closed_alarm_minutes;
    let (Some(since), true) = (gate.since, gate.closed && minutes > 0) else { return Ok(Vec::new()) };
    let closed = clock::now().duration_since(since).as_mins();
    if closed < i64::try_from(minutes).unwrap_or(i64::MAX) {
        return Ok(Vec::new());
    }
    let by = gate.by.as_deref().unwrap_or("somebody");
    let reason = gate.reason.as_deref().unwrap_or("no reason was given");
    let notice = Notice {
        details: vec![format!("closed since {since} by {by}: {reason}")],
        next: vec!["`entracte status` says why, and what can be done".into()],
        ..Notice::new(
            Kind::ClosedTooLong,
            format!("visitors have been kept out for {}", count::of(closed, "minute")),
            format!("closed since {since}"),
        )
    };
    Ok(notify::tell(site, &notice).warnings())
}

/// A network that is away for one tick is nobody's business.
fn unreachable(site: &Site, failure: &Failure) -> Option<Notice> {
    let path = site.state.automation();
    let mut memory = Automation::load(&path).unwrap_or_default();
    memory.network_failures = memory.network_failures.saturating_add(1);
    // What is not counted is told now.
    let counted = memory.save(&path).is_ok();
    let most = site.settings.policy.network_failures;
    let source = format!("releases are looked for at {}", looked_at(site));
    (!counted || memory.network_failures == most).then(|| Notice {
        details: [vec![source], failure.causes.clone()].concat(),
        next: failure.hints.clone(),
        ..Notice::new(
            Kind::Failed,
            format!("{} ({} in a row)", failure.message, count::of(memory.network_failures, "time")),
            "network",
        )
    })
}

/// The source without what an address may hold of secrets.
fn looked_at(site: &Site) -> String {
    let from = &site.settings.policy.from;
    match Url::parse(from) {
        Ok(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            probe::shown(&url)
        }
        Err(_) => escape::text(from).into_owned(),
    }
}

fn refused(failure: &Failure) -> Notice {
    Notice {
        details: failure.causes.clone(),
        next: failure.hints.clone(),
        ..Notice::new(Kind::Failed, failure.message.clone(), format!("refused: {}", failure.message))
    }
}

fn run(site: &Site, ran: &Ran) -> Notice {
    let Ran { from, to, answer, why, blamed } = ran;
    let (kind, what) = match (answer.exit, why) {
        (Exit::Done, _) => (
            Kind::Success,
            format!("updated; visitors were kept out for {:.0} s", answer.result.closed_seconds),
        ),
        (Exit::Failed, Some(why)) => (Kind::RolledBack, why.clone()),
        (_, why) => {
            let message = answer.failure.as_ref().map(|failure| failure.message.clone());
            (Kind::Failed, message.or_else(|| why.clone()).unwrap_or_default())
        }
    };
    let failure = answer.failure.as_ref();
    let mut next = failure.map(|failure| failure.hints.clone()).unwrap_or_default();
    next.extend(again(kind, *blamed));
    Notice {
        run: Some(answer.result.run.clone()),
        from: Some(from.clone()),
        to: Some(to.clone()),
        details: failure
            .map(|failure| failure.causes.clone())
            .unwrap_or_default()
            .into_iter()
            .chain(answer.result.warnings.clone())
            .collect(),
        log: tail(site, &answer.result.run),
        next,
        ..Notice::new(kind, what, answer.result.run.clone())
    }
}

/// Whether the release is tried again.
fn again(kind: Kind, blamed: Option<Sha256>) -> Option<String> {
    match blamed {
        Some(manifest) => {
            let digest = &manifest.to_string()[..16];
            Some(format!("it is not tried again before somebody says `entracte blocklist clear {digest}`"))
        }
        None => (kind == Kind::RolledBack).then(|| "it is tried again when it is due".to_owned()),
    }
}

/// The end of the newest log of the run; a log that cannot be read says nothing.
fn tail(site: &Site, run: &str) -> String {
    let Ok(folder) = folder_of(&site.state.runs(), run) else { return String::new() };
    let logs = fs::list(&folder.path().join("log")).unwrap_or_default();
    let written =
        |path: &std::path::PathBuf| fs::metadata(path).ok().flatten().and_then(|file| file.modified().ok());
    let newest = logs.into_iter().max_by_key(written);
    let text = newest.and_then(|path| fs::read_end(&path, 16 << 10).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    escape::block(&lines[lines.len().saturating_sub(TAIL)..].join("\n"))
}
