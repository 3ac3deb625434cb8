//! A visitor who asks one page without pause, and what they saw.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::blocking::Client;
use reqwest::blocking::Response;
use reqwest::redirect::Policy;

/// Answers that were the same, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub status: u16,
    pub retry_after: Option<String>,
    /// What the page showed of its version.
    pub marker: Option<String>,
    pub count: usize,
}

pub struct Visitors {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Stretch>>,
}

impl Visitors {
    /// Asks `url` until told to stop; `marker` finds the version in a page.
    pub fn at(url: &str, marker: fn(&str) -> Option<String>) -> Visitors {
        let (stop, url) = (Arc::new(AtomicBool::new(false)), url.to_owned());
        let is_over = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let browser = Browser::new();
            let mut seen: Vec<Stretch> = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let next = browser.ask(&url, marker);
                match seen.last_mut() {
                    Some(last) if (Stretch { count: last.count, ..next.clone() }) == *last => last.count += 1,
                    _ => seen.push(next),
                }
            }
            seen
        });
        Visitors { stop, thread }
    }

    /// Stops asking and tells what was seen, in order.
    pub fn seen(self) -> Vec<Stretch> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the visitor did not fail")
    }

    /// Stops asking; asserts that only the old version, then a closed gate, then
    /// the new version was seen, and each of them at least once.
    #[track_caller]
    pub fn saw_a_clean_change(self, old: &str, new: &str) {
        let seen = self.seen();
        let is_open = |stretch: &Stretch, version: &str| {
            stretch.status == 200 && stretch.marker.as_deref() == Some(version)
        };
        let first = seen.iter().take_while(|stretch| is_open(stretch, old)).count();
        let closed = seen[first..].iter().take_while(|stretch| stretch.status == 503).collect::<Vec<_>>();
        let last = &seen[first + closed.len()..];
        let has_retry_after =
            |stretch: &&Stretch| stretch.retry_after.as_ref().is_some_and(|text| text.parse::<u32>().is_ok());
        assert!(first == 1, "the old version {old} was not seen first: {seen:#?}");
        assert!(!closed.is_empty(), "the site was never closed: {seen:#?}");
        assert!(closed.iter().all(has_retry_after), "a 503 without Retry-After: {seen:#?}");
        assert!(last.len() == 1 && is_open(&last[0], new), "not only {new} was seen at the end: {seen:#?}");
    }
}

struct Browser {
    keeping: Client,
    fresh: Client,
}

impl Browser {
    fn new() -> Browser {
        let made = || Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(60));
        Browser { keeping: made().build().unwrap(), fresh: made().pool_max_idle_per_host(0).build().unwrap() }
    }

    fn ask(&self, url: &str, marker: fn(&str) -> Option<String>) -> Stretch {
        match self.send(url) {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let retry_after = answer
                    .headers()
                    .get("retry-after")
                    .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
                let marker = answer.text().ok().and_then(|body| marker(&body)).filter(|_| status == 200);
                Stretch { status, retry_after, marker, count: 1 }
            }
            // No answer at all is as bad as a wrong one: status 0 fits no expectation.
            Err(error) => {
                thread::sleep(Duration::from_millis(5));
                Stretch { status: 0, retry_after: None, marker: Some(format!("{error:?}")), count: 1 }
            }
        }
    }

    /// A server may close a kept connection at the moment in which a request
    /// leaves on it, as nginx does at a reload; like every browser, this one asks
    /// once more, on a connection of its own (RFC 9112, section 9.3.1).
    fn send(&self, url: &str) -> reqwest::Result<Response> {
        match self.keeping.get(url).send() {
            Err(error) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
                self.fresh.get(url).send()
            }
            answer => answer,
        }
    }
}
