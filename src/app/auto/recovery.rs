//! A run whose process died: it is finished where visitors were in already,
//! taken back otherwise. What a person stopped is left to that person.

use crate::app::apply;
use crate::app::apply::Request;
use crate::app::apply::Until;
use crate::app::apply::stuck_exit;
use crate::app::auto::Ended;
use crate::app::auto::run::Ran;
use crate::app::auto::run::undo;
use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::status::stands_at;
use crate::base::count;
use crate::base::digest::Sha256;
use crate::site::automation::Automation;
use crate::site::blocklist::Blocked;
use crate::site::blocklist::Blocklist;
use crate::site::stored::StoredError;
use crate::sys::clock;
use crate::update::plan::Endpoint;
use crate::update::run::Run;
use crate::update::run::open_run;
use crate::update::standing::Standing;

/// A release in whose runs the process died so often is not tried again.
const MOST_DEATHS: usize = 2;

/// What became of a run that was left; `None` when there is none, or it is a person's.
pub(in crate::app) fn recover(held: &Held, listener: Listener) -> Option<Ended> {
    match end_left_run(held, listener) {
        Ok(ran) => ran.map(|ran| Ended::Ran(Box::new(ran))),
        // The run is where it was, and visitors may be shut out.
        Err(failure) => {
            let exit = stuck_exit(failure.exit);
            Some(Ended::Refused(failure.ending(exit)))
        }
    }
}

fn end_left_run(held: &Held, listener: Listener) -> Result<Option<Ran>, Failure> {
    let (id, standing) = match open_run(&held.site.state.runs())? {
        Some((id, standing)) if standing.halted.is_none() => (id, standing),
        _ => return Ok(None),
    };
    let run = Run::open(&held.site.state.runs(), &id)?;
    let to = run.plan.sealed.to.clone();
    let from = run.plan.sealed.from.version.clone();
    let why = left_at(&standing);
    if standing.visitors_are_back() {
        let all = Request { until: Until::End, budget: None };
        let answer = apply::go_on(held, run, &all, Interrupt::default(), listener)?;
        let why = answer.failure.is_some().then_some(why);
        return Ok(Some(Ran { from, to: to.version, answer, why, blamed: None }));
    }
    // A disk that is full must not keep the site closed for the sake of a memory.
    let (blamed, unnoted) = match blame(held, &id, &to, &why) {
        Ok(blamed) => (blamed, None),
        Err(error) => (None, Some(error)),
    };
    let answer = undo(held, &id, &why, listener)?;
    let answer = Answer { result: answer.result.with_warning(unnoted), ..answer };
    Ok(Some(Ran { from, to: to.version, answer, why: Some(why), blamed }))
}

/// Notes that the process died in a run of the release; the release, once that
/// happened too often.
fn blame(held: &Held, id: &str, to: &Endpoint, why: &str) -> Result<Option<Sha256>, StoredError> {
    let state = &held.site.state;
    let mut memory = Automation::load(&state.automation())?;
    let died = memory.dies(to.manifest, id);
    memory.save(&state.automation())?;
    if died < MOST_DEATHS {
        return Ok(None);
    }
    let blocked = Blocked {
        manifest: to.manifest,
        version: to.version.clone(),
        reason: format!("its process died {}, the last time {why}", count::of(died, "time")),
        at: clock::now(),
        run: Some(id.to_owned()),
    };
    Blocklist::add(&state.blocklist(), blocked)?;
    Ok(Some(to.manifest))
}

fn left_at(standing: &Standing) -> String {
    let step = stands_at(standing).map_or("its beginning", |step| step.name());
    format!("the process or the machine ended at {step}")
}
