//! Whether what is done without anybody at the keyboard will be done, and told.

use crate::app::auto::Proof;
use crate::app::auto::conditions;
use crate::base::check::Check;
use crate::base::count;
use crate::base::escape;
use crate::notify;
use crate::schedule;
use crate::schedule::due::Job;
use crate::site::Site;
use crate::site::blocklist::Blocklist;

use super::failed;

pub(super) fn checks(site: &Site) -> Vec<Check> {
    let (settings, notify) = (&site.settings.schedule, &site.settings.notify);
    let is_attended = Job::ALL.iter().all(|job| job.expression(settings).is_none());
    let has_nobody = notify.mail.is_none() && notify.webhook.is_none() && notify.command.is_none();
    let mut checks = match is_attended && has_nobody {
        true => vec![Check::ok("notify", "nobody has to be told: nothing is done unattended")],
        false => notify::check(site),
    };
    checks.extend(schedule::check(site));
    if Job::Update.expression(&site.settings.schedule).is_some() {
        checks.extend(conditions(site));
    }
    checks.extend(blocklist(site));
    checks
}

/// A site that was left to itself may have lost what that asked for.
fn conditions(site: &Site) -> Vec<Check> {
    let proof = if site.settings.schedule.unproven { Proof::Waived } else { Proof::Asked };
    let asked = site.gate().map_err(Into::into).and_then(|gate| conditions::check(site, &gate, proof));
    match asked {
        Ok(()) => vec![Check::ok("automation", "what a site has to have that is left to itself is there")],
        Err(failure) if failure.causes.len() == failure.hints.len() => {
            let lacking = failure.causes.into_iter().zip(failure.hints);
            lacking.map(|(what, how)| Check::error("automation", what, how)).collect()
        }
        Err(failure) => vec![Check::error("automation", failure.message, failure.hints.join("; "))],
    }
}

fn blocklist(site: &Site) -> Option<Check> {
    let path = site.state.blocklist();
    let releases = match Blocklist::load(&path) {
        Ok(list) => list.releases,
        Err(error) => return Some(failed("blocklist", &error, "move the file away")),
    };
    let newest = releases.last()?;
    let version = escape::text(&newest.version).into_owned();
    Some(Check::warning(
        "blocklist",
        format!("{} not to be tried again, the last is {version}", count::of(releases.len(), "release")),
        "`entracte blocklist list` says why, `entracte blocklist clear` lets one be tried again",
    ))
}
