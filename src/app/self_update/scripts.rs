//! One-time scripts of our own releases: each once on a machine, in byte order.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use crate::app::self_update::error::SelfUpdateError;
use crate::app::self_update::record::Home;
use crate::app::self_update::record::Record;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::version::VERSION;
use crate::integrity::manifest::Manifest;
use crate::release::staging::Staging;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::Program;

const LIMIT: Duration = Duration::from_secs(600);

/// Those of the release that have not run here.
pub fn waiting<'m>(manifest: &'m Manifest, record: &Record) -> Vec<&'m SitePath> {
    let waits = |path: &&SitePath| !record.scripts.iter().any(|done| done == path.as_str());
    manifest.run_once.iter().map(|script| &script.path).filter(waits).collect()
}

/// Runs what waits; each that succeeded is recorded before the next begins.
pub fn run(
    home: &Home,
    record: &mut Record,
    staging: &Staging,
    manifest: &Manifest,
    program: &Path,
    watch: Watch,
) -> Result<(), SelfUpdateError> {
    let folder = home.scripts()?;
    for path in waiting(manifest, record) {
        watch(None, Event::Log { line: format!("running {path}") });
        let script = folder.join("script");
        write(staging, manifest, path, &script)?;
        let mut started = Program::new(["/bin/sh".as_ref(), script.as_os_str()], &folder);
        started.limit = LIMIT;
        started.env = [
            ("ENTRACTE_PROGRAM", fs::shown(program)),
            ("ENTRACTE_SCRIPT", path.to_string()),
            ("ENTRACTE_FROM", VERSION.to_owned()),
            ("ENTRACTE_TO", manifest.version.clone()),
        ]
        .map(|(name, value)| (name.into(), value))
        .into();
        let log = folder.join(format!("{}.log", path.as_str().replace('/', "_")));
        let ended = started.run(fs::create(&log)?)?;
        if ended != Ended::Status(0) {
            return Err(SelfUpdateError::Script { path: path.to_string(), told: ended.told(LIMIT, &log) });
        }
        record.scripts.push(path.to_string());
        home.save(record)?;
    }
    Ok(())
}

fn write(staging: &Staging, manifest: &Manifest, path: &SitePath, to: &Path) -> Result<(), SelfUpdateError> {
    let digest = manifest.entry(path).and_then(|entry| entry.sha256());
    let mut text = Vec::new();
    if let Some(digest) = digest {
        let read = staging.open_object(&digest)?.read_to_end(&mut text);
        read.map_err(|source| IoError::new("read", staging.object_path(&digest), source))?;
    }
    Ok(fs::write_durable(to, &text)?)
}
