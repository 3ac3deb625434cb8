//! `publish` and `unpublish`: they need no site.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::key::Keys;
use crate::app::look::release_by_way_of;
use crate::app::look::unread_at;
use crate::app::report::Answer;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::Manifest;
use crate::release::network::Network;
use crate::release::publish;
use crate::release::publish::Options;
use crate::release::publish::PublishError;
use crate::release::publish::Published;
use crate::release::publish::Reference;
use crate::release::publish::Release;
use crate::release::stage::MANIFEST_NAME;
use crate::release::staging::Staging;
use crate::release::trust::Keyring;
use crate::site::detect;
use crate::site::profile::Profile;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::scratch::Scratch;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;
/// Read of a file with notes; what may be published of them is less.
const MOST_NOTES: u64 = 1 << 20;
/// The profile that fits everything names nothing.
const NAMELESS: &str = "generic";

/// What is to be published, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// A folder or an archive; without one a draft is signed.
    pub release: Option<PathBuf>,
    pub reference: PathBuf,
    pub version: String,
    pub product: Option<String>,
    pub keys: Keys,
    pub draft: bool,
    pub notes: Option<PathBuf>,
    pub packs: usize,
    pub archive: bool,
    pub keep: Option<usize>,
    pub grace_days: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct PublishView {
    pub reference: String,
    pub product: String,
    pub version: String,
    /// Of its manifest.
    pub digest: Sha256,
    pub files: u64,
    pub bytes: u64,
    pub new_objects: u64,
    pub objects_bytes: u64,
    pub archive_bytes: Option<u64>,
    pub packs: Vec<PackView>,
    pub draft: bool,
    /// It was published before, and nothing was to be done.
    pub was_there: bool,
    pub removed: Vec<String>,
    /// What users give to `trust add`; none before the first signature.
    pub root: Option<Sha256>,
    pub first: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct PackView {
    pub name: String,
    pub bytes: u64,
}

pub fn publish(request: &Request, listener: Listener) -> Result<Answer<PublishView>, Failure> {
    let options = Options {
        notes: notes(request.notes.as_deref())?,
        packs: request.packs,
        archive: request.archive,
        keep: request.keep,
        grace: seconds(request.grace_days),
    };
    // Before any work: whether somebody can sign.
    let keyring = match request.draft {
        true => None,
        false => Some(request.keys.open()?),
    };
    let (published, is_first) = match (&request.release, &keyring) {
        (Some(release), _) => add(request, release, keyring.as_ref(), &options, listener)?,
        (None, Some(keyring)) => {
            let reference = Reference::open(&request.reference, false)?;
            let is_first = !reference.is_signed();
            let watch = &mut |step, event| listener(None, step, event);
            let (product, version) = (request.product.as_deref(), &request.version);
            (publish::sign_draft(&reference, product, version, keyring, &options, watch)?, is_first)
        }
        (None, None) => {
            let failure = Failure::new(Exit::Usage, "a draft is made of a folder or an archive");
            return Err(failure.hint("name it: `entracte publish DIR --draft …`"));
        }
    };
    let exit = if published.was_there { Exit::NothingToDo } else { Exit::Done };
    let view = view(request, published, is_first);
    match exit {
        Exit::NothingToDo => {
            let said = format!("{} {} is published already, as it is", view.product, view.version);
            Ok(Answer::failing(Failure::new(exit, said), view))
        }
        exit => Ok(Answer::ending(exit, view)),
    }
}

fn add(
    request: &Request,
    path: &Path,
    keyring: Option<&Keyring>,
    options: &Options,
    listener: Listener,
) -> Result<(Published, bool), Failure> {
    if !fs::exists(path) {
        return Err(Failure::new(Exit::Refused, format!("there is no file or folder {}", fs::shown(path))));
    }
    let reference = Reference::open(&request.reference, true)?;
    let is_first = !reference.is_signed();
    let profile = detect::profile(path, None)?;
    let product = product(request, path, &profile, &reference)?;
    let version = Some(request.version.as_str());
    let put = |release: &Release, listener: Listener| {
        publish::publish(&reference, release, keyring, options, &mut |step, event| {
            listener(None, step, event)
        })
    };
    if let Some((unread, listed)) = unread_at(path, &profile, &product, version, listener)? {
        let open = |entry: &FileEntry| Ok(Box::new(unread.open(entry)?) as Box<dyn Read>);
        return Ok((put(&Release::unread(vouched(listed)?, &open), listener)?, is_first));
    }
    let scratch = Scratch::new()?;
    let manifest =
        release_by_way_of(&scratch, path, &profile, &product, version, &Network::default(), listener)?;
    let manifest = vouched(manifest)?;
    let published = match fs::is_folder(path) {
        true => {
            let root = Root::open(path)?;
            let open = |entry: &FileEntry| {
                let file = root.open_file(&entry.path).map_err(|error| error.source)?;
                Ok(Box::new(file) as Box<dyn Read>)
            };
            put(&Release::read(manifest, &open), listener)?
        }
        false => {
            let staging = Staging::open(scratch.path())?;
            let open = |entry: &FileEntry| {
                let digest = entry.sha256().ok_or(std::io::ErrorKind::InvalidInput)?;
                let file = staging.open_object(&digest).map_err(|error| error.source)?;
                Ok(Box::new(file) as Box<dyn Read>)
            };
            put(&Release::read(manifest, &open), listener)?
        }
    };
    Ok((published, is_first))
}

fn product(
    request: &Request,
    path: &Path,
    profile: &Profile,
    reference: &Reference,
) -> Result<String, Failure> {
    match request.product.clone().or_else(|| own_product(path)) {
        Some(product) => Ok(product),
        None if profile.name == NAMELESS => publish::only_product(reference)?.ok_or_else(|| nameless(path)),
        None => Ok(profile.name.clone()),
    }
}

/// Whoever signs a manifest vouches for it.
fn vouched(mut manifest: Manifest) -> Result<Manifest, Failure> {
    manifest.made = Made::Published;
    manifest.check()?;
    Ok(manifest)
}

/// What a folder's own manifest says.
fn own_product(path: &Path) -> Option<String> {
    let text = fs::read(&path.join(MANIFEST_NAME)).ok()?;
    Some(Manifest::parse(&text).ok()?.product)
}

fn nameless(path: &Path) -> Failure {
    let said = format!("what {} is a release of is not known", fs::shown(path));
    Failure::new(Exit::Usage, said)
        .hint("`--product P` says it, and need not be said again where all releases are of one; a site's entracte.toml has the same word as `product`")
}

fn notes(path: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(String::new()) };
    if !fs::exists(path) {
        return Err(Failure::new(Exit::Refused, format!("there is no file {}", fs::shown(path))));
    }
    Ok(fs::read_text(path, MOST_NOTES)?.trim_end().to_owned())
}

