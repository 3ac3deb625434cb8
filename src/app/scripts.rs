//! `scan` and `run-once`, outside an update.

use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::report::ExtensionView;
use crate::app::report::RunView;
use crate::app::report::ScanView;
use crate::app::report::ScriptView;
use crate::app::report::Scripts;
use crate::app::stage;
use crate::app::update::Ask;
use crate::app::update::carry_out;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::build::is_script;
use crate::integrity::manifest::build::script;
use crate::release::stage::MANIFEST_NAME;
use crate::release::staging::Staging;
use crate::site::Site;
use crate::site::extension;
use crate::site::gate::Gate;
use crate::site::installed::Installed;
use crate::site::installed::Ledger;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;
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
    refuse_to_forget(&held.site, &known.manifest)?;
    let folder = held.site.state.runner().join("scripts");
    gather(&held.site, &known, &pending, &folder)?;
    let request =
        stage::Request { from: folder.to_string_lossy().into_owned(), version: None, complete: false };
    stage::stage_here(&held.site, &request, &interrupt, listener)?;
    fs::remove_folder_all(&folder)?;
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

/// A release that waits in staging would be replaced by the scripts.
fn refuse_to_forget(site: &Site, installed: &Manifest) -> Result<(), Failure> {
    match Staging::open(&site.state.staging())?.staged()? {
        Some(staged) if staged.manifest.version != installed.version => Err(Failure::new(
            Exit::Refused,
            format!("release {} is staged and waits", staged.manifest.version),
        )
        .hint("apply it first, or `entracte discard` it")),
        _ => Ok(()),
    }
}

/// Makes, in `folder`, a partial release of the installed version that holds
/// nothing but these scripts.
fn gather(site: &Site, known: &Known, scripts: &[SitePath], folder: &Path) -> Result<(), Failure> {
    fs::remove_folder_all(folder)?;
    fs::create_folders(folder, 0o700)?;
    let (live, copy) = (site.tree()?, Root::open(folder)?);
    let (mut files, mut run_once) = (Vec::new(), Vec::new());
    for path in scripts {
        let mut text = Vec::new();
        let mut from = live.open_file(path)?;
        from.read_to_end(&mut text).map_err(|source| IoError::new("read", live.full(path), source))?;
        copy.create_folders_above(path, 0o700)?;
        copy.create_file(path, 0o600)?
            .write_all(&text)
            .map_err(|source| IoError::new("write", copy.full(path), source))?;
        let content = Content::File { size: text.len() as u64, sha256: Sha256::of(&text), md5: None };
        files.push(FileEntry { path: path.clone(), content, mode: None });
        let listed = known.manifest.run_once.iter().find(|listed| listed.path == *path);
        run_once.push(listed.cloned().unwrap_or_else(|| script(path.clone(), &text)));
    }
    let manifest = Manifest {
        product: site.product().to_owned(),
        version: known.manifest.version.clone(),
        time: clock::now(),
        extent: Extent::Partial,
        made: Made::Built,
        from: Vec::new(),
        files,
        deleted: Vec::new(),
        schema: Vec::new(),
        run_once,
        extensions: Vec::new(),
    };
    Ok(fs::write_durable(&folder.join(MANIFEST_NAME), &manifest.to_json())?)
}
