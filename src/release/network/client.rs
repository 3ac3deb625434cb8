//! The only file of the room that knows the HTTP client.
//!
//! Waiting is done in short pieces, so that whoever waits may lose patience at
//! any time; what is then dropped takes its connection with it.

use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::Proxy;
use reqwest::Response;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use url::Url;

use crate::base::exit::causes;
use crate::base::version::VERSION;
use crate::release::network::address::host;
use crate::release::network::address::shown;
use crate::release::network::answer::Head;
use crate::release::network::answer::Version;
use crate::release::network::error::Cause;
use crate::release::network::error::NetworkError;
use crate::release::network::proxy;
use crate::site::config;
use crate::site::settings::NetworkSettings;
use crate::sys::fs;

const TICK: Duration = Duration::from_millis(100);
const MOST_CA_BYTES: u64 = 8 << 20;
/// The longest word of a server that is kept.
const LONGEST_WORD: usize = 1024;

/// Says when to stop waiting, and why.
pub(super) type Patient<'a> = &'a mut dyn FnMut() -> Result<(), NetworkError>;

pub(super) struct Client {
    client: reqwest::Client,
    /// There until the end.
    runtime: Option<Runtime>,
    settings: NetworkSettings,
}

/// An answer whose body is still to come.
pub(super) struct Answer {
    pub head: Head,
    /// What stands in the status line.
    pub status: String,
    /// Other answers may come on the same connection meanwhile.
    pub on_shared_connection: bool,
    response: Response,
}

/// Why no more of a body comes.
pub(super) enum Ended {
    Impatient(NetworkError),
    Broken(Cause),
}

