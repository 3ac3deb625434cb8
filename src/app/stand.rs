//! Where a site stands, for somebody who is about to do something about it: the
//! open run in full, what may be done next, and a word that says whether it
//! still stands there when that is asked for.

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Show;
use crate::app::report::Status;
use crate::app::report::Version;
use crate::app::runner;
use crate::app::runner::Runner;
use crate::app::status;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::site::Site;
use crate::sys::fs;
use crate::update::approval::Approval;
use crate::update::journal;
use crate::update::plan::Plan;
use crate::update::run;
use crate::update::run::RunFolder;
use crate::update::standing::End;
use crate::update::standing::Halt;
use crate::update::standing::Standing;

/// The end of a log says enough of why something failed.
const LOG_BYTES: u64 = 4 << 10;
const LOG_LINES: usize = 30;

/// Where a site stands.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Changes with every step that is done here.
    pub seen: String,
    pub status: Status,
    /// What would be carried out next.
    pub plan: Option<Ready>,
    /// The last run.
    pub run: Option<Last>,
    /// The detached process that works on it now.
    pub runner: Option<Runner>,
}

/// A plan that waits, or is approved.
#[derive(Clone, Debug)]
pub struct Ready {
    pub id: String,
    pub from: Version,
    pub to: Version,
    /// Who approved it.
    pub approved_by: Option<String>,
    pub closed_seconds: f64,
    pub bytes_needed: u64,
}

/// The last run, and what may be done about it.
#[derive(Clone, Debug)]
pub struct Last {
    pub show: Show,
    pub way: Way,
    /// Scripts that were begun and of which nobody knows how they ended.
    pub unknown_scripts: Vec<String>,
    /// The end of what the programs of the run wrote last.
    pub log: Option<Log>,
}

/// What may be done about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Somebody works on it.
    Busy,
    /// It was stopped in good order before this step.
    Stopped(Step),
    /// This step failed.
    Failed(Step),
    /// Whoever worked on it is gone, in this step.
    Left(Option<Step>),
    /// A script began of which nobody knows how it ended.
    Unknown(Step),
    /// It can only go on going back.
    Back,
    /// Finished; it can be taken back or kept for good.
    Finished,
    /// Nothing can be done about it any more.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub name: String,
    pub text: String,
}

/// Where the site stands.
pub fn stand(place: &Place) -> Result<Stand, Failure> {
    let site = place.open()?;
    // First of all: what is read after it may only be newer, and is then refused.
    let seen = seen(&site)?;
    let status = status::status(place)?.result;
    let is_busy = status.holder.is_some();
    let last = run::list(&site.state.runs())?.pop();
    let run = last.map(|id| last_run(place, &site, id, is_busy)).transpose()?;
    let plan = status.plan.as_ref().map(|_| ready(&site)).transpose()?;
    let runner = runner::last(place)?.filter(|runner| is_busy && runner.lives());
    Ok(Stand { seen, status, plan, run, runner })
}

fn last_run(place: &Place, site: &Site, id: String, is_busy: bool) -> Result<Last, Failure> {
    let folder = RunFolder::new(site.state.runs().join(&id));
    let (_, standing) = journal::read(&folder.journal())?;
    let unknown_scripts = standing.unknown_scripts().into_iter().map(ToString::to_string).collect();
    let way = way(&standing, is_busy);
    Ok(Last { show: status::show(place, &id)?.result, way, unknown_scripts, log: last_log(&folder) })
}

fn way(standing: &Standing, is_busy: bool) -> Way {
    use crate::update::standing::Direction;
    let at = standing.next_step();
    match (standing.end, is_busy, standing.direction, &standing.halted, at) {
        (Some(End::RolledBack), ..) => Way::Over,
        (Some(End::Finished), ..) if standing.committed => Way::Over,
        (Some(End::Finished), ..) => Way::Finished,
        (None, true, ..) => Way::Busy,
        (None, _, Direction::Back, ..) => Way::Back,
        (None, _, _, _, Some(step)) if !standing.unknown_scripts().is_empty() => Way::Unknown(step),
        (None, _, _, Some(Halt::Stopped { before }), _) => Way::Stopped(*before),
        (None, _, _, Some(Halt::Failed { step, .. }), _) => Way::Failed(*step),
        (None, _, _, None, at) => Way::Left(at),
    }
}

