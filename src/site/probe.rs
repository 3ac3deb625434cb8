//! Asks a site over HTTP, as a visitor or with the operator's pass.
//!
//! The only file of the room that knows the HTTP client.

use std::io::Read;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Method;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::Response;
use reqwest::header::HeaderMap;
use reqwest::tls::TlsInfo;
use url::Url;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;
use crate::base::version::VERSION;
use crate::site::certificate;
use crate::site::gate::page::PAGE_MARK;
use crate::site::gate::token::MARK_HEADER;
use crate::site::gate::token::PASS_COOKIE;
use crate::site::gate::token::PASS_HEADER;
use crate::site::gate::token::PROBE_HEADER;
use crate::sys::clock::Stopwatch;

/// Most bytes of an answer that are read.
const MAX_BODY: u64 = 2 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(45);
const MAX_REDIRECTS: usize = 5;

/// An HTTP client for one's own site.
#[derive(Clone, Debug)]
pub struct Probe {
    client: Client,
}

/// What a site answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// Where the answer came from, after redirects on the same host.
    pub url: Url,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// A gate of ours answered, not the application.
    pub closed_by_us: bool,
    /// A gate answered a request that asked it to show itself.
    pub gate_shows: bool,
    pub no_store: bool,
    pub title: Option<String>,
    /// Bytes of the body, at most 2 MiB.
    pub bytes: u64,
    /// The body as text, as far as it was read.
    pub body: String,
    /// Where a redirect that was not followed leads.
    pub location: Option<String>,
    /// What the web server says it is.
    pub server: Option<String>,
    pub took: Duration,
    /// By the server's clock.
    pub date: Option<Timestamp>,
    /// When the server's certificate expires, where one was shown.
    pub certificate_ends: Option<Timestamp>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    #[error("failed to make the HTTP client")]
    Client {
        #[source]
        source: reqwest::Error,
    },
    #[error("the certificate of {url} is not trusted")]
    Certificate {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("nothing answers at {url}")]
    Connect {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("failed to get {url}")]
    Get {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("failed to read the answer of {url}")]
    Read {
        url: String,
        #[source]
        source: std::io::Error,
    },
    #[error("{url} is not an http or https URL")]
    Scheme { url: String },
}

impl Fault for ProbeError {
    fn exit(&self) -> Exit {
        match self {
            ProbeError::Scheme { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ProbeError::Certificate { .. } => vec![
                "install the issuer's certificate on this machine, or set the site's URL to one that reaches it \
                 over http on loopback"
                    .into(),
            ],
            ProbeError::Connect { .. } => {
                vec!["is the web server running, and can this machine reach itself by that name?".into()]
            }
            ProbeError::Get { .. } | ProbeError::Read { .. } => {
                vec!["does the web server answer there, and in time?".into()]
            }
            _ => Vec::new(),
        }
    }
}

impl Probe {
    pub fn new() -> Result<Probe, ProbeError> {
        let same_host = reqwest::redirect::Policy::custom(|attempt| {
            let first = attempt.previous().first();
            let stays = first.is_some_and(|first| first.host_str() == attempt.url().host_str());
            if attempt.previous().len() > MAX_REDIRECTS || !stays { attempt.stop() } else { attempt.follow() }
        });
        let client = Client::builder()
            .redirect(same_host)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            // A proxy on the way could answer from its cache.
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_info(true)
            .user_agent(format!("entracte/{VERSION}"))
            .build()
            .map_err(|source| ProbeError::Client { source })?;
        Ok(Probe { client })
    }

    /// Asks for a page, following redirects on the same host.
    pub fn get(&self, url: &Url, pass: Option<&Secret>) -> Result<Answer, ProbeError> {
        let mut request = self.request(url)?;
        if let Some(pass) = pass {
            request = request
                .header(PASS_HEADER, pass.reveal())
                .header("Cookie", format!("{PASS_COOKIE}={}", pass.reveal()));
        }
        answer(request, url)
    }

    /// Asks an open gate that stands in the server's configuration to show itself.
    pub fn gate_is_installed(&self, url: &Url, pass: &Secret) -> Result<bool, ProbeError> {
        let answer = answer(self.request(url)?.header(PROBE_HEADER, pass.reveal()), url)?;
        Ok(answer.status == 503 && answer.gate_shows)
    }

    /// Whether a file of ours can be fetched: `canary` is what it holds,
    /// `relative` where it would stand below `base`.
    pub fn is_exposed(&self, base: &Url, relative: &str, canary: &str) -> Result<bool, ProbeError> {
        let url = base.join(relative).map_err(|_| ProbeError::Scheme { url: shown(base) })?;
        Ok(self.get(&url, None)?.body.contains(canary))
    }

