//! The plan that was made, as a person looks through it before approving it:
//! read from the state, never built anew, and told where it is no longer true.

mod approve;
mod change;
mod content;
mod stale;

use jiff::Timestamp;

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::plan::Diff;
use crate::app::report::PlanView;
use crate::app::stage::forget_plan;
use crate::app::status;
use crate::base::check;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::lock;
use crate::update::approval::Approval;
use crate::update::plan::Plan;

pub use crate::app::review::approve::Approved;
pub use crate::app::review::approve::Word;
pub use crate::app::review::approve::approve;
pub use crate::app::review::change::Filter;
pub use crate::app::review::change::Folder;
pub use crate::app::review::change::KINDS;
pub use crate::app::review::change::Line;
pub use crate::app::review::change::Lines;
pub use crate::app::review::content::Content;
pub use crate::app::review::content::Side;
pub use crate::app::review::content::Told;
pub use crate::app::review::stale::Stale;
pub use crate::base::check::Check;
pub use crate::base::check::Level;
pub use crate::base::diff::Row;

/// The current plan, open to be looked through.
pub struct Review {
    /// All of it but the changes, which are asked for page by page.
    pub view: PlanView,
    pub made: Timestamp,
    /// How long ago, in seconds.
    pub age: i64,
    /// It changes nothing.
    pub is_empty: bool,
    pub approval: Option<Approved>,
    /// Why it would not be carried out, as far as a look tells.
    pub stale: Vec<Stale>,
    /// Files that the installed release brought and that somebody changed since.
    pub edited: u64,
    /// Who works on the site now.
    pub holder: Option<String>,
    plan: Plan,
    site: Site,
    drifted: Vec<usize>,
}

/// The current plan; `None` where there is none.
pub fn review(place: &Place) -> Result<Option<Review>, Failure> {
    let site = place.open()?;
    if !fs::is_file(&site.state.plan()) {
        return Ok(None);
    }
    let plan = Plan::load(&site.state.plan())?;
    let mut view = plan::view(&site, &plan, &Diff::None)?;
    view.changes.clear();
    let drifted = stale::drifted(&site, &plan);
    let approval = Approval::load(&site.state.approval())?.filter(|approval| approval.plan == plan.id);
    Ok(Some(Review {
        made: plan.made,
        age: clock::now().duration_since(plan.made).as_secs(),
        is_empty: plan.is_empty(),
        approval: approval.map(|approval| Approved { by: approval.by, at: approval.at }),
        stale: stale::all(&site, &plan, &drifted)?,
        edited: change::edited(&plan),
        holder: lock::holder(&site.state.lock())?.map(|holder| status::told(&holder)),
        drifted,
        view,
        plan,
        site,
    }))
}

impl Review {
    /// One page of the changes.
    pub fn lines(&self, filter: &Filter) -> Lines {
        change::lines(&self.plan.sealed.changes, &self.drifted, filter)
    }

    /// What becomes of one path of the plan, with its content; `None` where the
    /// plan does not name it.
    pub fn content(&self, path: &str) -> Result<Option<Content>, Failure> {
        content::content(&self.site, &self.plan, path)
    }

    /// The text of a script that would run, and whether that is all of it.
    pub fn script(&self, path: &str) -> Result<Option<(String, bool)>, Failure> {
        content::script(&self.site, &self.plan, path)
    }

    /// The checks that forbid to carry it out.
    pub fn errors(&self) -> usize {
        check::errors(&self.view.checks).count()
    }
}

/// Empties staging and forgets the plan. What an open run needs it leaves alone.
pub fn discard(place: &Place) -> Result<(), Failure> {
    let held = Held::take_to_look(place, "discard")?;
    forget_plan(&held.site)?;
    Ok(Staging::open(&held.site.state.staging())?.discard()?)
}
