//! What is proven before any page's function sees a question: that it was asked
//! of this console, by this console's own pages, and by whom.

use std::net::IpAddr;
use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use url::Url;

use crate::app::console::tokens::Token;
use crate::base::secret::Secret;
use crate::console::Console;
use crate::console::ask::Fields;
use crate::console::routes::Api;
use crate::console::routes::Method;
use crate::console::routes::Route;
use crate::console::routes::Takes;
use crate::console::session::Session;

const MAX_HEAD_BYTES: usize = 32 << 10;

/// Under which addresses people reach the console.
#[derive(Clone, Debug)]
pub struct Address {
    scheme: &'static str,
    /// As in the `Host` header; the first is the console's own.
    hosts: Vec<String>,
    /// Cookies know no ports, so that two consoles of one machine need two names.
    cookie: String,
    has_proxy: bool,
}

impl Address {
    pub fn new(bound: SocketAddr, has_tls: bool, public: Option<&Url>) -> Address {
        let port = bound.port();
        let mut hosts: Vec<String> = Vec::new();
        let mut scheme = if has_tls { "https" } else { "http" };
        if let Some(url) = public {
            scheme = if url.scheme() == "https" { "https" } else { "http" };
            let host = url.host_str().unwrap_or_default().to_owned();
            hosts.push(url.port().map_or(host.clone(), |port| format!("{host}:{port}")));
        } else {
            hosts.push(bound.to_string());
            if bound.ip().is_loopback() {
                hosts.push(format!("localhost:{port}"));
            }
        }
        let prefix = if scheme == "https" { "__Host-" } else { "" };
        Address { scheme, hosts, cookie: format!("{prefix}entracte-{port}"), has_proxy: public.is_some() }
    }

    /// `scheme://host/`
    pub fn own(&self) -> String {
        format!("{}://{}/", self.scheme, self.hosts.first().map(String::as_str).unwrap_or_default())
    }
}

/// Why a question is not let through.
pub type Refusal = (StatusCode, &'static str);

/// Servers read on for a while before they say that a head is too long.
pub fn is_modest(target: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let target = target.path_and_query().map_or(0, |target| target.as_str().len());
    match fields + target > MAX_HEAD_BYTES {
        true => Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "common.refused_head")),
        false => Ok(()),
    }
}

/// Whether the question came to one of the console's own names, whole.
pub fn is_addressed(address: &Address, host: Option<&str>) -> Result<(), Refusal> {
    match host.is_some_and(|host| address.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))) {
        true => Ok(()),
        false => Err((StatusCode::MISDIRECTED_REQUEST, "common.refused_host")),
    }
}

/// Whether a change was asked for by one of the console's own pages. `host` is
/// one of the console's own.
pub fn is_from_here(address: &Address, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let origin_is_own = header("origin")
        .is_some_and(|origin| origin.eq_ignore_ascii_case(&format!("{}://{host}", address.scheme)));
    let site_is_own = header("sec-fetch-site").is_none_or(|site| site == "same-origin");
    match origin_is_own && site_is_own {
        true => Ok(()),
        false => Err((StatusCode::FORBIDDEN, "common.refused_origin")),
    }
}

/// Whether the body is one that this address takes, as far as its announcement
/// says, before any of it is read. A form always says how long it is: what
/// comes in chunks is no browser's, and what says both is two requests to some.
pub fn is_framed(route: &Route, headers: &HeaderMap) -> Result<(), Refusal> {
    let is_chunked = headers.contains_key(header::TRANSFER_ENCODING);
    let length = headers.get(header::CONTENT_LENGTH);
    let most = route.takes.most();
    if is_chunked && (length.is_some() || most.is_some()) {
        return Err((StatusCode::BAD_REQUEST, "common.refused_framing"));
    }
    match (most, announced(headers)) {
        (Some(most), Some(length)) if length > most as u64 => Err(too_much(route)),
        _ => Ok(()),
    }
}

/// How many bytes are to come, where that is said.
pub fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub fn too_much(route: &Route) -> Refusal {
    let key = if route.takes == Takes::LongForm { "common.refused_long" } else { "common.refused_size" };
    (StatusCode::PAYLOAD_TOO_LARGE, key)
}

/// Who may not even look is sent to the door.
pub fn is_allowed(route: &Route, session: Option<&Session>) -> Result<(), Refusal> {
    match (route.needs, session) {
        (None, _) => Ok(()),
        (Some(_), None) => Err((StatusCode::UNAUTHORIZED, "common.refused_session")),
        (Some(needed), Some(session)) if session.role >= needed => Ok(()),
        (Some(_), Some(_)) => Err((StatusCode::FORBIDDEN, "common.refused_role")),
    }
}

/// Whether a change carries the token that only the session's own pages know.
pub fn carries_token(route: &Route, session: Option<&Session>, token: &str) -> Result<(), Refusal> {
    match (route.method, session) {
        (Method::Get, _) | (_, None) => Ok(()),
        (_, Some(session)) if session.carries(token) => Ok(()),
        (_, Some(_)) => Err((StatusCode::FORBIDDEN, "common.refused_token")),
    }
}

