//! Comparisons of a site that a console began: they run as work of their own,
//! what they found is kept in the state folder, and the last ones stay.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use url::Url;

use crate::app::compare::Subject;
use crate::app::compare_side::Side;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::base::diff;
use crate::base::exit::Exit;
use crate::base::json;
use crate::base::path::TreePath;
use crate::release::network::address;
use crate::site::stored;
use crate::site::stored::StoredError;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::random;

/// So many stay.
const KEPT: usize = 10;
/// A larger result is for the command line.
const MAX_BYTES: u64 = 256 << 20;
/// An archive is read to its end for the lines of one file.
const MAX_ARCHIVE: u64 = 64 << 20;

/// What to compare a site with.
#[derive(Clone, Debug)]
pub struct Request {
    /// An absolute path, or the address of a reference.
    pub other: String,
    /// `everything`, `files` or `database`.
    pub part: String,
    /// Whether the report tells the lines, too.
    pub lines: bool,
}

/// One comparison.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    #[serde(skip)]
    pub id: String,
    pub at: Option<Timestamp>,
    pub a: String,
    pub b: String,
    pub part: String,
    pub by: String,
    /// What it found is there.
    #[serde(skip)]
    pub is_done: bool,
}

/// What one found; what later versions add is passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Found {
    pub a: String,
    pub b: String,
    pub files: Files,
    pub database: Option<Database>,
    #[serde(default)]
    pub diffs: Vec<Lines>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Files {
    pub only_a: Vec<String>,
    pub only_b: Vec<String>,
    pub different: Vec<String>,
    pub details: Vec<Detail>,
    pub unreadable: Vec<Unreadable>,
    pub moved: Vec<Moved>,
    pub renamed: Vec<Moved>,
    pub checked: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Detail {
    pub path: String,
    pub what: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Unreadable {
    pub path: String,
    pub side: String,
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Moved {
    pub from: String,
    pub to: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    pub schema: Vec<String>,
    pub rows: Vec<Rows>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Rows {
    pub table: String,
    pub only_a: u64,
    pub only_b: u64,
    pub different: u64,
    pub rows_a: u64,
    pub rows_b: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Lines {
    pub path: String,
    pub from: Option<String>,
    pub text: String,
}

impl Found {
    pub fn is_same(&self) -> bool {
        let files = &self.files;
        files.only_a.is_empty()
            && files.only_b.is_empty()
            && files.different.is_empty()
            && files.unreadable.is_empty()
            && self.database.as_ref().is_none_or(|found| found.schema.is_empty() && found.rows.is_empty())
    }
}

/// Notes what is compared, and says with which arguments: the verb first.
pub fn begin(place: &Place, request: &Request) -> Result<Vec<OsString>, Failure> {
    let site = place.open()?;
    let shown = shown(&request.other)?;
    let folder = site.state.comparisons();
    fs::create_folders(&folder, 0o700)?;
    make_room(&folder)?;
    let now = clock::now();
    let id = format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), random::hex(2));
    let kept = Kept {
        at: Some(now),
        a: fs::shown(&site.root),
        b: shown,
        part: request.part.clone(),
        by: place.person(),
        ..Kept::default()
    };
    stored::save(&folder.join(format!("{id}.about")), &kept)?;
    let mut arguments: Vec<OsString> =
        ["compare".into(), site.root.into(), request.other.clone().into()].into();
    match request.part.as_str() {
        "files" => arguments.push("--files".into()),
        "database" => arguments.push("--database".into()),
        _ => {}
    }
    arguments.extend(["--save".into(), folder.join(format!("{id}.json")).into()]);
    arguments.extend(["--html".into(), folder.join(format!("{id}.html")).into()]);
    if request.lines {
        // It takes what follows for names of files; what follows is an option.
        arguments.push("--diff".into());
    }
    Ok(arguments)
}

/// As it may stand in a page and in a file. It cannot be taken for an option.
fn shown(other: &str) -> Result<String, Failure> {
    if other.starts_with('/') {
        return Ok(fs::shown(other.as_ref()));
    }
    match Url::parse(other) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            match url.username().is_empty() && url.password().is_none() {
                // Everybody on the machine sees what a process is started with.
                true => Ok(address::shown(&url)),
                false => Err(Failure::new(Exit::Usage, "the address must not hold a user or a password")),
            }
        }
        _ => Err(Failure::new(Exit::Usage, "this is neither a path from / on nor an address (https://…)")),
    }
}

fn make_room(folder: &std::path::Path) -> Result<(), Failure> {
    for old in ids(folder)?.iter().skip(KEPT - 1) {
        for end in ["about", "json", "html"] {
            fs::remove_file_if_present(&folder.join(format!("{old}.{end}")))?;
        }
    }
    Ok(())
}

/// The files of each comparison, of one whose begin or end was cut off as well.
pub(super) fn files(folder: &std::path::Path) -> Result<Vec<Vec<PathBuf>>, Failure> {
    if !fs::is_real_folder(folder) {
        return Ok(Vec::new());
    }
    let mut of_each: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
    for path in fs::list(folder)?.into_iter().filter(|path| fs::is_file(path)) {
        let id = path.file_stem().unwrap_or_default().to_owned();
        of_each.entry(id).or_default().push(path);
    }
    Ok(of_each.into_values().collect())
}

/// The newest first.
fn ids(folder: &std::path::Path) -> Result<Vec<String>, Failure> {
    if !fs::is_folder(folder) {
        return Ok(Vec::new());
    }
    let about =
        fs::list(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "about"));
    let mut ids: Vec<String> =
        about.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    ids.sort_by(|a, b| b.cmp(a));
    Ok(ids)
}

