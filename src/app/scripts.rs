//! `scan` and `run-once`, outside an update.

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::report::ExtensionView;
use crate::app::report::ScanView;
use crate::app::report::ScriptView;
use crate::app::report::Scripts;
use crate::base::exit::Exit;
use crate::site::extension;
use crate::site::installed::Installed;
use crate::site::installed::Ledger;
use crate::sys::fs;

/// Finds the extensions of the live tree and remembers them.
pub fn scan(place: &Place) -> Result<Answer<ScanView>, Failure> {
    let held = Held::take_idle(place, "scan")?;
    let path = held.site.state.installed().join("extensions.json");
    let previous = extension::load(&path)?;
    let found = extension::scan_tree(&held.site.tree()?, &held.site.profile.release.extensions)?;
    fs::write_durable(&path, &extension::to_json(&found.extensions))?;
    let view = |one: &extension::Extension| ExtensionView {
        id: one.id.clone(),
        kind: one.kind.clone(),
        source: one.source.as_str().to_owned(),
    };
    Ok(Answer::done(ScanView {
        extensions: found.extensions.iter().map(view).collect(),
        vanished: extension::vanished(&previous, &found.extensions),
        warnings: found.warnings,
    }))
}

/// The one-time scripts of the installed release, and which have run.
pub fn list(place: &Place) -> Result<Answer<Scripts>, Failure> {
    let site = place.open()?;
    let folder = site.state.installed();
    let (_, manifest) = Installed(&folder).load()?;
    let ledger = Installed(&folder).ledger()?;
    let view = |script: &crate::integrity::manifest::RunOnce| ScriptView {
        path: script.path.as_str().to_owned(),
        state: if Ledger::entry(&ledger.scripts, &script.path).is_some() { "done" } else { "pending" }.into(),
    };
    let scripts: Vec<ScriptView> = manifest.run_once.iter().map(view).collect();
    let pending = scripts.iter().any(|script| script.state == "pending");
    let exit = if pending { Exit::Done } else { Exit::NothingToDo };
    Ok(Answer::ending(exit, Scripts { scripts }))
}
