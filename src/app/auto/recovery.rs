//! A run whose process died: it is finished where visitors were in already,
//! taken back otherwise. What a person stopped is left to that person.

use crate::app::apply;
use crate::app::apply::Request;
use crate::app::apply::Until;
use crate::app::auto::Ended;
use crate::app::auto::run::Ran;
use crate::app::auto::run::undo;
use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::status::stands_at;
use crate::site::automation::Automation;
use crate::site::blocklist::Blocked;
use crate::site::blocklist::Blocklist;
use crate::sys::clock;
use crate::update::run::Run;
use crate::update::run::open_run;
use crate::update::standing::Standing;

/// A release in whose runs the process died so often is not tried again.
const MOST_DEATHS: usize = 2;

/// What became of a run that was left; `None` when there is none, or it is a person's.
pub(in crate::app) fn recover(held: &Held, listener: Listener) -> Result<Option<Ended>, Failure> {
    let (id, standing) = match open_run(&held.site.state.runs())? {
        Some((id, standing)) if standing.halted.is_none() => (id, standing),
        _ => return Ok(None),
    };
    let run = Run::open(&held.site.state.runs(), &id)?;
    let sealed = &run.plan.sealed;
    let (from, to, manifest) = (sealed.from.version.clone(), sealed.to.version.clone(), sealed.to.manifest);
    let why = left_at(&standing);
    if standing.visitors_are_back() {
        let all = Request { until: Until::End, budget: None };
        let answer = apply::go_on(held, run, &all, Interrupt::default(), listener)?;
        let why = answer.failure.is_some().then_some(why);
        return Ok(Some(Ended::Ran(Box::new(Ran { from, to, answer, why, blamed: None }))));
    }
    let mut memory = Automation::load(&held.site.state.automation())?;
    let died = memory.dies(manifest, &id);
    memory.save(&held.site.state.automation())?;
    let blamed = (died >= MOST_DEATHS).then_some(manifest);
    if blamed.is_some() {
        let reason = format!("its process died {died} times, the last time {why}");
        let blocked =
            Blocked { manifest, version: to.clone(), reason, at: clock::now(), run: Some(id.clone()) };
        Blocklist::add(&held.site.state.blocklist(), blocked)?;
    }
    let answer = undo(held, &id, &why, listener)?;
    Ok(Some(Ended::Ran(Box::new(Ran { from, to, answer, why: Some(why), blamed }))))
}

fn left_at(standing: &Standing) -> String {
    let step = stands_at(standing).map_or("its beginning", |step| step.name());
    format!("the process or the machine ended at {step}")
}