/// The last comparisons, the newest first.
pub fn list(place: &Place) -> Result<Vec<Kept>, Failure> {
    let folder = place.state()?.comparisons();
    ids(&folder)?.into_iter().map(|id| Ok(about(&folder, id)?)).collect()
}

fn about(folder: &std::path::Path, id: String) -> Result<Kept, StoredError> {
    let kept: Kept = stored::load(&folder.join(format!("{id}.about")))?;
    let is_done = fs::is_file(&folder.join(format!("{id}.json")));
    Ok(Kept { is_done, id, ..kept })
}

/// `None`: there is none of that name, or it is not done.
pub fn load(place: &Place, id: &str) -> Result<Option<(Kept, Found)>, Failure> {
    let Some(path) = file(place, id, "json")? else { return Ok(None) };
    let damaged = |source| StoredError::Damaged { path: fs::shown(&path), source };
    let found: Found = json::read(fs::read_text(&path, MAX_BYTES)?.as_bytes()).map_err(damaged)?;
    let kept = about(&place.state()?.comparisons(), id.to_owned())?;
    Ok(Some((kept, found)))
}

/// The report as one HTML page.
pub fn report(place: &Place, id: &str) -> Result<Option<Vec<u8>>, Failure> {
    match file(place, id, "html")? {
        Some(path) => Ok(Some(fs::read(&path)?)),
        None => Ok(None),
    }
}

fn file(place: &Place, id: &str, end: &str) -> Result<Option<PathBuf>, Failure> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
        return Ok(None);
    }
    let path = place.state()?.comparisons().join(format!("{id}.{end}"));
    Ok(fs::is_file(&path).then_some(path))
}

/// The lines of one file that differs, as both sides are now; `None` where
/// they cannot be read here. Files of an owner's are never shown.
pub fn lines(place: &Place, id: &str, path: &str) -> Result<Option<String>, Failure> {
    let Some((kept, found)) = load(place, id)? else { return Ok(None) };
    if let Some(lines) = found.diffs.iter().find(|lines| lines.path == path) {
        return Ok(Some(lines.text.clone()));
    }
    // Nobody gets to read what was not compared.
    let renamed = found.files.renamed.iter().find(|moved| moved.to == path);
    if renamed.is_none() && !found.files.different.iter().any(|other| other == path) {
        return Ok(None);
    }
    let of = |text: &str| Side::find(&Subject { text: text.into(), password_file: None, prefix: None });
    if !kept.b.starts_with('/') {
        return Ok(None);
    }
    let (a, b) = (of(&kept.a)?, of(&kept.b)?);
    let name = |path: &str| TreePath::from_bytes(path.as_bytes());
    let (from, to) = (name(renamed.map_or(path, |moved| moved.from.as_str())), name(path));
    let is_owners = |side: &Side, path: &TreePath| {
        side.keep().is_some_and(|(_, keep)| keep.matches_bytes(path.as_bytes()))
    };
    if [&a, &b].into_iter().any(|side| is_owners(side, &from) || is_owners(side, &to)) {
        return Err(Failure::new(Exit::Refused, format!("{to} is the owner's, and may hold passwords")));
    }
    let (Some(old), Some(new)) = (content(&a, &from)?, content(&b, &to)?) else { return Ok(None) };
    if !diff::is_text(&old) || !diff::is_text(&new) {
        return Ok(Some(format!("no text, or longer than {} MiB\n", diff::MAX_BYTES >> 20)));
    }
    Ok(Some(diff::unified(&format!("a/{from}"), &format!("b/{to}"), &old, &new)))
}

fn content(side: &Side, path: &TreePath) -> Result<Option<Vec<u8>>, Failure> {
    if let Side::File(file) = side
        && fs::metadata(file)?.is_none_or(|file| file.len() > MAX_ARCHIVE)
    {
        return Ok(None);
    }
    if matches!(side, Side::Database(_) | Side::Dump(_) | Side::Reference(_)) {
        return Ok(None);
    }
    Ok(side.contents(Vec::new())?.read(&[path], diff::MAX_BYTES).remove(path))
}

/// Archives of the site's inbox, by name, with their paths.
pub fn inbox(place: &Place) -> Result<Vec<(String, String)>, Failure> {
    let folder = place.open()?.inbox();
    if !fs::is_folder(&folder) {
        return Ok(Vec::new());
    }
    let files = fs::list(&folder)?.into_iter().filter(|path| fs::is_file(path));
    let named =
        files.filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path.to_str()?.to_owned())));
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_is_no_option_and_holds_no_password() {
        for (other, told) in [
            ("/srv/b", Some("/srv/b")),
            ("https://r.example/shop/#2.1", Some("https://r.example/shop/")),
            ("https://r.example/?key=hush", Some("https://r.example/?…")),
            ("--html=/etc/x", None),
            ("relative", None),
            ("", None),
            ("https://ann:hush@r.example/", None),
            ("mysql://u@h/n", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(shown(other).ok().as_deref(), told, "{other}");
        }
    }
}
