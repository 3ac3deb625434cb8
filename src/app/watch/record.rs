//! What a watch leaves behind: what it found, for the next one, and a line in
//! the log of the site where that is other than before.

use crate::app::failure::Failure;
use crate::app::plan::who;
use crate::app::watch::live::Looked;
use crate::app::watch::live::Moment;
use crate::base::json;
use crate::site::Site;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News as HistoryNews;
use crate::site::installed::Installed;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::lock::Lock;
use crate::sys::lock::LockError;
use crate::watch::finding::Finding;
use crate::watch::memory;
use crate::watch::memory::Memory;

/// Remembers, where nobody else works on the site; a note where somebody does.
pub fn try_record(site: &Site, looked: &Looked) -> Result<Option<String>, Failure> {
    match Lock::take(&site.state.lock(), "watch") {
        Ok(_lock) if Moment::now(site).is_ok_and(|now| now == looked.moment) => {
            record(site, looked)?;
            Ok(None)
        }
        Ok(_) | Err(LockError::Held { .. } | LockError::StillEnding) => {
            Ok(Some("somebody else works on this site: what was found is not remembered".into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// The same for whoever holds the lock; what is remembered now.
pub fn record(site: &Site, looked: &Looked) -> Result<Memory, Failure> {
    let (folder, now) = (site.state.watch(), clock::now());
    // Read again: another watch may have come in between.
    let before = Memory::load(&folder)?;
    let news = before.news(&looked.findings);
    let after = Memory { turns: looked.turns, ..before.after(&looked.findings, now) };
    if after.key() != before.key() {
        keep(site, &looked.findings)?;
        let by = who();
        let detail = memory::told(&looked.findings, &news);
        history::append(
            &site.state.history(),
            HistoryNews { event: Deed::Found, run: None, by: Some(&by), detail },
        )?;
    }
    looked.outside.record(site)?;
    know_owners(site, looked)?;
    after.save(&folder)?;
    Ok(after)
}

/// Remembers what stands in the owner's files, where they name others now.
fn know_owners(site: &Site, looked: &Looked) -> Result<(), Failure> {
    let Some(owners) = &looked.owners else { return Ok(()) };
    let folder = site.state.installed();
    let installed = Installed(&folder);
    let Some(mut current) = installed.current()? else { return Ok(()) };
    current.owners = Some(owners.clone());
    Ok(installed.save_current(&current)?)
}

/// All that was found, in a file of its own.
fn keep(site: &Site, findings: &[Finding]) -> Result<(), Failure> {
    #[derive(serde::Serialize)]
    struct Found<'a> {
        format: u32,
        at: jiff::Timestamp,
        findings: &'a [Finding],
    }
    let at = clock::now();
    let folder = site.state.watch();
    fs::create_folders(&folder, 0o700)?;
    let path = folder.join(format!("found-{}.json", at.strftime("%Y%m%d-%H%M%S-%6f")));
    let text = json::pretty(&Found { format: 1, at, findings }).unwrap_or_default();
    Ok(fs::write_durable(&path, &text)?)
}
