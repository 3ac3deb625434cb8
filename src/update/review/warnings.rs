//! What a person should know of a plan before anything else.

use crate::base::count;
use crate::integrity::three_way::ChangeKind;
use crate::integrity::three_way::Reason;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Resolution;

/// Most worrying first.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let sealed = &plan.sealed;
    let mut found = worries(plan);
    if let Some(upgrade) = &sealed.upgrade {
        let how = if upgrade.argv.is_empty() { "over its web address" } else { "by its own program" };
        found.push(format!(
            "the application upgrades its database itself, {how}: all its tables are saved before"
        ));
    }
    if !sealed.scripts.is_empty() || sealed.upgrade.is_some() {
        found.push(
            "what scripts and the upgrade do outside the site's folder and its database cannot be taken back"
                .into(),
        );
    }
    found
}

/// Of these, what is not so with every good release.
pub fn worries(plan: &Plan) -> Vec<String> {
    let sealed = &plan.sealed;
    let mut found = Vec::new();
    let removals = sealed.changes.iter().filter(|change| change.kind == ChangeKind::Remove).count();
    if removals > MANY_REMOVALS {
        found.push(format!(
            "{} will be removed, and no signed list names what goes",
            count::of(removals, "file")
        ));
    }
    if sealed.observed {
        found.push("what was installed is not known, only observed: nothing is removed, and what differs is a conflict".into());
        let stay = |change: &&Change| {
            change.reason == Reason::ObservedChanged && change.resolution == Some(Resolution::Ours)
        };
        match sealed.changes.iter().filter(stay).count() {
            0 => {}
            stays => found.push(format!(
                "{} that the release changes would stay as here, so that the site would be a mix of both: \
                 adopt it with the release that is installed (`init --release`), or set conflicts = \"theirs\"",
                count::of(stays, "file")
            )),
        }
    }
    found
}

/// More removals than this stand in the plan's first line.
pub const MANY_REMOVALS: usize = 20;
