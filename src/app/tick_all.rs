//! `tick --all`: one line of a crontab for every site of a list. Each site has a
//! process of its own, so that none can stop the next.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::app::auto::Proof;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::base::json;
use crate::schedule::sites;
use crate::site::stored;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::OURSELVES;
use crate::sys::process::Program;

/// Longer than that a site may not hold up the next ones.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
/// What nobody else can tell is told once in so long.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);
/// Most bytes of one site's answer.
const MAX_ANSWER: u64 = 1 << 20;
/// What a tick needs of its environment besides what every program is given.
const PASSED_ON: [&str; 12] = [
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "LOGNAME",
    "ENTRACTE_FAULT",
];

#[derive(Clone, Debug, Serialize)]
pub struct TicksView {
    pub sites: Vec<SiteTick>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SiteTick {
    /// Its state folder.
    pub state: String,
    pub exit: Exit,
    pub message: Option<String>,
    pub result: Option<Value>,
    /// Whether a person has to hear of it.
    pub news: bool,
}

/// The document that a site's tick prints.
#[derive(Deserialize)]
struct Document {
    exit: u8,
    result: Option<Value>,
    error: Option<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    message: String,
}

pub fn tick_all(proof: Proof) -> Result<Answer<TicksView>, Failure> {
    let list = sites::file()?;
    let listed = sites::load(&list)?;
    if listed.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "no site is on the list")
            .hint("`entracte schedule install` in a site's folder puts it there"));
    }
    let complaints = list.with_file_name("complaints.json");
    let sites: Vec<SiteTick> = listed.iter().map(|state| one(state, proof, &complaints)).collect();
    let unwell: Vec<&SiteTick> = sites.iter().filter(|site| !site.is_well()).collect();
    let exit = match unwell.iter().any(|site| site.exit == Exit::Stuck) {
        true => Exit::Stuck,
        false => Exit::Failed,
    };
    if unwell.is_empty() {
        return Ok(Answer::done(TicksView { sites }));
    }
    let news: Vec<String> = unwell.iter().filter(|site| site.news).map(|site| site.told()).collect();
    let mut failure = Failure::new(exit, format!("{} of {} sites need a look", unwell.len(), sites.len()));
    failure.causes.clone_from(&news);
    let view = TicksView { sites };
    // Cron mails every word: what people were told before is not said again.
    match news.is_empty() {
        true => Ok(Answer::ending(exit, view)),
        false => Ok(Answer::failing(failure, view)),
    }
}

impl SiteTick {
    fn is_well(&self) -> bool {
        matches!(self.exit, Exit::Done | Exit::NothingToDo | Exit::Waiting | Exit::Locked)
    }

    fn told(&self) -> String {
        let jobs = self.result.as_ref().and_then(|result| result["jobs"].as_array());
        let job = jobs.into_iter().flatten().find(|job| job["news"] == true);
        let told = job.and_then(|job| job["told"].as_str()).or(self.message.as_deref());
        format!("{}: {}", self.state, told.unwrap_or("it failed"))
    }
}

fn one(state: &Path, proof: Proof, complaints: &Path) -> SiteTick {
    let state_shown = fs::shown(state);
    let (exit, message, result) = match ask(state, proof) {
        Ok(Document { exit, result, error }) => {
            (Exit::from_code(exit).unwrap_or(Exit::Failed), error.map(|error| error.message), result)
        }
        Err(message) => (Exit::Failed, Some(message), None),
    };
    let news = match &result {
        Some(result) => result["jobs"].as_array().into_iter().flatten().any(|job| job["news"] == true),
        // Nobody but us can tell of a site that is not there.
        None => exit != Exit::Locked && is_new(complaints, &state_shown),
    };
    SiteTick { state: state_shown, exit, message, result, news }
}

/// When each site's trouble was told last.
#[derive(Default, Serialize, Deserialize)]
struct Complaints {
    told: BTreeMap<String, Timestamp>,
}

/// Whether nobody heard of this site's trouble within a day.
fn is_new(complaints: &Path, site: &str) -> bool {
    // What cannot be remembered is told each time.
    let mut memory: Complaints = stored::load(complaints).unwrap_or_default();
    let told = &mut memory.told;
    let now = clock::now();
    let is_new = told.get(site).is_none_or(|at| now.duration_since(*at).abs() >= A_DAY);
    if is_new {
        told.retain(|_, at| now.duration_since(*at).abs() < A_DAY);
        told.insert(site.to_owned(), now);
        let _ = stored::save(complaints, &memory);
    }
    is_new
}

fn ask(state: &Path, proof: Proof) -> Result<Document, String> {
    let mut argv: Vec<PathBuf> =
        [OURSELVES.as_ref(), Path::new("--state"), state, Path::new("--json"), Path::new("tick")]
            .map(Path::to_owned)
            .to_vec();
    if proof == Proof::Waived {
        argv.push("--unproven".into());
    }
    let mut program = Program::new(argv, Path::new("/"));
    program.limit = LIMIT;
    program.env =
        PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), env::variable(name)?))).collect();
    let (ended, answer) = program.capture(MAX_ANSWER).map_err(|error| Failure::from(error).message)?;
    json::read(&answer).map_err(|_| match ended {
        Ended::Status(status) => format!("its tick ended with status {status} and said nothing"),
        Ended::Signal(signal) => format!("its tick was ended by signal {signal}"),
        Ended::TimedOut => format!("its tick took longer than {} s and was ended", LIMIT.as_secs()),
    })
}
