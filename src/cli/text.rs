//! The answers as people read them.

use crate::app::report::*;
use crate::base::check::Level;
use crate::base::count;
use crate::base::escape;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;
use crate::cli::page::bytes;
use crate::cli::schema::step_line;

pub fn init(init: &Init, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let did = if init.dry_run { "would adopt" } else { "adopted" };
    text.line(&format!("{did}: {} {}", init.profile, init.version));
    text.row("state", &init.state);
    text.row("settings", &init.settings);
    text.row("gate", &init.gate);
    let baseline = match init.baseline.as_str() {
        "release" => "from the release",
        "list" => "from a list of digests that nobody signed",
        _ => "observed: taken from the live tree, so nothing of it will be removed or replaced unasked",
    };
    text.row("baseline", baseline);
    let counts = init.counts;
    text.row(
        "files",
        &format!(
            "{} exact, {} modified, {} missing, {} unknown",
            counts.exact, counts.modified, counts.missing, counts.unknown
        ),
    );
    text.list("modified", &init.modified);
    text.list("missing", &init.missing);
    text.notes(&init.notes);
    if !init.dry_run {
        match &init.follows {
            Some(_) => text.next("entracte update", "go to its newest release"),
            None => text.next("entracte stage --from ARCHIVE", "bring a release"),
        }
    }
    text.into_text()
}

pub fn stage(stage: &Stage, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let fetched = match stage.requests {
        0 => format!("{} written anew", bytes(stage.fetched_bytes)),
        many => format!("{} fetched by {}", bytes(stage.fetched_bytes), count::of(many, "request")),
    };
    text.line(&format!(
        "staged: version {}, {}, {} ({fetched})",
        stage.version,
        count::of(stage.files, "file"),
        bytes(stage.bytes)
    ));
    if let Some(full) = stage.full_bytes.filter(|full| *full > stage.fetched_bytes) {
        let saved = 100.0 * (full - stage.fetched_bytes) as f64 / full as f64;
        text.row("saved", &format!("{saved:.0} % of a full download of {}", bytes(full)));
    }
    let source = SourceView {
        from: String::new(),
        trust: stage.trust.clone(),
        signed: stage.signed.clone(),
        notes: Vec::new(),
    };
    text.row("trust", &source.told());
    text.notes(&stage.notes);
    match &stage.plan {
        None => text.next("entracte plan", "see what would change"),
        Some(id) => text.next("entracte plan", &format!("see what plan {} would change", &id[..16])),
    }
    text.into_text()
}

/// The default view fits one screen; `all` lists every change.
pub fn plan(plan: &PlanView, all: bool, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for warning in &plan.warnings {
        text.line(&format!("{} {}", manner.paint(Paint::Yellow, "note:"), escape::text(warning)));
    }
    text.line(&format!("plan {}", manner.paint(Paint::Bold, &plan.id[..16.min(plan.id.len())])));
    text.row("update", &format!("{} -> {}", plan.from.version, plan.to.version));
    if let Some(source) = &plan.source {
        text.row("release", &format!("from {}; {}", source.from, source.told()));
        text.notes(&source.notes);
    }
    let count = |kind: &str| plan.counts.get(kind).copied().unwrap_or_default();
    text.row(
        "files",
        &format!(
            "{} add, {} replace, {} remove, {} keep, {} conflict, {} same",
            count("add"),
            count("replace"),
            count("remove"),
            count("keep"),
            count("conflict"),
            count("same")
        ),
    );
    text.row("closed for", &format!("about {:.0} s", plan.closed_seconds.ceil()));
    text.row("needs", &format!("{} of free space", bytes(plan.bytes_needed)));
    for kind in ["conflict", "remove", "keep", "add", "replace"] {
        let rows: Vec<String> =
            plan.changes.iter().filter(|change| change.kind == kind).map(change_line).collect();
        if all {
            text.whole_list(kind, &rows);
        } else if matches!(kind, "conflict" | "remove") {
            text.list(kind, &rows);
        }
    }
    let steps: Vec<String> = plan.schema.iter().map(step_line).collect();
    text.list("declared tables", &steps);
    let on_one_line = |statement: &String| statement.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let statements: Vec<String> = plan.statements.iter().map(on_one_line).collect();
    text.list("database statements", &statements);
    text.list("one-time scripts", &plan.scripts);
    text.list("hooks", &plan.hooks);
    checks(&mut text, plan, manner);
    for diff in &plan.diffs {
        text.line("");
        text.line(&coloured_diff(&diff.text, manner));
    }
    match plan.approved {
        _ if has_errors(plan) => text.next("entracte plan", "again, when the errors above are mended"),
        true => text.next("entracte apply", "run it"),
        false => text.next(&format!("entracte approve {}", &plan.id[..16.min(plan.id.len())]), "approve it"),
    }
    if !all {
        text.next("entracte plan --all", "list every change (--diff PATH shows content)");
    }
    text.into_text()
}

