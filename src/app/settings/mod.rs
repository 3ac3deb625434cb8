//! The settings of a site, read and changed from a face: what is secret in them
//! is never shown, comments stay, nothing is written that the program would not
//! understand, and nothing that somebody else changed meanwhile is lost.

mod edit;
mod fields;
mod masks;
mod places;

use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::apply::not_over;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::diff;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::schedule::Record;
use crate::schedule::outlook::outlook;
use crate::site::Site;
use crate::site::SiteError;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::site::settings::Settings;
use crate::site::settings::SettingsError;
use crate::site::state::State;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::lock::Lock;
use crate::update::run::open_run;

pub use self::edit::FieldChange;
pub use self::fields::FIELDS;
pub use self::fields::Field;
pub use self::fields::FieldView;
pub use self::fields::Kind;
pub use self::masks::is_secret;

/// Longer ones no face shows.
const MAX_BYTES: u64 = 1 << 20;

/// The settings as they stand, without what is secret.
#[derive(Clone, Debug, Serialize)]
pub struct SettingsView {
    pub path: String,
    /// Of the file; whoever changes it names the one he saw.
    pub digest: String,
    pub text: String,
    pub fields: Vec<FieldView>,
    /// Why the program does not understand them.
    pub problem: Option<Failure>,
    /// A run that is open: nothing can be changed before it is over.
    pub open_run: Option<String>,
}

/// What somebody wants changed.
#[derive(Clone, Debug)]
pub struct Request {
    /// [`SettingsView::digest`] of what he saw.
    pub digest: String,
    pub change: Change,
}

#[derive(Clone, Debug)]
pub enum Change {
    /// The whole file.
    Text(String),
    Fields(Vec<FieldChange>),
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It says that already.
    Same,
    /// These names have other values now.
    Written(Vec<String>),
    /// Somebody else changed the file meanwhile; nothing was written.
    Stale(Conflict),
    /// It would not be understood; nothing was written.
    Wrong(Fault),
}

#[derive(Clone, Debug)]
pub struct Conflict {
    pub now: SettingsView,
    /// What the file would be if the change went over what stands there now.
    pub wanted: String,
    pub diff: String,
}

#[derive(Clone, Debug)]
pub struct Fault {
    pub failure: Failure,
    /// Counted from 1.
    pub line: Option<usize>,
    /// The name whose value is wrong, where that can be told.
    pub key: Option<String>,
    pub wanted: String,
}

pub fn read(place: &Place) -> Result<SettingsView, Failure> {
    let state = place.state()?;
    let text = fs::read_text(&state.settings(), MAX_BYTES)?;
    view(&state, &text)
}

fn view(state: &State, text: &str) -> Result<SettingsView, Failure> {
    Ok(SettingsView {
        path: fs::shown(&state.settings()),
        digest: Sha256::of(text.as_bytes()).to_string(),
        text: masks::masked(text),
        fields: fields::views(text),
        problem: understood(state, text).err().map(|wrong| wrong.failure),
        open_run: open_run(&state.runs())?.map(|(id, _)| id),
    })
}

