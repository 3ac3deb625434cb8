//! `watch --accept`: a person looked at a change and answers for it. From then
//! on exactly that is expected there; anything else is a finding again.

use crate::app::desk::Held;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::app::watch::Extra;
use crate::app::watch::Request;
use crate::app::watch::WatchView;
use crate::app::watch::answer;
use crate::app::watch::live;
use crate::app::watch::live::Looked;
use crate::app::watch::live::Manner;
use crate::app::watch::outside::Spot;
use crate::app::watch::record;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::site::Site;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;
use crate::site::installed::Accepted;
use crate::site::installed::Found;
use crate::site::installed::Installed;
use crate::site::outside::PREFIX;
use crate::sys::clock;
use crate::sys::fs;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::memory::Memory;
use crate::watch::outside::Outside;

/// Paths that the log names; the rest is counted.
const NAMED: usize = 20;

pub fn accept(place: &Place, request: &Request, listener: Listener) -> Result<Answer<WatchView>, Failure> {
    let note = request.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    let note = note.ok_or_else(|| {
        Failure::new(Exit::Usage, "a change is accepted with a reason: --note \"what it is\"")
    })?;
    let held = Held::take_to_look(place, "watch")?;
    let site = &held.site;
    let memory = Memory::load(&site.state.watch())?;
    if request.seen.is_some() && request.seen != memory.key() {
        let message = "another watch found other things since these were shown";
        return Err(Failure::new(Exit::Refused, message).hint("look at what it found, then accept"));
    }
    let manner = Manner { is_locked: true, ..Manner::of(request, &memory) };
    let (looked, tree) = live::look_in_full(site, &manner, listener)?;
    let wanted = request.accept.iter().map(|text| Wanted::of(site, text, &looked.outside.spots));
    let chosen = chosen(&wanted.collect::<Result<Vec<_>, _>>()?, &looked, &memory)?;
    let (outside, inside): (Vec<&Finding>, Vec<&Finding>) =
        chosen.into_iter().partition(|finding| finding.outside);
    let chosen: Vec<(SitePath, Found)> =
        inside.into_iter().map(|finding| judged(finding, &tree)).collect::<Result<_, _>>()?;
    let expected = expected_outside(site, &looked, &outside)?;
    let mut accepted: Vec<String> = chosen.iter().map(|(path, _)| path.as_str().to_owned()).collect();
    accepted.extend(outside.iter().map(|finding| finding.name()));
    accepted.sort();
    accepted.dedup();
    save(site, &chosen, &accepted, note, held.by.clone())?;
    if !outside.is_empty() {
        expected.save(&site.state.watch())?;
    }
    let looked = live::look(site, &manner, listener)?;
    let news = memory.news(&looked.findings);
    record::record(site, &looked)?;
    let notes = looked.notes.clone();
    answer(site, &memory, looked, Extra { news: Some(news), notes, accepted, html: request.html.clone() })
}

/// What stands at the paths, or below them.
fn chosen<'l>(wanted: &[Wanted], looked: &'l Looked, memory: &Memory) -> Result<Vec<&'l Finding>, Failure> {
    let mut chosen = Vec::new();
    for wanted in wanted {
        let here: Vec<&Finding> = looked.findings.iter().filter(|finding| wanted.covers(finding)).collect();
        if here.is_empty() {
            let message = format!("there is nothing to accept at {}", wanted.shown());
            return Err(Failure::new(Exit::NothingToDo, message).hint("`entracte watch` lists what differs"));
        }
        here.iter().try_for_each(|finding| may_accept(finding, wanted, memory))?;
        chosen.extend(here);
    }
    Ok(chosen)
}

/// A path as it was typed: relative to the site, or to the file system, or outside.
struct Wanted {
    path: Vec<u8>,
    outside: bool,
}

impl Wanted {
    fn of(site: &Site, text: &str, spots: &[Spot]) -> Result<Wanted, Failure> {
        if let Some(path) = outside(text, spots) {
            return Ok(Wanted { path, outside: true });
        }
        Ok(Wanted { path: Wanted::inside(site, text)?, outside: false })
    }

