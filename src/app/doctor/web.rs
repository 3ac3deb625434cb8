//! What the web server says and gives away, and by which clock.

use crate::app::doctor::Home;
use crate::app::doctor::Patient;
use crate::app::doctor::failed;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::base::count;
use crate::site::probe::Answer;
use crate::site::probe::ProbeError;
use crate::update::checks::environment;
use crate::update::checks::privacy;

/// Clocks that differ by more make times of logs, sessions and caches wrong, in seconds.
const SKEW: i64 = 120;
/// A certificate is renewed by then.
const CERTIFICATE_DAYS: i64 = 14;

pub fn checks(patient: &Patient) -> Vec<Check> {
    let mut checks = vec![answers(patient), clock(patient), certificate(patient)];
    match &patient.home {
        Home::Answers { .. } => {
            checks.extend(privacy::privacy(patient.site));
            checks.extend(privacy::backups(patient.site));
        }
        Home::Nowhere | Home::Silent(_) => checks.push(Check::warning(
            "privacy",
            "unknown: nobody answered who could hand out what entracte keeps",
            "set `url` in entracte.toml, or mend what `answers` says",
        )),
    }
    checks
}

fn answers(patient: &Patient) -> Check {
    const NAME: &str = "answers";
    match &patient.home {
        Home::Nowhere => Check::warning(
            NAME,
            "nobody knows where visitors find the site, so nothing is proved by requests",
            "set `url` in entracte.toml",
        ),
        Home::Silent(error) => failed(NAME, error, "check `url` in entracte.toml and the web server"),
        Home::Answers { page, .. } if page.closed_by_us => Check::ok(NAME, "with the page of a closed site"),
        Home::Answers { page, .. } if page.status >= 400 => Check::error(
            NAME,
            format!("the home page answers with status {}", page.status),
            "see the error log of the web server and of the application",
        ),
        Home::Answers { page, .. } => Check::ok(NAME, format!("with status {}", page.status)),
    }
}

/// Ours, and how far it is from the web server's.
fn clock(patient: &Patient) -> Check {
    let ours = environment::clock();
    let date = match &patient.home {
        Home::Answers { page, .. } => page.date,
        _ => None,
    };
    let Some(theirs) = date.filter(|_| ours.level == Level::Ok) else { return ours };
    match patient.now.duration_since(theirs).as_secs().abs() {
        skew if skew > SKEW => Check::warning(
            "clock",
            format!("the web server's clock differs by {skew} s"),
            "let both machines take the time from the network (`timedatectl set-ntp true`)",
        ),
        _ => Check::ok("clock", "it agrees with the web server's"),
    }
}

fn certificate(patient: &Patient) -> Check {
    const NAME: &str = "certificate";
    let is_secure = patient.site.settings.url.as_ref().is_some_and(|url| url.scheme() == "https");
    if !is_secure {
        return Check::ok(NAME, "the site is not asked over https");
    }
    match &patient.home {
        Home::Silent(error @ ProbeError::Certificate { .. }) => failed(NAME, error, "renew it"),
        Home::Answers { page, .. } => judge(page, patient),
        _ => Check::ok(NAME, "unknown"),
    }
}

fn judge(page: &Answer, patient: &Patient) -> Check {
    const NAME: &str = "certificate";
    let Some(ends) = page.certificate_ends else { return Check::ok(NAME, "unknown") };
    match ends.duration_since(patient.now).as_hours() / 24 {
        days if days < CERTIFICATE_DAYS => Check::warning(
            NAME,
            format!("it expires in {}, at {ends}", count::of(days, "day")),
            "renew it, and see why that has not happened by itself (`certbot renew`)",
        ),
        days => Check::ok(NAME, format!("it is good for {}", count::of(days, "day"))),
    }
}
