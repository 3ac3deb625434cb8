//! What stands between git and the server, by what git tells of it: a proxy, a
//! certificate. That is told, and mended, as it is for everything else that is fetched.

use url::Url;

use crate::release::network::address::host;
use crate::release::network::error::NetworkError;

/// How curl begins to tell of a proxy that opened no way: its older words, and its newer ones.
const CLOSED: [&str; 2] = ["CONNECT tunnel failed, response ", "Received HTTP code "];
/// How it tells that somebody is not there.
const AWAY: [&str; 2] = ["Failed to connect to ", "Could not resolve proxy: "];
const CERTIFICATE: [&str; 4] = [
    "certificate problem",
    "certificate verification failed",
    "certificate subject name",
    "server certificate verification",
];

/// What git's words mean, asked for `url` through `proxy` (host and port); `None`
/// where they tell of the repository itself.
pub(super) fn told(url: &Url, proxy: Option<&str>, said: &str) -> Option<NetworkError> {
    let cause = || said.to_owned().into();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if let Some(proxy) = proxy.map(str::to_owned) {
        if asks(&proxy, said) {
            return Some(NetworkError::ProxyAsks { proxy, host: host(url), source: cause() });
        }
        if CLOSED.iter().any(|word| said.contains(word)) {
            return Some(NetworkError::ProxyRefuses { proxy, host: host(url), source: cause() });
        }
        let name = proxy.rsplit_once(':').map_or(&*proxy, |(name, _)| name);
        if AWAY.iter().any(|word| said.contains(&format!("{word}{name}"))) {
            return Some(NetworkError::Proxy { proxy, source: cause() });
        }
    }
    has(&CERTIFICATE).then(|| NetworkError::Certificate { host: host(url), source: cause() })
}

/// Whether it wants a user or a password: it said so, or git looked for one.
fn asks(proxy: &str, said: &str) -> bool {
    let looked = said.contains("could not read ") && said.contains(&format!("{proxy}'"));
    looked || CLOSED.iter().any(|word| said.contains(&format!("{word}407")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_the_way_is_told_from_the_repository() {
        let url = Url::parse("https://example.org/x.git").unwrap();
        for (said, proxy, told_of) in [
            (
                "unable to access 'x': CONNECT tunnel failed, response 407",
                Some("p:3128"),
                "wants to know who",
            ),
            (
                "unable to access 'x': Received HTTP code 407 from proxy after CONNECT",
                Some("p:3128"),
                "wants to know",
            ),
            (
                "could not read Password for 'http://me@p:3128': terminal prompts disabled",
                Some("p:3128"),
                "wants",
            ),
            (
                "unable to access 'x': CONNECT tunnel failed, response 403",
                Some("p:3128"),
                "opens no way to example.org",
            ),
            (
                "unable to access 'x': Failed to connect to p port 3128: Couldn't connect",
                Some("p:3128"),
                "p:3128 is not",
            ),
            (
                "unable to access 'x': Could not resolve proxy: p",
                Some("p:3128"),
                "the proxy p:3128 is not reached",
            ),
            (
                "could not read Username for 'https://example.org': terminal prompts disabled",
                Some("p:3128"),
                "",
            ),
            ("unable to access 'x': Failed to connect to example.org port 443", None, ""),
            ("unable to access 'x': The requested URL returned error: 403", Some("p:3128"), ""),
            (
                "SSL certificate problem: certificate has expired",
                None,
                "certificate of example.org:443 is not trusted",
            ),
            ("server certificate verification failed. CAfile: none CRLfile: none", None, "is not trusted"),
        ] {
            let error = told(&url, proxy, said);
            let text = error.as_ref().map(ToString::to_string).unwrap_or_default();
            assert_eq!(error.is_some(), !told_of.is_empty(), "{said}: {text}");
            assert!(text.contains(told_of), "{said}: {text}");
        }
    }
}