    fn inside(site: &Site, text: &str) -> Result<Vec<u8>, Failure> {
        let root = fs::shown(&site.root);
        let inside = text.strip_prefix(&root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let path = inside.unwrap_or(text).trim_start_matches("./").trim_matches('/');
        match path {
            "" | "." if inside.is_some() || text.starts_with('.') => Ok(Vec::new()),
            path => match SitePath::parse(path) {
                Ok(path) if inside.is_some() || !text.starts_with('/') => {
                    Ok(path.as_str().as_bytes().to_vec())
                }
                Ok(_) => Err(Failure::new(
                    Exit::Usage,
                    format!("{} is not in the site {root}", escape::text(text)),
                )),
                Err(error) => Err(Failure::new(Exit::Usage, error.to_string())),
            },
        }
    }

    /// The path itself, and what is below it.
    fn covers(&self, finding: &Finding) -> bool {
        if finding.outside != self.outside {
            return false;
        }
        let rest = finding.path.as_bytes().strip_prefix(&self.path[..]);
        self.path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    fn shown(&self) -> String {
        if self.path.is_empty() { "the site".into() } else { escape::bytes(&self.path) }
    }
}

/// A path outside, as it is shown or as the file system has it.
fn outside(text: &str, spots: &[Spot]) -> Option<Vec<u8>> {
    let full = match text.strip_prefix(PREFIX) {
        Some(_) => text.to_owned(),
        None if text.starts_with('/') => format!("{PREFIX}{text}"),
        None => return None,
    };
    let path = full.trim_end_matches('/').as_bytes();
    let is_ours =
        text.starts_with(PREFIX) || spots.iter().any(|spot| spot.holds(&TreePath::from_bytes(path)));
    is_ours.then(|| path.to_vec())
}

/// What is expected outside once these findings are.
fn expected_outside(site: &Site, looked: &Looked, chosen: &[&Finding]) -> Result<Outside, Failure> {
    let mut expected = Outside::load(&site.state.watch())?;
    for finding in chosen {
        if looked.outside.expect(&mut expected, finding).is_none() {
            return Err(refused(
                finding,
                "a folder stands where a file should, or its place is not known yet",
            ));
        }
    }
    Ok(expected)
}

fn refused(finding: &Finding, why: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{} cannot be accepted: {why}", finding.name()))
}

/// Only what somebody can have looked at is accepted.
fn may_accept(finding: &Finding, wanted: &Wanted, memory: &Memory) -> Result<(), Failure> {
    let known = memory.findings.get(&finding.name());
    let is_as_shown = known.map(|known| known.mark == finding.mark());
    let names_it = wanted.path == finding.path.as_bytes();
    if memory.at.is_some() && !is_as_shown.unwrap_or(names_it) {
        return Err(refused(finding, "it changed since a watch last showed it")
            .hint("`entracte watch` shows it as it is now"));
    }
    match finding.kind {
        Kind::Unreadable => Err(refused(finding, "nobody can read it")),
        _ => Ok(()),
    }
}

/// What is accepted of a finding in the site.
fn judged(finding: &Finding, tree: &Tree) -> Result<(SitePath, Found), Failure> {
    let site_path = finding.path.to_site_path().map_err(|error| {
        refused(finding, &error.to_string()).hint("a pattern in `volatile` of the settings leaves it out")
    })?;
    match Found::of(tree.get(&finding.path)) {
        Some(found) => Ok((site_path, found)),
        None => Err(refused(
            finding,
            "a folder stands where a file should, or the link leads to a name that is no text",
        )),
    }
}

fn save(
    site: &Site,
    chosen: &[(SitePath, Found)],
    names: &[String],
    note: &str,
    by: String,
) -> Result<(), Failure> {
    let folder = site.state.installed();
    let installed = Installed(&folder);
    let (mut current, _) = installed.load()?;
    let (at, note) = (clock::now(), escape::text(note).into_owned());
    for (path, what) in chosen {
        let accepted = Accepted { what: what.clone(), note: note.clone(), by: by.clone(), at };
        current.accepted.insert(path.clone(), accepted);
    }
    // The log first: what is accepted without a word in it would be nobody's.
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let detail = format!("{note}: {}{more}", named.join(", "));
    history::append(&site.state.history(), News { event: Deed::Accepted, run: None, by: Some(&by), detail })?;
    Ok(installed.save_current(&current)?)
}
