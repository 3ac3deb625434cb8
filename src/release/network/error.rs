//! Why something could not be fetched. No message holds what may be secret in
//! an address.

use std::io;
use std::time::Duration;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::exit::causes;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// What the HTTP client says, without the address.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    #[error("the name of {host} is not found")]
    Name {
        host: String,
        #[source]
        source: Cause,
    },
    #[error("{host} refuses the connection")]
    Refused {
        host: String,
        #[source]
        source: Cause,
    },
    #[error("no connection to {host}")]
    Connect {
        host: String,
        #[source]
        source: Cause,
    },
    #[error("the proxy {proxy} is not reached")]
    Proxy {
        proxy: String,
        #[source]
        source: Cause,
    },
    #[error("the proxy {proxy} opens no way to {host}")]
    ProxyRefuses {
        proxy: String,
        host: String,
        #[source]
        source: Cause,
    },
    #[error("the proxy {proxy} wants to know who asks for {host}")]
    ProxyAsks {
        proxy: String,
        host: String,
        #[source]
        source: Cause,
    },
    #[error("the certificate of {host} is not trusted")]
    Certificate {
        host: String,
        #[source]
        source: Cause,
    },
    #[error("nothing came from {url} for {} s", .limit.as_secs_f64())]
    Stalled { url: String, limit: Duration },
    #[error("{url} sends only {rate} bytes a second, less than {least}")]
    Slow { url: String, rate: u64, least: u64 },
    #[error("{url} was not fetched within {} s", .limit.as_secs_f64())]
    TooLong { url: String, limit: Duration },
    #[error("{url} answers {status}")]
    Status { url: String, status: String, code: u16, retry_after: Option<Duration> },
    #[error("the connection to {url} broke after {bytes} bytes{}", of(*.length))]
    Cut {
        url: String,
        bytes: u64,
        length: Option<u64>,
        #[source]
        source: Cause,
    },
    #[error("the answer of {url} cannot be understood")]
    Answer {
        url: String,
        #[source]
        source: Cause,
    },
    #[error("{url} is larger than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("{url} is sent packed once more ({encoding}), though that was not asked for")]
    Encoded { url: String, encoding: String },
    #[error("{url} is not protected by TLS")]
    Insecure { url: String },
    #[error("{from} leads on to {to}, which is not protected by TLS")]
    Downgrade { from: String, to: String },
    #[error("{from} leads on to {to}, which is not fetched")]
    Elsewhere { from: String, to: String },
    #[error("{url} leads on more than {most} times")]
    Redirects { url: String, most: usize },
    #[error("{url} leads back to itself")]
    Loop { url: String },
    #[error("what {url} sent has the SHA-256 {found}, not {expected}")]
    Digest { url: String, expected: Sha256, found: Sha256 },
    #[error("{url} is {found} bytes long, not {expected}")]
    Length { url: String, expected: u64, found: u64 },
    #[error("what {url} sent is not what was asked for")]
    Content {
        url: String,
        #[source]
        source: Cause,
    },
    #[error("the disk is full: failed to write {path}")]
    Full {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("interrupted while {url} was being fetched")]
    Interrupted { url: String },
    #[error("the certificates in {path} cannot be used")]
    CaFile {
        path: String,
        #[source]
        source: Cause,
    },
    #[error("the password of the proxy is not read from {path}")]
    ProxyPassword {
        path: String,
        #[source]
        source: Cause,
    },
    #[error("failed to make the HTTP client")]
    Client {
        #[source]
        source: Cause,
    },
    #[error(transparent)]
    Io(IoError),
}

/// A disk without room is told from all else.
impl From<IoError> for NetworkError {
    fn from(error: IoError) -> NetworkError {
        match error.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                NetworkError::Full { path: fs::shown(&error.path), source: error.source }
            }
            _ => NetworkError::Io(error),
        }
    }
}

fn of(length: Option<u64>) -> String {
    length.map(|length| format!(" of {length}")).unwrap_or_default()
}

const PROXY: &str = "it is named by `network.proxy` in entracte.toml, by --proxy, or by the variables HTTPS_PROXY and HTTP_PROXY";
const PASSWORD: &str = "name user and password: `network.proxy = \"http://USER@HOST:PORT\"` and `network.proxy_password_file` \
    in entracte.toml (--proxy and --proxy-password-file), or all of it by the variable HTTPS_PROXY";

