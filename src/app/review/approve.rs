//! A person's word for exactly the plan that was looked at.

use jiff::Timestamp;

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan::approve_here;
use crate::base::exit::Exit;
use crate::update::approval::Approval;
use crate::update::plan::Plan;

/// So much of the id is typed: enough to have looked at it.
const TYPED: usize = 6;

/// Who approved, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    pub by: String,
    pub at: Timestamp,
}

/// What somebody says about a plan.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// The whole id of the plan that the person saw.
    pub plan: &'a str,
    /// The beginning of it, as the person typed it.
    pub typed: &'a str,
}

/// Approves the plan that was seen, and no other. Who comes second learns who
/// was first.
pub fn approve(place: &Place, word: &Word) -> Result<Approved, Failure> {
    let held = Held::take_to_look(place, "approve")?;
    let plan = Plan::load(&held.site.state.plan())?;
    let id = plan.id.to_string();
    if word.plan != id {
        return Err(Failure::new(
            Exit::Refused,
            format!("the plan that you saw is not the current one, which is {}", &id[..16]),
        )
        .hint("it was made anew since: look at it, then approve that one"));
    }
    if !is_typed(word.typed, &id) {
        let message = format!("what was typed is not how the plan's id begins ({TYPED} characters at least)");
        return Err(Failure::new(Exit::Usage, message).hint("compare it with the id on the page of the plan"));
    }
    if plan.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "the plan changes nothing"));
    }
    if let Some(before) = Approval::load(&held.site.state.approval())?.filter(|before| before.plan == plan.id)
    {
        let message = format!("{} approved this plan already, at {}", before.by, before.at);
        return Err(Failure::new(Exit::NothingToDo, message).hint("it can be applied now"));
    }
    if let Some(failure) = Failure::of_checks(&plan.checks) {
        return Err(failure.hint("then make the plan anew: what was checked may be different by then"));
    }
    let approval = approve_here(&held.site, &plan, &id, &held.by)?;
    Ok(Approved { by: approval.by, at: approval.at })
}

/// Spaces and capitals do not matter.
fn is_typed(typed: &str, id: &str) -> bool {
    let typed = typed.trim().to_ascii_lowercase();
    typed.len() >= TYPED && id.starts_with(&typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_of_the_id_is_typed() {
        let id = "0123456789abcdef";
        for (typed, is_enough) in [
            ("012345", true),
            (" 012345 ", true),
            ("0123456789ABCDEF", true),
            ("01234", false),
            ("", false),
            ("123456", false),
            ("0123456789abcdef0", false),
        ] {
            assert_eq!(is_typed(typed, id), is_enough, "{typed}");
        }
    }
}
