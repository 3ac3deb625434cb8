//! `tick --all`: one line of a crontab for every site of a list. Each site has a
//! process of its own, so that none can stop the next.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::app::auto::Proof;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::base::json;
use crate::schedule::sites;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::OURSELVES;
use crate::sys::process::Program;

/// Longer than that a site may not hold up the next ones.
const LIMIT: Duration = Duration::from_secs(4 * 3600);
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
    let listed = sites::load(&sites::file()?)?;
    if listed.is_empty() {
        return Err(Failure::new(Exit::NothingToDo, "no site is on the list")
            .hint("`entracte schedule install` in a site's folder puts it there"));
    }
    let sites: Vec<SiteTick> = listed.iter().map(|state| one(state, proof)).collect();
    let is_well =
        |site: &&SiteTick| matches!(site.exit, Exit::Done | Exit::NothingToDo | Exit::Waiting | Exit::Locked);
    let unwell = sites.iter().filter(|site| !is_well(site)).count();
    let worst = if sites.iter().any(|site| site.exit == Exit::Stuck) { Exit::Stuck } else { Exit::Failed };
    let all = sites.len();
    let view = TicksView { sites };
    match unwell {
        0 => Ok(Answer::done(view)),
        _ => Ok(Answer::failing(Failure::new(worst, format!("{unwell} of {all} sites need a look")), view)),
    }
}

fn one(state: &Path, proof: Proof) -> SiteTick {
    let shown = fs::shown(state);
    match ask(state, proof) {
        Ok(Document { exit, result, error }) => SiteTick {
            state: shown,
            exit: Exit::from_code(exit).unwrap_or(Exit::Failed),
            message: error.map(|error| error.message),
            result,
        },
        Err(message) => SiteTick { state: shown, exit: Exit::Failed, message: Some(message), result: None },
    }
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