fn change_line(change: &ChangeView) -> String {
    let beside = change.beside.as_ref().map(|path| format!("; the release's version goes to {path}"));
    let resolution = change.resolution.as_ref().map(|who| format!(" [{who}]"));
    format!(
        "{}: {}{}{}",
        change.path,
        change.reason,
        resolution.unwrap_or_default(),
        beside.unwrap_or_default()
    )
}

fn has_errors(plan: &PlanView) -> bool {
    plan.checks.iter().any(|check| check.level == Level::Error)
}

fn checks(text: &mut Page, plan: &PlanView, manner: &Manner) {
    let bad = plan.checks.iter().filter(|check| check.level != Level::Ok);
    for check in bad {
        let (paint, word) = match check.level {
            Level::Error => (Paint::Red, "error"),
            _ => (Paint::Yellow, "warning"),
        };
        text.line(&format!("{} {}: {}", manner.paint(paint, word), check.name, escape::text(&check.detail)));
        if !check.fix.is_empty() {
            text.line(&format!("  {} {}", manner.paint(Paint::Cyan, "fix:"), escape::text(&check.fix)));
        }
    }
    let fine = plan.checks.iter().filter(|check| check.level == Level::Ok).count();
    text.row("checks", &format!("{fine} of {} fine", plan.checks.len()));
}

pub(super) fn coloured_diff(diff: &str, manner: &Manner) -> String {
    let line = |line: &str| {
        let shown = escape::block(line);
        match line.as_bytes().first() {
            Some(b'+') => manner.paint(Paint::Green, &shown),
            Some(b'-') => manner.paint(Paint::Red, &shown),
            Some(b'@') => manner.paint(Paint::Cyan, &shown),
            Some(b'#') => manner.paint(Paint::Dim, &shown),
            _ => shown,
        }
    };
    diff.lines().map(line).collect::<Vec<_>>().join("\n")
}

pub fn approved(approved: &Approved, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.line(&format!("approved: plan {} by {}", approved.plan, escape::text(&approved.by)));
    text.next("entracte apply", "run it");
    text.into_text()
}

pub fn run(run: &RunView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let paint = match run.outcome.as_str() {
        "finished" => Paint::Green,
        "rolled-back" | "stopped" => Paint::Yellow,
        _ => Paint::Red,
    };
    text.line(&format!("run {}: {}", run.run, manner.paint(paint, &run.outcome)));
    if let Some(step) = &run.step {
        text.row("stands at", step);
    }
    text.row("closed for", &format!("{:.1} s", run.closed_seconds));
    text.notes(&run.warnings);
    match run.outcome.as_str() {
        "finished" => {
            text.next("entracte rollback", "go back to what was before");
            text.next("entracte commit", "keep it");
        }
        "stopped" | "failed" => {
            if !run.goes_back {
                text.next("entracte resume", "go on");
            }
            text.next("entracte rollback", "go back to what was before");
        }
        _ => {}
    }
    text.into_text()
}

