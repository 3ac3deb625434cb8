//! `compare`: two sites, folders, archives, manifests or databases against
//! each other. Nothing is written but the report, and nothing is locked.

use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::compare_files;
use crate::app::compare_side::Side;
use crate::app::desk;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::network::Typed;
use crate::app::reference_side;
use crate::app::report::Answer;
use crate::app::trust::Belief;
use crate::base::exit::Exit;
use crate::base::json;
use crate::compare::diffs::Diff;
pub use crate::compare::diffs::Wanted;
pub use crate::compare::files::Files;
pub use crate::compare::files::MovedFolder;
use crate::compare::html;
pub use crate::compare::html::policy as report_policy;
pub use crate::compare::renamed::folders_of;
use crate::database::address::Address;
use crate::database::compare as rows;
pub use crate::database::compare::Comparison;
use crate::database::compare::Exactness;
pub use crate::database::compare::Example;
pub use crate::database::compare::Found;
use crate::database::compare::Rules;
use crate::database::compare::Values;
use crate::database::dump::aside::Aside;
use crate::database::scope::Scope;
use crate::database::sqlite_copy;
use crate::site::config;
use crate::site::state::State;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::scratch::Scratch;

/// What `compare` is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub a: Subject,
    pub b: Subject,
    pub part: Part,
    pub exactness: Exact,
    pub values: Show,
    pub html: Option<PathBuf>,
    /// Where what differs is kept as JSON.
    pub save: Option<PathBuf>,
    /// Whom to believe of a reference that no site here trusts.
    pub belief: Option<Belief>,
    /// How the network is used, where it is not as a site's settings say.
    pub network: Typed,
    /// Whose lines are shown.
    pub diff: Wanted,
    /// Owners and times count, too.
    pub owners: bool,
    pub times: bool,
}

