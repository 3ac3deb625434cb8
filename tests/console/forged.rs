//! Another site's page in the browser of somebody who is signed in.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::thread;

use super::desk::Desk;
use super::support::browser::Browser;
use super::support::small::SmallSite;
use super::support::snapshot::Tree;

#[test]
fn another_sites_page_does_nothing() {
    let small = SmallSite::new();
    let entracte = small.adopt();
    let desk = Desk::open_with(&entracte, &[]);
    let page = desk.post("/people/invite", &[("name", "ada"), ("role", "operator")]).is(200);
    let (_, link) = page.text.split_once("<code>").unwrap();
    let link = link.split_once("</code>").unwrap().0;
    let mut browser = Browser::start();
    go(&mut browser, link, "document.querySelector('button.main') !== null");
    browser.click("button.main");
    browser.wait_until("location.pathname.startsWith('/sites/')");
    let token = browser.ask("document.querySelector('input[name=token]').value");
    assert_eq!(browser.ask("document.cookie"), "", "scripts do not see the cookie");
    let before = Tree::of(&small.folder.path().join("parent"));
    browser.complaints.clear();
    // Another port of the same machine is the same site to cookies, and even the token is known.
    let forged = format!(
        "<!doctype html><form id=\"forged\" method=\"post\" target=\"taken\" action=\"{0}/people/invite\">\
         <input name=\"token\" value={token}><input name=\"name\" value=\"mallory\">\
         <input name=\"role\" value=\"operator\"></form><iframe name=\"taken\"></iframe>\
         <iframe id=\"framed\" src=\"{0}/people\"></iframe><script>document.getElementById('forged').submit();\
         fetch('{0}/people', {{credentials: 'include'}}).then(() => window.read = 'read', () => window.read = 'refused');\
         fetch('{0}/leave', {{method: 'POST', credentials: 'include', mode: 'no-cors', \
         headers: {{'content-type': 'application/x-www-form-urlencoded'}}, body: 'token=' + {token}}})\
         .then(() => window.left = 1, () => window.left = 1)</script>",
        desk.origin
    );
    let evil = serve(forged);
    go(&mut browser, &evil, "window.read && window.left && document.readyState === 'complete'");
    assert_eq!(browser.ask("window.read"), "refused", "its pages are not read from elsewhere");
    let refusals = browser.complaints.join("\n");
    assert!(refusals.contains("frame"), "it is not framed: {refusals}");
    assert!(refusals.contains("403"), "the form was sent and refused: {refusals}");
    let log = desk.get("/people").is(200).text;
    assert!(!log.contains("mallory"), "{log}");
    before.assert_same(&Tree::of(&small.folder.path().join("parent")), "nothing was done");
    go(&mut browser, &format!("{}/people", desk.origin), "document.querySelector('h1') !== null");
    assert_eq!(browser.ask("location.pathname"), "/people", "nobody was signed out");
}

fn go(browser: &mut Browser, address: &str, is_there: &str) {
    browser.ask(&format!("location.href = '{address}'; 1"));
    browser
        .wait_until(&format!("location.href.startsWith('{address}'.split('?')[0]) && Boolean({is_there})"));
}

/// A server of one page, on a port of its own.
fn serve(page: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 8192]);
            let length = page.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{page}").as_bytes());
        }
    });
    address
}
