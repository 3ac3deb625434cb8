//! Webhooks and signs of life, over HTTP. The only file of the room that knows
//! the HTTP client.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::time::Duration;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::redirect::Policy;
use sha2::Sha256;

use crate::base::secret::Secret;
use crate::base::version::VERSION;
use crate::notify::channel::Parcel;
use crate::notify::patience;
use crate::site::config;
use crate::site::config::ConfigError;
use crate::site::settings::Endpoint;
use crate::site::settings::WebhookSettings;
use crate::sys::clock;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const WHOLE_LIMIT: Duration = Duration::from_secs(30);
const PING_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
    #[error("failed to reach {to}")]
    Send {
        to: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("nothing answers at {to}")]
    Connect {
        to: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{to} answered {status}")]
    Status { to: String, status: u16 },
    #[error("{to} leads elsewhere ({status}): write the address that it leads to")]
    Redirect { to: String, status: u16 },
    #[error("the secret of the webhook is empty")]
    NoSecret,
    #[error(transparent)]
    Secret(#[from] ConfigError),
}

/// Sends `body`, signed where there is a secret.
pub fn post(webhook: &WebhookSettings, body: &[u8], parcel: &Parcel) -> Result<(), WebError> {
    let client = client(WHOLE_LIMIT)?;
    let at = clock::now().as_second().to_string();
    let mut request = client
        .post(webhook.url.reveal().clone())
        .header("Content-Type", "application/json")
        .header("X-Entracte-Id", parcel.id)
        .header("X-Entracte-Timestamp", &at);
    if let Some(file) = &webhook.secret_file {
        let secret = config::password(file)?;
        if secret.is_empty() {
            return Err(WebError::NoSecret);
        }
        request = request.header("X-Entracte-Signature", format!("sha256={}", signature(&secret, &at, body)));
    }
    send(&webhook.url, request.body(body.to_vec()))
}

/// One sign of life.
pub fn ping(endpoint: &Endpoint) -> Result<(), WebError> {
    send(endpoint, client(PING_LIMIT)?.get(endpoint.reveal().clone()))
}

/// Whether somebody listens there. Nothing is said to them.
pub fn reach(endpoint: &Endpoint) -> Result<(), WebError> {
    let url = endpoint.reveal();
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let reached = patience::within(WHOLE_LIMIT, move |_| connect(&host, port));
    reached
        .unwrap_or_else(|| Err(ErrorKind::TimedOut.into()))
        .map_err(|source| WebError::Connect { to: endpoint.to_string(), source })
}

fn connect(host: &str, port: u16) -> std::io::Result<()> {
    let mut last = ErrorKind::AddrNotAvailable.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// HMAC-SHA256 of the moment, a full stop and the body, in hexadecimal.
fn signature(secret: &Secret, at: &str, body: &[u8]) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return String::new();
    };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

fn client(limit: Duration) -> Result<Client, WebError> {
    Client::builder()
        // What was signed for one address is no other's business.
        .redirect(Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(limit)
        .user_agent(format!("entracte/{VERSION}"))
        .build()
        .map_err(WebError::Client)
}

fn send(endpoint: &Endpoint, request: RequestBuilder) -> Result<(), WebError> {
    let to = endpoint.to_string();
    let answer =
        request.send().map_err(|source| WebError::Send { to: to.clone(), source: source.without_url() })?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => Err(WebError::Redirect { to, status: status.as_u16() }),
        status => Err(WebError::Status { to, status: status.as_u16() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'it is a key'
        assert_eq!(
            signature(&Secret::new("it is a key"), "1700000000", b"{\"a\":1}"),
            "cc03a8cb3dba794ad43e7b5fd79276b892038c1727e158d88783589701344c8a"
        );
    }
}
