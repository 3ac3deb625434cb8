//! Step 8: the release's one-time scripts, in byte order; the first failure
//! stops. A script whose end nobody knows is not run again unless it says that
//! this does no harm.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use crate::base::count;
use crate::base::digest::Algorithms;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::pattern::Patterns;
use crate::base::step::Step;
use crate::integrity::manifest::RunOnce;
use crate::integrity::scan::hash_file;
use crate::site::probe;
use crate::sys::beneath::Rename;
use crate::sys::beneath::Root;
use crate::sys::beneath::Stat;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::update::error::StepError;
use crate::update::journal::EffectState;
use crate::update::journal::Entry;
use crate::update::steps::verify::differences;
use crate::update::work::Work;

pub fn run_once(work: &mut Work, watch: Watch) -> Result<String, StepError> {
    let scripts = work.run.plan.sealed.scripts.clone();
    let done = &work.run.standing().scripts;
    let to_run = scripts.iter().filter(|script| done.get(&script.path) != Some(&EffectState::Done));
    let changes = to_run.fold(Patterns::default(), |all, script| all.and(&script.changes));
    work.keep_edits(Step::RunOnce, &changes, watch)?;
    for script in &scripts {
        if work.stop.is_asked() {
            return Err(StepError::Stopped);
        }
        run_one(work, script, watch)?;
    }
    Ok(match scripts.len() {
        0 => "no scripts".into(),
        several => count::of(several, "script"),
    })
}

fn run_one(work: &mut Work, script: &RunOnce, watch: Watch) -> Result<(), StepError> {
    let path = &script.path;
    match work.run.standing().scripts.get(path) {
        Some(EffectState::Done | EffectState::Vouched) => return mark_done(&work.site.tree()?, path),
        Some(EffectState::Started) if !script.repeatable => {
            return Err(StepError::ScriptUnknown { path: path.clone() });
        }
        _ => {}
    }
    let program = program(work, path)?;
    work.note(Entry::Script { path: path.clone(), state: EffectState::Started, status: None })?;
    point("run-once.started", path)?;
    watch(Some(Step::RunOnce), Event::Log { line: format!("running {path}") });
    let log = work.run.folder.log(&path.as_str().replace('/', "_"));
    let ended = program.run(fs::create(&log)?)?;
    let status = match ended {
        Ended::Status(status) => Some(status),
        Ended::Signal(_) | Ended::TimedOut => None,
    };
    // What it wrote is on the disk before the journal says that it was done.
    work.site.tree()?.sync_file_system()?;
    let state = if status == Some(0) { EffectState::Done } else { EffectState::Failed };
    work.note(Entry::Script { path: path.clone(), state, status })?;
    if state == EffectState::Failed {
        let ended = ended.told(program.limit, &log);
        return Err(StepError::Script { path: path.clone(), ended, log: fs::shown(&log) });
    }
    point("run-once.ended", path)?;
    mark_done(&work.site.tree()?, path)?;
    let paths = differences(work, &work.scan(watch)?)?;
    match paths.is_empty() {
        true => Ok(()),
        false => Err(StepError::Undeclared { what: format!("script {path}"), paths }),
    }
}

/// The script as a program: its approved content, by its interpreter, in the
/// site's folder.
fn program(work: &Work, path: &SitePath) -> Result<Program, StepError> {
    let root = work.site.tree()?;
    let (_, sha256, _) = hash_file(&root, path, Algorithms::Sha256)?;
    let planned = work.planned()?;
    if planned.get(&path.into()).and_then(|thing| thing.sha256()) != Some(sha256) {
        return Err(StepError::OtherScript { path: path.clone() });
    }
    let mut argv = interpreter(work, &root, path)?;
    argv.push(root.full(path).into_os_string());
    let mut program = Program::new(argv, &work.site.root);
    program.limit = Duration::from_secs(work.site.settings.run_once.limit_seconds);
    program.env = environment(work);
    program.env.insert("ENTRACTE_SCRIPT".into(), path.as_str().into());
    Ok(program)
}

