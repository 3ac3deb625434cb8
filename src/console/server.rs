//! Between HTTP and the pages' functions. `async` ends here: every function
//! runs on a thread that may wait.

pub(super) mod body;

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::extract::RawPathParams;
use axum::extract::Request;
use axum::extract::State;
use axum::extract::rejection::RawPathParamsRejection;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::Version;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::base::secret::Secret;
use crate::console::Console;
use crate::console::api;
use crate::console::ask::Ask;
use crate::console::ask::Fields;
use crate::console::guard;
use crate::console::guard::Refusal;
use crate::console::parts;
use crate::console::reply::Reply;
use crate::console::reply::Stream;
use crate::console::routes;
use crate::console::routes::Method;
use crate::console::routes::Route;
use crate::console::routes::Takes;
use crate::console::server::body::Incoming;
use crate::console::session::Session;
use crate::console::words::Language;
use crate::console::words::Words;
use crate::console::wrong;

pub(super) const NOWHERE: Refusal = (StatusCode::NOT_FOUND, "common.refused_nowhere");
/// There is something here, for other methods: the router names them.
const OTHERWISE: Refusal = (StatusCode::METHOD_NOT_ALLOWED, "common.refused_method");

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub fn router(console: Console) -> Router {
    let mut router = Router::new();
    for route in routes::all() {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
        };
        let serve = move |State(console): State<Arc<Console>>, parts: Parsed, request: Request| {
            // An address that is no text is none of ours.
            let known = parts.as_ref().map(|_| route).map_err(|_| NOWHERE);
            answer(console, known, parts.map(|parts| fields(&parts)).unwrap_or_default(), request)
        };
        router = router.route(route.path, on(filter, serve));
    }
    let nowhere = |State(console): State<Arc<Console>>, request: Request| {
        answer(console, Err(NOWHERE), Fields::default(), request)
    };
    let otherwise = |State(console): State<Arc<Console>>, request: Request| {
        answer(console, Err(OTHERWISE), Fields::default(), request)
    };
    router.fallback(nowhere).method_not_allowed_fallback(otherwise).with_state(Arc::new(console))
}

type Parsed = Result<RawPathParams, RawPathParamsRejection>;

