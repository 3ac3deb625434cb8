//! The plan as it was made last: nothing is built anew, and no lock is taken.

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::plan::Diff;
use crate::app::report::Answer;
use crate::app::report::PlanView;
use crate::base::exit::Exit;
use crate::sys::fs;
use crate::update::plan::Plan;

pub fn show(place: &Place, diff: &Diff) -> Result<Answer<PlanView>, Failure> {
    let site = place.open()?;
    if !fs::is_file(&site.state.plan()) {
        return Err(Failure::new(Exit::NothingToDo, "there is no plan")
            .hint("`entracte stage` brings a release here, and `entracte plan` says what it would change"));
    }
    let plan = Plan::load(&site.state.plan())?;
    Ok(Answer::done(plan::view(&site, &plan, diff)?))
}
