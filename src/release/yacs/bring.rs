//! What the list names is brought to staging: from here where the content with
//! the digest is here already, else from the server.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::base::count;
use crate::base::digest::Md5;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::event::Watch;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::integrity::manifest::Extent;
use crate::release::content::Content;
use crate::release::content::Said;
use crate::release::network;
use crate::release::network::Fetched;
use crate::release::network::Network;
use crate::release::network::Session;
use crate::release::network::error::NetworkError;
use crate::release::stage::Options;
use crate::release::staging::Staging;
use crate::release::staging::Trust;
use crate::release::yacs::address::Server;
use crate::release::yacs::error::YacsError;
use crate::release::yacs::files;
use crate::release::yacs::files::Held;
use crate::release::yacs::list::List;
use crate::release::yacs::list::Listed;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// More than any list has.
const MOST_LIST_BYTES: u64 = 32 << 20;
/// More than any script has; YACS itself takes no more than 5 MiB.
pub(super) const MOST_FILE_BYTES: u64 = 16 << 20;
/// Of nothing at all, which no old server hands out.
const OF_NOTHING: [u8; 16] =
    [0xd4, 0x1d, 0x8c, 0xd9, 0x8f, 0x00, 0xb2, 0x04, 0xe9, 0x80, 0x09, 0x98, 0xec, 0xf8, 0x42, 0x7e];

