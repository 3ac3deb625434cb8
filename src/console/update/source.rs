//! Where the next release comes from.

use std::ffi::OsString;

use askama::Template;
use jiff::Timestamp;

use crate::app::desk;
use crate::app::inbox;
use crate::app::inbox::InboxView;
use crate::app::inbox::Incoming;
use crate::app::inbox::Item;
use crate::app::sources;
use crate::app::sources::Offering;
use crate::app::sources::SourceKind;
use crate::app::sources::Sources;
use crate::app::stand;
use crate::app::upload::UploadView;
use crate::base::escape;
use crate::base::step::Step;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::live;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::update::WizardStep;
use crate::console::update::ago;
use crate::console::update::see;
use crate::console::update::steps;
use crate::console::work;

/// Of a version, or of an address that is typed.
const MOST_TYPED: usize = 2000;
const MOST_VERSION: usize = 64;

#[derive(Template)]
#[template(path = "update-source.html")]
struct SourcePage {
    frame: Frame,
    steps: Vec<WizardStep>,
    /// Who works on the site now.
    holder: Option<String>,
    has_plan: bool,
    sources: Sources,
    inbox: InboxView,
    incoming: Incoming,
    /// What has just come.
    arrived: Option<Item>,
    now: Timestamp,
}

impl SourcePage {
    fn ago(&self, at: &Option<Timestamp>) -> String {
        at.as_ref()
            .map(|at| ago(self.frame.words, self.now.duration_since(*at).as_secs()))
            .unwrap_or_default()
    }

    fn begun(&self, upload: &UploadView) -> String {
        self.ago(&Some(upload.begun))
    }

    fn percent(&self, upload: &UploadView) -> u64 {
        upload.offset * 100 / upload.size.max(1)
    }

    fn size(&self, bytes: &u64) -> String {
        self.frame.words.bytes(*bytes)
    }

    /// What can be had from the source that was asked last, if it is this one.
    fn offerings(&self, is_vendor: &bool) -> &[Offering] {
        let checked = self.sources.checked.as_ref().filter(|checked| checked.is_reference != *is_vendor);
        checked.map_or(&[], |checked| &checked.offerings)
    }

    fn channel(&self, offering: &Offering) -> String {
        self.frame.words.t(&format!("update.channel_{}", offering.channel))
    }

    fn follows_place(&self) -> bool {
        self.sources.kind == SourceKind::Place
    }
}

pub fn page_of(ask: &mut Ask) -> Result<Reply, Wrong> {
    let place = ask.place()?;
    let stand = stand::stand(place)?;
    let inbox = inbox::inbox(place)?;
    let arrived = inbox.items.iter().find(|item| item.name == ask.query.get("arrived")).cloned();
    page(&SourcePage {
        frame: Frame::new(ask, ask.words.t("update.source_title"), "update"),
        steps: steps(ask.words, Step::Stage),
        holder: live::who_works(ask, stand.status.holder.as_deref())?,
        has_plan: stand.plan.is_some(),
        sources: sources::sources(place)?,
        incoming: inbox::incoming(place)?,
        arrived,
        inbox,
        now: desk::now(),
    })
}

/// Asks what is published, in the background.
pub fn check(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["check"])
}

/// Brings a release to staging and makes the plan, in the background.
pub fn stage(ask: &mut Ask) -> Result<Reply, Wrong> {
    let arguments = arguments(ask).map_err(|key| Wrong::Question(ask.words.t(key)))?;
    work::start(ask, arguments)
}

pub fn delete(ask: &mut Ask) -> Result<Reply, Wrong> {
    inbox::delete(ask.place()?, ask.form.get("name"))?;
    Ok(see(ask, "/update/source"))
}

fn arguments(ask: &Ask) -> Result<Vec<OsString>, &'static str> {
    let (form, mut all) = (&ask.form, vec!["stage".to_owned(), "--plan".into()]);
    let from = match form.get("from") {
        "" => None,
        word @ ("vendor" | "incoming") => Some(word.to_owned()),
        "inbox" => Some(format!("inbox:{}", form.get("name"))),
        "typed" => Some(typed(form.get("typed"))?.to_owned()),
        _ => return Err("update.wrong_source"),
    };
    // In one word with its option: what is typed is never an option.
    all.extend(from.map(|from| format!("--from={from}")));
    let version = form.get("version").trim();
    if version.len() > MOST_VERSION || version.chars().any(escape::is_dangerous) {
        return Err("update.wrong_version");
    }
    all.extend((!version.is_empty()).then(|| format!("--version={version}")));
    all.extend((!form.get("complete").is_empty()).then(|| "--complete".to_owned()));
    Ok(all.into_iter().map(OsString::from).collect())
}

/// An address, or a whole path on this machine. What stands on a command line
/// can be read by others, so that no password may.
fn typed(text: &str) -> Result<&str, &'static str> {
    let text = text.trim();
    let is_address = text.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    if !(is_address || text.starts_with('/'))
        || text.len() > MOST_TYPED
        || text.chars().any(escape::is_dangerous)
    {
        return Err("update.wrong_address");
    }
    let plain = text.strip_prefix("git+").or(text.strip_prefix("yacs+")).unwrap_or(text);
    let has_password = is_address && url::Url::parse(plain).is_ok_and(|url| url.password().is_some());
    if has_password { Err("update.wrong_password") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_may_be_typed() {
        for (text, expected) in [
            ("https://releases.example.org/shop/", Ok("https://releases.example.org/shop/")),
            (" file:///srv/a.zip ", Ok("file:///srv/a.zip")),
            ("git+https://example.org/r#main", Ok("git+https://example.org/r#main")),
            ("/srv/release", Ok("/srv/release")),
            ("", Err("update.wrong_address")),
            ("--complete", Err("update.wrong_address")),
            ("inbox:x.zip", Err("update.wrong_address")),
            ("relative/folder", Err("update.wrong_address")),
            ("https://", Err("update.wrong_address")),
            ("https://x/\n", Ok("https://x/")),
            ("https://x/\u{202e}y", Err("update.wrong_address")),
            ("https://me:secret@x/", Err("update.wrong_password")),
            ("git+https://me:secret@x/", Err("update.wrong_password")),
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
    }
}
