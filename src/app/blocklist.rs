//! `blocklist`: the releases that automation does not try again.

use serde::Serialize;

use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::site::blocklist::Blocked;
use crate::site::blocklist::Blocklist;
use crate::site::history;
use crate::site::history::Deed;
use crate::site::history::News;

#[derive(Clone, Debug, Serialize)]
pub struct BlocklistView {
    pub releases: Vec<BlockedView>,
}

#[derive(Clone, Debug, Serialize)]
pub struct BlockedView {
    /// The digest of its manifest.
    pub digest: String,
    pub version: String,
    pub reason: String,
    pub at: String,
    pub run: Option<String>,
}

pub fn list(place: &Place) -> Result<Answer<BlocklistView>, Failure> {
    let site = place.open()?;
    let list = Blocklist::load(&site.state.blocklist())?;
    Ok(Answer::done(BlocklistView { releases: list.releases.iter().map(view).collect() }))
}

/// Lets a release be tried again.
pub fn clear(place: &Place, digest: &str) -> Result<Answer<BlocklistView>, Failure> {
    let held = Held::take(place, "blocklist clear")?;
    let site = &held.site;
    let cleared = Blocklist::clear(&site.state.blocklist(), digest)?.ok_or_else(|| {
        let digest = escape::text(digest);
        Failure::new(Exit::NothingToDo, format!("no single release on the blocklist has the digest {digest}"))
            .hint("`entracte blocklist list` shows them; eight digits or more name one")
    })?;
    let detail = format!("{} may be tried again: {}", cleared.version, cleared.manifest);
    let by = held.by.clone();
    history::append(
        &site.state.history(),
        News { event: Deed::Unblocked, run: None, by: Some(&by), detail },
    )?;
    Ok(Answer::done(BlocklistView { releases: vec![view(&cleared)] }))
}

pub(super) fn view(blocked: &Blocked) -> BlockedView {
    BlockedView {
        digest: blocked.manifest.to_string(),
        version: blocked.version.clone(),
        reason: blocked.reason.clone(),
        at: blocked.at.to_string(),
        run: blocked.run.clone(),
    }
}
