//! An HTTP server on one address, with TLS where a certificate is given.
//! `async` ends here: whoever hosts something waits until it is over.

use std::io;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::signal::Interrupt;
use crate::sys::web_door::Door;

/// How long transfers go on after Ctrl-C.
const LAST_SECONDS: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
/// Who does not say what is wanted within this time is hung up on.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest record of TLS: three packets or so.
const RECORD: usize = 4 << 10;
const MAX_HEAD_BYTES: usize = 64 << 10;

/// A certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum WebServerError {
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

impl Fault for WebServerError {
    fn exit(&self) -> Exit {
        match self {
            WebServerError::Certificate { .. } => Exit::Refused,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            WebServerError::Listen { .. } => vec!["`--listen 127.0.0.1:0` takes any free port".into()],
            WebServerError::Certificate { .. } => {
                vec![
                    "both files are PEM: the certificate with those that vouch for it, and its private key"
                        .into(),
                ]
            }
            WebServerError::Io(error) => error.hints(),
            WebServerError::Ended(_) => Vec::new(),
        }
    }
}

/// Takes an address and has not answered anybody yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    /// Where it listens, with the port that was free.
    pub address: SocketAddr,
    tls: Option<RustlsConfig>,
}

impl Server {
    pub fn bind(address: SocketAddr, certificate: Option<&Certificate>) -> Result<Server, WebServerError> {
        let tls = certificate.map(tls).transpose()?;
        let failed = |source| WebServerError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { listener, address, tls })
    }

    /// `scheme://address/`
    pub fn url(&self) -> String {
        format!("{}://{}/", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// Answers until `interrupt`.
    pub fn host(self, router: Router, interrupt: &Interrupt) -> Result<(), WebServerError> {
        let Server { listener, address, tls } = self;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|source| WebServerError::Listen { address, source })?;
        let handle = Handle::new();
        let stop = handle.clone();
        let server = runtime.spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let door = Door::default();
            match tls {
                Some(tls) => {
                    let acceptor = RustlsAcceptor::new(tls).acceptor(door);
                    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor);
                    limit(server.http_builder());
                    server.handle(handle).serve(service).await
                }
                None => {
                    let mut server = axum_server::from_tcp(listener)?.acceptor(door).http1_only();
                    limit(server.http_builder());
                    server.handle(handle).serve(service).await
                }
            }
        });
        while !interrupt.is_set() && !server.is_finished() {
            clock::sleep(LOOK);
        }
        stop.graceful_shutdown(Some(LAST_SECONDS));
        let ended = runtime.block_on(server).unwrap_or_else(|error| Err(io::Error::other(error)));
        // Who still follows something does not keep the program from ending.
        runtime.shutdown_background();
        ended.map_err(WebServerError::Ended)
    }
}

/// Nobody holds a connection by saying little, or much.
fn limit(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD_BYTES);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEAD_BYTES as u32);
}

fn tls(certificate: &Certificate) -> Result<RustlsConfig, WebServerError> {
    let failed = |path: &Path, source: Box<dyn std::error::Error + Send + Sync>| {
        WebServerError::Certificate { path: fs::shown(path), source }
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
