//! What `doctor` asks: would somebody be told?

use crate::base::check::Check;
use crate::notify::about::moment;
use crate::notify::channel::Channel;
use crate::notify::channel::DeliveryError;
use crate::notify::channel::on_one_line;
use crate::notify::mail;
use crate::notify::notice::Kind;
use crate::notify::proof::proved;
use crate::notify::queue::Queue;
use crate::notify::web;
use crate::site::Site;
use crate::site::config;
use crate::sys::fs;
use crate::sys::process;

/// Looks at each channel without telling anybody anything.
pub fn check(site: &Site) -> Vec<Check> {
    if Channel::of(site).is_empty() {
        let fix = "set [notify.mail] in entracte.toml, then `entracte notify test`";
        return vec![Check::warning("notify", "nobody is told when something fails", fix)];
    }
    let mut checks: Vec<Check> =
        Channel::of(site).into_iter().map(|channel| reachable(site, channel)).collect();
    checks.push(proof(site));
    checks.extend(left_out(site));
    checks.extend(waiting(site));
    checks
}

fn reachable(site: &Site, channel: Channel) -> Check {
    let name = format!("notify {channel}");
    match reach(site, channel) {
        Ok(()) => Check::ok(&name, format!("reachable: {}", channel.target(site))),
        Err(error) => Check::error(&name, on_one_line(&error), fix(&error)),
    }
}

fn reach(site: &Site, channel: Channel) -> Result<(), DeliveryError> {
    let notify = &site.settings.notify;
    match channel {
        Channel::Mail => match &notify.mail {
            Some(settings) => match mail::program_of(&settings.way) {
                Some(program) => is_there(program),
                None => Ok(mail::greet(&settings.way)?),
            },
            None => Ok(()),
        },
        Channel::Webhook => match &notify.webhook {
            Some(webhook) => {
                // Whether it can be read, and by nobody else.
                webhook
                    .secret_file
                    .as_deref()
                    .map(config::password)
                    .transpose()
                    .map_err(web::WebError::Secret)?;
                Ok(web::reach(&webhook.url)?)
            }
            None => Ok(()),
        },
        Channel::Command => match notify.command.as_ref().and_then(|command| command.argv.first()) {
            Some(program) => is_there(program),
            None => Ok(()),
        },
        Channel::Heartbeat => {
            let beat = notify.heartbeat.as_ref();
            match beat.and_then(|beat| [&beat.success, &beat.start, &beat.fail].into_iter().flatten().next())
            {
                Some(endpoint) => Ok(web::reach(endpoint)?),
                None => Ok(()),
            }
        }
    }
}

fn is_there(program: &str) -> Result<(), DeliveryError> {
    let path = std::path::Path::new(program);
    let found = if program.contains('/') { fs::is_file(path) } else { process::find(program).is_some() };
    if found { Ok(()) } else { Err(DeliveryError::NoProgram(fs::shown(path))) }
}

fn fix(error: &DeliveryError) -> String {
    use crate::base::exit::Fault;
    let hint = match error {
        DeliveryError::Mail(mail::MailError::Secret(error)) => error.hints().into_iter().next(),
        DeliveryError::Web(web::WebError::Secret(error)) => error.hints().into_iter().next(),
        DeliveryError::Mail(mail::MailError::Server { reply, .. }) if reply.contains("UnknownIssuer") => {
            Some("name the certificate of its authority with `ca_file` under [notify.mail]".into())
        }
        _ => None,
    };
    hint.unwrap_or_else(|| {
        "correct [notify] in entracte.toml, or see why it cannot be reached; then `entracte notify test`"
            .into()
    })
}

fn proof(site: &Site) -> Check {
    match proved(site) {
        Ok(proof) => {
            let when = proof.channels.iter().map(|(channel, at)| format!("{channel} on {}", moment(*at)));
            Check::ok("notify proof", format!("a test arrived: {}", when.collect::<Vec<_>>().join(", ")))
        }
        Err(error) => Check::warning(
            "notify proof",
            error.to_string(),
            "`entracte notify test` sends one by each channel",
        ),
    }
}

/// Bad news that `kinds` leaves out.
fn left_out(site: &Site) -> Option<Check> {
    let wanted = &site.settings.notify.kinds;
    let missing: Vec<&str> = [Kind::Failed, Kind::RolledBack, Kind::NeedsApproval]
        .into_iter()
        .filter(|kind| !wanted.contains(kind))
        .map(Kind::name)
        .collect();
    let detail = format!("nobody is told of: {}", missing.join(", "));
    (!missing.is_empty())
        .then(|| Check::warning("notify kinds", detail, "add them to `kinds` under [notify]"))
}

fn waiting(site: &Site) -> Vec<Check> {
    let queue = Queue::of(site);
    let mut checks = Vec::new();
    match (queue.items(), queue.lost()) {
        (Ok(items), Ok(lost)) => {
            if let Some(first) = items.first() {
                let detail = format!("{} wait since {}: {}", items.len(), moment(first.at), first.reason);
                checks.push(Check::warning(
                    "notify queue",
                    detail,
                    "they are tried again by each tick; `entracte notify test` shows what is wrong",
                ));
            }
            if let Some(last) = lost.last() {
                let detail =
                    format!("{} were given up, the last: {} ({})", lost.len(), last.what, last.reason);
                checks.push(Check::warning(
                    "notify lost",
                    detail,
                    "`entracte notify test` forgets them once the channel works again",
                ));
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            checks.push(Check::warning(
                "notify queue",
                error.to_string(),
                "see that the state folder can be read",
            ));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok("notify queue", "nothing waits"));
    }
    checks
}

/// How many notices were given up, and how many wait to be tried again.
pub fn undelivered(site: &Site) -> Result<(usize, usize), crate::sys::fs::IoError> {
    let queue = Queue::of(site);
    Ok((queue.lost()?.len(), queue.items()?.len()))
}