fn seconds(days: u32) -> i64 {
    i64::from(days) * SECONDS_A_DAY
}

fn view(request: &Request, published: Published, is_first: bool) -> PublishView {
    let Published { about, new_objects, archive_bytes, packs, is_draft, was_there, removed, root } =
        published;
    PublishView {
        reference: fs::shown(&request.reference),
        product: about.product,
        version: about.version,
        digest: about.digest,
        files: about.files,
        bytes: about.content_bytes,
        new_objects,
        objects_bytes: about.objects_bytes,
        archive_bytes,
        packs: packs.into_iter().map(|(name, bytes)| PackView { name, bytes }).collect(),
        draft: is_draft,
        was_there,
        removed,
        root,
        first: is_first && !is_draft,
    }
}

/// What is to be taken back.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    pub version: String,
    pub reference: PathBuf,
    pub product: Option<String>,
    pub keys: Keys,
    pub grace_days: u32,
}

#[derive(Clone, Debug, Serialize)]
pub struct UnpublishView {
    pub product: String,
    pub version: String,
    pub draft: bool,
    pub removed_files: u64,
    pub removed_bytes: u64,
    /// Files that nothing names any longer and that stay for a while.
    pub waiting_files: u64,
    pub grace_days: u32,
}

pub fn unpublish(request: &Withdrawal) -> Result<Answer<UnpublishView>, Failure> {
    let reference = Reference::open(&request.reference, false)?;
    let keyring = request.keys.open();
    let withdrawn = publish::unpublish(
        &reference,
        request.product.as_deref(),
        &request.version,
        keyring.as_ref().ok(),
        seconds(request.grace_days),
    );
    let withdrawn = match (withdrawn, keyring) {
        (Err(PublishError::NoKeys), Err(why)) => return Err(why),
        (withdrawn, _) => withdrawn?,
    };
    Ok(Answer::done(UnpublishView {
        product: withdrawn.product,
        version: withdrawn.version,
        draft: withdrawn.was_draft,
        removed_files: withdrawn.swept.files,
        removed_bytes: withdrawn.swept.bytes,
        waiting_files: withdrawn.swept.waiting,
        grace_days: request.grace_days,
    }))
}