fn fields(parts: &RawPathParams) -> Fields {
    Fields::new(parts.iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// Guards, reads, asks the page's function, and dresses what it says.
async fn answer(
    console: Arc<Console>,
    route: Result<Route, Refusal>,
    parts: Fields,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let length = guard::announced(&head.headers).unwrap_or_default();
    let is_chunked = head.headers.contains_key(header::TRANSFER_ENCODING);
    let is_one_by_one = head.version <= Version::HTTP_11;
    let mut response = match api::is_api(head.uri.path()) {
        true => api::serve(console, route, parts, head, body).await,
        false => page(console, route, parts, head, body).await,
    };
    let status = response.status();
    let may_be_unheard = length > 0 && (status.is_client_error() || status.is_server_error());
    if is_one_by_one && (is_chunked || may_be_unheard) {
        // What is left of it, or what another server on the way took for a second request, is none.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    protect(response.headers_mut());
    response
}

async fn page(
    console: Arc<Console>,
    route: Result<Route, Refusal>,
    parts: Fields,
    head: Parts,
    body: Body,
) -> Response {
    let (asking, headers) = (Arc::clone(&console), head.headers.clone());
    let asker = spawn_blocking(move || Asker::of(&asking, &headers)).await.unwrap_or_default();
    match prepared(&console, route, &asker, &head, body).await {
        Ok((route, form, body)) => {
            let question = Question {
                parts,
                form,
                body,
                query: query(&head),
                headers: guard::fields(&head.headers),
                address: address(&console, &head),
            };
            answered(console, route, asker, question).await
        }
        Err((StatusCode::UNAUTHORIZED, _)) if !is_change(&head) => see("/enter", None),
        Err(refusal) => refused(console, asker, refusal).await,
    }
}

/// A page's function that panics breaks its own page and nothing else.
async fn answered(console: Arc<Console>, route: Route, asker: Asker, question: Question) -> Response {
    let nobody = Asker { cookie: None, session: None, words: asker.words };
    let asking = Arc::clone(&console);
    match spawn_blocking(move || ask(&asking, route, asker, question)).await {
        Ok(response) => response,
        Err(_) => {
            refused(console, nobody, (StatusCode::INTERNAL_SERVER_ERROR, "common.refused_broken")).await
        }
    }
}

async fn refused(console: Arc<Console>, asker: Asker, refusal: Refusal) -> Response {
    let refused = spawn_blocking(move || dressed(wrong::refused(&console, &asker, refusal))).await;
    refused.unwrap_or_else(|_| refusal.0.into_response())
}

fn is_change(head: &Parts) -> bool {
    head.method != axum::http::Method::GET && head.method != axum::http::Method::HEAD
}

fn address(console: &Console, head: &Parts) -> Option<IpAddr> {
    let ConnectInfo(peer) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
    guard::address_of(console, peer.ip(), &head.headers)
}

/// Who asks, as far as the cookie says.
#[derive(Default)]
pub struct Asker {
    pub cookie: Option<Secret>,
    pub session: Option<Session>,
    pub words: Words,
}

impl Asker {
    fn of(console: &Console, headers: &HeaderMap) -> Asker {
        let cookie = guard::cookie_of(console, headers);
        let session = cookie.as_ref().and_then(|cookie| console.session(cookie.reveal()));
        let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let language = session.as_ref().and_then(|session| session.language);
        let language = language.or_else(|| Language::preferred(header?)).unwrap_or_default();
        Asker { cookie, session, words: Words(language) }
    }
}

type Prepared = (Route, Fields, Box<dyn Read + Send>);

async fn prepared(
    console: &Console,
    route: Result<Route, Refusal>,
    asker: &Asker,
    head: &Parts,
    body: Body,
) -> Result<Prepared, Refusal> {
    guard::is_modest(&head.uri, &head.headers)?;
    let host = host(head);
    guard::is_addressed(&console.address, host)?;
    if is_change(head) {
        guard::is_from_here(&console.address, &head.headers, host.unwrap_or_default())?;
    }
    let route = route?;
    let body = body::framed(&route, &head.headers, body, asker.session.is_some()).await?;
    let session = asker.session.as_ref();
    guard::is_allowed(&route, session)?;
    if route.takes == Takes::Stream {
        let token = head.headers.get("x-entracte-token").and_then(|value| value.to_str().ok());
        guard::carries_token(&route, session, token.unwrap_or_default())?;
        return Ok((route, Fields::default(), Box::new(Incoming::of(body))));
    }
    if route.takes == Takes::Parts {
        // Its token stands in its first fields, and is looked at when they are read.
        return Ok((route, Fields::default(), Box::new(Incoming::of(body))));
    }
    let form = Fields::parse(&body::whole(&route, body).await?);
    guard::carries_token(&route, session, form.get("token"))?;
    Ok((route, form, Box::new(io::empty())))
}

/// The one host that the question names; `None` where it names two, or none.
pub(super) fn host(head: &Parts) -> Option<&str> {
    let mut named = head.headers.get_all(header::HOST).iter();
    let header = named.next().and_then(|value| value.to_str().ok());
    let authority = head.uri.authority().map(|authority| authority.as_str());
    match (named.next(), header, authority) {
        (Some(_), ..) => None,
        (None, Some(header), Some(authority)) if header != authority => None,
        (None, header, authority) => header.or(authority),
    }
}

pub(super) fn query(head: &Parts) -> Fields {
    Fields::parse(head.uri.query().unwrap_or_default().as_bytes())
}

struct Question {
    parts: Fields,
    query: Fields,
    form: Fields,
    body: Box<dyn Read + Send>,
    headers: Fields,
    address: Option<IpAddr>,
}

fn ask(console: &Console, route: Route, asker: Asker, question: Question) -> Response {
    let Question { parts, query, form, body, headers, address } = question;
    let Asker { cookie, session, words } = asker;
    let mut ask =
        Ask { console, session, cookie, program: None, words, address, parts, query, form, body, headers };
    if route.takes == Takes::Parts
        && let Err(refusal) = opened(&mut ask, &route)
    {
        let asker = Asker { cookie: ask.cookie, session: ask.session, words };
        return dressed(wrong::refused(console, &asker, refusal));
    }
    let answered = (route.answer)(&mut ask);
    dressed(answered.unwrap_or_else(|why| wrong::told(&ask, &why)))
}

/// Reads the fields before the file, and proves that the form is ours.
fn opened(ask: &mut Ask, route: &Route) -> Result<(), Refusal> {
    parts::open(ask).map_err(|_| (StatusCode::BAD_REQUEST, "common.refused_form"))?;
    guard::carries_token(route, ask.session.as_ref(), ask.form.get("token"))
}

pub(super) fn dressed(reply: Reply) -> Response {
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    match reply {
        Reply::Page(page) => (html, page).into_response(),
        Reply::PageWith(status, page) => (status, html, page).into_response(),
        Reply::Later { seconds, page } => {
            let later = [(header::RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, html, later, page).into_response()
        }
        Reply::See(to) => see(&to, None),
        Reply::SeeWith { to, cookie } => see(&to, Some(&cookie)),
        Reply::Json(status, text) => {
            (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Reply::Asset(kind, bytes) => {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, bytes).into_response()
        }
        Reply::Stream(stream) => streamed(stream),
    }
}

fn see(to: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let mut set = |name, value: &str| {
        HeaderValue::from_str(value).map(|value| response.headers_mut().insert(name, value))
    };
    // What is no header's value leads nowhere.
    let _ = set(header::LOCATION, to);
    if let Some(cookie) = cookie {
        let _ = set(header::SET_COOKIE, cookie);
    }
    response
}

fn protect(headers: &mut HeaderMap) {
    let fixed = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // With `no-referrer` browsers say `Origin: null` of the console's own forms.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A page's function writes on its own thread while the browser reads.
fn streamed(stream: Stream) -> Response {
    let Stream { status, headers, write } = stream;
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(8);
    spawn_blocking(move || {
        let mut outgoing = Outgoing(sender);
        if let Err(error) = write(&mut outgoing) {
            // Ends the connection, so that half an answer is no whole one.
            let _ = outgoing.0.blocking_send(Err(error));
        }
    });
    let chunks = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let mut response = (status, Body::from_stream(chunks)).into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

struct Outgoing(mpsc::Sender<io::Result<Bytes>>);

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
