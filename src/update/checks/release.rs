//! Whether the release fits the site.

use std::cmp::Ordering;

use crate::base::check::Check;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Fault;
use crate::base::tree::Kind;
use crate::base::tree::Node;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::version;
use crate::release::staging::Trust;
use crate::site::blocklist::Blocklist;
use crate::site::installed::Ledger;
use crate::update::checks::Subject;
use crate::update::plan::Resolution;

pub fn staged_content(subject: &Subject) -> Check {
    let needed = subject.sealed.contents();
    let is_missing = |entry: &&FileEntry| {
        let digest = entry.sha256().filter(|digest| needed.contains(digest));
        digest.is_some_and(|digest| !subject.at_hand.has(&digest, entry.size()))
    };
    let missing: Vec<&FileEntry> = subject.staged.manifest.files.iter().filter(is_missing).collect();
    match missing.first() {
        None => {
            Check::ok("staged", format!("{} here", count::of(subject.staged.manifest.files.len(), "file")))
        }
        Some(first) => Check::error(
            "staged",
            format!(
                "the content of {} is not here or cannot be read, {} among them",
                count::of(missing.len(), "file"),
                first.path
            ),
            "`entracte stage` again: it brings only what is missing",
        ),
    }
}

/// Where the release comes from, and what of that is proved.
pub fn source(subject: &Subject) -> Check {
    let origin = &subject.staged.origin;
    let worth = match origin.trust {
        Trust::Signed => "signed by a key that is believed",
        Trust::List => "a published list of digests vouches for it",
        Trust::None => "nobody vouches for it but whoever sent it",
    };
    let notes: String = origin.notes.iter().map(|note| format!("; {}", escape::text(note))).collect();
    Check::ok("source", format!("{}: {worth}{notes}", escape::text(&origin.source)))
}

pub fn version_hop(subject: &Subject) -> Check {
    let (from, to) = (&subject.sealed.from.version, &subject.sealed.to.version);
    match version::may_follow(&subject.staged.manifest.from, from) {
        true => Check::ok("version", format!("{to} may follow {from}")),
        false => Check::error(
            "version",
            format!("{to} cannot follow {from}"),
            "update to a version in between first",
        ),
    }
}

pub fn order(subject: &Subject) -> Check {
    let (from, to) = (&subject.sealed.from.version, &subject.sealed.to.version);
    match version::compare(to, from) {
        Ordering::Less => Check::warning(
            "downgrade",
            format!("{to} is older than {from}"),
            "applications rarely understand the database of a newer version; `entracte rollback` is the way back",
        ),
        Ordering::Equal | Ordering::Greater => {
            Check::ok("downgrade", format!("{to} is not older than {from}"))
        }
    }
}

/// Whether the release failed here before, unattended.
pub fn blocklist(subject: &Subject) -> Check {
    let list = match Blocklist::load(&subject.site.state.blocklist()) {
        Ok(list) => list,
        Err(error) => return Check::warning("blocklist", error.to_string(), error.hints().join("; ")),
    };
    match list.find(&subject.sealed.to.manifest) {
        None => Check::ok("blocklist", "it has not failed here before"),
        Some(blocked) => Check::warning(
            "blocklist",
            format!("it failed here at {}: {}", blocked.at, escape::text(&blocked.reason)),
            "see whether the cause is gone; `entracte blocklist clear` lets automation try it again, too",
        ),
    }
}

pub fn conflicts(subject: &Subject) -> Check {
    let stopping: Vec<_> =
        subject.sealed.changes.iter().filter(|change| change.resolution == Some(Resolution::Stop)).collect();
    match stopping.first() {
        None => Check::ok("conflicts", "no conflict waits for a decision"),
        Some(first) => Check::error(
            "conflicts",
            format!("{} conflicts wait for a decision, {} among them", stopping.len(), first.path),
            "settle them under [policy] in entracte.toml, or move the files away",
        ),
    }
}

/// What cannot be read cannot be judged.
pub fn unreadable(subject: &Subject) -> Check {
    let volatile = subject.site.volatile();
    let unreadable: Vec<_> = subject
        .live
        .iter()
        .filter(|(path, node)| {
            matches!(node.kind, Kind::Unreadable { .. }) && !volatile.matches_bytes(path.as_bytes())
        })
        .collect();
    match unreadable.first() {
        None => Check::ok("readable", format!("{} entries of the site were read", subject.live.len())),
        Some((first, node)) => Check::error(
            "readable",
            format!(
                "{} of the site cannot be read, {first} among them{}",
                count::of(unreadable.len(), "entry"),
                why(node)
            ),
            "make them readable for the user who runs entracte",
        ),
    }
}

fn why(node: &Node) -> String {
    match &node.kind {
        Kind::Unreadable { reason } => format!(" ({reason})"),
        _ => String::new(),
    }
}

/// A versioned SQL file must not change once it was applied.
pub fn schema_files(subject: &Subject) -> Check {
    let manifest = &subject.staged.manifest;
    let changed = manifest.schema.iter().find(|path| {
        let now = manifest.entry(path).and_then(|entry| entry.sha256());
        Ledger::entry(&subject.ledger.sql, path).is_some_and(|applied| Some(applied.sha256) != now)
    });
    match changed {
        None => Check::ok("schema", format!("{} SQL files are to be applied", subject.sealed.sql.len())),
        Some(path) => Check::error(
            "schema",
            format!("{path} was applied before and has changed since"),
            "the release must bring the change as a new file",
        ),
    }
}
