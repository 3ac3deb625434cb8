//! `self-update`: this program brought up to date by its own means. Its
//! releases are staged and verified like any other; what is replaced is one file.

mod bring;
mod error;
mod keeper;
mod record;
mod scripts;
mod swap;

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::network::Typed;
use crate::app::report::Answer;
use crate::app::self_update::error::SelfUpdateError;
use crate::app::self_update::keeper::Asked;
use crate::app::self_update::record::Home;
use crate::app::self_update::record::Record;
use crate::app::self_update::record::Replaced;
use crate::app::self_update::swap::Candidate;
use crate::app::trust::Belief;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::version::VERSION;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::version;
use crate::release::staging::Staged;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::process;
use crate::sys::process::Ended;
use crate::sys::process::Program;

const PRODUCT: &str = "entracte";
const LOOK_LIMIT: Duration = Duration::from_secs(20);
const MOST_TEXT: u64 = 1 << 20;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A source as `stage` takes it; else the one of the last time.
    pub from: Option<String>,
    pub version: Option<String>,
    /// Whom to believe, where a reference is named for the first time.
    pub belief: Option<Belief>,
    /// How the network is used; remembered with the source.
    pub network: Typed,
}

/// What would be done, to be agreed to.
#[derive(Clone, Debug, Serialize)]
pub struct Offer {
    pub program: String,
    pub from: String,
    pub to: String,
    /// `signed`, `list` or `none`.
    pub trust: String,
    pub scripts: Vec<String>,
    pub notes: Vec<String>,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct SelfUpdated {
    pub program: String,
    pub from: String,
    pub to: String,
    /// The program that was replaced; none where it is back.
    pub kept: Option<String>,
}

/// Whether the offer is taken.
pub type Ask<'a> = &'a mut dyn FnMut(&Offer) -> bool;

pub fn self_update(request: &Request, ask: Ask, listener: Listener) -> Result<Answer<SelfUpdated>, Failure> {
    let program = our_own_program()?;
    let home = Home::open()?;
    let _lock = home.lock()?;
    let mut record = home.record()?;
    let from = request.from.clone().or_else(|| record.source.clone()).ok_or(SelfUpdateError::NoSource)?;
    let staging = home.staging()?;
    let staged = bring::bring(&from, request, &home, &mut record, &staging, listener)?;
    let digest = new_program(&staged.manifest)?;
    decide(&staged.manifest.version, request.version.as_deref())?;
    let offer = offer(&program, &staged, &record);
    if !ask(&offer) {
        return Err(Failure::new(Exit::Waiting, format!("entracte {} is not approved", offer.to))
            .hint("`--yes` approves what would be shown"));
    }
    let before = swap::digest(&program)?;
    let candidate = Candidate::write(&program, &mut staging.open_object(&digest)?)?;
    candidate.prove(&staged.manifest.version)?;
    // Known before it is done: a kill in between leaves a way back that is told.
    let (at, to) = (clock::now(), staged.manifest.version.clone());
    record.replaced = Some(Replaced { at, from: VERSION.into(), to: to.clone(), digest: before });
    home.save(&record)?;
    candidate.replace(&program)?;
    let ran = scripts::run(&home, &mut record, &staging, &staged.manifest, &program, &mut |step, event| {
        listener(None, step, event);
    });
    if let Err(error) = ran {
        undo(&home, &mut record, &program)?;
        return Err(error.into());
    }
    let kept = Some(fs::shown(&swap::backup(&program)));
    Ok(Answer::done(SelfUpdated { program: fs::shown(&program), from: VERSION.into(), to, kept }))
}

pub fn roll_back() -> Result<Answer<SelfUpdated>, Failure> {
    let program = our_own_program()?;
    let home = Home::open()?;
    let _lock = home.lock()?;
    let mut record = home.record()?;
    let replaced = undo(&home, &mut record, &program)?;
    let (from, to) = (replaced.to, replaced.from);
    Ok(Answer::done(SelfUpdated { program: fs::shown(&program), from, to, kept: None }))
}

fn undo(home: &Home, record: &mut Record, program: &Path) -> Result<Replaced, SelfUpdateError> {
    let replaced = record.replaced.clone().ok_or(SelfUpdateError::NothingToUndo)?;
    swap::bring_back(program, replaced.digest)?;
    record.replaced = None;
    home.save(record)?;
    Ok(replaced)
}

/// The file that this program was started from, unless somebody else keeps it.
fn our_own_program() -> Result<PathBuf, SelfUpdateError> {
    let path = fs::canonical(&env::program()?)?;
    match keeper::keeper(&path, &ThisMachine) {
        Some(keeper) => Err(SelfUpdateError::Kept { path, keeper }),
        None => Ok(path),
    }
}

struct ThisMachine;

impl Asked for ThisMachine {
    fn agrees(&self, argv: &[&str]) -> bool {
        let Some(path) = argv.first().and_then(|name| process::find(name)) else { return false };
        let words = [path.as_os_str()].into_iter().chain(argv[1..].iter().map(AsRef::as_ref));
        let mut program = Program::new(words, Path::new("/"));
        program.limit = LOOK_LIMIT;
        program.capture(0).is_ok_and(|(ended, _)| ended == Ended::Status(0))
    }

    fn text(&self, path: &Path) -> Option<String> {
        fs::read_text(path, MOST_TEXT).ok()
    }

    fn is_there(&self, path: &Path) -> bool {
        fs::exists(path)
    }
}

/// The content of the program for this kind of machine.
fn new_program(manifest: &Manifest) -> Result<Sha256, SelfUpdateError> {
    let platform = platform();
    let entry = program_path().and_then(|path| manifest.entry(&path)?.sha256());
    entry.ok_or(SelfUpdateError::NoProgram { version: manifest.version.clone(), platform })
}

/// Where the program for this kind of machine stands in a release.
fn program_path() -> Option<SitePath> {
    SitePath::parse(&format!("bin/{}/entracte", platform())).ok()
}

/// As in `x86_64-linux`.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// A release is taken when it is newer, or was named.
fn decide(offered: &str, named: Option<&str>) -> Result<(), SelfUpdateError> {
    match version::compare(offered, VERSION) {
        std::cmp::Ordering::Equal => Err(SelfUpdateError::Same(VERSION)),
        std::cmp::Ordering::Less if named.is_none() => {
            Err(SelfUpdateError::Older { version: offered.to_owned(), own: VERSION })
        }
        _ => Ok(()),
    }
}

fn offer(program: &Path, staged: &Staged, record: &Record) -> Offer {
    let scripts = scripts::waiting(&staged.manifest, record);
    Offer {
        program: fs::shown(program),
        from: VERSION.into(),
        to: staged.manifest.version.clone(),
        trust: staged.origin.trust.name().into(),
        scripts: scripts.into_iter().map(ToString::to_string).collect(),
        notes: staged.origin.notes.clone(),
    }
}
