//! `update`: stage, plan, ask, apply in one go.

use crate::app::apply;
use crate::app::apply::Request as ApplyRequest;
use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::plan::Diff;
use crate::app::report::Answer;
use crate::app::report::PlanView;
use crate::app::report::RunView;
use crate::app::stage;
use crate::base::exit::Exit;
use crate::sys::signal::Interrupt;
use crate::update::advance::Until;
use crate::update::compose::Reinstall;
use crate::update::plan::Plan;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub stage: stage::Request,
    pub reinstall: Reinstall,
}

/// Shows the plan and asks whether it may be carried out.
pub type Ask<'a> = &'a mut dyn FnMut(&PlanView) -> bool;

pub fn update(
    place: &Place,
    request: &Request,
    interrupt: Interrupt,
    ask: Ask,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take_idle(place, "update")?;
    stage::stage_here(&held.site, &request.stage, &interrupt, listener)?;
    let made = plan::make(&held.site, &held.gate, request.reinstall, listener)?;
    if made.is_empty() {
        return Err(Failure::new(
            Exit::NothingToDo,
            format!("version {} is installed already", made.sealed.to.version),
        ));
    }
    carry_out(&held, made, request.reinstall, interrupt, ask, listener)
}

/// Shows the plan, asks, and runs it to its end.
pub(super) fn carry_out(
    held: &Held,
    made: Plan,
    reinstall: Reinstall,
    interrupt: Interrupt,
    ask: Ask,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let view = plan::view(&held.site, &made, &Diff::None)?;
    if let Some(failure) = Failure::of_checks(&made.checks) {
        return Err(failure);
    }
    if !ask(&view) {
        return Err(Failure::new(Exit::Waiting, format!("plan {} is not approved", made.id))
            .hint(format!("`entracte approve {}` approves it later", &view.id[..16])));
    }
    plan::approve_here(&held.site, &made, &view.id, &held.by)?;
    let run = apply::begin(held, made, reinstall, listener)?;
    let all = ApplyRequest { until: Until::End, budget: None };
    apply::go_on(held, run, &all, interrupt, listener)
}
