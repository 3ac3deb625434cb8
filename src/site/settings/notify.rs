//! Who is told of what, and by which ways.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use url::Url;

use crate::base::digest::Sha256;
use crate::site::settings::smtp::SmtpAddress;

/// Without a section nobody is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Default: the site's language, where it is one.
    pub language: Option<NoticeLanguage>,
    pub kinds: Vec<NoticeKind>,
    /// For so long the same thing is not told again; 0: it always is.
    pub repeat_hours: u64,
    /// For so long a notice is tried again that could not be delivered.
    pub keep_days: u64,
    /// How often good news is sent, when `kinds` names it.
    pub digest: Rhythm,
    pub mail: Option<MailSettings>,
    pub webhook: Option<WebhookSettings>,
    pub heartbeat: Option<HeartbeatSettings>,
    pub command: Option<CommandSettings>,
}

impl Default for Notify {
    fn default() -> Notify {
        use NoticeKind::*;
        Notify {
            language: None,
            kinds: vec![Failed, RolledBack, NeedsApproval, ClosedTooLong, Findings],
            repeat_hours: 24,
            keep_days: 7,
            digest: Rhythm::Weekly,
            mail: None,
            webhook: None,
            heartbeat: None,
            command: None,
        }
    }
}

/// What is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// It failed, and a person is needed or will be.
    Failed,
    /// It failed and everything is as it was.
    RolledBack,
    NeedsApproval,
    ClosedTooLong,
    /// The watch found what no update made.
    Findings,
    Success,
    /// `notify test`; told whatever `kinds` says.
    Test,
}

impl NoticeKind {
    /// The word for it in settings, JSON and variables.
    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Failed => "failed",
            NoticeKind::RolledBack => "rolled-back",
            NoticeKind::NeedsApproval => "needs-approval",
            NoticeKind::ClosedTooLong => "closed-too-long",
            NoticeKind::Findings => "findings",
            NoticeKind::Success => "success",
            NoticeKind::Test => "test",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeLanguage {
    En,
    Fr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rhythm {
    Each,
    Daily,
    Weekly,
}

/// Mail, by SMTP or by a program that takes it on its input.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "MailText")]
pub struct MailSettings {
    pub to: Vec<String>,
    pub from: String,
    pub way: MailWay,
}

#[derive(Clone, Debug, Serialize)]
pub enum MailWay {
    Smtp {
        address: SmtpAddress,
        /// A file (0600) that holds the password alone.
        password_file: Option<PathBuf>,
        /// A certificate (PEM) that is trusted besides those of the public authorities.
        ca_file: Option<PathBuf>,
    },
    Sendmail(Vec<String>),
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailText {
    to: Vec<String>,
    from: String,
    smtp: Option<SmtpAddress>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    sendmail: Option<Vec<String>>,
}

#[derive(Debug, thiserror::Error)]
pub enum MailFault {
    #[error("to names nobody")]
    Nobody,
    #[error("{0} is not an address of mail (name@host)")]
    Address(&'static str),
    #[error("mail needs one of smtp and sendmail")]
    Way,
    #[error("password_file and ca_file belong to smtp")]
    NotSmtp,
    #[error("smtp names a user, so password_file is needed")]
    NoPassword,
    #[error("password_file is of no use while smtp names no user")]
    NoUser,
    #[error("a password would go over the line unprotected: write smtps:// or smtp+starttls://")]
    Unprotected,
    #[error("sendmail is an empty list")]
    Empty,
}

impl TryFrom<MailText> for MailSettings {
    type Error = MailFault;

    fn try_from(text: MailText) -> Result<MailSettings, MailFault> {
        if text.to.is_empty() {
            return Err(MailFault::Nobody);
        }
        if !text.to.iter().all(|to| looks_like_address(to)) {
            return Err(MailFault::Address("one of to"));
        }
        if !looks_like_address(&text.from) {
            return Err(MailFault::Address("from"));
        }
        let way = match (text.smtp, text.sendmail) {
            (Some(address), None) => smtp(address, text.password_file, text.ca_file)?,
            (None, Some(argv)) => {
                if text.password_file.is_some() || text.ca_file.is_some() {
                    return Err(MailFault::NotSmtp);
                }
                if argv.is_empty() {
                    return Err(MailFault::Empty);
                }
                MailWay::Sendmail(argv)
            }
            _ => return Err(MailFault::Way),
        };
        Ok(MailSettings { to: text.to, from: text.from, way })
    }
}

fn smtp(
    address: SmtpAddress,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
) -> Result<MailWay, MailFault> {
    match (&address.user, &password_file) {
        (Some(_), None) => Err(MailFault::NoPassword),
        (None, Some(_)) => Err(MailFault::NoUser),
        (Some(_), Some(_)) if !address.keeps_secrets() => Err(MailFault::Unprotected),
        _ => Ok(MailWay::Smtp { address, password_file, ca_file }),
    }
}

/// The mail room reads them properly; this finds slips of the pen.
fn looks_like_address(text: &str) -> bool {
    let inner = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    !text.chars().any(char::is_control)
        && inner.is_ascii()
        && inner.rsplit_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    pub url: Endpoint,
    /// A file (0600) that holds the key of the signature.
    pub secret_file: Option<PathBuf>,
}

/// Where somebody waits for signs of life.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "HeartbeatText")]
pub struct HeartbeatSettings {
    pub start: Option<Endpoint>,
    pub success: Option<Endpoint>,
    pub fail: Option<Endpoint>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeartbeatText {
    /// `URL` itself for success, `URL/start` and `URL/fail`.
    url: Option<Endpoint>,
    start: Option<Endpoint>,
    success: Option<Endpoint>,
    fail: Option<Endpoint>,
}

#[derive(Debug, thiserror::Error)]
#[error("a heartbeat needs url, or one of start, success and fail")]
pub struct NoHeartbeat;

impl TryFrom<HeartbeatText> for HeartbeatSettings {
    type Error = NoHeartbeat;

    fn try_from(text: HeartbeatText) -> Result<HeartbeatSettings, NoHeartbeat> {
        let HeartbeatText { url, start, success, fail } = text;
        let below = |name| url.as_ref().map(|url: &Endpoint| url.below(name));
        let settings = HeartbeatSettings {
            start: start.or_else(|| below("start")),
            fail: fail.or_else(|| below("fail")),
            success: success.or(url),
        };
        match settings.start.is_none() && settings.success.is_none() && settings.fail.is_none() {
            true => Err(NoHeartbeat),
            false => Ok(settings),
        }
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    pub argv: Vec<String>,
    #[serde(default = "half_a_minute")]
    pub limit_seconds: u64,
}

fn half_a_minute() -> u64 {
    30
}

/// An address of the web, which often is a secret: who knows it may write
/// there. It is shown without its path, and stored as its digest.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Url")]
pub struct Endpoint(Url);

#[derive(Debug, thiserror::Error)]
#[error("not an http or https address")]
pub struct NoEndpoint;

impl TryFrom<Url> for Endpoint {
    type Error = NoEndpoint;

    fn try_from(url: Url) -> Result<Endpoint, NoEndpoint> {
        match matches!(url.scheme(), "http" | "https") {
            true => Ok(Endpoint(url)),
            false => Err(NoEndpoint),
        }
    }
}

impl Endpoint {
    /// The whole address, for the one place that goes there.
    pub fn reveal(&self) -> &Url {
        &self.0
    }

    /// With one name more in its path.
    fn below(&self, name: &str) -> Endpoint {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{name}", url.path().trim_end_matches('/')));
        Endpoint(url)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}/…"),
            None => f.write_str("/…"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Sha256::of(self.0.as_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests;