/// A site, folder, archive, manifest or database address, as it was typed.
#[derive(Clone, Debug)]
pub struct Subject {
    pub text: String,
    /// Of an address: the file with the password, and the beginning of the tables' names.
    pub password_file: Option<PathBuf>,
    pub prefix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Everything,
    Files,
    Database,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exact {
    BySums,
    EveryRow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    Keys,
    Values,
}

/// What differs.
#[derive(Clone, Debug, Serialize)]
pub struct CompareView {
    pub a: String,
    pub b: String,
    pub files: Files,
    pub database: Option<Comparison>,
    /// Lines that differ, where they were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diffs: Vec<Diff>,
    /// What was not compared, and why.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub has_files: bool,
    #[serde(skip)]
    pub html: Option<PathBuf>,
}

/// Whom root becomes: the owner of the site among the two.
pub fn owner_to_become(a: &str, b: &str) -> Option<(u32, u32)> {
    if env::user_id() != 0 {
        return None;
    }
    let known = [a, b].into_iter().filter_map(|text| State::known(&fs::canonical(Path::new(text)).ok()?));
    known.filter_map(|state| fs::owner(state.folder()).ok()).find(|(uid, _)| *uid != 0)
}

pub fn compare(request: &Request, listener: Listener) -> Result<Answer<CompareView>, Failure> {
    let mut sides = [Side::find(&request.a)?, Side::find(&request.b)?];
    let mut notes = reference_side::open(&mut sides, request.belief.as_ref(), &request.network, listener)?;
    let found = match request.part {
        Part::Database => None,
        _ => compare_files::compared(&sides, request, &mut notes, listener)?,
    };
    let database = match request.part {
        Part::Files => None,
        part => compared_databases(&sides, part, request, &mut notes, listener)?,
    };
    if found.is_none() && database.is_none() {
        return Err(Failure::new(
            Exit::Refused,
            "one holds files and the other a database: nothing compares",
        )
        .hint("give two trees of files, two databases, or two sites"));
    }
    let has_files = found.is_some();
    let (files, diffs) = found.map(|found| (found.files, found.diffs)).unwrap_or_default();
    let [a, b] = sides.map(|side| side.shown());
    let view = CompareView { a, b, files, diffs, database, notes, has_files, html: request.html.clone() };
    let same = view.files.is_same() && view.database.as_ref().is_none_or(Comparison::is_same);
    if let Some(path) = &request.html {
        write_report(path, &view, same)?;
    }
    if let Some(path) = &request.save {
        save(path, &view)?;
    }
    Ok(Answer::ending(if same { Exit::Done } else { Exit::Differs }, view))
}

fn compared_databases(
    sides: &[Side; 2],
    part: Part,
    request: &Request,
    notes: &mut Vec<String>,
    listener: Listener,
) -> Result<Option<Comparison>, Failure> {
    let mut found = [sides[0].database()?, sides[1].database()?];
    let _asides = lay_out_dumps(sides, &mut found, listener)?;
    let [a, b] = found;
    let (Some(a), Some(b)) = (&a, &b) else {
        let without = if a.is_none() { &sides[0] } else { &sides[1] };
        let message = format!("no database is known of {}", without.shown());
        return match part {
            Part::Database => Err(Failure::new(Exit::Refused, message)
                .hint("give a known site, or the database's address: mysql://USER@HOST/NAME, sqlite:PATH")),
            _ if a.is_none() && b.is_none() => Ok(None),
            _ => {
                notes.push(format!("{message}, so that databases were not compared"));
                Ok(None)
            }
        };
    };
    let scratches = [Scratch::new()?, Scratch::new()?];
    let (a, b) = (place(a, &scratches[0])?, place(b, &scratches[1])?);
    let stop = desk::Interrupt::listen();
    let watch = &mut |step, event| listener(None, step, event);
    let found = rows::compare(
        &rows::Place { address: &a.0, scope: a.1.clone() },
        &rows::Place { address: &b.0, scope: b.1.clone() },
        &rules(sides, request),
        &|| stop.is_set(),
        watch,
    )?;
    Ok(Some(found))
}

/// Dumps that need a server are laid out on the other side's, for as long as
/// what is returned lives.
fn lay_out_dumps(
    sides: &[Side; 2],
    found: &mut [Option<config::Found>; 2],
    listener: Listener,
) -> Result<Vec<Aside>, Failure> {
    let mut asides = Vec::new();
    for at in [0, 1] {
        let (Side::Dump(dump), None, Some(other)) = (&sides[at], &found[at], &found[1 - at]) else {
            continue;
        };
        let (aside, laid_out) = dump.lay_out(other, &mut |step, event| listener(None, step, event))?;
        asides.push(aside);
        found[at] = Some(laid_out);
    }
    Ok(asides)
}

/// Where to read: even a look at some SQLite files leaves others beside them,
/// so that a copy is looked at.
fn place(found: &config::Found, scratch: &Scratch) -> Result<(Address, Scope), Failure> {
    let scope = Scope::of_prefix(&found.prefix);
    let address = match &found.address {
        Address::Sqlite(path) if !fs::is_file(path) => {
            return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
        }
        Address::Sqlite(path) => Address::Sqlite(sqlite_copy(path, scratch.path())?),
        address => address.clone(),
    };
    Ok((address, scope))
}

fn rules(sides: &[Side; 2], request: &Request) -> Rules {
    let mut rules = Rules {
        exactness: match request.exactness {
            Exact::BySums => Exactness::Sums,
            Exact::EveryRow => Exactness::EveryRow,
        },
        values: match request.values {
            Show::Keys => Values::Hidden,
            Show::Values => Values::Shown,
        },
        ..Rules::default()
    };
    for profile in sides.iter().filter_map(Side::profile) {
        rules.volatile_rows.extend(profile.volatile_rows.clone());
        rules.volatile_columns.extend(profile.volatile_columns.clone());
    }
    rules
}

fn save(path: &Path, view: &CompareView) -> Result<(), Failure> {
    let text = json::line(view)
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to write what differs: {error}")))?;
    Ok(fs::write_durable_with(path, &text, 0o600)?)
}

fn write_report(path: &Path, view: &CompareView, same: bool) -> Result<(), Failure> {
    let made = clock::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let report = html::Report {
        a: &view.a,
        b: &view.b,
        made: &made,
        same,
        files: view.has_files.then_some(&view.files),
        diffs: &view.diffs,
        database: view.database.as_ref(),
        notes: &view.notes,
    };
    let page = html::page(&report)
        .map_err(|error| Failure::new(Exit::Failed, format!("failed to write the report: {error}")))?;
    // It may hold what people wrote.
    Ok(fs::write_durable_with(path, page.as_bytes(), 0o600)?)
}
