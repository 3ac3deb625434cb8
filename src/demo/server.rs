//! The demo's web server: it renders the site's pages, and knows the gate as a
//! real server does that was told about it once.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;

use crate::demo::pages;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// What the server looks at on every request.
#[derive(Clone, Debug)]
pub struct Served {
    pub site: PathBuf,
    /// The state folder, which is there once the site is adopted.
    pub state: PathBuf,
}

/// A running server; it ends with the process.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
}

impl Server {
    /// Serves on loopback; port 0 is any free one.
    pub fn start(served: Served, port: u16) -> Result<Server, IoError> {
        let failed = |source| IoError::new("serve on loopback port", port.to_string(), source);
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(failed)?;
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let router = Router::new().fallback(answer).with_state(Arc::new(served));
                // It serves until the process ends.
                let _ = axum::serve(listener, router).await;
            });
        });
        Ok(Server { address })
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
    // Files and SQLite block, so they get a thread that may.
    let answered = tokio::task::spawn_blocking(move || behind_gate(&served, &path, &headers)).await;
    answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn behind_gate(served: &Served, path: &str, headers: &HeaderMap) -> Response {
    let pass = fs::read_text(&served.state.join("gate-pass"), 100).unwrap_or_default();
    let carries = |name: &str| {
        let given = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        !given.is_empty() && given == pass.trim()
    };
    if carries("X-Entracte-Probe") {
        return (StatusCode::SERVICE_UNAVAILABLE, [("X-Entracte", "gate")]).into_response();
    }
    let closed = fs::exists(&served.state.join("gate/closed"));
    match closed && !carries("X-Entracte-Pass") {
        true => closed_page(served),
        false => page(&served.site, path),
    }
}

fn closed_page(served: &Served) -> Response {
    let page = fs::read(&served.state.join("gate/closed.html")).unwrap_or_default();
    let headers = [
        (header::RETRY_AFTER.as_str(), "5"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        (header::CONTENT_TYPE.as_str(), "text/html; charset=utf-8"),
        ("X-Entracte", "closed"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, Body::from(page)).into_response()
}

fn page(site: &Path, path: &str) -> Response {
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    if path == "/static/style.css" {
        let style = fs::read(&site.join("static/style.css")).unwrap_or_default();
        return ([(header::CONTENT_TYPE, "text/css")], style).into_response();
    }
    match pages::render(site, path) {
        Ok(Some(page)) => (html, page).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, html, "<!doctype html><title>Not here</title>").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
