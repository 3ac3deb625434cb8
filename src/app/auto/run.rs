//! A plan carried out without a person: it ends in the new release, or in the
//! old one, or closed and told of.

use crate::app::apply;
use crate::app::apply::Request;
use crate::app::apply::Until;
use crate::app::auto::Ended;
use crate::app::auto::told;
use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::rollback::NewerData;
use crate::app::rollback::take_back;
use crate::app::stage::forget_plan;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::site::SiteError;
use crate::site::blocklist::Blocked;
use crate::site::blocklist::Blocklist;
use crate::sys::clock;
use crate::update::compose::Reinstall;
use crate::update::plan::Plan;
use crate::update::run::Run;
use crate::update::steps::reopen;
use crate::update::work::Stop;
use crate::update::work::Work;

/// A run and what became of it.
pub(in crate::app) struct Ran {
    pub from: String,
    pub to: String,
    pub answer: Answer<RunView>,
    /// Why it did not end in the new release.
    pub why: Option<String>,
    /// The release, where it was put on the blocklist for that.
    pub blamed: Option<Sha256>,
}

pub(super) fn run(held: &Held, plan: Plan, interrupt: Interrupt, listener: Listener) -> Ended {
    let (from, to) = (plan.sealed.from.version.clone(), plan.sealed.to.version.clone());
    let manifest = plan.sealed.to.manifest;
    let all = Request { until: Until::End, budget: None };
    let run = match apply::begin(held, plan, Reinstall::No, listener) {
        Ok(run) => run,
        Err(failure) => return Ended::Refused(without_plan(held, failure)),
    };
    let went = match apply::go_on(held, run, &all, interrupt, listener) {
        Ok(went) => went,
        Err(failure) => return Ended::Refused(failure),
    };
    let (id, mut blamed) = (went.result.run.clone(), None);
    let (answer, why) = match Went::of(&went) {
        Went::Well => (Ok(went), None),
        Went::Undone(why) => (Ok(went), Some(why)),
        Went::Disturbed(why) => (undo(held, &id, &why, listener), Some(why)),
        Went::Badly(why) => {
            blamed = Some(manifest);
            let run = Some(id.clone());
            let blocked =
                Blocked { manifest, version: to.clone(), reason: why.clone(), at: clock::now(), run };
            let unlisted = Blocklist::add(&held.site.state.blocklist(), blocked).err();
            let answer = undo(held, &id, &why, listener);
            (
                answer.map(|answer| Answer { result: answer.result.with_warning(unlisted), ..answer }),
                Some(why),
            )
        }
    };
    match answer {
        Ok(answer) => Ended::Ran(Box::new(Ran { from, to, answer, why, blamed })),
        // Visitors may be shut out: whatever it was, a person is needed.
        Err(failure) => Ended::Refused(failure.ending(Exit::Stuck)),
    }
}

/// A plan that is no longer true would be refused at each tick: the next one makes
/// a new plan, and asks again.
fn without_plan(held: &Held, failure: Failure) -> Failure {
    if failure.exit != Exit::Refused {
        return failure;
    }
    match forget_plan(&held.site) {
        Ok(()) => failure,
        Err(left) => failure.hint(left.message),
    }
}

/// What is to be thought of how a run ended.
enum Went {
    Well,
    /// Taken back already, before anything of the release was in place: the
    /// machine's trouble.
    Undone(String),
    /// Nobody's fault: a signal, another entracte at the database.
    Disturbed(String),
    /// The release's fault, as far as anybody can know.
    Badly(String),
}

impl Went {
    fn of(answer: &Answer<RunView>) -> Went {
        match &answer.failure {
            None if answer.result.outcome == "finished" => Went::Well,
            None => Went::Disturbed("stopped by a signal".into()),
            Some(failure) if failure.exit == Exit::Locked => Went::Disturbed(told(failure)),
            Some(failure) if failure.exit == Exit::Failed => Went::Undone(told(failure)),
            Some(failure) => Went::Badly(told(failure)),
        }
    }
}

/// Takes the run back; once visitors were in, it only shuts them out again.
pub(super) fn undo(held: &Held, id: &str, why: &str, listener: Listener) -> Result<Answer<RunView>, Failure> {
    let run = Run::open(&held.site.state.runs(), id)?;
    if run.standing().visitors_are_back() {
        return shut(held, run, why);
    }
    // A refusal writes nothing, and leaves the site closed.
    let back = match take_back(held, id, why, NewerData::Refuse, listener) {
        Ok(back) => back,
        Err(failure) => Answer::failing(failure.ending(Exit::Stuck), apply::view(&run)),
    };
    match back.failure {
        Some(_) => Ok(back),
        None => {
            let failure = Failure::new(Exit::Failed, why).hint("the site is exactly what it was before");
            Ok(Answer::failing(failure, back.result))
        }
    }
}

/// What visitors wrote since is worth more than what automation knows.
fn shut(held: &Held, run: Run, why: &str) -> Result<Answer<RunView>, Failure> {
    let (stop, databases) =
        (Stop::new(Interrupt::default(), None), held.site.databases().map_err(SiteError::from)?);
    let mut work = Work { site: &held.site, gate: &held.gate, databases: &databases, stop: &stop, run };
    let shut = reopen::close_again(&mut work);
    let how = match &shut {
        Ok(()) => "the site is closed again".to_owned(),
        Err(error) => format!("the site could not be closed again ({error})"),
    };
    let failure = Failure::new(
        Exit::Stuck,
        format!(
            "{why}; visitors had been let in, so the database is not taken back without a person, and {how}"
        ),
    )
    .hint("`entracte rollback` goes back where nobody has written since, and says it where somebody has")
    .hint("`entracte resume` asks the site again, and opens it");
    Ok(Answer::failing(failure, apply::view(&work.run)))
}
