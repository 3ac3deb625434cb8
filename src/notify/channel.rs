//! The ways by which somebody is told, and how one notice goes by one of them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::causes;
use crate::base::json;
use crate::notify::about::About;
use crate::notify::letter;
use crate::notify::mail;
use crate::notify::mail::MailError;
use crate::notify::notice::Notice;
use crate::notify::program;
use crate::notify::program::ProgramError;
use crate::notify::web;
use crate::notify::web::WebError;
use crate::site::Site;
use crate::site::settings::MailWay;
use crate::sys::process::Rest;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Mail,
    Webhook,
    Command,
    /// Hears signs of life only, no notices.
    Heartbeat,
}

/// One notice on its way.
pub struct Parcel<'a> {
    pub about: &'a About,
    /// Of the notice, the same however often it is tried.
    pub id: &'a str,
    /// When it happened.
    pub at: Timestamp,
    pub notice: &'a Notice,
}

#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error("there is no {0} in the settings")]
    NotConfigured(Channel),
    #[error("there is no program {0}")]
    NoProgram(String),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Web(#[from] WebError),
}

/// An error and its causes; what says the same twice is said once.
pub fn on_one_line(error: &dyn std::error::Error) -> String {
    causes(error).into_iter().fold(error.to_string(), |told, cause| match told.contains(&cause) {
        true => told,
        false => format!("{told}: {cause}"),
    })
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Channel {
    pub fn name(self) -> &'static str {
        match self {
            Channel::Mail => "mail",
            Channel::Webhook => "webhook",
            Channel::Command => "command",
            Channel::Heartbeat => "heartbeat",
        }
    }

    /// All that are configured.
    pub fn of(site: &Site) -> Vec<Channel> {
        let all = [Channel::Mail, Channel::Webhook, Channel::Command, Channel::Heartbeat];
        all.into_iter().filter(|channel| channel.settings(site).is_some()).collect()
    }

    /// Those that notices go by.
    pub fn for_people(site: &Site) -> Vec<Channel> {
        Channel::of(site).into_iter().filter(|channel| *channel != Channel::Heartbeat).collect()
    }

    /// By this a change of its settings is noticed; `None` where it has none.
    pub fn settings(self, site: &Site) -> Option<Sha256> {
        let notify = &site.settings.notify;
        let text = match self {
            Channel::Mail => notify.mail.as_ref().map(json::line),
            Channel::Webhook => notify.webhook.as_ref().map(json::line),
            Channel::Command => notify.command.as_ref().map(json::line),
            Channel::Heartbeat => notify.heartbeat.as_ref().map(json::line),
        };
        // Settings are made of texts and numbers, which can always be written.
        text.map(|text| Sha256::of(&text.unwrap_or_default()))
    }

    /// Where it leads, for people.
    pub fn target(self, site: &Site) -> String {
        let notify = &site.settings.notify;
        let target = match self {
            Channel::Mail => notify.mail.as_ref().map(|mail| {
                let by = match &mail.way {
                    MailWay::Smtp { address, .. } => address.to_string(),
                    MailWay::Sendmail(argv) => argv.first().cloned().unwrap_or_default(),
                };
                format!("{} by {by}", mail.to.join(", "))
            }),
            Channel::Webhook => notify.webhook.as_ref().map(|webhook| webhook.url.to_string()),
            Channel::Command => notify.command.as_ref().and_then(|command| command.argv.first().cloned()),
            Channel::Heartbeat => notify.heartbeat.as_ref().and_then(|beat| {
                [&beat.success, &beat.start, &beat.fail].into_iter().flatten().next().map(ToString::to_string)
            }),
        };
        escape::text(&target.unwrap_or_default()).into_owned()
    }

    /// Delivers, or says why not. What comes back was refused while the rest arrived.
    pub fn deliver(self, site: &Site, parcel: &Parcel) -> Result<Vec<String>, DeliveryError> {
        let notify = &site.settings.notify;
        let missing = || DeliveryError::NotConfigured(self);
        match self {
            Channel::Mail => Ok(mail::send(site, notify.mail.as_ref().ok_or_else(missing)?, parcel)?),
            Channel::Webhook => {
                web::post(notify.webhook.as_ref().ok_or_else(missing)?, &document(parcel), parcel)?;
                Ok(Vec::new())
            }
            Channel::Command => {
                let command = notify.command.as_ref().ok_or_else(missing)?;
                let seconds = command.limit_seconds.max(1);
                let (stdin, rest) = (document(parcel), Rest::Ended);
                let call = program::Call { argv: &command.argv, stdin, seconds, rest };
                program::run(site, call, variables(parcel))?;
                Ok(Vec::new())
            }
            Channel::Heartbeat => {
                let beat = notify.heartbeat.as_ref().ok_or_else(missing)?;
                match (&beat.start, &beat.success, &beat.fail) {
                    // To say that all is lost would raise an alarm.
                    (None, None, Some(fail)) => web::reach(fail)?,
                    (start, success, _) => [start, success].into_iter().flatten().try_for_each(web::ping)?,
                }
                Ok(Vec::new())
            }
        }
    }
}

/// The notice for programs; the format is `docs/notify.md`.
fn document(parcel: &Parcel) -> Vec<u8> {
    #[derive(Serialize)]
    struct Document<'a> {
        format: u32,
        id: &'a str,
        at: Timestamp,
        subject: String,
        site: &'a About,
        #[serde(flatten)]
        notice: &'a Notice,
    }
    let Parcel { about, id, at, notice } = *parcel;
    let subject = letter::write(about, notice, at).subject;
    // Texts and numbers can always be written.
    json::line(&Document { format: 1, id, at, subject, site: about, notice }).unwrap_or_default()
}

fn variables(parcel: &Parcel) -> BTreeMap<String, String> {
    let Parcel { about, notice, at, .. } = *parcel;
    let named = |name: &str, value: Option<&String>| (name.to_owned(), value.cloned().unwrap_or_default());
    let subject = letter::write(about, notice, at).subject;
    BTreeMap::from([
        ("ENTRACTE_KIND".to_owned(), notice.kind.name().to_owned()),
        named("ENTRACTE_SUBJECT", Some(&subject)),
        named("ENTRACTE_SITE", Some(&about.root)),
        named("ENTRACTE_URL", about.url.as_ref()),
        named("ENTRACTE_RUN", notice.run.as_ref()),
        named("ENTRACTE_FROM", notice.from.as_ref()),
        named("ENTRACTE_TO", notice.to.as_ref()),
    ])
}
