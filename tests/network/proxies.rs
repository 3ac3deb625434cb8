//! What stands between us and a server, as a person reads of it: a proxy that
//! keeps us out, a certificate that is none.

use std::fs;
use std::net::TcpListener;

use entracte::base::exit::Fault;

use crate::bench::Shelf;
use crate::host::Host;
use crate::host::reply;
use crate::support::proxy::Manner;
use crate::support::proxy::Proxy;
use crate::support::tls::Authority;
use crate::support::tls::Served;

/// What is said, and what to do, without ports and other words of the moment.
fn told(shelf: &Shelf, url: &str, names: &[(&str, String)]) -> String {
    let error = shelf.stage(url).unwrap_err();
    let transient = if error.is_network() { "passes" } else { "stays" };
    let mut text = format!("{error} ({transient})\n  {}\n", error.hints().join("\n  "));
    for (name, word) in names {
        text = text.replace(word, name);
    }
    text
}

fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_proxy_that_keeps_us_out() {
    let mut shelf = Shelf::of("generic");
    let url = "https://releases.invalid/release.tar";
    let (away, asks) = (nobody(), Proxy::start(Manner::Known("Basic x")));
    let refuses = Proxy::start(Manner::Never("403 Forbidden"));
    let unlike =
        Host::serve(Box::new(|_, stream| reply(stream, "407 Proxy Authentication Required", "", b"")));
    let mut said = String::new();
    for (name, address, url) in [
        ("is away", away, url),
        ("asks", asks.address.to_string(), url),
        ("refuses", refuses.address.to_string(), url),
        ("asks where no way is opened", unlike.address.to_string(), "http://releases.invalid/release.tar"),
    ] {
        shelf.settings.insecure_http = true;
        shelf.settings.proxy = Some(format!("http://{address}").try_into().unwrap());
        said += &format!("{name}: {}", told(&shelf, url, &[("PROXY", address)]));
    }
    insta::assert_snapshot!(said, @r#"
    is away: the proxy PROXY is not reached (passes)
      is it up, and its address right? it is named by `network.proxy` in entracte.toml, by --proxy, or by the variables HTTPS_PROXY and HTTP_PROXY; hosts that need none are named by NO_PROXY
    asks: the proxy PROXY wants to know who asks for releases.invalid:443 (stays)
      name user and password: `network.proxy = "http://USER@HOST:PORT"` and `network.proxy_password_file` in entracte.toml (--proxy and --proxy-password-file), or all of it by the variable HTTPS_PROXY
    refuses: the proxy PROXY opens no way to releases.invalid:443 (passes)
      let whoever keeps the proxy allow releases.invalid:443; hosts that need none are named by NO_PROXY
    asks where no way is opened: http://releases.invalid/release.tar answers 407 Proxy Authentication Required (stays)
      name user and password: `network.proxy = "http://USER@HOST:PORT"` and `network.proxy_password_file` in entracte.toml (--proxy and --proxy-password-file), or all of it by the variable HTTPS_PROXY
    "#);
}

#[test]
fn a_certificate_that_is_none() {
    let mut shelf = Shelf::of("generic");
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::make(folder.path());
    authority.sign("expired", "IP:127.0.0.1", Some("40 days ago"));
    authority.sign("early", "IP:127.0.0.1", Some("+40 days"));
    authority.sign("other", "DNS:elsewhere.example.org", None);
    authority.sign("good", "IP:127.0.0.1", None);
    let reference = folder.path().join("reference");
    fs::create_dir_all(reference.join("metadata")).unwrap();
    fs::write(reference.join("metadata/1.root.json"), "{}").unwrap();
    let mut said = String::new();
    for (name, trusts) in [("good", false), ("expired", true), ("early", true), ("other", true)] {
        let served = Served::start(&reference, &authority, name);
        shelf.settings.ca_file = trusts.then(|| authority.certificate().into());
        let url = format!("{}release.tar", served.url);
        let host = served.url.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let name = if trusts { name } else { "unknown" };
        said += &format!("{name}: {}", told(&shelf, &url, &[("HOST", host)]));
    }
    insta::assert_snapshot!(said, @r"
    unknown: the certificate of HOST is not trusted (stays)
      where an own authority signs (a company's proxy may, too), name its certificate: `network.ca_file` in entracte.toml, or --cacert FILE; is the clock right?
    expired: the certificate of HOST is not trusted (stays)
      it has expired: let whoever keeps that server renew it; is the clock of this machine right?
    early: the certificate of HOST is not trusted (stays)
      it is not valid yet: is the clock of this machine right?
    other: the certificate of HOST is not trusted (stays)
      it was made for another name: is the address right?
    ");
}
