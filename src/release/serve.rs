//! A reference handed out over HTTP, to try it out: what any web server would
//! do, with the headers that `docs/reference.md` asks for. `async` ends here.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

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
use tower_http::services::ServeDir;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::reference::names;
use crate::sys::fs;
use crate::sys::signal::Interrupt;
use crate::sys::web_server::Certificate;
use crate::sys::web_server::Server;
use crate::sys::web_server::WebServerError;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NEVER: HeaderValue = HeaderValue::from_static("no-cache");
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("there is no reference in {path}")]
    NoReference { path: String },
    #[error(transparent)]
    Server(#[from] WebServerError),
}

impl Fault for ServeError {
    fn exit(&self) -> Exit {
        match self {
            ServeError::NoReference { .. } => Exit::Refused,
            ServeError::Server(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ServeError::NoReference { .. } => vec!["`entracte publish` makes one".into()],
            ServeError::Server(error) => error.hints(),
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
    let server = Server::bind(address, certificate)?;
    started(&server.url());
    Ok(server.host(router(folder, interrupt), interrupt)?)
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