pub fn show(show: &Show, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.line(&format!("run {}: {}", show.run, show.outcome));
    text.row("update", &format!("{} -> {}", show.from.version, show.to.version));
    text.row("plan", &show.plan);
    text.row("folder", &show.folder);
    text.row("closed for", &format!("{:.1} s", show.closed_seconds));
    for step in &show.steps {
        let (paint, mark) = match step.state.as_str() {
            "done" => (Paint::Green, "✔"),
            "failed" => (Paint::Red, "✘"),
            "undone" => (Paint::Yellow, "↶"),
            "started" | "undoing" => (Paint::Cyan, "…"),
            _ => (Paint::Dim, "·"),
        };
        let seconds = step.seconds.map(|seconds| format!("{seconds:>7.2} s")).unwrap_or_default();
        let line = format!(
            "{} {:<9} {seconds:>9}  {}",
            manner.paint(paint, mark),
            step.step,
            escape::text(&step.note)
        );
        text.line(line.trim_end());
    }
    for deed in &show.people {
        let by = deed.by.as_deref().unwrap_or("nobody is named");
        text.row(&escape::text(&deed.event), &format!("{}  {}", escape::text(by), escape::text(&deed.at)));
    }
    text.notes(&show.warnings);
    text.into_text()
}

pub fn status(status: &Status, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.row("site", &status.site);
    let installed = status.installed.as_ref().map_or("nothing", |installed| installed.version.as_str());
    text.row("installed", installed);
    let gate = if status.gate.closed {
        let word =
            |text: &Option<String>, unknown| escape::text(text.as_deref().unwrap_or(unknown)).into_owned();
        let (since, by) = (word(&status.gate.since, "?"), word(&status.gate.by, "?"));
        let reason = word(&status.gate.reason, "");
        format!("{} since {since}, by {by}: {reason}", manner.paint(Paint::Red, "closed"))
    } else {
        manner.paint(Paint::Green, "open")
    };
    text.raw_row("gate", &gate);
    if let Some(plan) = &status.plan {
        text.row("plan", &format!("{} ({})", &plan.id[..16.min(plan.id.len())], plan.state));
    }
    if let Some(run) = &status.run {
        let step = run.step.as_ref().map(|step| format!(", at {step}")).unwrap_or_default();
        text.row("run", &format!("{} {}{step}", run.id, run.state));
        if let Some(message) = &run.message {
            text.row("", message);
        }
    }
    if let Some(holder) = &status.holder {
        text.row("works now", holder);
    }
    if !status.next.is_empty() {
        text.row("next", &status.next.join(", "));
    }
    text.into_text()
}

pub fn gate_status(gate: &GateStatus, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    match gate.closed {
        true => text.line(&format!("closed: {}", escape::text(gate.reason.as_deref().unwrap_or("")))),
        false => text.line("open"),
    }
    text.notes(&gate.warnings);
    text.into_text()
}

pub fn gate(gate: &GateView, _manner: &Manner) -> String {
    let mut text = gate.instructions.clone();
    if let Some(installed) = &gate.installed {
        text = format!("{}\n{text}", escape::text(installed));
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

pub fn scan(scan: &ScanView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let rows = scan.extensions.iter().map(|one| format!("{} ({}) from {}", one.id, one.kind, one.source));
    text.whole_list("extensions", &rows.collect::<Vec<_>>());
    if scan.extensions.is_empty() {
        text.line("no extensions");
    }
    text.whole_list("vanished since the last scan", &scan.vanished);
    text.notes(&scan.warnings);
    text.into_text()
}

pub fn scripts(scripts: &Scripts, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for script in &scripts.scripts {
        text.line(&format!("{:<8} {}", script.state, escape::text(&script.path)));
    }
    if scripts.scripts.is_empty() {
        text.line("no one-time scripts");
    }
    text.into_text()
}

pub fn findings(findings: &FindingsView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.row("checked", &format!("{}, {}", count::of(findings.checked, "file"), bytes(findings.bytes)));
    for (name, paths) in [
        ("modified", &findings.modified),
        ("missing", &findings.missing),
        ("unexpected", &findings.unexpected),
        ("unreadable", &findings.unreadable),
    ] {
        text.whole_list(name, paths);
    }
    text.into_text()
}