/// Programs say no `Origin`: only a page would, and none may speak for its visitor here.
pub fn is_from_no_page(headers: &HeaderMap) -> Result<(), Refusal> {
    let comes_from_page = ["origin", "sec-fetch-site"].iter().any(|name| headers.contains_key(*name));
    match comes_from_page {
        false => Ok(()),
        true => Err((StatusCode::FORBIDDEN, "api.refused_page")),
    }
}

/// Whether the bearer of `token` may ask for it.
pub fn may_call(api: &Api, token: Option<&Token>) -> Result<(), Refusal> {
    match (api.scope, token) {
        (None, _) => Ok(()),
        (Some(_), None) => Err((StatusCode::UNAUTHORIZED, "api.refused_bearer")),
        (Some(scope), Some(token)) if token.may(scope) => Ok(()),
        (Some(_), Some(_)) => Err((StatusCode::FORBIDDEN, "api.refused_scope")),
    }
}

/// The one token that was sent.
pub fn bearer_of(headers: &HeaderMap) -> Option<Secret> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (only, None) = (sent.next()?, sent.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(token.trim()))
}

/// From where somebody asks. A proxy stands on this machine or beside it, and
/// the last address that it names is the one that it saw itself: what comes
/// before that, anybody can write. `None` where it names nobody, since one
/// person's wrong tries are not everybody's.
pub fn address_of(console: &Console, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if !console.address.has_proxy || !is_near(peer.to_canonical()) {
        return Some(peer);
    }
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

fn is_near(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    }
}

/// What the browser brought of ours.
pub fn cookie_of(console: &Console, headers: &HeaderMap) -> Option<Secret> {
    let mut pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == console.address.cookie).map(|(_, value)| Secret::new(value))
}

/// Lets the browser in.
pub fn cookie(console: &Console, id: &Secret) -> String {
    set_cookie(console, id.reveal(), 12 * 3600)
}

/// Sends it away.
pub fn no_cookie(console: &Console) -> String {
    set_cookie(console, "", 0)
}

fn set_cookie(console: &Console, value: &str, seconds: u32) -> String {
    let Address { scheme, cookie, .. } = &console.address;
    let secure = if *scheme == "https" { "; Secure" } else { "" };
    format!("{cookie}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

/// `path` where it is an address of this console, else its front page.
pub fn within(path: &str) -> String {
    let is_own = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { path.into() } else { "/".into() }
}

/// The headers that pages' functions may look at.
pub fn fields(headers: &HeaderMap) -> Fields {
    let pairs = headers.iter().filter(|(name, _)| *name != header::COOKIE && *name != header::AUTHORIZATION);
    Fields::new(pairs.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_names_are_answered() {
        let loopback = Address::new("127.0.0.1:8080".parse().unwrap(), false, None);
        let public = Url::parse("https://admin.example.org/").unwrap();
        let proxied = Address::new("127.0.0.1:8080".parse().unwrap(), false, Some(&public));
        for (address, host, is_own) in [
            (&loopback, Some("127.0.0.1:8080"), true),
            (&loopback, Some("localhost:8080"), true),
            (&loopback, Some("LOCALHOST:8080"), true),
            (&loopback, Some("localhost"), false),
            (&loopback, Some("127.0.0.1:8081"), false),
            (&loopback, Some("evil.example:8080"), false),
            (&loopback, Some("localhost:8080.evil.example"), false),
            (&loopback, None, false),
            (&proxied, Some("admin.example.org"), true),
            (&proxied, Some("127.0.0.1:8080"), false),
        ] {
            assert_eq!(is_addressed(address, host).is_ok(), is_own, "{host:?}");
        }
        assert_eq!(proxied.own(), "https://admin.example.org/");
        assert_eq!(proxied.cookie, "__Host-entracte-8080");
    }

    #[test]
    fn changes_come_from_its_own_pages() {
        let address = Address::new("127.0.0.1:8080".parse().unwrap(), false, None);
        for (origin, site, is_own) in [
            (Some("http://localhost:8080"), None, true),
            (Some("http://localhost:8080"), Some("same-origin"), true),
            (Some("http://localhost:8080"), Some("same-site"), false),
            (Some("http://127.0.0.1:8080"), None, false),
            (Some("https://localhost:8080"), None, false),
            (Some("http://evil.example"), Some("cross-site"), false),
            (Some("null"), None, false),
            (None, None, false),
            (None, Some("same-origin"), false),
        ] {
            let mut headers = HeaderMap::new();
            origin.map(|origin| headers.insert("origin", origin.parse().unwrap()));
            site.map(|site| headers.insert("sec-fetch-site", site.parse().unwrap()));
            assert_eq!(
                is_from_here(&address, &headers, "localhost:8080").is_ok(),
                is_own,
                "{origin:?} {site:?}"
            );
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (path, to) in [
            ("/sites/x?a=b", "/sites/x?a=b"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(within(path), to);
        }
    }
}
