//! `scan` and `run-once`, outside an update.

use std::collections::BTreeSet;

use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::own_release;
use crate::app::own_release::Text;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::report::ExtensionView;
use crate::app::report::RunView;
use crate::app::report::ScanView;
use crate::app::report::ScriptView;
use crate::app::report::Scripts;
use crate::app::update::Ask;
use crate::app::update::carry_out;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::build::is_script;
use crate::integrity::manifest::build::script;
use crate::site::Site;
use crate::site::extension;
use crate::site::gate::Gate;
use crate::site::installed::Installed;
use crate::site::installed::Ledger;
use crate::sys::fs;
use crate::update::compose::Reinstall;
use crate::update::work::scan_site;

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

/// The one-time scripts of the installed release, and those that somebody put
/// where such scripts stand; and which of them have run.
pub fn list(place: &Place) -> Result<Answer<Scripts>, Failure> {
    let site = place.open()?;
    let known = Known::of(&site, &site.gate()?)?;
    let view = |path: &SitePath| ScriptView {
        path: path.as_str().to_owned(),
        state: if known.has_run(path) { "done" } else { "pending" }.into(),
    };
    let named = known.manifest.run_once.iter().map(|script| &script.path);
    let all: BTreeSet<&SitePath> = named.chain(&known.standing).collect();
    let scripts: Vec<ScriptView> = all.into_iter().map(view).collect();
    let exit = if known.pending().is_empty() { Exit::NothingToDo } else { Exit::Done };
    Ok(Answer::ending(exit, Scripts { scripts }))
}

/// Runs the scripts that wait, as a run like any other: planned, approved,
/// closed, saved, and with a way back.
pub fn run(
    place: &Place,
    interrupt: Interrupt,
    ask: Ask,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take_idle(place, "run-once")?;
    let known = Known::of(&held.site, &held.gate)?;
    let pending = known.pending();
    if pending.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "no one-time script waits"));
    }
    let roles = |manifest: &mut Manifest, texts: &[Text]| {
        let listed = |path: &SitePath| known.manifest.run_once.iter().find(|one| one.path == *path).cloned();
        let one = |(path, text): &Text| listed(path).unwrap_or_else(|| script(path.clone(), text));
        manifest.run_once = texts.iter().map(one).collect();
    };
    own_release::stage(&held, &known.manifest, &pending, roles, &interrupt, listener)?;
    let made = plan::make(&held.site, &held.gate, Reinstall::No, listener)?;
    carry_out(&held, made, Reinstall::No, interrupt, ask, listener)
}

/// What is known of scripts before any is run.
struct Known {
    manifest: Manifest,
    ledger: Ledger,
    /// Scripts that stand in the live tree.
    standing: Vec<SitePath>,
}

impl Known {
    fn of(site: &Site, gate: &Gate) -> Result<Known, Failure> {
        let folder = site.state.installed();
        let (_, manifest) = Installed(&folder).load()?;
        let ledger = Installed(&folder).ledger()?;
        let live = scan_site(site, gate, &mut |_, _| {})?;
        let named = |path: &SitePath| manifest.run_once.iter().any(|script| script.path == *path);
        let usual = |path: &SitePath| site.profile.release.run_once.matches(path.as_str()) && is_script(path);
        let files = live.iter().filter(|(_, node)| node.sha256().is_some());
        let standing =
            files.filter_map(|(path, _)| path.to_site_path().ok()).filter(|path| named(path) || usual(path));
        Ok(Known { standing: standing.collect(), manifest, ledger })
    }

    fn has_run(&self, path: &SitePath) -> bool {
        Ledger::entry(&self.ledger.scripts, path).is_some()
    }

    fn pending(&self) -> Vec<SitePath> {
        self.standing.iter().filter(|path| !self.has_run(path)).cloned().collect()
    }
}
