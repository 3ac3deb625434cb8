//! The address of a mail server: `smtps://user@host:465`,
//! `smtp+starttls://user@host:587` or `smtp://host:25`.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use serde::Serialize;
use url::Url;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct SmtpAddress {
    pub security: Security,
    /// Who logs in; nobody does where there is none.
    pub user: Option<String>,
    pub host: String,
    pub port: u16,
}

/// How a connection is kept from others' eyes. Never less than what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Security {
    None,
    StartTls,
    Tls,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpFault {
    #[error("not an address like smtps://user@host:465, smtp+starttls://user@host:587 or smtp://host:25")]
    Form,
    #[error("the password does not belong into the address: name a file (0600) with password_file")]
    Password,
}

impl TryFrom<String> for SmtpAddress {
    type Error = SmtpFault;

    fn try_from(text: String) -> Result<SmtpAddress, SmtpFault> {
        let url = Url::parse(&text).map_err(|_| SmtpFault::Form)?;
        let (security, usual) = match url.scheme() {
            "smtp" => (Security::None, 25),
            "smtp+starttls" => (Security::StartTls, 587),
            "smtps" => (Security::Tls, 465),
            _ => return Err(SmtpFault::Form),
        };
        if url.password().is_some() {
            return Err(SmtpFault::Password);
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let ends_here = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if host.is_empty() || !host.chars().all(is_name) || !ends_here {
            return Err(SmtpFault::Form);
        }
        let user = Some(decoded(url.username())?).filter(|user| !user.is_empty());
        Ok(SmtpAddress { security, user, host: host.to_owned(), port: url.port().unwrap_or(usual) })
    }
}

impl SmtpAddress {
    /// Whether a password may be sent: nobody else hears it.
    pub fn keeps_secrets(&self) -> bool {
        let is_here = self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.security != Security::None || is_here
    }
}

/// Without the user, for messages.
impl fmt::Display for SmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Undoes percent-encoding, which the URL's reader adds to an `@` in a name.
fn decoded(text: &str) -> Result<String, SmtpFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|two| hex::decode(two).ok());
        bytes.push(escaped.as_ref().map_or(first, |byte| byte[0]));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    let name = String::from_utf8(bytes).map_err(|_| SmtpFault::Form)?;
    if name.chars().any(char::is_control) { Err(SmtpFault::Form) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SmtpAddress, SmtpFault> {
        SmtpAddress::try_from(text.to_owned())
    }

    #[test]
    fn addresses_are_read() {
        for (text, security, user, shown) in [
            ("smtps://me@mail.example", Security::Tls, Some("me"), "mail.example:465"),
            (
                "smtps://me@example.org@mail.example:994",
                Security::Tls,
                Some("me@example.org"),
                "mail.example:994",
            ),
            ("smtp+starttls://me%2Bweb@h", Security::StartTls, Some("me+web"), "h:587"),
            ("smtp://relay/", Security::None, None, "relay:25"),
            ("smtp://[::1]:2525", Security::None, None, "::1:2525"),
        ] {
            let address = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((address.security, address.user.as_deref()), (security, user), "{text}");
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "mail.example", "smtp://", "http://h", "smtp://h/x", "smtp://h?tls=none", "smtp://a%0ab@h"]
        {
            assert_eq!(parse(text), Err(SmtpFault::Form), "{text}");
        }
        assert_eq!(parse("smtps://me:pw@h"), Err(SmtpFault::Password));
    }

    #[test]
    fn a_password_goes_over_protected_lines_only() {
        for (text, may) in [
            ("smtps://h", true),
            ("smtp+starttls://h", true),
            ("smtp://h", false),
            ("smtp://localhost", true),
            ("smtp://127.0.0.2", true),
            ("smtp://[::1]", true),
            ("smtp://127.0.0.1.example", false),
        ] {
            assert_eq!(parse(text).unwrap().keeps_secrets(), may, "{text}");
        }
    }
}
