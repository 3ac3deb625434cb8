//! Step 1: a release is brought here and verified. Nothing of it is executed
//! or believed, and what was staged before stays until all of it is here.

mod error;

pub use error::StageError;

use std::collections::BTreeMap;
use std::io;
use std::io::Read;
use std::path::Path;

use crate::base::digest::Sha256;
use crate::base::event::Watch;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::scan::Digests;
use crate::release::archive::ArchiveError;
use crate::release::archive::Limits;
use crate::release::archive::check_unpacked;
use crate::release::at_hand::AtHand;
use crate::release::content::Content;
use crate::release::content::Said;
use crate::release::content::reader;
use crate::release::content::scan_release;
use crate::release::content::take_in;
use crate::release::describe::manifest_of;
use crate::release::git;
use crate::release::network;
use crate::release::network::Fetched;
use crate::release::network::Network;
use crate::release::obtain::Home;
use crate::release::obtain::Where;
use crate::release::obtain::is_reference;
use crate::release::obtain::obtain;
use crate::release::source::Found;
use crate::release::source::Source;
use crate::release::staging::FORMAT;
use crate::release::staging::Origin;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::staging::Trust;
use crate::release::vendor::proof::ProofError;
use crate::release::vendor::proof::Proved;
use crate::release::yacs;
use crate::site::profile::Profile;
use crate::sys::beneath::Root;
use crate::sys::clock;

/// The name under which a release carries its own manifest.
pub const MANIFEST_NAME: &str = "entracte.json";

/// What staging needs to know of the site.
#[derive(Clone)]
pub struct Options<'a> {
    pub profile: &'a Profile,
    pub product: &'a str,
    pub version: Option<&'a str>,
    /// Whether a folder without a manifest is the whole release.
    pub extent: Option<Extent>,
    pub limits: Limits,
    pub inbox: &'a Path,
    pub incoming: &'a Path,
    pub network: Network,
    /// The live tree: what it has already need not be fetched.
    pub live: Option<&'a Path>,
    /// The site that follows a reference; without one, none is believed.
    pub home: Option<Home<'a>>,
}

/// Whoever answers for an archive that is fetched.
pub struct Voucher<'a> {
    /// Where it comes from, for people.
    pub source: String,
    /// What the release must say that it is.
    pub version: &'a str,
    /// What was asked for and came before.
    pub requests: u64,
    pub bytes: u64,
    /// Proves the archive before anything is read of it.
    pub prove: &'a mut dyn FnMut(&Path) -> Result<Proved, ProofError>,
}

