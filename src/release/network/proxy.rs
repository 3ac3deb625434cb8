//! Which proxy stands between us and a server: what fails there is told as the
//! proxy's doing, not the server's.

use url::Url;

use crate::release::network::address::host;
use crate::site::settings::NetworkSettings;
use crate::sys::env;

/// Host and port of the proxy that is asked for this address, if one is.
pub(in crate::release) fn before(url: &Url, settings: &NetworkSettings) -> Option<String> {
    if let Some(proxy) = &settings.proxy {
        return Some(host(proxy.get()));
    }
    let first = |names: [&str; 2]| names.iter().find_map(|name| env::variable(name));
    let own = match url.scheme() {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let said = first(own).or_else(|| first(["ALL_PROXY", "all_proxy"]))?;
    let passed_by = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    match is_passed_by(url.host_str().unwrap_or_default(), &passed_by) {
        true => None,
        false => named(&said),
    }
}

/// The proxy that a variable names; a scheme need not be said.
fn named(said: &str) -> Option<String> {
    let url = Url::parse(said).ok().filter(Url::has_host);
    url.or_else(|| Url::parse(&format!("http://{said}")).ok()).filter(Url::has_host).map(|url| host(&url))
}

/// Whether the list of NO_PROXY names the host. Ranges of addresses are not looked into.
fn is_passed_by(host: &str, list: &str) -> bool {
    list.split(',')
        .map(|one| one.trim().trim_start_matches('.'))
        .any(|one| one == "*" || (!one.is_empty() && (host == one || host.ends_with(&format!(".{one}")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_and_what_is_below_them() {
        let list = "localhost, .example.org,127.0.0.1";
        for (host, is_passed) in [
            ("localhost", true),
            ("example.org", true),
            ("a.example.org", true),
            ("badexample.org", false),
            ("127.0.0.1", true),
            ("example.com", false),
        ] {
            assert_eq!(is_passed_by(host, list), is_passed, "{host}");
        }
        assert!(is_passed_by("anything", "*") && !is_passed_by("anything", ""));
    }

    #[test]
    fn a_proxy_is_named_without_its_secrets() {
        for said in ["http://me:hunter2@proxy.example.org:3128/", "me:hunter2@proxy.example.org:3128"] {
            assert_eq!(named(said).as_deref(), Some("proxy.example.org:3128"), "{said}");
        }
        assert_eq!(named(""), None);
    }
}
