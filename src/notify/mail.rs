//! Mail, over SMTP or through a program. The only file that knows the mail crate.

use std::time::Duration;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::MultiPart;
use lettre::message::header::HeaderName;
use lettre::message::header::HeaderValue;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::Certificate;
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::commands::Data;
use lettre::transport::smtp::commands::Mail;
use lettre::transport::smtp::commands::Rcpt;
use lettre::transport::smtp::extension::ClientId;

use crate::base::escape;
use crate::notify::channel::Parcel;
use crate::notify::letter;
use crate::notify::patience;
use crate::notify::patience::GivenUp;
use crate::notify::program;
use crate::notify::program::ProgramError;
use crate::site::Site;
use crate::site::config;
use crate::site::config::ConfigError;
use crate::site::settings::MailSettings;
use crate::site::settings::MailWay;
use crate::site::settings::Security;
use crate::site::settings::SmtpAddress;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Rest;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const WHOLE_LIMIT: Duration = Duration::from_secs(30);
/// Largest file of certificates, in bytes.
const MAX_CERTIFICATES: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("\"{text}\" is no address of mail")]
    Address { text: String },
    #[error("the mail could not be written")]
    Compose(#[source] lettre::error::Error),
    #[error("{path} holds no certificate (PEM)")]
    Certificate { path: String },
    #[error("TLS could not be prepared for {server}")]
    Tls {
        server: String,
        #[source]
        source: lettre::transport::smtp::Error,
    },
    #[error("{server} does not offer STARTTLS, and nothing is sent unprotected")]
    NoStartTls { server: String },
    #[error("the mail server {server} {what}: {reply}")]
    Server { server: String, what: &'static str, reply: String },
    #[error("the mail server {server} took longer than {} s", WHOLE_LIMIT.as_secs())]
    TooSlow { server: String },
    #[error("the password of the mail server is empty")]
    NoPassword,
    #[error(transparent)]
    Secret(#[from] ConfigError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Sends one mail to all. What comes back are recipients that the server
/// refused while it took the mail for the others.
pub fn send(site: &Site, mail: &MailSettings, parcel: &Parcel) -> Result<Vec<String>, MailError> {
    let message = compose(mail, parcel)?;
    match &mail.way {
        MailWay::Sendmail(argv) => {
            // Programs of this kind expect lines to end as they do on this system.
            let text = String::from_utf8_lossy(&message.formatted()).replace("\r\n", "\n");
            let seconds = WHOLE_LIMIT.as_secs();
            // What it leaves behind may be what delivers.
            let call = program::Call { argv, stdin: text.into_bytes(), seconds, rest: Rest::Stays };
            program::run(site, call, Default::default())?;
            Ok(Vec::new())
        }
        MailWay::Smtp { .. } => {
            let line = Line::of(&mail.way)?;
            line.within_limits(move |line, given_up| line.hand_over(&message, given_up))
        }
    }
}

/// Connects, greets, logs in and leaves; no mail is sent.
pub fn greet(way: &MailWay) -> Result<(), MailError> {
    Line::of(way)?.within_limits(|line, _| {
        let mut connection = line.connect()?;
        let alive = connection.test_connected();
        let _ = connection.quit();
        match alive {
            true => Ok(()),
            false => Err(line.refusal("greeted and then fell silent", "no answer to NOOP")),
        }
    })
}

fn compose(mail: &MailSettings, parcel: &Parcel) -> Result<Message, MailError> {
    let letter = letter::write(parcel.about, parcel.notice, parcel.at);
    let is_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let host: String = parcel.about.host.chars().filter(is_name).collect();
    let host = if host.is_empty() { "localhost" } else { &host };
    let mut message = Message::builder()
        .from(mailbox(&mail.from)?)
        .subject(letter.subject)
        .date(parcel.at.into())
        // The same however often it is tried: who gets it twice can see that.
        .message_id(Some(format!("<{}@{host}>", parcel.id)))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Entracte-Kind", parcel.notice.kind.name()));
    for to in &mail.to {
        message = message.to(mailbox(to)?);
    }
    message.multipart(MultiPart::alternative_plain_html(letter.text, letter.html)).map_err(MailError::Compose)
}

fn mailbox(text: &str) -> Result<Mailbox, MailError> {
    text.parse().map_err(|_| MailError::Address { text: escape::text(text).into_owned() })
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The way to one mail server.
#[derive(Clone)]
struct Line {
    address: SmtpAddress,
    login: Option<Credentials>,
    tls: Option<TlsParameters>,
}

impl Line {
    fn of(way: &MailWay) -> Result<Line, MailError> {
        let MailWay::Smtp { address, password_file, ca_file } = way else {
            // Programs are called before anybody asks for a line.
            return Err(MailError::NoPassword);
        };
        let password = password_file.as_deref().map(config::password).transpose()?;
        let login = match (&address.user, password) {
            (Some(_), Some(password)) if password.is_empty() => return Err(MailError::NoPassword),
            (Some(user), Some(password)) => {
                Some(Credentials::new(user.clone(), password.reveal().to_owned()))
            }
            _ => None,
        };
        let tls = match address.security {
            Security::None => None,
            Security::StartTls | Security::Tls => Some(tls(address, ca_file.as_deref())?),
        };
        Ok(Line { address: address.clone(), login, tls })
    }

    /// Work that is given up must not deliver any more.
    fn within_limits<T: Send + 'static>(
        self,
        work: impl FnOnce(&Line, &GivenUp) -> Result<T, MailError> + Send + 'static,
    ) -> Result<T, MailError> {
        let server = self.address.to_string();
        patience::within(WHOLE_LIMIT, move |given_up| work(&self, given_up))
            .unwrap_or(Err(MailError::TooSlow { server }))
    }

    fn connect(&self) -> Result<SmtpConnection, MailError> {
        let hello = ClientId::default();
        let (host, port) = (self.address.host.as_str(), self.address.port);
        let wrapped = self.tls.as_ref().filter(|_| self.address.security == Security::Tls);
        let mut connection =
            SmtpConnection::connect((host, port), Some(CONNECT_LIMIT), &hello, wrapped, None)
                .map_err(|error| self.refusal("cannot be reached", error))?;
        if let (Security::StartTls, Some(tls)) = (self.address.security, &self.tls) {
            if !connection.can_starttls() {
                connection.abort();
                return Err(MailError::NoStartTls { server: self.address.to_string() });
            }
            connection.starttls(tls, &hello).map_err(|error| self.refusal("failed at STARTTLS", error))?;
        }
        if let Some(login) = &self.login {
            let ways = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&ways, login).map_err(|error| self.refusal("refused the login", error))?;
        }
        // It may look at a mail for a while before it takes it.
        let _ = connection.set_timeout(Some(WHOLE_LIMIT));
        Ok(connection)
    }

    fn hand_over(&self, message: &Message, given_up: &GivenUp) -> Result<Vec<String>, MailError> {
        let mut connection = self.connect()?;
        let envelope = message.envelope();
        let refused = |error| self.refusal("refused the mail", error);
        connection.command(Mail::new(envelope.from().cloned(), Vec::new())).map_err(refused)?;
        let mut left_out = Vec::new();
        let mut last = None;
        for to in envelope.to() {
            if let Err(error) = connection.command(Rcpt::new(to.clone(), Vec::new())) {
                let refusal = self.refusal("refused a recipient", error);
                left_out.push(format!("{}: {refusal}", escape::text(to.as_ref())));
                last = Some(refusal);
            }
        }
        if let (Some(refusal), true) = (last, left_out.len() == envelope.to().len()) {
            connection.abort();
            return Err(refusal);
        }
        if given_up.is_true() {
            connection.abort();
            return Err(MailError::TooSlow { server: self.address.to_string() });
        }
        connection.command(Data).map_err(refused)?;
        connection.message(&message.formatted()).map_err(refused)?;
        // It has the mail, however it says good-bye.
        let _ = connection.quit();
        Ok(left_out)
    }

    fn refusal(&self, what: &'static str, reply: impl std::fmt::Display) -> MailError {
        let reply = escape::text(&reply.to_string()).into_owned();
        MailError::Server { server: self.address.to_string(), what, reply }
    }
}

fn tls(address: &SmtpAddress, ca_file: Option<&std::path::Path>) -> Result<TlsParameters, MailError> {
    let mut parameters = TlsParameters::builder(address.host.clone());
    if let Some(path) = ca_file {
        let no_certificate = || MailError::Certificate { path: fs::shown(path) };
        let text = fs::read_text(path, MAX_CERTIFICATES)?;
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            return Err(no_certificate());
        }
        let certificate = Certificate::from_pem(text.as_bytes()).map_err(|_| no_certificate())?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build().map_err(|source| MailError::Tls { server: address.to_string(), source })
}

/// Whether a program takes the mail, and which.
pub fn program_of(way: &MailWay) -> Option<&str> {
    match way {
        MailWay::Sendmail(argv) => argv.first().map(String::as_str),
        MailWay::Smtp { .. } => None,
    }
}