impl Client {
    pub fn new(settings: &NetworkSettings, connections: usize) -> Result<Client, NetworkError> {
        let client = |source: reqwest::Error| NetworkError::Client { source: source.without_url().into() };
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_seconds.get())
            .pool_max_idle_per_host(connections)
            .user_agent(format!("entracte/{VERSION}"));
        if let Some(proxy) = &settings.proxy {
            let url = with_password(proxy.get(), settings.proxy_password_file.as_deref())?;
            builder = builder.proxy(Proxy::all(url).map_err(client)?);
        }
        if let Some(path) = &settings.ca_file {
            let text = fs::read_text(path, MOST_CA_BYTES)?;
            let unusable = |source: reqwest::Error| {
                let source = source.into();
                NetworkError::CaFile { path: fs::shown(path), source }
            };
            let certificates = Certificate::from_pem_bundle(text.as_bytes()).map_err(unusable)?;
            if certificates.is_empty() {
                let source = "no certificate stands in it".into();
                return Err(NetworkError::CaFile { path: fs::shown(path), source });
            }
            builder = builder.tls_certs_merge(certificates);
        }
        // Several threads may wait at once; one does all that is done meanwhile.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|source| NetworkError::Client { source: source.into() })?;
        Ok(Client {
            client: builder.build().map_err(client)?,
            runtime: Some(runtime),
            settings: settings.clone(),
        })
    }

    /// Asks, and waits for the head of the answer.
    pub fn ask(
        &self,
        url: &Url,
        headers: &[(&'static str, String)],
        patient: Patient,
    ) -> Result<Answer, NetworkError> {
        // What would be unpacked on the way has another length than what was sent.
        let mut request = self.client.get(url.clone()).header("Accept-Encoding", "identity");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = self.wait(request.send(), patient)?.map_err(|error| self.told(url, error))?;
        let status = response.status().to_string();
        let on_shared_connection = response.version() == reqwest::Version::HTTP_2;
        Ok(Answer { head: head(&response), status, on_shared_connection, response })
    }

    /// The next piece of the body; `None` at its end.
    pub fn next(&self, answer: &mut Answer, patient: Patient) -> Result<Option<Vec<u8>>, Ended> {
        match self.wait(answer.response.chunk(), patient) {
            Ok(Ok(piece)) => Ok(piece.map(Vec::from)),
            Ok(Err(error)) => Err(Ended::Broken(error.without_url().into())),
            Err(error) => Err(Ended::Impatient(error)),
        }
    }

    /// What became of a question without an answer.
    fn told(&self, url: &Url, error: reqwest::Error) -> NetworkError {
        let error = error.without_url();
        let said = causes(&error).join(" ").to_ascii_lowercase();
        let (is_connect, kind, host) = (error.is_connect(), io_kind(&error), host(url));
        let proxy = proxy::before(url, &self.settings);
        let source: Cause = error.into();
        match proxy {
            // Behind a proxy the certificate is all that the server itself says before it answers.
            Some(proxy) if is_connect && !said.contains("certificate") => match () {
                () if said.contains("proxy authorization required") => {
                    NetworkError::ProxyAsks { proxy, host, source }
                }
                () if said.contains("tunnel error: unsuccessful") => {
                    NetworkError::ProxyRefuses { proxy, host, source }
                }
                () => NetworkError::Proxy { proxy, source },
            },
            _ if said.contains("certificate") => NetworkError::Certificate { host, source },
            _ if said.contains("dns error") => NetworkError::Name { host, source },
            _ if is_connect && kind == Some(ErrorKind::ConnectionRefused) => {
                NetworkError::Refused { host, source }
            }
            // Somebody answered, and was cut off before both sides knew each other.
            _ if is_connect && kind.is_some_and(is_break) => {
                NetworkError::Cut { url: shown(url), bytes: 0, length: None, source }
            }
            _ if is_connect => NetworkError::Connect { host, source },
            _ if said.contains("parse") || said.contains("invalid") || said.contains("too large") => {
                NetworkError::Answer { url: shown(url), source }
            }
            _ => NetworkError::Cut { url: shown(url), bytes: 0, length: None, source },
        }
    }

    fn wait<F: Future>(&self, work: F, patient: Patient) -> Result<F::Output, NetworkError> {
        let Some(runtime) = &self.runtime else {
            return Err(NetworkError::Client { source: "it has ended".into() });
        };
        runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                match tokio::time::timeout(TICK, work.as_mut()).await {
                    Ok(done) => return Ok(done),
                    Err(_) => patient()?,
                }
            }
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A question to a name server that is away is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The proxy's address as the client takes it.
fn with_password(proxy: &Url, file: Option<&Path>) -> Result<Url, NetworkError> {
    let mut url = proxy.clone();
    if let Some(file) = file {
        let password = config::password(file).map_err(|source| {
            let (path, source) = (fs::shown(file), source.into());
            NetworkError::ProxyPassword { path, source }
        })?;
        // Fails only for addresses without a host, which no proxy has.
        let _ = url.set_password(Some(password.reveal()));
    }
    Ok(url)
}

fn head(response: &Response) -> Head {
    let headers = response.headers();
    let encoding = word(headers, "content-encoding").filter(|text| !text.eq_ignore_ascii_case("identity"));
    Head {
        status: response.status().as_u16(),
        version: Version {
            etag: word(headers, "etag"),
            last_modified: word(headers, "last-modified"),
            length: response.content_length(),
        },
        content_range: word(headers, "content-range"),
        encoding,
        location: header(headers, "location"),
        retry_after: word(headers, "retry-after"),
        is_page: word(headers, "content-type").is_some_and(|kind| kind.starts_with("text/html")),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned())
}

/// A header that may be said back, or shown.
fn word(headers: &HeaderMap, name: &str) -> Option<String> {
    let is_plain = |text: &String| {
        text.len() <= LONGEST_WORD && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    header(headers, name).filter(|text| !text.is_empty()).filter(is_plain)
}

fn is_break(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof)
}

/// The kind of the system's error that lies below.
fn io_kind(error: &reqwest::Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(error) = next.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = next.source();
    }
    None
}
