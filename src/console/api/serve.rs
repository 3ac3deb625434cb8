//! Between HTTP and the API's functions, beside what serves the pages: another
//! proof of who asks, another kind of body, and JSON for whatever goes wrong.

use std::io;
use std::io::Cursor;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::Response;
use tokio::task::spawn_blocking;

use crate::app::console::tokens;
use crate::app::console::tokens::Token;
use crate::base::secret::Secret;
use crate::console::Console;
use crate::console::api::answer;
use crate::console::api::body as json;
use crate::console::ask::Ask;
use crate::console::ask::Fields;
use crate::console::guard;
use crate::console::guard::Refusal;
use crate::console::routes::Api;
use crate::console::routes::Route;
use crate::console::server;
use crate::console::server::body;
use crate::console::words::Words;

/// Work under way has made room by then, perhaps.
const RETRY_SECONDS: &str = "5";

/// Guards, reads, and asks.
pub async fn serve(
    console: Arc<Console>,
    route: Result<Route, Refusal>,
    parts: Fields,
    head: Parts,
    body: Body,
) -> Response {
    let verb = route.ok().and_then(|route| route.api).map_or("", |api| api.verb);
    let mut response = match prepared(&console, route, &head, body).await {
        Ok((route, token, body)) => {
            let question = Question {
                token,
                parts,
                query: server::query(&head),
                headers: guard::fields(&head.headers),
                body,
            };
            let answered = spawn_blocking(move || ask(&console, route, verb, question)).await;
            answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        Err(refusal) => server::dressed(answer::refused(verb, refusal)),
    };
    let more = match response.status() {
        StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
        StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, RETRY_SECONDS)),
        _ => None,
    };
    if let Some((name, value)) = more {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

type Prepared = (Route, Option<Token>, Vec<u8>);

async fn prepared(
    console: &Arc<Console>,
    route: Result<Route, Refusal>,
    head: &Parts,
    body: Body,
) -> Result<Prepared, Refusal> {
    guard::is_addressed(&console.address, server::host(head))?;
    guard::is_from_no_page(&head.headers)?;
    let route = route?;
    let api = route.api.ok_or(server::NOWHERE)?;
    let body = body::framed(&route, &head.headers, body, false).await?;
    let token = bearer(console, &api, head).await?;
    let bytes = body::whole(&route, body).await?;
    if !bytes.is_empty() {
        json::is_json(head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()))?;
    }
    Ok((route, token, bytes.to_vec()))
}

async fn bearer(console: &Arc<Console>, api: &Api, head: &Parts) -> Result<Option<Token>, Refusal> {
    let token = match guard::bearer_of(&head.headers) {
        None => None,
        Some(bearer) => find(console, bearer).await,
    };
    guard::may_call(api, token.as_ref())?;
    Ok(token)
}

/// Reads a file: not on a thread that serves others.
async fn find(console: &Arc<Console>, bearer: Secret) -> Option<Token> {
    let console = Arc::clone(console);
    let found = spawn_blocking(move || tokens::find(&console.home, bearer.reveal())).await;
    // A file that cannot be read lets nobody in.
    found.ok()?.ok()?
}

struct Question {
    token: Option<Token>,
    parts: Fields,
    query: Fields,
    headers: Fields,
    body: Vec<u8>,
}

fn ask(console: &Console, route: Route, verb: &str, question: Question) -> Response {
    let Question { token, parts, query, headers, body } = question;
    let mut ask = Ask {
        console,
        session: None,
        cookie: None,
        program: token.map(|token| format!("token {} of {}", token.name, token.by)),
        words: Words::default(),
        address: None,
        parts,
        query,
        form: Fields::default(),
        body: if body.is_empty() { Box::new(io::empty()) } else { Box::new(Cursor::new(body)) },
        headers,
    };
    let answered = (route.answer)(&mut ask);
    server::dressed(answered.unwrap_or_else(|why| answer::told(verb, why)))
}
