//! A plan as a person reads it in a mail.

use std::fmt::Write;

use crate::app::plan::word;
use crate::base::check::Level;
use crate::base::escape;
use crate::integrity::three_way::ChangeKind;
use crate::update::plan::Change;
use crate::update::plan::Plan;
use crate::update::plan::Resolution;
use crate::update::review;

/// As many of each are named.
const NAMED: usize = 15;

pub(super) fn plan(plan: &Plan, reasons: &[String]) -> String {
    let sealed = &plan.sealed;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "plan {}", plan.id);
    let _ = writeln!(text, "{} {} -> {}", sealed.product, sealed.from.version, sealed.to.version);
    let _ = writeln!(text, "visitors are kept out for about {:.0} s", plan.estimate.closed_seconds);
    let counts: Vec<String> = plan
        .counts()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", word(&kind)))
        .collect();
    let _ = writeln!(text, "files: {}", counts.join(", "));
    list(&mut text, "it waits because", reasons);
    let conflicts = sealed.changes.iter().filter(|change| change.kind == ChangeKind::Conflict);
    let conflicts: Vec<String> = conflicts.map(conflict).collect();
    list(&mut text, "changed here and by the release", &conflicts);
    let checks = plan.checks.iter().filter(|check| check.level != Level::Ok);
    let checks: Vec<String> =
        checks.map(|check| format!("{}: {}; {}", check.name, check.detail, check.fix)).collect();
    list(&mut text, "checks", &checks);
    list(&mut text, "warnings", &review::warnings(plan));
    list(&mut text, "statements", &sealed.statements());
    let scripts: Vec<String> = sealed.scripts.iter().map(|script| script.path.to_string()).collect();
    list(&mut text, "one-time scripts", &scripts);
    escape::block(&text)
}

fn conflict(change: &Change) -> String {
    let outcome = match change.resolution {
        Some(Resolution::Theirs) => "the release's is put in place",
        Some(Resolution::Stop) => "a person has to decide",
        Some(Resolution::Ours) | None => "yours stays",
    };
    format!("{}: {outcome}", change.path)
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}:");
    for line in lines.iter().take(NAMED) {
        let _ = writeln!(text, "  {}", line.lines().next().unwrap_or_default());
    }
    if let Some(more) = lines.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let _ = writeln!(text, "  and {more} more");
    }
}
