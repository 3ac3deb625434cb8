//! Whether what is stored fits into the declared tables.

use crate::base::check::Check;
use crate::base::count;
use crate::base::escape;
use crate::database::schema::step::Narrowed;
use crate::database::schema::step::Risk;
use crate::update::checks::Subject;

pub fn tables(subject: &Subject) -> Vec<Check> {
    let Some(plan) = &subject.sealed.tables else { return Vec::new() };
    let steps = || plan.steps.iter().zip(subject.costs);
    let narrowed = |is_allowed: bool| -> Vec<String> {
        let all = steps().flat_map(|(step, cost)| cost.narrowed.iter().map(|one| (&step.table, one)));
        all.filter(|(_, one)| one.rows > 0 && one.is_allowed == is_allowed)
            .map(|(table, one)| told(table, one))
            .collect()
    };
    let (refused, lost) = (narrowed(false), narrowed(true));
    let mut checks = Vec::new();
    if !refused.is_empty() {
        checks.push(Check::error(
            "tables",
            format!("what is stored does not fit: {}", refused.join("; ")),
            "shorten or correct these values first; a release that means to lose them says `narrow = true` for the column",
        ));
    }
    if !lost.is_empty() {
        checks.push(Check::warning(
            "tables",
            format!("values will be cut, as the release allows: {}", lost.join("; ")),
            "look at these rows before you approve; rollback brings them back",
        ));
    }
    let goes: Vec<String> = steps()
        .filter(|(_, cost)| cost.risk == Risk::Destructive)
        .map(|(step, _)| format!("{}: {}", escape::text(&step.table), escape::text(&step.what.join(", "))))
        .collect();
    if !goes.is_empty() {
        checks.push(Check::warning(
            "tables",
            format!("the release drops what it names: {}", goes.join("; ")),
            "rollback brings it back, until `commit`",
        ));
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            "tables",
            format!("{} to the declared tables", count::of(plan.steps.len(), "step")),
        ));
    }
    checks
}

fn told(table: &str, one: &Narrowed) -> String {
    format!("{} of {}.{}", count::of(one.rows, "row"), escape::text(table), escape::text(&one.column))
}
