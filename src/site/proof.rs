//! Proof, by requests, that a site is closed.

use url::Url;

use crate::base::exit::Fault;
use crate::base::secret::Secret;
use crate::site::probe::Answer;
use crate::site::probe::Probe;
use crate::site::probe::ProbeError;
use crate::site::probe::shown;
use crate::sys::random;

/// Why a site that should be closed is not.
#[derive(Debug, thiserror::Error)]
pub enum NotClosed {
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("visitors get {status} at {url}, not the gate's 503")]
    Open { url: String, status: u16 },
    #[error("visitors get a 503 at {url} that is not the gate's")]
    AnotherS503 { url: String },
    #[error("the gate answers at {url} without {missing}")]
    Incomplete { url: String, missing: &'static str },
    #[error("the gate does not let the operator through at {url}")]
    NoPass { url: String },
}

impl Fault for NotClosed {
    fn hints(&self) -> Vec<String> {
        match self {
            NotClosed::Probe(error) => error.hints(),
            NotClosed::Open { .. } => vec![
                "`entracte gate show` says what the web server needs once".into(),
                "a cache or proxy in front may answer in its place: it must not keep pages while the site closes"
                    .into(),
            ],
            NotClosed::AnotherS503 { .. } => vec!["look at the site: something else has closed it".into()],
            NotClosed::Incomplete { .. } => vec!["a proxy in front may take headers away".into()],
            NotClosed::NoPass { .. } => vec!["does something in front take cookies and headers away?".into()],
        }
    }
}

impl Probe {
    /// Proves that visitors find the site closed, at its front page and at an
    /// address that no cache can know, and that the pass gets through.
    pub fn prove_closed(&self, url: &Url, pass: &Secret) -> Result<(), NotClosed> {
        let mut unknown = url.clone();
        unknown.query_pairs_mut().append_pair("entracte", &random::hex(8));
        for url in [url, &unknown] {
            let answer = self.get(url, None)?;
            let url = shown(url);
            match answer {
                Answer { status: 503, closed_by_us: false, .. } => {
                    return Err(NotClosed::AnotherS503 { url });
                }
                Answer { status, .. } if status != 503 => return Err(NotClosed::Open { url, status }),
                Answer { retry_after: None, .. } => {
                    return Err(NotClosed::Incomplete { url, missing: "Retry-After" });
                }
                Answer { no_store: false, .. } => {
                    return Err(NotClosed::Incomplete { url, missing: "Cache-Control: no-store" });
                }
                _ => {}
            }
        }
        match self.get(&unknown, Some(pass))?.closed_by_us {
            true => Err(NotClosed::NoPass { url: shown(url) }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::probe::tests::reply;
    use crate::site::probe::tests::serve;

    fn pass() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn a_site_that_is_not_closed_by_us_is_named_so() {
        let closed = "Retry-After: 60\r\nCache-Control: no-store\r\nX-Entracte: closed\r\n";
        let prove = |visitor: String, operator: String| {
            let url = serve(move |head| {
                let has_pass = head.to_ascii_lowercase().contains("x-entracte-pass");
                if has_pass { operator.clone() } else { visitor.clone() }
            });
            Probe::new().unwrap().prove_closed(&url, &pass())
        };
        let good = || reply("200 OK", "", "home");
        let shut = |headers: &str| reply("503 Service Unavailable", headers, "");
        assert!(prove(shut(closed), good()).is_ok());
        assert!(matches!(prove(good(), good()), Err(NotClosed::Open { status: 200, .. })));
        assert!(matches!(prove(shut("Retry-After: 1\r\n"), good()), Err(NotClosed::AnotherS503 { .. })));
        assert!(matches!(prove(shut(closed), shut(closed)), Err(NotClosed::NoPass { .. })));
        let error = prove(shut("X-Entracte: closed\r\n"), good()).unwrap_err();
        assert!(matches!(error, NotClosed::Incomplete { missing: "Retry-After", .. }), "{error}");
    }
}