/// Brings the release to staging and makes it the staged one.
pub fn stage(
    source: &Source,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Staged, StageError> {
    stage_vouched(source, None, staging, options, watch)
}

/// The same, of an archive for which somebody answers.
pub fn stage_vouched(
    source: &Source,
    mut voucher: Option<Voucher>,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Staged, StageError> {
    let (content, fetched, proved) = match source {
        Source::Git(repository) => (git::bring(repository, staging, options, watch)?, None, None),
        Source::Yacs(server) => (yacs::bring(server, staging, options, watch)?, None, None),
        _ => match bring(source, staging, options, watch)? {
            (Found::Reference(place), _) => return obtain_here(source, &place, staging, options, watch),
            (found, fetched) => files(source, &found, fetched, voucher.as_mut(), staging, options, watch)?,
        },
    };
    let described = describe(source, staging, options, content, fetched);
    let staged = match described.and_then(|staged| vouch(staged, voucher, proved, options, staging)) {
        Ok(staged) => staged,
        Err(error) => {
            // What was refused is not kept; what stays is what was staged before.
            staging.forget_unrecorded()?;
            return Err(error);
        }
    };
    record(staged, staging, options)
}

/// A signed release, for the site that believes who signed it.
fn obtain_here(
    source: &Source,
    place: &Where,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<Staged, StageError> {
    let nobody = || StageError::NoSite { source_name: source.text() };
    let staged = obtain(place, staging, &options.home.ok_or_else(nobody)?, options, watch)?;
    record(staged, staging, options)
}

/// Whatever way it came, it brings nothing that no release may bring: be it that the site
/// holds the content already, under another name.
fn record(staged: Staged, staging: &Staging, options: &Options) -> Result<Staged, StageError> {
    let live = options.home.map_or(Path::new(""), |home| home.root);
    let at_hand = AtHand::of(staging, &staged.manifest, live);
    let open = |entry: &FileEntry| -> io::Result<Box<dyn Read>> {
        let digest = entry.sha256().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Box::new(at_hand.open(&digest).map_err(|error| error.source)?))
    };
    if let Err(error) = check_unpacked(&staged.manifest.files, &open) {
        staging.forget_unrecorded()?;
        return Err(error.into());
    }
    staging.record(&staged)?;
    Ok(staged)
}

/// What one archive or folder holds, and how it was proved.
fn files(
    source: &Source,
    found: &Found,
    mut fetched: Option<Fetched>,
    voucher: Option<&mut Voucher>,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<(Content, Option<Fetched>, Option<Proved>), StageError> {
    if let (Some(_), Source::Url(address), Some(fetched)) = (&voucher, source, &mut fetched)
        && address.digest().is_some()
    {
        // No person named that digest: whoever answers says what it is worth.
        fetched.notes.clear();
    }
    let proved = prove(source, found, staging, voucher)?;
    let taken = take_in(source, found, staging, &options.limits, options.extent, watch);
    match (taken, &fetched) {
        (Err(StageError::Archive(error)), Some(fetched)) => Err(not_taken(source, staging, fetched, error)?),
        (taken, _) => Ok((taken?, fetched, proved)),
    }
}

/// Finds what is to be read; what is somewhere else is fetched.
fn bring(
    source: &Source,
    staging: &Staging,
    options: &Options,
    watch: Watch,
) -> Result<(Found, Option<Fetched>), StageError> {
    let (folder, mut fetched) = (staging.downloads(), None);
    let found = source.find(options.inbox, options.incoming, &mut |address| {
        let here = network::fetch(address, &folder, &options.network, watch)?;
        let path = here.path.clone();
        fetched = Some(here);
        Ok(path)
    })?;
    Ok((found, fetched))
}

/// What is known of the archive; one that is not what it should be is not kept.
fn prove(
    source: &Source,
    found: &Found,
    staging: &Staging,
    voucher: Option<&mut Voucher>,
) -> Result<Option<Proved>, StageError> {
    let (Some(voucher), Found::Archive(path)) = (voucher, found) else { return Ok(None) };
    match (voucher.prove)(path) {
        Ok(proved) => Ok(Some(proved)),
        Err(error) => {
            if let (Source::Url(address), Exit::Untrusted) = (source, error.exit()) {
                network::forget(address, &staging.downloads())?;
            }
            Err(error.into())
        }
    }
}

/// Writes down who answers for a release; one that is another than was offered
/// may be an old one, sent again.
fn vouch(
    mut staged: Staged,
    voucher: Option<Voucher>,
    proved: Option<Proved>,
    options: &Options,
    staging: &Staging,
) -> Result<Staged, StageError> {
    let (Some(voucher), Some(proved)) = (voucher, proved) else { return Ok(staged) };
    let read = |path: &SitePath| {
        let digest = staged.manifest.entry(path)?.sha256()?;
        let mut content = Vec::new();
        staging.open_object(&digest).ok()?.read_to_end(&mut content).ok()?;
        Some(content)
    };
    if let Some(found) = options.profile.version_in(&read).filter(|found| found != voucher.version) {
        return Err(StageError::NotAsOffered { found, offered: voucher.version.to_owned() });
    }
    let origin = &mut staged.origin;
    origin.source = voucher.source;
    origin.trust = proved.trust;
    origin.notes.extend(proved.notes);
    origin.requests += voucher.requests;
    origin.fetched_bytes += voucher.bytes;
    Ok(staged)
}

/// What was fetched and is no good is not kept, so that the next try fetches it anew.
fn not_taken(
    source: &Source,
    staging: &Staging,
    fetched: &Fetched,
    error: ArchiveError,
) -> Result<StageError, StageError> {
    if matches!(error, ArchiveError::Io(_) | ArchiveError::Take { .. }) {
        return Ok(StageError::Archive(error));
    }
    if let Source::Url(address) = source {
        network::forget(address, &staging.downloads())?;
    }
    Ok(StageError::Sent { url: source.text(), is_page: fetched.is_page, source: Box::new(error) })
}

/// The manifest of a source whose content is in staging.
fn describe(
    source: &Source,
    staging: &Staging,
    options: &Options,
    content: Content,
    fetched: Option<Fetched>,
) -> Result<Staged, StageError> {
    let Content { mut tree, written, mut notes, extent, said } = content;
    let digests: BTreeMap<TreePath, Sha256> =
        tree.iter().filter_map(|(path, node)| Some((path.clone(), node.sha256()?))).collect();
    let read = |path: &SitePath| {
        let digest = digests.get(&TreePath::from(path))?;
        let mut content = Vec::new();
        staging.open_object(digest).ok()?.read_to_end(&mut content).ok()?;
        Some(content)
    };
    let manifest = manifest_of(&mut tree, extent, options, &said, &read, &mut notes)?;
    let fetched_here = fetched.as_ref().map(|fetched| (fetched.bytes, fetched.requests));
    let (fetched_bytes, requests) = said.fetched.or(fetched_here).unwrap_or((written, 0));
    notes.extend(fetched.iter().flat_map(|fetched| fetched.notes.clone()));
    let origin = Origin {
        format: FORMAT,
        manifest: manifest.digest(),
        source: source.text(),
        trust: said.trust.unwrap_or(Trust::None),
        fetched_bytes,
        requests,
        staged_at: clock::now(),
        notes,
        signed: None,
        full_bytes: None,
    };
    Ok(Staged { manifest, origin })
}

/// The manifest of a release that is not to be kept here: a folder is read
/// where it stands, an archive by way of the folder `scratch`.
pub fn look(
    source: &Source,
    options: &Options,
    scratch: &Path,
    watch: Watch,
) -> Result<Manifest, StageError> {
    let folder = match source {
        Source::Folder(folder) if !is_reference(folder) => folder,
        _ => {
            return Ok(stage(source, &Staging::open(scratch)?, options, watch)?.manifest);
        }
    };
    let (root, mut notes) = (Root::open(folder)?, Vec::new());
    let mut tree = scan_release(&root, Digests::Read, &mut notes, watch)?;
    let extent = options.extent.unwrap_or(Extent::Partial);
    manifest_of(&mut tree, extent, options, &Said::default(), &reader(&root), &mut notes)
}
