//! `doctor`: every check of a site, each with what it found and how to fix it.
//! It changes nothing of the site and takes no lock: it works while others do,
//! and says so. What a check may put somewhere for an instant is a canary, in
//! folders of ours.

mod gate;
mod outlook;
mod outside;
mod past;
mod room;
mod settings;
mod source;
mod tree;
mod unattended;
mod web;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use url::Url;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::exit::causes;
use crate::integrity::manifest::Manifest;
use crate::site::Site;
use crate::site::installed::Current;
use crate::site::installed::Installed;
use crate::site::installed::InstalledError;
use crate::site::probe;
use crate::site::probe::Probe;
use crate::site::probe::ProbeError;
use crate::site::state::State;
use crate::site::stored;
use crate::sys::clock;
use crate::sys::lock;
use crate::sys::lock::Holder;
use crate::update::backup_set::Depth;
use crate::update::run;
use crate::update::run::RunError;
use crate::update::standing::Standing;

#[derive(Clone, Debug, Serialize)]
pub struct DoctorView {
    pub checks: Vec<Check>,
}

/// Exit 7 where something is at level error; warnings are no difference.
pub fn doctor(place: &Place, is_deep: bool) -> Result<Answer<DoctorView>, Failure> {
    let state = place.state()?;
    let depth = if is_deep { Depth::Content } else { Depth::Sizes };
    let path = state.doctor();
    let mut checks = all(state, depth);
    // The worst first; of the same level as they were looked at.
    checks.sort_by_key(|check| std::cmp::Reverse(check.level));
    let exit = match checks.iter().any(|check| check.level == Level::Error) {
        true => Exit::Differs,
        false => Exit::Done,
    };
    // Who looks at the keyboard changes nothing; what works in the background is asked for it later.
    if place.background.is_some() {
        // A state folder that cannot be written is told above; the answer does not hang on it.
        let visit = LastVisit { at: Some(clock::now()), deep: is_deep, checks: checks.clone() };
        let _ = stored::save(&path, &visit);
    }
    Ok(Answer::ending(exit, DoctorView { checks }))
}

/// What the doctor said last, and when.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LastVisit {
    pub at: Option<Timestamp>,
    pub deep: bool,
    pub checks: Vec<Check>,
}

/// `None`: it was never asked.
pub fn last(place: &Place) -> Result<Option<LastVisit>, Failure> {
    let last: LastVisit = stored::load(&place.state()?.doctor())?;
    Ok(last.at.is_some().then_some(last))
}

fn all(state: State, depth: Depth) -> Vec<Check> {
    let mut checks = settings::of_state(&state);
    let site = match Site::open(state) {
        Ok(site) => site,
        // Without settings nobody knows what to look at.
        Err(error) => {
            checks.push(failed("settings", &error, "mend entracte.toml in the state folder"));
            return checks;
        }
    };
    checks.push(Check::ok("settings", "understood, and nobody else can write them"));
    let patient = Patient::look(&site, depth);
    checks.extend(past::checks(&patient));
    checks.extend(web::checks(&patient));
    checks.extend(gate::checks(&patient));
    checks.extend(tree::checks(&patient));
    checks.extend(outside::check(&patient));
    checks.extend(room::checks(&patient));
    checks.extend(outlook::checks(&patient));
    checks.extend(source::checks(&patient));
    checks.extend(unattended::checks(&site));
    checks
}

/// A site and what several checks go by, looked at once.
struct Patient<'a> {
    site: &'a Site,
    depth: Depth,
    now: Timestamp,
    /// Who works on the site now.
    holder: Option<Holder>,
    open_run: Result<Option<(String, Standing)>, RunError>,
    installed: Result<(Current, Manifest), InstalledError>,
    home: Home,
}

/// What visitors get at the site's address.
enum Home {
    /// Nobody knows where that is.
    Nowhere,
    Answers {
        probe: Probe,
        url: Url,
        page: Box<probe::Answer>,
    },
    Silent(ProbeError),
}

impl<'a> Patient<'a> {
    fn look(site: &'a Site, depth: Depth) -> Patient<'a> {
        Patient {
            site,
            depth,
            now: clock::now(),
            holder: lock::holder(&site.state.lock()).ok().flatten(),
            open_run: run::open_run(&site.state.runs()),
            installed: Installed(&site.state.installed()).load(),
            home: Home::ask(site),
        }
    }
}

impl Home {
    fn ask(site: &Site) -> Home {
        match site.probe() {
            Ok(None) => Home::Nowhere,
            Err(error) => Home::Silent(error),
            Ok(Some((probe, url))) => match probe.get(&url, None) {
                Ok(page) => Home::Answers { probe, url, page: Box::new(page) },
                Err(error) => Home::Silent(error),
            },
        }
    }
}

/// A check that could not be made, or that failed by an error: its hints are the fix.
fn failed(name: &str, error: &(impl Fault + 'static), otherwise: &str) -> Check {
    Check::error(name, whole(error), hint(error, otherwise))
}

fn unsure(name: &str, error: &(impl Fault + 'static), otherwise: &str) -> Check {
    Check::warning(name, whole(error), hint(error, otherwise))
}

fn whole(error: &(impl Fault + 'static)) -> String {
    [vec![error.to_string()], causes(error)].concat().join(": ")
}

fn hint(error: &impl Fault, otherwise: &str) -> String {
    let hints = error.hints().join("; ");
    if hints.is_empty() { otherwise.to_owned() } else { hints }
}
