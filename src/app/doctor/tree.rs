//! The live tree and staging: whether an update could work with them.

use crate::app::doctor::Patient;
use crate::app::doctor::unsure;
use crate::base::check::Check;
use crate::base::count;
use crate::base::path::SitePath;
use crate::integrity::manifest::FileEntry;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staging;
use crate::sys::fs;
use crate::update::backup_set::Depth;
use crate::update::checks::folders;

pub fn checks(patient: &Patient) -> Vec<Check> {
    let mut checks = files(patient);
    checks.push(staging(patient));
    checks
}

/// What the installed release has put there, the owner's files left out.
fn files(patient: &Patient) -> Vec<Check> {
    let Ok((_, manifest)) = &patient.installed else { return Vec::new() };
    let keep = patient.site.keep();
    let paths = manifest.files.iter().map(|file| &file.path);
    let theirs: Vec<&SitePath> = paths.filter(|path| !keep.matches(path.as_str())).collect();
    match patient.site.tree() {
        Ok(root) => folders::of_files(&root, &theirs),
        Err(error) => vec![unsure("writable", &error, "make the site's folder readable")],
    }
}

fn staging(patient: &Patient) -> Check {
    const NAME: &str = "staged";
    const AGAIN: &str = "`entracte stage` again: it brings only what is missing";
    if !fs::is_folder(&patient.site.state.staging()) {
        return Check::ok(NAME, "nothing is staged");
    }
    let staging = match Staging::open(&patient.site.state.staging()) {
        Ok(staging) => staging,
        Err(error) => return unsure(NAME, &error, AGAIN),
    };
    let staged = match staging.staged() {
        Ok(None) => return Check::ok(NAME, "nothing is staged"),
        Ok(Some(staged)) => staged,
        Err(error) => return unsure(NAME, &error, "`entracte discard`, then stage again"),
    };
    let at_hand = AtHand::of(&staging, &staged.manifest, &patient.site.root);
    let changed = staged.manifest.files.iter().filter(|entry| !is_left_alone(patient, entry));
    let (here, missing): (Vec<&FileEntry>, Vec<&FileEntry>) =
        changed.partition(|entry| entry.sha256().is_none_or(|digest| at_hand.has(&digest, entry.size())));
    if let Some(first) = missing.first() {
        let count = count::of(missing.len(), "file");
        let detail = format!("the content of {count} is missing or cut, {} among them", first.path);
        return Check::warning(NAME, detail, AGAIN);
    }
    let version = &staged.manifest.version;
    match patient.depth {
        Depth::Sizes => Check::ok(NAME, format!("version {version} is here (--deep reads it)")),
        Depth::Content => match at_hand.verify(here.into_iter()) {
            Ok(()) => Check::ok(NAME, format!("version {version} is here and unharmed")),
            Err(error) => unsure(NAME, &error, "`entracte discard`, then stage again"),
        },
    }
}

/// A file that the release does not change is not staged: what its owner did to it counts for nothing.
fn is_left_alone(patient: &Patient, entry: &FileEntry) -> bool {
    let Ok((_, installed)) = &patient.installed else { return false };
    installed.entry(&entry.path).is_some_and(|old| old.content == entry.content)
}
