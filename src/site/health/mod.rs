//! Whether a site is as well as before: pages, the owner's own checks and PHP's
//! error log, looked at before the site is closed and again later. Looking and
//! judging are apart: [`judge`] knows neither network nor disk.

pub mod command;
pub mod judge;
pub mod log;
pub mod page;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::base::escape;
use crate::base::secret::Secret;
use crate::site::access::Site;
use crate::site::access::SiteError;
use crate::site::health::command::Run;
use crate::site::health::log::Growth;
use crate::site::health::log::Mark;
use crate::site::health::page::Page;
use crate::site::probe;
use crate::site::probe::Probe;
use crate::site::settings::HealthCommand;
use crate::site::settings::HealthUrl;
use crate::sys::clock;

/// How a site was before an update; stored in the run's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub pages: Vec<Page>,
    #[serde(default)]
    pub commands: Vec<Run>,
    /// How far PHP's error log went.
    #[serde(default)]
    pub log: Option<Mark>,
}

/// How it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Now {
    pub pages: Vec<Page>,
    pub commands: Vec<Run>,
    /// What has come to PHP's error log since.
    pub log: Option<Growth>,
}

/// Everything that is looked at, and how.
pub struct Checks {
    probe: Option<Probe>,
    /// Its host is told the operator's pass, no other is.
    host: Option<String>,
    pages: Vec<(url::Url, HealthUrl)>,
    commands: Vec<HealthCommand>,
    log: Option<PathBuf>,
    tries: u32,
    pause: Duration,
    folder: PathBuf,
    env: BTreeMap<String, String>,
}

impl Checks {
    /// What the site's settings ask for; `None` when there is nothing to look at.
    pub fn of(site: &Site) -> Result<Option<Checks>, SiteError> {
        let settings = &site.settings.health;
        let probe = site.probe()?;
        let checks = Checks {
            host: probe.as_ref().and_then(|(_, url)| url.host_str().map(str::to_owned)),
            probe: probe.map(|(probe, _)| probe),
            pages: site.health_pages()?,
            commands: settings.command.clone(),
            log: settings.error_log.as_ref().map(|path| site.root.join(path)),
            tries: settings.tries,
            pause: settings.pause,
            folder: site.root.clone(),
            env: environment(site),
        };
        let is_empty = checks.pages.is_empty() && checks.commands.is_empty() && checks.log.is_none();
        Ok((!is_empty).then_some(checks))
    }

    /// How the site is before anything changes; what its commands print goes to `logs`.
    pub fn baseline(&self, logs: &dyn Fn(usize) -> PathBuf) -> Health {
        Health {
            pages: self.look(None, &|page| page.is_well()),
            commands: self.run(logs, &|run| run.is_well()),
            log: self.log.as_deref().map(log::mark),
        }
    }

    /// How it is now: what ails that was well in `baseline` is looked at again.
    pub fn now(&self, baseline: &Health, pass: Option<&Secret>, logs: &dyn Fn(usize) -> PathBuf) -> Now {
        let same = |page: &Page| baseline.pages.iter().find(|before| before.url == page.url);
        let before = |run: &Run| baseline.commands.iter().find(|before| before.argv == run.argv);
        Now {
            pages: self.look(pass, &|page| same(page).is_none_or(|same| judge::is_as_well(same, page))),
            commands: self
                .run(logs, &|run| run.is_well() || before(run).is_none_or(|before| !before.is_well())),
            // Last, so that what the pages above made PHP say is in it.
            log: match (&self.log, &baseline.log) {
                (Some(path), Some(mark)) => Some(log::growth(path, mark)),
                _ => None,
            },
        }
    }

    fn look(&self, pass: Option<&Secret>, is_settled: &dyn Fn(&Page) -> bool) -> Vec<Page> {
        let Some(probe) = &self.probe else { return Vec::new() };
        let one = |(url, wanted): &(url::Url, HealthUrl)| {
            let pass = pass.filter(|_| url.host_str() == self.host.as_deref());
            self.again(is_settled, || page::look(probe, url, wanted, pass))
        };
        self.pages.iter().map(one).collect()
    }