/// Changes the file; the one before stays beside it as `entracte.toml.previous`.
pub fn change(place: &Place, request: &Request) -> Result<Outcome, Failure> {
    let state = place.state()?;
    let path = state.settings();
    // Settings that are broken cannot be opened, and must be mended all the same.
    let _lock = Lock::take(&state.lock(), "settings")?;
    if let Some((id, _)) = open_run(&state.runs())? {
        return Err(not_over(&id));
    }
    let old = fs::read_text(&path, MAX_BYTES)?;
    let (shown, new) = match &request.change {
        Change::Text(text) => {
            let text = with_ends_of(&old, text);
            let new = masks::unmasked(&text, &old);
            (text, new)
        }
        Change::Fields(changes) => match edit::changed(&old, changes) {
            Ok(new) => (masks::masked(&new), Ok(new)),
            Err(failure) => (masks::masked(&old), Err(failure)),
        },
    };
    if Sha256::of(old.as_bytes()).to_string() != request.digest {
        let now = view(&state, &old)?;
        let diff = diff::unified("now", "wanted", now.text.as_bytes(), shown.as_bytes());
        return Ok(Outcome::Stale(Conflict { now, wanted: shown, diff }));
    }
    let new = match new {
        Ok(new) if new == old => return Ok(Outcome::Same),
        Ok(new) => new,
        Err(failure) => {
            let key = culprit(&old, &request.change);
            return Ok(Outcome::Wrong(Fault { failure, line: None, key, wanted: shown }));
        }
    };
    if new.len() as u64 > MAX_BYTES {
        let told = format!("that has {} bytes, and no more than {MAX_BYTES} of settings are read", new.len());
        let failure = Failure::new(Exit::Usage, told);
        return Ok(Outcome::Wrong(Fault { failure, line: None, key: None, wanted: shown }));
    }
    if let Err(wrong) = understood(&state, &new) {
        return Ok(Outcome::Wrong(Fault { wanted: shown, ..*wrong }));
    }
    let keys = places::differing(&old, &new);
    write(&state, &path, &old, &new, &keys, &place.person())?;
    Ok(Outcome::Written(keys))
}

/// The first field that cannot be changed to what is wanted.
fn culprit(old: &str, change: &Change) -> Option<String> {
    let Change::Fields(changes) = change else { return None };
    let wrong = changes.iter().find(|change| edit::changed(old, std::slice::from_ref(*change)).is_err());
    wrong.map(|change| change.key.clone())
}

fn write(state: &State, path: &Path, old: &str, new: &str, keys: &[String], by: &str) -> Result<(), Failure> {
    let mode = fs::mode(path)?;
    fs::write_durable_with(&previous(path), old.as_bytes(), mode)?;
    // The log first: what changed without a word in it would be nobody's.
    let detail = match keys.is_empty() {
        true => "comments alone".to_owned(),
        false => keys.join(", "),
    };
    history::append(&state.history(), News { event: Deed::Settings, run: None, by: Some(by), detail })?;
    Ok(fs::write_durable_with(path, new.as_bytes(), mode)?)
}

/// Where the file rests that stood there before.
fn previous(path: &Path) -> PathBuf {
    path.with_extension("toml.previous")
}

/// Whether the program could work with this text.
fn understood(state: &State, text: &str) -> Result<(), Box<Fault>> {
    let wrong = |failure: Failure| Fault { failure, line: None, key: None, wanted: String::new() };
    let settings = Settings::parse(&state.settings(), text).map_err(|error| {
        let line = match &error {
            SettingsError::Damaged { source, .. } => Some(source.line()),
            _ => None,
        };
        let key = line.and_then(|line| places::key_at(text, line));
        Box::new(Fault { line, key, ..wrong(error.into()) })
    })?;
    let schedule = settings.schedule.clone();
    let opened = || -> Result<(), SiteError> {
        let site = Site::with(state.clone(), settings)?;
        site.gate()?;
        site.health_pages()?;
        Ok(())
    };
    opened().map_err(|error| {
        let key = match &error {
            SiteError::NoRoot { .. } => Some("root"),
            SiteError::GateKind { .. } => Some("gate.kind"),
            SiteError::Profile(_) => Some("profile"),
            _ => None,
        };
        Box::new(Fault { key: key.map(str::to_owned), ..wrong(error.into()) })
    })?;
    let timed = || -> Result<(), Failure> {
        outlook(&schedule, &Record::load(state)?, clock::now(), None)?;
        Ok(())
    };
    timed().map_err(|failure| Box::new(Fault { key: Some("schedule".into()), ..wrong(failure) }))
}

/// Browsers send long line ends whatever they were given.
fn with_ends_of(old: &str, text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let are_long = old.contains("\r\n") && old.matches('\n').count() == old.matches("\r\n").count();
    if are_long { text.replace('\n', "\r\n") } else { text }
}

#[cfg(test)]
mod tests;
