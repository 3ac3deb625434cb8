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
use crate::app::watch::live::Manner;
use crate::app::watch::record;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::path::SitePath;
use crate::base::tree::Tree;
use crate::site::Site;
use crate::site::history;
use crate::site::history::News;
use crate::site::installed::Accepted;
use crate::site::installed::Found;
use crate::site::installed::Installed;
use crate::sys::clock;
use crate::sys::fs;
use crate::watch::finding::Finding;
use crate::watch::finding::Kind;
use crate::watch::memory::Memory;

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
    let looked = live::look(site, &manner, listener)?;
    let wanted: Vec<Wanted> =
        request.accept.iter().map(|text| Wanted::of(site, text)).collect::<Result<_, _>>()?;
    let mut chosen = Vec::new();
    for wanted in &wanted {
        let here: Vec<&Finding> = looked.findings.iter().filter(|finding| wanted.covers(finding)).collect();
        if here.is_empty() {
            return Err(Failure::new(
                Exit::NothingToDo,
                format!("there is nothing to accept at {}", wanted.shown()),
            )
            .hint("`entracte watch` lists what differs"));
        }
        for finding in here {
            chosen.push(judged(finding, wanted, &memory, &looked.tree)?);
        }
    }
    save(site, &chosen, note, held.by.clone())?;
    let looked = live::look(site, &manner, listener)?;
    let news = memory.news(&looked.findings);
    record::record(site, &looked)?;
    let mut accepted: Vec<String> = chosen.into_iter().map(|(path, _)| path.as_str().to_owned()).collect();
    accepted.sort();
    accepted.dedup();
    let notes = looked.notes.clone();
    answer(site, &memory, looked, Extra { news: Some(news), notes, accepted, html: request.html.clone() })
}

/// A path as it was typed: relative to the site, or to the file system.
struct Wanted(Vec<u8>);

impl Wanted {
    fn of(site: &Site, text: &str) -> Result<Wanted, Failure> {
        let root = fs::shown(&site.root);
        let inside = text.strip_prefix(&root).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let path = inside.unwrap_or(text).trim_start_matches("./").trim_matches('/');
        match path {
            "" | "." if inside.is_some() || text.starts_with('.') => Ok(Wanted(Vec::new())),
            path => match SitePath::parse(path) {
                Ok(path) if inside.is_some() || !text.starts_with('/') => {
                    Ok(Wanted(path.as_str().as_bytes().to_vec()))
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
        let path = finding.path.as_bytes();
        let rest = path.strip_prefix(&self.0[..]);
        self.0.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    fn shown(&self) -> String {
        if self.0.is_empty() { "the site".into() } else { escape::bytes(&self.0) }
    }
}

/// What is accepted of a finding: only what somebody can have looked at.
fn judged(
    finding: &Finding,
    wanted: &Wanted,
    memory: &Memory,
    tree: &Tree,
) -> Result<(SitePath, Found), Failure> {
    let path = &finding.path;
    let refused = |why: &str| Failure::new(Exit::Refused, format!("{path} cannot be accepted: {why}"));
    let known = memory.findings.get(&path.to_string());
    let is_as_shown = known.map(|known| known.mark == finding.mark());
    let names_it = wanted.0 == path.as_bytes();
    if memory.at.is_some() && !is_as_shown.unwrap_or(names_it) {
        return Err(
            refused("it changed since a watch last showed it").hint("`entracte watch` shows it as it is now")
        );
    }
    if finding.kind == Kind::Unreadable {
        return Err(refused("nobody can read it"));
    }
    let site_path = path.to_site_path().map_err(|error| {
        refused(&error.to_string()).hint("a pattern in `volatile` of the settings leaves it out")
    })?;
    match Found::of(tree.get(path)) {
        Some(found) => Ok((site_path, found)),
        None => {
            Err(refused("a folder stands where a file should, or the link leads to a name that is no text"))
        }
    }
}

fn save(site: &Site, chosen: &[(SitePath, Found)], note: &str, by: String) -> Result<(), Failure> {
    let folder = site.state.installed();
    let installed = Installed(&folder);
    let (mut current, _) = installed.load()?;
    let (at, note) = (clock::now(), escape::text(note).into_owned());
    for (path, what) in chosen {
        let accepted = Accepted { what: what.clone(), note: note.clone(), by: by.clone(), at };
        current.accepted.insert(path.clone(), accepted);
    }
    // The log first: what is accepted without a word in it would be nobody's.
    let named: Vec<&str> = chosen.iter().take(NAMED).map(|(path, _)| path.as_str()).collect();
    let more = chosen.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let detail = format!("{note}: {}{more}", named.join(", "));
    history::append(&site.state.history(), News { event: "accepted", run: None, by: Some(&by), detail })?;
    Ok(installed.save_current(&current)?)
}
