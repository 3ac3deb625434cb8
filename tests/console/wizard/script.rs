//! The script of the upload's page in a real browser.

use std::fs::File;
use std::io;
use std::io::Read;
use std::net::TcpListener;

use entracte::base::digest::Sha256;

use super::super::desk::Console;
use super::super::support::browser::Browser;
use super::super::support::relay::Relay;
use super::*;

const MIB: u64 = 1 << 20;
const BAR: &str = "document.querySelector('.drop progress').value";

fn enter(browser: &mut Browser, link: &str) {
    browser.visit(link);
    browser.click("form[action^='/enter/'] button");
    browser.wait_until("location.pathname === '/sites/site'");
}

fn says(text: &str) -> String {
    format!("document.querySelector('.drop .state').textContent.startsWith('{text}')")
}

/// What it complained of, but for the answers that a test brings about.
fn assert_quiet(browser: &Browser) {
    let ours: Vec<&String> =
        browser.complaints.iter().filter(|text| !text.contains("Failed to load")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// Chosen, sent in pieces, gone on with after the server was killed and another
/// one stands at its address.
#[test]
fn a_browser_sends_an_archive_in_pieces() {
    let bed = Bed::new();
    let archive = bed.archive("small-2.tar", 9 << 20);
    let faulty = Entracte::with_fault(&bed.small.root(), "upload.write:40=kill");
    let console = Console::start(&faulty, &[]);
    let (origin, link) = (console.origin(), console.link.clone());
    let mut browser = Browser::start();
    enter(&mut browser, &link);
    browser.visit(&format!("{origin}{SITE}/update/source"));
    let path = bed.small.folder.path().join("small-2.tar");
    browser.choose("input[type=file]", &path);
    browser.wait_until(&says("The line broke"));
    drop(console);

    // The same address with another server: who was signed in is not any more.
    let listen = format!("--listen={}", origin.strip_prefix("http://").unwrap());
    let console = Console::start(&Entracte::new(&bed.small.root()), &[&listen]);
    browser.wait_until(&says("You are no longer"));
    enter(&mut browser, &console.link);
    browser.visit(&format!("{origin}{SITE}/update/source"));
    let shown = browser.ask("document.querySelector('#upload').parentElement.textContent");
    assert!(shown.as_str().unwrap().contains("small-2.tar: "), "{shown}");
    browser.choose("input[type=file]", &path);
    browser.wait_until("location.search === '?arrived=small-2.tar'");
    assert_eq!(fs::read(bed.state().join("inbox/small-2.tar")).unwrap(), archive);
    assert_quiet(&browser);
}

impl Bed {
    /// Release 2 with a hundred mebibytes that nothing makes smaller.
    fn large_archive(&self, name: &str) -> PathBuf {
        let noise = self.small.release(2).join("noise.bin");
        let mut chance = File::open("/dev/urandom").unwrap().take(100 * MIB);
        io::copy(&mut chance, &mut File::create(&noise).unwrap()).unwrap();
        self.pack(name);
        fs::remove_file(noise).unwrap();
        self.small.folder.path().join(name)
    }

    /// How much of the one upload is here, once nobody writes on it any more.
    fn here(&self) -> u64 {
        let inbox = self.inbox();
        let part =
            inbox.iter().find_map(|name| name.strip_prefix(".upload-")?.strip_suffix(".part")).unwrap();
        for _ in 0..3000 {
            let answer = self.put(part, u64::MAX, b"?");
            if answer.status != 423 {
                return answer.is(409).json()["offset"].as_u64().unwrap();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("{part} is held for ever");
    }
}

/// A large one, through a line that breaks, and from a page that is closed.
#[test]
fn a_hundred_mebibytes_are_sent_once() {
    let bed = Bed::new();
    let path = bed.large_archive("large-2.tar");
    let (size, archive) = (fs::metadata(&path).unwrap().len(), fs::read(&path).unwrap());
    assert!(size > 100 * MIB, "{size}");
    let server = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::start(server);
    let public = format!("http://{}", relay.address);
    let entracte = Entracte::new(&bed.small.root());
    let console = Console::start(&entracte, &["--listen", &server.to_string(), "--public-url", &public]);
    let mut browser = Browser::start();
    enter(&mut browser, &console.link);
    let source = format!("{public}{SITE}/update/source");
    browser.visit(&source);

    relay.carry(30 * MIB);
    browser.choose("input[type=file]", &path);
    relay.wait_until_still();
    browser.wait_until(&format!("{BAR} >= 20"));
    let shown = browser.ask(BAR).as_u64().unwrap();
    assert!(shown < 30, "{shown} % after 30 of 100 MiB");
    assert_eq!(
        browser.ask("document.querySelector('.drop .percent').textContent"),
        format!("{shown}\u{a0}%")
    );
    assert_eq!(
        browser.ask("document.querySelector('.drop progress').getAttribute('aria-label')"),
        "Send an archive"
    );
    relay.cut();
    browser.wait_until(&says("The line broke"));
    let broken = bed.here();
    assert!((20 * MIB..=30 * MIB).contains(&broken), "{broken}");

    // Nobody touches the page: it goes on by itself where the line broke.
    relay.carry(40 * MIB);
    relay.wait_until_still();
    browser.wait_until(&format!("{BAR} > 55"));
    browser.close_page();
    relay.cut();
    let closed = bed.here();
    assert!((broken + 38 * MIB..=broken + 40 * MIB).contains(&closed), "{broken}, then {closed}");

    let before = relay.sent();
    relay.carry(u64::MAX);
    browser.visit(&source);
    let percent = format!("large-2.tar: {}\u{a0}%", closed * 100 / size);
    let shown = browser.ask("document.querySelector('#upload').parentElement.textContent");
    assert!(shown.as_str().unwrap().contains(&percent), "{percent}: {shown}");
    browser.choose("input[type=file]", &path);
    browser.wait_until("location.search === '?arrived=large-2.tar'");
    let (sent, missing) = (relay.sent() - before, size - closed);
    println!(
        "{size} bytes: {broken} before the line broke, {closed} before the page was closed, {sent} sent for the last {missing}"
    );
    assert!((missing..missing + MIB / 2).contains(&sent), "{sent} bytes were sent for {missing}");
    let digest = Sha256::of(&archive).to_string();
    let shown = browser.ask("document.body.textContent");
    assert!(shown.as_str().unwrap().contains(&digest), "{digest}: {shown}");
    assert!(fs::read(bed.state().join("inbox/large-2.tar")).unwrap() == archive, "it is another file");
    assert_quiet(&browser);
    drop((browser, console));

    let staged = bed.work("/update/stage", &[("from", "inbox"), ("name", "large-2.tar"), ("version", "2")]);
    assert_eq!((&staged["verb"], &staged["exit"]), (&"stage".into(), &0.into()), "{staged:#}");
    bed.leads_to("/update", "/update/review");
}

#[test]
fn a_file_is_dropped_on_the_page() {
    let bed = Bed::new();
    let archive = bed.archive("dropped-2.tar", 0);
    let path = bed.small.folder.path().join("dropped-2.tar");
    let mut browser = Browser::start();
    let console = Console::start(&Entracte::new(&bed.small.root()), &[]);
    enter(&mut browser, &console.link);
    browser.visit(&format!("{}{SITE}/update/source", console.origin()));

    // What misses the place is not opened instead of the page, and not sent.
    browser.drag("h1", &path, true);
    assert!(browser.ask("location.href").as_str().unwrap().ends_with("/update/source"));
    assert_eq!(bed.inbox(), [""; 0]);
    browser.drag("form.drop .only-script", &path, false);
    browser.wait_until("document.querySelector('form.drop').classList.contains('over')");
    browser.drag("form.drop .only-script", &path, true);
    browser.wait_until("location.search === '?arrived=dropped-2.tar'");
    assert_eq!(fs::read(bed.state().join("inbox/dropped-2.tar")).unwrap(), archive);
    assert_quiet(&browser);
}