fn ready(site: &Site) -> Result<Ready, Failure> {
    let plan = Plan::load(&site.state.plan())?;
    let approval = Approval::load(&site.state.approval())?.filter(|approval| approval.plan == plan.id);
    let version = |version: &String| Version { version: version.clone() };
    Ok(Ready {
        id: plan.id.to_string(),
        from: version(&plan.sealed.from.version),
        to: version(&plan.sealed.to.version),
        approved_by: approval.map(|approval| approval.by),
        closed_seconds: plan.estimate.closed_seconds,
        bytes_needed: plan.estimate.bytes_needed,
    })
}

/// The log that was written to last.
fn last_log(folder: &RunFolder) -> Option<Log> {
    let newest = fs::list(&folder.logs()).ok()?.into_iter().filter(|path| fs::is_file(path));
    let newest = newest.max_by_key(|path| fs::modified(path).ok().flatten())?;
    let bytes = fs::read_end(&newest, LOG_BYTES).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let text = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    let name = newest.file_name()?.to_string_lossy().into_owned();
    (!text.is_empty()).then_some(Log { name, text })
}

/// A word for where the site stands: plan, approval, run, and how many lines
/// the run's journal has.
pub fn seen(site: &Site) -> Result<String, Failure> {
    let plan = match fs::is_file(&site.state.plan()) {
        true => Plan::load(&site.state.plan())?.id.to_string()[..16].to_owned(),
        false => "-".into(),
    };
    let approved = Approval::load(&site.state.approval())?
        .map_or_else(|| "-".to_owned(), |approval| approval.plan.to_string()[..16].to_owned());
    let run = match run::list(&site.state.runs())?.pop() {
        Some(id) => {
            let (records, _) = journal::read(&RunFolder::new(site.state.runs().join(&id)).journal())?;
            format!("{id}.{}", records.len())
        }
        None => "-".into(),
    };
    Ok(format!("{plan}.{approved}.{run}"))
}

/// Refuses what somebody asked for who saw the site stand elsewhere.
pub(super) fn is_still(site: &Site, asked: &str) -> Result<(), Failure> {
    match seen(site)? == asked {
        true => Ok(()),
        false => Err(moved()),
    }
}

/// Somebody else was faster.
pub fn moved() -> Failure {
    Failure::new(Exit::Refused, "the site no longer stands where it stood when this was asked for")
        .hint("somebody else did something meanwhile: look where it stands now, and ask again if it is still wanted")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::base::digest::Sha256;
    use crate::base::path::SitePath;
    use crate::update::journal::DatabaseBack;
    use crate::update::journal::EffectState;
    use crate::update::journal::Entry;

    fn after(entries: &[Entry]) -> Standing {
        let plan = Sha256::of(b"p");
        let opened = Entry::Opened { format: 1, run: "r".into(), plan, from: "1".into(), to: "2".into() };
        let mut standing = Standing::default();
        for entry in [vec![opened], entries.to_vec()].concat() {
            standing.follow(&entry, Timestamp::UNIX_EPOCH).unwrap();
        }
        standing
    }

    fn through(last: Step) -> Vec<Entry> {
        let steps = Step::RUN.into_iter().filter(|step| *step <= last);
        steps.flat_map(|step| [Entry::Started { step }, Entry::Done { step, note: String::new() }]).collect()
    }

    #[test]
    fn ways_that_are_open() {
        let failed = Entry::Failed { step: Step::Close, message: "no".into() };
        let back = Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore };
        let script = Entry::Script {
            path: SitePath::parse("a.sh").unwrap(),
            state: EffectState::Started,
            status: None,
        };
        let close = Entry::Started { step: Step::Close };
        let at_scripts =
            [through(Step::Migrate), vec![Entry::Started { step: Step::RunOnce }, script]].concat();
        let finished = [through(Step::Reopen), vec![Entry::Finished]].concat();
        for (entries, expected) in [
            (vec![], Way::Left(Some(Step::Close))),
            (vec![close.clone()], Way::Left(Some(Step::Close))),
            (vec![Entry::Stopped { before: Step::Close }], Way::Stopped(Step::Close)),
            (vec![close.clone(), failed.clone()], Way::Failed(Step::Close)),
            (vec![close, failed, back.clone()], Way::Back),
            (vec![back.clone(), Entry::RolledBack], Way::Over),
            (at_scripts, Way::Unknown(Step::RunOnce)),
            (finished.clone(), Way::Finished),
            ([finished.clone(), vec![back]].concat(), Way::Back),
            ([finished, vec![Entry::Committed]].concat(), Way::Over),
        ] {
            let standing = after(&entries);
            assert_eq!(way(&standing, false), expected, "{entries:?}");
            let busy = if standing.is_open() { Way::Busy } else { expected };
            assert_eq!(way(&standing, true), busy, "{entries:?}");
        }
    }
}