    fn run(&self, logs: &dyn Fn(usize) -> PathBuf, is_settled: &dyn Fn(&Run) -> bool) -> Vec<Run> {
        let one = |(number, command): (usize, &HealthCommand)| {
            let log = logs(number + 1);
            self.again(is_settled, || command::run(command, &self.folder, &self.env, &log))
        };
        self.commands.iter().enumerate().map(one).collect()
    }

    /// Tries until it is settled, with pauses that grow.
    fn again<T>(&self, is_settled: &dyn Fn(&T) -> bool, one_try: impl Fn() -> T) -> T {
        let (mut found, mut pause) = (one_try(), self.pause);
        for _ in 1..self.tries {
            if is_settled(&found) {
                break;
            }
            clock::sleep(pause);
            (found, pause) = (one_try(), pause.saturating_mul(2));
        }
        found
    }
}

fn environment(site: &Site) -> BTreeMap<String, String> {
    let url = site.settings.url.as_ref().map(probe::shown).unwrap_or_default();
    let root = site.root.to_string_lossy().into_owned();
    BTreeMap::from([("ENTRACTE_SITE".to_owned(), root), ("ENTRACTE_URL".to_owned(), url)])
}

/// An argument list for people.
pub fn shown(argv: &[String]) -> String {
    argv.iter().map(|word| escape::text(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::health::judge::Verdict;
    use crate::site::probe::tests::reply;
    use crate::site::probe::tests::serve;

    fn checks(url: &url::Url) -> Checks {
        Checks {
            probe: Some(Probe::new().unwrap()),
            host: url.host_str().map(str::to_owned),
            pages: vec![(url.clone(), HealthUrl::plain(""))],
            commands: Vec::new(),
            log: None,
            tries: 3,
            pause: Duration::from_millis(1),
            folder: PathBuf::from("/"),
            env: BTreeMap::new(),
        }
    }

    fn no_log(_: usize) -> PathBuf {
        PathBuf::new()
    }

    #[test]
    fn what_ails_is_asked_again_and_only_that() {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let count = asked.clone();
        let url = serve(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            1 | 2 => reply("500 Internal Server Error", "", ""),
            _ => reply("200 OK", "", "<title>Home</title>"),
        });
        let baseline = checks(&url).baseline(&no_log);
        let now = checks(&url).now(&baseline, None, &no_log);
        assert_eq!(judge::judge(&baseline, &now).verdict, Verdict::Good);
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 4);
    }

    #[test]
    fn the_pass_goes_to_the_sites_own_host_alone() {
        let url = serve(|head| match head.to_ascii_lowercase().contains("entracte_pass") {
            true => reply("200 OK", "", "told"),
            false => reply("200 OK", "", "untold"),
        });
        let pass = Secret::new("0123456789abcdef0123456789abcdef");
        let own = checks(&url);
        let other = Checks { host: Some("www.example.org".into()), ..checks(&url) };
        let bytes =
            |checks: &Checks| match &checks.now(&Health::default(), Some(&pass), &no_log).pages[0].found {
                page::Found::Answered(look) => look.bytes,
                unseen => panic!("{unseen:?}"),
            };
        assert_eq!((bytes(&own), bytes(&other)), (4, 6));
    }

    #[test]
    fn a_baseline_of_an_earlier_entracte_is_understood() {
        let text = r#"{"pages":[{"url":"http://a/","found":{"kind":"answered","status":200,"title":"Home",
            "bytes":8000,"fatal":false,"marker":true,"closed_by_us":false,"leads_to":"/","took_ms":10}},
            {"url":"http://a/b","found":{"kind":"unreachable","reason":"away"}}]}"#;
        let health: Health = serde_json::from_str(text).unwrap();
        assert!(health.pages[0].is_well() && !health.pages[1].is_well());
        assert!(health.commands.is_empty() && health.log.is_none());
        let again: Health = serde_json::from_str(&serde_json::to_string(&health).unwrap()).unwrap();
        assert_eq!(again, health);
    }
}