/// What is wrong with a certificate, by the words of who looked at it.
fn of_certificate(source: &(dyn std::error::Error + 'static)) -> &'static str {
    let said = causes(source).join(" ").to_ascii_lowercase();
    if said.contains("notvalidyet") || said.contains("not valid yet") || said.contains("not valid before") {
        "it is not valid yet: is the clock of this machine right?"
    } else if said.contains("expired") || said.contains("not valid after") {
        "it has expired: let whoever keeps that server renew it; is the clock of this machine right?"
    } else if said.contains("name") {
        "it was made for another name: is the address right?"
    } else {
        "where an own authority signs (a company's proxy may, too), name its certificate: `network.ca_file` in \
         entracte.toml, or --cacert FILE; is the clock right?"
    }
}

impl NetworkError {
    /// Whether the network or the other side failed in a way that passes.
    pub fn is_transient(&self) -> bool {
        match self {
            NetworkError::Name { .. }
            | NetworkError::Refused { .. }
            | NetworkError::Connect { .. }
            | NetworkError::Proxy { .. }
            | NetworkError::ProxyRefuses { .. }
            | NetworkError::Stalled { .. }
            | NetworkError::Slow { .. }
            | NetworkError::TooLong { .. }
            | NetworkError::Cut { .. } => true,
            NetworkError::Status { code, .. } => matches!(code, 408 | 429 | 500..),
            _ => false,
        }
    }
}

impl Fault for NetworkError {
    fn exit(&self) -> Exit {
        match self {
            NetworkError::TooLarge { .. }
            | NetworkError::Encoded { .. }
            | NetworkError::Insecure { .. }
            | NetworkError::Downgrade { .. }
            | NetworkError::Elsewhere { .. }
            | NetworkError::ProxyPassword { .. }
            | NetworkError::CaFile { .. } => Exit::Refused,
            NetworkError::Digest { .. } | NetworkError::Length { .. } | NetworkError::Content { .. } => {
                Exit::Untrusted
            }
            NetworkError::Io(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn is_network(&self) -> bool {
        self.is_transient()
    }

    fn hints(&self) -> Vec<String> {
        let by_hand = "fetch the archive in another way and stage the file";
        let hint = match self {
            NetworkError::Io(error) => return error.hints(),
            NetworkError::Name { .. } => "is the name right, and does this machine reach a name server?".into(),
            NetworkError::Refused { .. } | NetworkError::Connect { .. } => {
                "is that server up, and may this machine reach it (firewall, proxy: `network.proxy`)?".into()
            }
            NetworkError::Proxy { .. } => {
                format!("is it up, and its address right? {PROXY}; hosts that need none are named by NO_PROXY")
            }
            NetworkError::ProxyRefuses { host, .. } => {
                format!("let whoever keeps the proxy allow {host}; hosts that need none are named by NO_PROXY")
            }
            NetworkError::ProxyAsks { .. } | NetworkError::Status { code: 407, .. } => PASSWORD.into(),
            NetworkError::Certificate { source, .. } => of_certificate(source.as_ref()).into(),
            NetworkError::Stalled { .. } | NetworkError::Slow { .. } | NetworkError::TooLong { .. } => {
                "the same command goes on where it stopped; the limits are settings under [network]".into()
            }
            NetworkError::Cut { .. } | NetworkError::Interrupted { .. } => {
                "the same command goes on where it stopped".into()
            }
            NetworkError::Status { retry_after: Some(wait), .. } => {
                format!("the server asks to come back in {} s", wait.as_secs())
            }
            NetworkError::Status { code: 401 | 403 | 406 | 429, .. } => {
                format!("the server, or something before it, keeps programs out: {by_hand}")
            }
            NetworkError::Status { code: 404 | 410, .. } => "is the address right?".into(),
            NetworkError::TooLarge { .. } => "`total_bytes` under [limits] in entracte.toml says how much is taken".into(),
            NetworkError::Encoded { .. } | NetworkError::Elsewhere { .. } | NetworkError::Downgrade { .. } => by_hand.into(),
            NetworkError::Insecure { .. } => {
                "use https, or set `network.insecure_http = true` in entracte.toml if everything on the way is trusted".into()
            }
            NetworkError::Digest { .. } => {
                "nothing of it is kept: compare the digest with the one that its maker publishes".into()
            }
            NetworkError::Length { .. } | NetworkError::Content { .. } => {
                "nothing of it is kept: somebody on the way or on that server changes what is published".into()
            }
            NetworkError::Full { path, .. } => {
                format!("free some space on the file system of {path}, then try again: nothing of it is kept meanwhile")
            }
            NetworkError::ProxyPassword { .. } => {
                "`network.proxy_password_file` names a file of yours (0600) that holds it alone".into()
            }
            NetworkError::CaFile { .. } => "`network.ca_file` names a file of certificates in PEM form".into(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}