/// The interpreter that settings name for the extension, else the `#!` line.
fn interpreter(work: &Work, root: &Root, path: &SitePath) -> Result<Vec<OsString>, StepError> {
    let extension = path.name().rsplit_once('.').map_or("", |(_, extension)| extension);
    if let Some(argv) = work.site.settings.interpreter(extension) {
        return Ok(argv.iter().map(OsString::from).collect());
    }
    let mut start = [0; 256];
    let mut file = root.open_file(path)?;
    let size = std::io::Read::read(&mut file, &mut start)
        .map_err(|source| IoError::new("read", root.full(path), source))?;
    shebang(&start[..size]).ok_or_else(|| StepError::NoInterpreter { path: path.clone() })
}

/// The words of a `#!` line: the program and at most one argument, as the
/// kernel reads it.
fn shebang(start: &[u8]) -> Option<Vec<OsString>> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let (program, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if !program.starts_with('/') {
        return None;
    }
    let words = [program, argument.trim()].into_iter().filter(|word| !word.is_empty());
    Some(words.map(OsString::from).collect())
}

/// What every script and upgrade call is told; `run_once/README.md` documents it.
pub fn environment(work: &Work) -> BTreeMap<String, String> {
    let plan = &work.run.plan.sealed;
    let values = [
        ("ENTRACTE_SITE", work.site.root.to_string_lossy().into_owned()),
        ("ENTRACTE_RUN", work.run.id.clone()),
        ("ENTRACTE_FROM", plan.from.version.clone()),
        ("ENTRACTE_TO", plan.to.version.clone()),
        ("ENTRACTE_URL", work.site.settings.url.as_ref().map(probe::shown).unwrap_or_default()),
    ];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Renames a script that has run, so that nobody runs it again.
fn mark_done(root: &Root, path: &SitePath) -> Result<(), StepError> {
    if let Ok(done) = path.with_suffix(".done")
        && root.stat(path)?.is_some()
    {
        root.rename(path, root, &done, Rename::Replace)?;
        root.sync_folder(&path.parent().map_or_else(TreePath::root, |folder| TreePath::from(&folder)))?;
    }
    Ok(())
}

/// Scripts get their names back, so that the swap finds what it put there.
pub fn undo(work: &mut Work) -> Result<String, StepError> {
    let root = work.site.tree()?;
    for script in &work.run.plan.sealed.scripts {
        let Ok(done) = script.path.with_suffix(".done") else { continue };
        let ran = work.run.standing().scripts.contains_key(&script.path);
        let Some(marked) = root.stat(&done)?.filter(|_| ran) else { continue };
        let is_free =
            |stat: Option<Stat>| stat.is_none_or(|stat| stat.meta.identity() == marked.meta.identity());
        if is_free(root.stat(&script.path)?) {
            root.rename(&done, &root, &script.path, Rename::NoReplace)?;
        }
    }
    Ok(String::new())
}

fn point(name: &'static str, path: &SitePath) -> Result<(), StepError> {
    fault::point(name).map_err(|source| IoError::new("run", path.as_str(), source).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shebang_is_read_as_the_kernel_does() {
        for (start, words) in [
            (&b"#!/bin/sh\necho"[..], Some(vec!["/bin/sh"])),
            (b"#! /usr/bin/env  php \n", Some(vec!["/usr/bin/env", "php"])),
            (b"#!/usr/bin/env -S php -d x=1", Some(vec!["/usr/bin/env", "-S php -d x=1"])),
            (b"#!sh\n", None),
            (b"<?php", None),
            (b"#!", None),
        ] {
            let words = words.map(|words| words.into_iter().map(OsString::from).collect::<Vec<_>>());
            assert_eq!(shebang(start), words);
        }
    }
}
