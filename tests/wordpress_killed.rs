//! A real WordPress, its update killed at random moments: `rollback` ends in the
//! old site and database, `resume` in the new ones, and whoever asks meanwhile
//! sees one of the two, or that it is closed.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use support::bed::Bed;
use support::bed::Server;
use support::effort;
use support::process;
use support::releases;
use support::releases::Release;
use support::run::Entracte;
use support::site::TestSite;
use support::snapshot::Database;
use support::snapshot::Tree;
use support::update;

const SERVER: Server = Server::Nginx;
/// A number to repeat what was tried: the same moments, as far as a machine repeats itself.
const SEED: &str = "ENTRACTE_TEST_SEED";

struct Press {
    site: TestSite,
    entracte: Entracte,
    old: Release,
    new: Release,
    tree: Tree,
    database: Database,
    /// The state folder as it was when the plan was approved.
    approved: PathBuf,
}

#[test]
fn killed_at_random_moments() {
    let press = Press::new();
    let since = Instant::now();
    update::apply(&press.entracte);
    let whole = since.elapsed();
    press.is_new("nobody disturbed it");
    press.goes_back("nobody disturbed it");
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(by_clock);
    println!("{SEED}={seed}, the whole takes {whole:?}");
    let (mut random, points) = (Random(seed), effort::points(4, 300));
    let (mut killed, mut mixes) = (0, 0);
    for point in 0..points {
        press.lay();
        let after = whole.mul_f64(random.next_fraction());
        let verb = if random.next() % 2 == 0 { "rollback" } else { "resume" };
        let when = format!("seed {seed}, point {point}, killed after {after:?}, then {verb}");
        killed += u64::from(press.kill_after(after));
        mixes += u64::from(press.is_a_mix());
        press.answers_well(&when);
        match verb {
            "rollback" => press.goes_back(&when),
            _ => {
                press.goes_on(&when);
                press.goes_back(&format!("{when}, taken back"));
            }
        }
    }
    println!("{killed} of {points} were killed at work, {mixes} of these left halves of two releases");
    assert!(killed > 0, "nothing was killed");
    // The control: among many moments there are some from which one has to recover.
    assert!(mixes > 0 || points < 30, "no moment left a mix: the moments are badly chosen");
    effort::tried("WordPress killed at random moments, then rolled back or resumed", killed);
}

impl Press {
    fn new() -> Press {
        let (old, new) = (releases::tree("wordpress-6.1"), releases::tree("wordpress-6.8"));
        let site = TestSite::wordpress(Bed::shared(), &old, "pressrandom");
        let entracte = update::adopt(&site, SERVER, &old.folder);
        let archive = releases::archive("wordpress-6.8.zip");
        entracte.json(&["stage", "--from", archive.to_str().unwrap()]).code(0);
        update::plan_and_approve(&entracte);
        let approved = site.bed.folder.join("approved");
        let (tree, database) = (site.tree(), site.database());
        let press = Press { site, entracte, old, new, tree, database, approved };
        process::run("cp", &["-a", press.state().to_str().unwrap(), press.approved.to_str().unwrap()]);
        press
    }

    fn state(&self) -> PathBuf {
        self.site.folder.with_file_name(format!(".entracte-{}", self.site.name))
    }

    /// Going back has brought back the site; only the state has to be laid again.
    fn lay(&self) {
        let (from, to) = (format!("{}/", self.approved.display()), format!("{}/", self.state().display()));
        process::run("rsync", &["-a", "--delete", &from, &to]);
    }

    /// Kills the update after so long; `false` when it had ended.
    fn kill_after(&self, after: Duration) -> bool {
        let mut command = self.entracte.command(&["apply", "--foreground"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(after);
        child.kill().unwrap();
        !child.wait().unwrap().success()
    }

    fn is_a_mix(&self) -> bool {
        let differs = |release: &Release| {
            let mut paths = ["wp-includes/version.php", "wp-login.php", "wp-admin/about.php"].into_iter();
            paths.any(|path| self.site.read(path) != fs::read(release.folder.join(path)).unwrap())
        };
        let is_of = |release: &Release| !differs(release);
        let database = Some(self.site.wordpress_database());
        let is_whole = |release: &Release| is_of(release) && database == release.database;
        !is_whole(&self.old) && !is_whole(&self.new)
    }

    /// All old, all new, or closed: then it says for how long, and `status` why.
    #[track_caller]
    fn answers_well(&self, when: &str) {
        let status = self.entracte.json(&["status"]);
        let front = self.site.get(SERVER, "");
        match front.status {
            200 => {
                let version = self.site.wordpress_version(SERVER);
                let is_whole = [&self.old, &self.new].map(|release| Some(release.version.clone()));
                assert!(is_whole.contains(&version), "{when}: {version:?}");
                assert!(!self.is_a_mix(), "{when}: a mix is open");
            }
            503 => {
                assert!(front.retry_after.is_some(), "{when}: a 503 without Retry-After");
                assert_eq!(status.exit, 6, "{when}: {:#}", status.result);
                let reason = status.result["gate"]["reason"].as_str().unwrap_or_default();
                assert!(reason.contains(&self.new.version), "{when}: {:#}", status.result);
            }
            other => panic!("{when}: the front page answers {other}: {}", front.body),
        }
    }

    #[track_caller]
    fn goes_on(&self, when: &str) {
        let begun = !self.entracte.json(&["status"]).result["run"].is_null();
        let resumed = self.entracte.json(&[if begun { "resume" } else { "apply" }]);
        assert!([0, 3].contains(&resumed.exit), "{when}: {resumed:?}");
        self.is_new(when);
    }

    #[track_caller]
    fn is_new(&self, when: &str) {
        self.site.is_release(&self.old, &self.new);
        assert_eq!(Some(self.site.wordpress_database()), self.new.database, "{when}");
        assert_eq!(self.site.wordpress_version(SERVER).as_ref(), Some(&self.new.version), "{when}");
        let front = self.site.get(SERVER, "");
        assert!(front.status == 200 && front.body.contains("Post 25 é"), "{when}: {}", front.body);
        assert_eq!(self.entracte.json(&["status"]).exit, 0, "{when}");
    }

    #[track_caller]
    fn goes_back(&self, when: &str) {
        let back = self.entracte.json(&["rollback"]);
        assert!([0, 3].contains(&back.exit), "{when}: {back:?}");
        self.tree.assert_same(&self.site.tree(), when);
        self.database.assert_same(&self.site.database(), when);
        assert_eq!(self.site.wordpress_version(SERVER).as_ref(), Some(&self.old.version), "{when}");
        let front = self.site.get(SERVER, "");
        assert!(front.status == 200 && front.body.contains("Post 25 é"), "{when}: {}", front.body);
    }
}

/// Numbers that look random and repeat from their seed (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    fn next_fraction(&mut self) -> f64 {
        (self.next() % 1_000_000) as f64 / 1e6
    }
}

fn by_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
}
