//! How a newer program comes here: from a reference whose root is pinned for
//! this program, or from an archive or a folder that somebody names.

use std::path::Path;

use crate::app::believe;
use crate::app::desk::Listener;
use crate::app::failure::Failure;
use crate::app::network::network;
use crate::app::self_update::PRODUCT;
use crate::app::self_update::Request;
use crate::app::self_update::decide;
use crate::app::self_update::new_program;
use crate::app::self_update::record::Home;
use crate::app::self_update::record::Record;
use crate::base::path::SitePath;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Manifest;
use crate::release::archive::Limits;
use crate::release::obtain;
use crate::release::obtain::Look;
use crate::release::obtain::ObtainError;
use crate::release::source::Source;
use crate::release::stage;
use crate::release::stage::Options;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::trust::Store;
use crate::release::trust::TrustError;
use crate::site::profile::Profile;
use crate::site::settings::Policy;
use crate::sys::fs;

/// The release that is wanted: proved, and what is needed of it in staging. The
/// record names its source from then on.
pub fn bring(
    from: &str,
    request: &Request,
    home: &Home,
    record: &mut Record,
    staging: &Staging,
    listener: Listener,
) -> Result<Staged, Failure> {
    let store = Store::open(&home.trust());
    // How another source was asked says nothing of this one.
    let typed = match request.from {
        Some(_) => request.network.options()?,
        None => request.network.options()?.over_older(&record.network),
    };
    let network = network(None, &typed)?;
    let source = believe::source(from, &store, request.belief.as_ref())?;
    if let Some(belief) = &request.belief {
        let place = believe::expected(&source)?;
        believe::pin(&store, &place, belief, &network).map_err(|error| already(error, &home.trust()))?;
    }
    record.source = Some(remembered(&source)?);
    record.network = typed;
    let place = believe::reference(&source)?;
    let (profile, policy) = (Profile::named("generic")?, Policy::default());
    let (nowhere, trust) = (staging.downloads(), home.trust());
    // What is installed here is one file, of which no manifest is kept.
    let site = obtain::Home { trust: &trust, installed: &nowhere, root: &nowhere, policy: &policy };
    let options = Options {
        profile: &profile,
        product: PRODUCT,
        version: request.version.as_deref(),
        extent: Some(Extent::Complete),
        limits: Limits::default(),
        inbox: &nowhere,
        incoming: &nowhere,
        network,
        live: None,
        home: Some(site),
    };
    let watch = &mut |step, event| listener(None, step, event);
    let Some(place) = place else { return Ok(stage::stage(&source, staging, &options, watch)?) };
    let command =
        format!("entracte self-update --from {}{}", believe::retyped(from), request.network.retyped());
    let look = Look::at(&place, &site, &options, &nowhere, watch)
        .map_err(|error| believe::untrusted(error, &command))?;
    // Who it is from is known: the next time nobody need name it again.
    home.save(record)?;
    decide(&look.manifest.version, request.version.as_deref())?;
    new_program(&look.manifest)?;
    if !look.has_objects() {
        return Ok(stage::stage(&source, staging, &options, watch)?);
    }
    let needed = needed(&look.manifest);
    let origin = look.bring(&|path| needed.contains(path), staging, watch)?;
    let staged = Staged { manifest: look.manifest, origin };
    staging.record(&staged)?;
    Ok(staged)
}

/// Of the programs for all kinds of machines, ours; and the scripts.
fn needed(manifest: &Manifest) -> Vec<SitePath> {
    let scripts = manifest.run_once.iter().map(|script| script.path.clone());
    scripts.chain(super::program_path()).collect()
}

/// The source as it means the same from any folder; without user and password.
fn remembered(source: &Source) -> Result<String, Failure> {
    Ok(match source {
        Source::Archive(path) | Source::Folder(path) => fs::shown(&fs::canonical(path)?),
        source => source.text(),
    })
}

/// No verb takes back what was pinned for the program.
fn already(error: ObtainError, trust: &Path) -> Failure {
    let is_other = matches!(error, ObtainError::Trust(TrustError::AlreadyTrusted { .. }));
    let mut failure = Failure::from(error);
    if is_other {
        failure.hints = vec![format!(
            "remove {} first, if its maker lost all keys and says so elsewhere",
            fs::shown(trust)
        )];
    }
    failure
}
