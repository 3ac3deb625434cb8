//! A site that has something staged already, and a release on the network.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use entracte::release::archive::Limits;
use entracte::release::network::Network;
use entracte::release::source::Source;
use entracte::release::stage::Options;
use entracte::release::stage::StageError;
use entracte::release::stage::stage;
use entracte::release::staging::Staged;
use entracte::release::staging::Staging;
use entracte::site::profile::Profile;
use entracte::site::settings::NetworkSettings;
use serde_json::Value;

use crate::host::Thing;
use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::small::Look;
use crate::support::small::SmallSite;
use crate::support::snapshot::Tree;

/// Limits that make tests quick.
const QUICK: &[(&str, &str)] = &[
    ("tries", "2"),
    ("backoff_seconds", "0.05"),
    ("connect_seconds", "5"),
    ("stall_seconds", "0.6"),
    ("total_seconds", "20"),
    ("rate_seconds", "1.5"),
];
/// Whatever a server does, this is more than enough.
const BOUND: Duration = Duration::from_secs(40);

pub struct Bench {
    pub small: SmallSite,
    pub entracte: Entracte,
    /// Release 2, which is more than half a megabyte packed.
    pub thing: Thing,
    before: Look,
}

impl Bench {
    pub fn new() -> Bench {
        let small = SmallSite::new();
        let entracte = small.adopt();
        small.stage(&entracte);
        let thing = Thing::new(&release(&small));
        let before = small.look();
        let bench = Bench { small, entracte, thing, before };
        bench.set("");
        bench
    }

    pub fn state(&self) -> PathBuf {
        self.small.root().parent().unwrap().join(".entracte-site")
    }

    pub fn downloads(&self) -> PathBuf {
        self.state().join("staging/download")
    }

    /// What rests of downloads, by ending and size.
    pub fn rests(&self) -> Vec<(String, u64)> {
        let Ok(entries) = fs::read_dir(self.downloads()) else { return Vec::new() };
        let about = |path: PathBuf| {
            let ending = path.extension().unwrap().to_str().unwrap().to_owned();
            (ending, fs::metadata(&path).unwrap().len())
        };
        let mut rests: Vec<_> = entries.map(|entry| about(entry.unwrap().path())).collect();
        rests.retain(|(ending, _)| ending != "json");
        rests.sort();
        rests
    }

    pub fn forget_downloads(&self) {
        let _ = fs::remove_dir_all(self.downloads());
    }

    /// Settings of the network besides the quick ones, or in their place.
    pub fn set(&self, more: &str) {
        let path = self.state().join("entracte.toml");
        let text = fs::read_to_string(&path).unwrap();
        let usual = text.split("# quick\n").next().unwrap();
        let quick = QUICK.iter().filter(|(name, _)| !more.contains(name));
        let quick: String = quick.map(|(name, value)| format!("{name} = {value}\n")).collect();
        fs::write(&path, format!("{usual}# quick\n[network]\n{quick}{more}")).unwrap();
    }

    pub fn arguments(url: &str) -> [String; 5] {
        ["stage", "--from", url, "--version", "2"].map(str::to_owned)
    }

    pub fn stage(&self, url: &str) -> Answered {
        let arguments = Bench::arguments(url);
        let since = Instant::now();
        let answered = self.entracte.json(&arguments.each_ref().map(String::as_str));
        assert!(since.elapsed() < BOUND, "{url}: it took {:?}", since.elapsed());
        answered
    }

    /// Stages what is there, which goes well.
    #[track_caller]
    pub fn staged(&self, url: &str) -> Value {
        let result = self.stage(url).code(0);
        assert_eq!(result["trust"], "none", "{result:#}");
        let release = fs::read_to_string(self.state().join("staging/release.json")).unwrap();
        let origin: Value = serde_json::from_str(&release).unwrap();
        for number in ["fetched_bytes", "requests"] {
            assert_eq!(origin[number], result[number], "{release}");
        }
        result
    }

    /// Nothing of the site is touched.
    #[track_caller]
    pub fn is_untouched(&self, when: &str) {
        self.before.assert_same(&self.small.look(), when);
    }

    /// What is staged: what is said of it, and all of its content.
    pub fn staging(&self) -> (Vec<u8>, Tree) {
        let said = fs::read(self.state().join("staging/release.json")).unwrap();
        (said, Tree::of(&self.state().join("staging/objects")))
    }
}

/// A staging folder without a site.
pub struct Shelf {
    pub folder: tempfile::TempDir,
    pub settings: NetworkSettings,
    pub live: Option<PathBuf>,
    profile: &'static str,
}

impl Shelf {
    pub fn of(profile: &'static str) -> Shelf {
        let settings = NetworkSettings { tries: 1, ..NetworkSettings::default() };
        Shelf { folder: tempfile::tempdir().unwrap(), settings, live: None, profile }
    }

    pub fn stage(&self, from: &str) -> Result<Staged, StageError> {
        let profile = Profile::named(self.profile).unwrap();
        let options = Options {
            profile: &profile,
            product: &profile.name,
            version: None,
            extent: None,
            limits: Limits::default(),
            inbox: self.folder.path(),
            incoming: self.folder.path(),
            network: Network { settings: self.settings.clone(), ..Network::default() },
            live: self.live.as_deref(),
            home: None,
        };
        stage(&Source::parse(from).unwrap(), &self.staging(), &options, &mut |_, _| {})
    }

    pub fn staging(&self) -> Staging {
        Staging::open(&self.folder.path().join("staging")).unwrap()
    }
}

/// Release 2 as a tar, with a file that is large enough to break in.
pub fn release(small: &SmallSite) -> Vec<u8> {
    let folder = small.release(2);
    let noise: Vec<u8> = (0..600_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all("small-2", &folder).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(noise.len() as u64);
    header.set_mtime(1_700_000_000);
    builder.append_data(&mut header, Path::new("small-2/app/noise.bin"), &noise[..]).unwrap();
    builder.into_inner().unwrap()
}