    fn request(&self, url: &Url) -> Result<RequestBuilder, ProbeError> {
        match url.scheme() {
            "http" | "https" => Ok(self
                .client
                .request(Method::GET, url.clone())
                .header("Cache-Control", "no-cache")
                .header("Accept-Language", "en")),
            _ => Err(ProbeError::Scheme { url: shown(url) }),
        }
    }
}

fn answer(request: RequestBuilder, url: &Url) -> Result<Answer, ProbeError> {
    let watch = Stopwatch::start();
    let response = request.send().map_err(|source| send_error(url, source))?;
    let headers = response.headers().clone();
    let shown = response.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    let certificate_ends = shown.and_then(certificate::not_after);
    let (status, from) = (response.status().as_u16(), response.url().clone());
    let body = read_body(response, url)?;
    let says = header(&headers, MARK_HEADER);
    let text = String::from_utf8_lossy(&body);
    Ok(Answer {
        status,
        retry_after: header(&headers, "Retry-After").and_then(|value| value.trim().parse().ok()),
        closed_by_us: status == 503
            && (says.as_deref() == Some("closed") || text.trim_end().ends_with(PAGE_MARK)),
        gate_shows: says.as_deref() == Some("gate"),
        no_store: header(&headers, "Cache-Control").is_some_and(|value| value.contains("no-store")),
        title: title(&text),
        bytes: body.len() as u64,
        location: header(&headers, "Location").map(|value| escape::text(&value).into_owned()),
        server: header(&headers, "Server").map(|value| escape::text(&value).into_owned()),
        body: text.into_owned(),
        url: from,
        took: watch.elapsed(),
        date: header(&headers, "Date")
            .and_then(|date| rfc2822::parse(&date).ok())
            .map(|date| date.timestamp()),
        certificate_ends,
    })
}

fn read_body(response: Response, url: &Url) -> Result<Vec<u8>, ProbeError> {
    let mut body = Vec::new();
    response
        .take(MAX_BODY)
        .read_to_end(&mut body)
        .map_err(|source| ProbeError::Read { url: shown(url), source })?;
    Ok(body)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn send_error(url: &Url, error: reqwest::Error) -> ProbeError {
    let url = shown(url);
    // The URL stands in our own message; it could hold a password.
    let source = error.without_url();
    let causes = crate::base::exit::causes(&source).join(" ").to_ascii_lowercase();
    match source {
        source if causes.contains("certificate") || causes.contains("unknownissuer") => {
            ProbeError::Certificate { url, source }
        }
        source if source.is_connect() => ProbeError::Connect { url, source },
        source => ProbeError::Get { url, source },
    }
}

/// The URL for people, without the password it may hold.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have a password.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    escape::text(url.as_str()).into_owned()
}

/// What stands in `<title>`, blanks joined, at most 200 characters.
fn title(html: &str) -> Option<String> {
    let start = find_ignoring_case(html, "<title")?;
    let open = html[start..].find('>')? + start + 1;
    let length = find_ignoring_case(&html[open..], "</title")?;
    let words: Vec<&str> = html[open..open + length].split_whitespace().collect();
    let title: String = escape::text(&words.join(" ")).chars().take(200).collect();
    (!title.is_empty()).then_some(title)
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let wanted = wanted.as_bytes();
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::BufRead;
    use std::io::BufReader;
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    /// A server of one thread that answers every path by `respond`; it ends with the test.
    pub(crate) fn serve(respond: impl Fn(&str) -> String + Send + 'static) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                let _ = stream.write_all(respond(&head).as_bytes());
            }
        });
        url
    }

    pub(crate) fn reply(status: &str, headers: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn pass() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn redirects_are_followed_on_the_same_host_only() {
        let url = serve(|head| match head {
            head if head.starts_with("GET /in ") => reply("302 Found", "Location: /home\r\n", ""),
            head if head.starts_with("GET /out ") => {
                reply("302 Found", "Location: http://elsewhere.invalid/\r\n", "")
            }
            head if head.starts_with("GET /loop ") => reply("302 Found", "Location: /loop\r\n", ""),
            _ => reply("200 OK", "", "<TITLE lang=en>A\n  b</TITLE>"),
        });
        let probe = Probe::new().unwrap();
        let home = probe.get(&url.join("in").unwrap(), None).unwrap();
        assert_eq!((home.status, home.title.as_deref(), home.url.path()), (200, Some("A b"), "/home"));
        let out = probe.get(&url.join("out").unwrap(), Some(&pass())).unwrap();
        assert_eq!((out.status, out.location.as_deref()), (302, Some("http://elsewhere.invalid/")));
        assert_eq!(probe.get(&url.join("loop").unwrap(), None).unwrap().status, 302);
    }

    #[test]
    fn a_page_is_known_as_ours_without_headers() {
        let url = serve(|_| reply("503 Service Unavailable", "", &format!("<p>\n{PAGE_MARK}\n")));
        assert!(Probe::new().unwrap().get(&url, None).unwrap().closed_by_us);
    }

    #[test]
    fn a_canary_that_can_be_fetched_is_exposed() {
        let url = serve(|head| match head.starts_with("GET /state/canary ") {
            true => reply("200 OK", "", "c0ffee"),
            false => reply("404 Not Found", "", "no"),
        });
        let probe = Probe::new().unwrap();
        assert!(probe.is_exposed(&url, "state/canary", "c0ffee").unwrap());
        assert!(!probe.is_exposed(&url, "other", "c0ffee").unwrap());
    }

    #[test]
    fn errors_name_the_url_without_its_password() {
        let url = Url::parse("http://user:secret@127.0.0.1:1/").unwrap();
        let error = Probe::new().unwrap().get(&url, None).unwrap_err();
        assert_eq!(error.to_string(), "nothing answers at http://127.0.0.1:1/");
        assert!(!crate::base::exit::causes(&error).join(" ").contains("secret"));
        let odd = Url::parse("ftp://127.0.0.1/").unwrap();
        assert_eq!(Probe::new().unwrap().get(&odd, None).unwrap_err().exit(), Exit::Usage);
    }
}
