//! Whether releases can come from where the settings look for them: a reference
//! is asked, and what it says is proved, but nothing of it is kept.

use crate::app::doctor::Patient;
use crate::app::failure::Failure;
use crate::app::published::Published;
use crate::app::stage;
use crate::base::check::Check;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::release::network::Network;
use crate::release::source::Source;
use crate::release::source::SourceError;
use crate::site::Site;
use crate::site::settings::Seconds;
use crate::sys::fs;
use crate::sys::signal::Interrupt;

const NAME: &str = "source";
/// Who asks a doctor waits for the answer.
const PATIENCE: u64 = 10;
const SETTING: &str = "set `from` under [policy] in entracte.toml";

pub fn checks(patient: &Patient) -> Vec<Check> {
    let site = patient.site;
    let from = site.settings.policy.from.as_str();
    let check = match Source::parse(from) {
        Ok(Source::Vendor) => vendor(site),
        Ok(Source::Inbox(_)) => Check::ok(NAME, format!("the inbox {}", fs::shown(&site.inbox()))),
        // What is not there today may be put there tomorrow.
        Err(error @ SourceError::Missing { .. }) => Check::warning(NAME, error.to_string(), SETTING),
        Ok(_) => reference(site, from),
        Err(error) => Check::error(NAME, error.to_string(), SETTING),
    };
    vec![check]
}

fn vendor(site: &Site) -> Check {
    match &site.profile.vendor {
        Some(vendor) => Check::ok(NAME, format!("the vendor {}", escape::text(&vendor.name))),
        None => Check::error(
            NAME,
            format!("the profile {} says of no vendor where releases come from", site.profile.name),
            SETTING,
        ),
    }
}

/// What a reference offers now; other places say nothing before they are asked for a release.
fn reference(site: &Site, from: &str) -> Check {
    let network = impatient(stage::network(site, &Interrupt::default()));
    match Published::followed(site, network, &mut |_, _, _| ()) {
        Ok(None) => Check::ok(NAME, shown(from)),
        Ok(Some(published)) => offered(&published),
        Err(failure) => failed(&failure),
    }
}

fn offered(published: &Published) -> Check {
    let Published { source, manifest, signed, warnings, .. } = published;
    match warnings.first() {
        None => Check::ok(
            NAME,
            format!("{source} offers {}, signed until {}", escape::text(&manifest.version), signed.expires),
        ),
        Some(warning) => Check::warning(
            NAME,
            format!("{source}: {warning}"),
            "tell whoever publishes it; when it has expired nothing is taken from it any more",
        ),
    }
}

fn failed(failure: &Failure) -> Check {
    let detail = [vec![failure.message.clone()], failure.causes.clone()].concat().join(": ");
    let fix = match failure.hints.is_empty() {
        true => SETTING.to_owned(),
        false => failure.hints.join("; "),
    };
    match failure.exit {
        Exit::NothingToDo => Check::ok(NAME, detail),
        // The network comes and goes.
        _ if failure.is_network => Check::warning(NAME, detail, fix),
        _ => Check::error(NAME, detail, fix),
    }
}

fn impatient(network: Network) -> Network {
    let mut settings = network.settings;
    let limit = Seconds::whole(PATIENCE);
    (settings.tries, settings.connect_seconds, settings.stall_seconds) = (1, limit, limit);
    settings.total_seconds = Seconds::whole(2 * PATIENCE);
    Network { settings, ..network }
}

fn shown(from: &str) -> String {
    Source::parse(from).map_or_else(|_| escape::text(from).into_owned(), |source| source.text())
}
