//! A reference handed out over HTTP, to try it out: what any web server would
//! do, with the headers that `docs/reference.md` asks for. `async` ends here.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tower_http::services::ServeDir;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::reference::names;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::signal::Interrupt;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NEVER: HeaderValue = HeaderValue::from_static("no-cache");
/// How long transfers go on after Ctrl-C.
const LAST_SECONDS: Duration = Duration::from_secs(1);
/// The largest record of TLS: three packets or so.
const RECORD: usize = 4 << 10;
const LOOK: Duration = Duration::from_millis(20);

/// A certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("there is no reference in {path}")]
    NoReference { path: String },
    #[error("failed to listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the certificate {path} cannot be used")]
    Certificate {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the server ended")]
    Ended(#[source] io::Error),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ServeError {
    fn exit(&self) -> Exit {
        match self {
            ServeError::NoReference { .. } | ServeError::Certificate { .. } => Exit::Refused,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ServeError::NoReference { .. } => vec!["`entracte publish` makes one".into()],
            ServeError::Listen { .. } => vec!["`--listen 127.0.0.1:0` takes any free port".into()],
            ServeError::Certificate { .. } => {
                vec![
                    "both files are PEM: the certificate with those that vouch for it, and its private key"
                        .into(),
                ]
            }
            ServeError::Io(error) => error.hints(),
            ServeError::Ended(_) => Vec::new(),
        }
    }
}

/// Serves until `interrupt`; `started` hears the URL.
pub fn serve(
    folder: &Path,
    address: SocketAddr,
    certificate: Option<&Certificate>,
    interrupt: &Interrupt,
    started: &mut dyn FnMut(&str),
) -> Result<(), ServeError> {
    if !fs::is_folder(&folder.join(names::METADATA)) {
        return Err(ServeError::NoReference { path: fs::shown(folder) });
    }
    let tls = certificate.map(tls).transpose()?;
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(failed)?;
    let (handle, router) = (Handle::new(), router(folder, interrupt));
    let stop = handle.clone();
    let server = runtime.spawn(async move {
        let service = router.into_make_service();
        match tls {
            Some(tls) => axum_server::from_tcp_rustls(listener, tls)?.handle(handle).serve(service).await,
            None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
        }
    });
    started(&format!("{}://{bound}/", if certificate.is_some() { "https" } else { "http" }));
    while !interrupt.is_set() && !server.is_finished() {
        clock::sleep(LOOK);
    }
    stop.graceful_shutdown(Some(LAST_SECONDS));
    let ended = runtime.block_on(server).unwrap_or_else(|error| Err(io::Error::other(error)));
    ended.map_err(ServeError::Ended)
}

fn tls(certificate: &Certificate) -> Result<RustlsConfig, ServeError> {
    let failed = |path: &Path, source: Box<dyn std::error::Error + Send + Sync>| ServeError::Certificate {
        path: fs::shown(path),
        source,
    };
    let Certificate { chain, key } = certificate;
    let (chain_text, key_text) = (fs::read(chain)?, fs::read(key)?);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain_text)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(chain, error.into()))?;
    let private = PrivateKeyDer::from_pem_slice(&key_text).map_err(|error| failed(key, error.into()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(chain, error.into()))?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(|error| failed(chain, error.into()))?;
    // Of a record that was cut off nothing can be used.
    config.max_fragment_size = Some(RECORD);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

fn router(folder: &Path, interrupt: &Interrupt) -> Router {
    Router::new().fallback(answer).with_state((ServeDir::new(folder), interrupt.clone()))
}

async fn answer(State((files, interrupt)): State<(ServeDir, Interrupt)>, mut request: Request) -> Response {
    if interrupt.is_set() {
        // Who was told to stop answers nobody any more; the connection ends with the server.
        return pending().await;
    }
    let path = request.uri().path().to_owned();
    if !is_served(&path) {
        return not_here();
    }
    if let Some(condition) = request.headers_mut().remove(header::IF_RANGE)
        && etag(&files, request.uri().clone()).await != Some(condition)
    {
        request.headers_mut().remove(header::RANGE);
    }
    let mut response = file(&files, request).await;
    let is_good = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, if is_good && is_immutable(&path) { FOR_EVER } else { NEVER });
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

async fn file(files: &ServeDir, request: Request) -> Response {
    match files.clone().try_call(request).await {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => not_here(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the file is now; `ServeDir` knows no `If-Range`.
async fn etag(files: &ServeDir, uri: Uri) -> Option<HeaderValue> {
    let mut look = Request::new(Body::empty());
    *look.method_mut() = Method::HEAD;
    *look.uri_mut() = uri;
    file(files, look).await.headers().get(header::ETAG).cloned()
}

/// What is not here now may come.
fn not_here() -> Response {
    (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, NEVER)], "not here\n").into_response()
}

/// Whether this is the name of something that a reference hands out: files of
/// `metadata/` and `targets/`, objects, and the page; nothing else, `publisher/` least.
fn is_served(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let is_name = |name: &str| names::is_file_name(name) && !name.ends_with(".tmp");
    match parts[..] {
        [""] | [names::INDEX] => true,
        [names::METADATA | names::TARGETS, name] => is_name(name),
        [names::OBJECTS, shelf, name] => shelf.len() == 2 && is_name(shelf) && is_name(name),
        _ => false,
    }
}

fn is_immutable(path: &str) -> bool {
    !matches!(path, "/" | "/index.html" | "/metadata/timestamp.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_a_reference_is_handed_out() {
        let digest = "ab".repeat(32);
        for path in [
            "/",
            "/index.html",
            "/metadata/1.root.json",
            "/metadata/timestamp.json",
            &format!("/targets/{digest}.shop-1-ba7816bf8f01.manifest.json.zst"),
            &format!("/objects/ab/{digest}.zst"),
        ] {
            assert!(is_served(path), "{path}");
        }
        for path in [
            "/publisher/lock",
            "/publisher/drafts/x.json",
            "/metadata",
            "/metadata/",
            "/metadata/.1.root.json",
            "/metadata/../publisher/lock",
            "/metadata/%2e%2e/publisher/lock",
            "/metadata/..",
            "/metadata/timestamp.json.tmp",
            "/targets/a/b",
            "/targets/a%2fb",
            "/objects/ab",
            "/objects/../x",
            "/objects/abc/x",
            "/entracte.toml",
            "/index.html/x",
        ] {
            assert!(!is_served(path), "{path}");
        }
        assert!(is_immutable("/metadata/2.root.json") && !is_immutable("/metadata/timestamp.json"));
    }
}