/// Brings all that the server's list names.
pub(in crate::release) fn bring(
    server: &Server,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Content, YacsError> {
    if options.extent == Some(Extent::Complete) {
        return Err(YacsError::NeverComplete { server: server.to_string() });
    }
    let (list, asked) = list(server, staging, options, watch)?;
    let mut bringing = Bringing::new(server, staging, options)?;
    bringing.begin(&list)?;
    let wanted = std::mem::take(&mut bringing.wanted);
    let session = Session::new(&options.network)?;
    let room = bringing.most_bytes.saturating_sub(bringing.bytes);
    let held = files::fetch(server, &wanted, &session, staging, room, watch)?;
    for (at, held) in held {
        bringing.note(&wanted[at].0, held)?;
    }
    let came = (asked.bytes + session.bytes(), asked.requests + session.requests());
    Ok(bringing.content(&list, came))
}

/// The server's list, or the one that is here where it has not changed.
fn list(
    server: &Server,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<(List, Fetched), YacsError> {
    let network = Network { max_bytes: MOST_LIST_BYTES, ..options.network.clone() };
    let asked = match network::fetch(&server.list(), &staging.old_servers(), &network, watch) {
        Err(NetworkError::Status { code: 404 | 410, .. }) => {
            return Err(YacsError::NoList { server: server.to_string() });
        }
        asked => asked?,
    };
    let list = List::parse(&fs::read(&asked.path)?, &options.limits);
    let list = list.map_err(|source| YacsError::List { server: server.to_string(), source })?;
    Ok((list, asked))
}

struct Bringing<'a> {
    server: &'a Server,
    staging: &'a Staging,
    live: Option<Root>,
    most_bytes: u64,
    tree: Tree,
    bytes: u64,
    /// What only the server has.
    wanted: Vec<(SitePath, Listed)>,
    /// One-time scripts that have run on this site.
    done: usize,
}

impl Bringing<'_> {
    fn new<'a>(
        server: &'a Server,
        staging: &'a Staging,
        options: &Options,
    ) -> Result<Bringing<'a>, YacsError> {
        let live = options.live.map(Root::open).transpose()?;
        let most_bytes = options.limits.total_bytes;
        let tree = Tree::new();
        Ok(Bringing { server, staging, live, most_bytes, tree, bytes: 0, wanted: Vec::new(), done: 0 })
    }

    /// Takes what is here, and notes what is not.
    fn begin(&mut self, list: &List) -> Result<(), YacsError> {
        let staged = self.staged()?;
        for (path, listed) in &list.files {
            if self.has_run(path) {
                self.done += 1;
            } else if let Some(held) = staged.get(listed) {
                self.note(path, *held)?;
            } else if let Some(content) = self.live_content(path, listed) {
                self.take(path, listed, &content)?;
            } else if *listed == Listed::Whole(Md5::from_bytes(OF_NOTHING)) {
                self.take(path, listed, &[])?;
            } else {
                self.wanted.push((path.clone(), *listed));
            }
        }
        Ok(())
    }

    /// All content of staging, by what a list may say of it.
    fn staged(&self) -> Result<BTreeMap<Listed, Held>, IoError> {
        let mut staged = BTreeMap::new();
        for (digest, path) in self.staging.objects()? {
            let Some(content) = small(&path)? else { continue };
            if Sha256::of(&content) == digest {
                let held = (digest, content.len() as u64);
                staged.extend(Listed::all_of(&content).map(|listed| (listed, held)));
            }
        }
        Ok(staged)
    }

    /// A script that has run is not brought again, as in YACS.
    fn has_run(&self, path: &SitePath) -> bool {
        let Some(live) = &self.live else { return false };
        path.with_suffix(".done").is_ok_and(|done| live.stat(&done).is_ok_and(|stat| stat.is_some()))
    }

    /// What cannot be read is asked for.
    fn live_content(&self, path: &SitePath, listed: &Listed) -> Option<Vec<u8>> {
        let file = self.live.as_ref()?.open_file(path).ok()?;
        let mut content = Vec::new();
        file.take(MOST_FILE_BYTES + 1).read_to_end(&mut content).ok()?;
        (content.len() as u64 <= MOST_FILE_BYTES && listed.fits(&content)).then_some(content)
    }

    /// Puts into staging what has its digest.
    fn take(&mut self, path: &SitePath, listed: &Listed, content: &[u8]) -> Result<(), YacsError> {
        if !listed.fits(content) {
            return Err(YacsError::Wrong { server: self.server.to_string(), path: path.clone() });
        }
        let (size, digest) = self.staging.add(&mut &*content, None)?;
        self.note(path, (digest, size))
    }

    fn note(&mut self, path: &SitePath, (sha256, size): Held) -> Result<(), YacsError> {
        self.bytes += size;
        if self.bytes > self.most_bytes {
            return Err(YacsError::TooLarge { server: self.server.to_string(), limit: self.most_bytes });
        }
        let kind = Kind::File { size, sha256, md5: None };
        let meta = Meta { mode: 0o644, ..Meta::default() };
        self.tree.insert(TreePath::from(path), Node { kind, meta });
        Ok(())
    }

    fn content(self, list: &List, (bytes, requests): (u64, u64)) -> Content {
        let said = Said {
            version: list.version(),
            time: list.time(),
            trust: Some(Trust::List),
            fetched: Some((bytes, requests)),
        };
        let notes = notes(list, self.server, self.done);
        Content { tree: self.tree, written: bytes, notes, extent: Extent::Partial, said }
    }
}

/// What a person should know before this is believed.
fn notes(list: &List, old: &Server, done: usize) -> Vec<String> {
    let (date, server) = (escape::text(&list.date), escape::text(&list.server));
    let mut notes = vec![
        "every file has the MD5 that the server's own list names: that finds accidents, not attackers".into(),
        format!("the list was made at {date} on {server}; it names scripts only, so nothing is removed"),
    ];
    let loose = list.files.values().filter(|listed| matches!(listed, Listed::LooseText(_))).count();
    if loose > 0 {
        notes.push(format!("the MD5 of {} does not see line ends", count::of(loose, "file")));
    }
    if old.is_open() {
        notes.push("it came without TLS: whoever is on the way can change it".into());
    }
    if list.deleted > 0 {
        notes
            .push(format!("the list says that {} went away, but not which", count::of(list.deleted, "file")));
    }
    if done > 0 {
        notes.push(format!("{done} one-time scripts have run here and were left out"));
    }
    notes
}

/// All of a file that is no larger than a script can be.
fn small(path: &Path) -> Result<Option<Vec<u8>>, IoError> {
    match fs::metadata(path)? {
        Some(file) if file.is_file() && file.len() <= MOST_FILE_BYTES => fs::read_if_present(path),
        _ => Ok(None),
    }
}
