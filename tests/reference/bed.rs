//! A published product of three versions, and a site that has one of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use entracte::base::digest::Sha256;
use entracte::base::path::SitePath;
use entracte::integrity::manifest::Content;
use entracte::integrity::manifest::Extent;
use entracte::integrity::manifest::FileEntry;
use entracte::integrity::manifest::Made;
use entracte::integrity::manifest::Manifest;
use entracte::release::archive::Limits;
use entracte::release::at_hand::AtHand;
use entracte::release::network::Network;
use entracte::release::obtain::Home;
use entracte::release::publish;
use entracte::release::publish::PublishError;
use entracte::release::publish::Reference;
use entracte::release::publish::Release;
use entracte::release::reference::Kind;
use entracte::release::reference::target_path;
use entracte::release::source::Source;
use entracte::release::stage::Options;
use entracte::release::stage::StageError;
use entracte::release::stage::stage;
use entracte::release::staging::Staged;
use entracte::release::staging::Staging;
use entracte::release::trust;
use entracte::release::trust::Keyring;
use entracte::release::trust::Store;
use entracte::release::trust::TargetInfo;
use entracte::release::trust::role::Role;
use entracte::site::installed::Baseline;
use entracte::site::installed::Current;
use entracte::site::installed::FORMAT;
use entracte::site::installed::Installed;
use entracte::site::profile::Profile;
use entracte::site::settings::NetworkSettings;
use entracte::site::settings::Policy;
use tempfile::TempDir;

pub type Files = BTreeMap<String, Vec<u8>>;

/// Attempts in a row that may bring nothing.
pub const TRIES: usize = 3;

/// What is published, beside the site.
pub struct Bed {
    pub folder: TempDir,
    pub settings: NetworkSettings,
    pub policy: Policy,
    keys: Keyring,
}

/// How much of a release is published.
#[derive(Clone, Copy)]
pub struct Also {
    pub archive: bool,
    pub packs: usize,
}

pub const ALL: Also = Also { archive: true, packs: 3 };

impl Bed {
    /// Keys, and nothing published.
    pub fn new() -> Bed {
        let folder = tempfile::Builder::new().prefix("entracte-reference-").tempdir_in("/tmp").unwrap();
        let keys = folder.path().join("keys");
        Keyring::make(&keys, None, None).unwrap();
        let settings = NetworkSettings {
            tries: TRIES as u32,
            backoff_seconds: 0.02.try_into().unwrap(),
            stall_seconds: 5.0.try_into().unwrap(),
            ..NetworkSettings::default()
        };
        let keys = Keyring::open(&keys, None).unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        Bed { folder, settings, policy: Policy::default(), keys }
    }

    /// Versions 1, 2 and 3 are published; the site has version 2.
    pub fn usual(also: Also) -> Bed {
        let bed = Bed::new();
        for version in 1..=3 {
            bed.publish(version, also);
        }
        bed.install(2);
        bed
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn reference(&self) -> PathBuf {
        self.path("reference")
    }

    pub fn publish(&self, version: u32, also: Also) {
        self.publish_as(&version.to_string(), &files(version), also);
    }

    pub fn publish_as(&self, version: &str, files: &Files, also: Also) {
        self.try_publish(version, files, also).unwrap();
    }

    pub fn try_publish(
        &self,
        version: &str,
        files: &Files,
        also: Also,
    ) -> Result<publish::Published, PublishError> {
        let reference = Reference::open(&self.reference(), true).unwrap();
        let open = |entry: &FileEntry| -> io::Result<Box<dyn Read>> {
            Ok(Box::new(io::Cursor::new(files[entry.path.as_str()].clone())))
        };
        let release = Release::read(manifest(version, files), &open);
        let Also { archive, packs } = also;
        let options = publish::Options { notes: "what is new".into(), packs, archive, keep: None, grace: 0 };
        publish::publish(&reference, &release, Some(&self.keys), &options, &mut |_, _| {})
    }

    /// Whoever has the keys signs, by another program, that a file of the last release is called otherwise.
    pub fn rename(&self, path: &str, to: &str) {
        let mut targets = trust::signed_targets(&self.reference()).unwrap();
        let is_manifest = |name: &&String| name.ends_with(".manifest.json.zst");
        let name = targets.keys().rfind(is_manifest).unwrap().clone();
        let kind = Kind::parse(targets[&name].custom.as_ref().unwrap()).unwrap();
        let Some(Kind::Manifest(mut about)) = kind else { panic!("{kind:?}") };
        let file = |digest| self.reference().join(target_path(&name, digest));
        let json = zstd::decode_all(&fs::read(file(&targets[&name].sha256)).unwrap()[..]).unwrap();
        let mut manifest = Manifest::parse(&json).unwrap();
        let file_of_it = manifest.files.iter_mut().find(|entry| entry.path.as_str() == path).unwrap();
        file_of_it.path = SitePath::parse(to).unwrap();
        manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
        let json = manifest.to_json();
        (about.digest, about.manifest_bytes) = (manifest.digest(), json.len() as u64);
        let packed = zstd::encode_all(&json[..], 3).unwrap();
        let (length, sha256) = (packed.len() as u64, Sha256::of(&packed));
        fs::write(file(&sha256), packed).unwrap();
        let custom = Some(Kind::Manifest(about).to_value());
        targets.insert(name.clone(), TargetInfo { length, sha256, custom });
        trust::sign(&self.reference(), &self.keys, &targets).unwrap();
    }

    /// There is another root, by the same keys.
    pub fn rotate(&self) {
        let days = [(Role::Timestamp, 3)].into();
        trust::rotate(&self.reference(), &self.keys, &trust::Change { days, ..Default::default() }).unwrap();
    }

    /// The site holds this version, and knows it.
    pub fn install(&self, version: u32) {
        self.install_as(&version.to_string(), &files(version));
    }

    pub fn install_as(&self, version: &str, files: &Files) {
        let root = self.path("site");
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let manifest = manifest(version, files);
        let current = Current {
            format: FORMAT,
            version: version.to_string(),
            manifest: manifest.digest(),
            baseline: Baseline::Release,
            deviations: BTreeMap::new(),
            accepted: BTreeMap::new(),
            owners: None,
            since: "2026-11-01T00:00:00Z".parse().unwrap(),
            run: None,
        };
        fs::create_dir_all(self.path("installed")).unwrap();
        Installed(&self.path("installed")).save(&current, &manifest).unwrap();
    }

    /// The site believes what lies there, whoever offers it now.
    pub fn trust(&self, url: &str) -> Sha256 {
        let root = fs::read(self.reference().join("metadata/1.root.json")).unwrap();
        Store::open(&self.path("trust")).add(url, &root).unwrap().digest()
    }

    pub fn staging(&self) -> Staging {
        Staging::open(&self.path("staging")).unwrap()
    }

    pub fn stage(&self, from: &str) -> Result<Staged, StageError> {
        self.stage_version(from, None)
    }

    pub fn stage_version(&self, from: &str, version: Option<&str>) -> Result<Staged, StageError> {
        self.stage_told(from, version, &mut Vec::new())
    }

    pub fn stage_told(
        &self,
        from: &str,
        version: Option<&str>,
        events: &mut Vec<entracte::base::event::Event>,
    ) -> Result<Staged, StageError> {
        let profile = Profile::named("generic").unwrap();
        let (trust, installed, root) = (self.path("trust"), self.path("installed"), self.path("site"));
        let options = Options {
            profile: &profile,
            product: "shop",
            version,
            extent: None,
            limits: Limits::default(),
            inbox: self.folder.path(),
            incoming: self.folder.path(),
            network: Network { settings: self.settings.clone(), ..Network::default() },
            live: None,
            home: Some(Home { trust: &trust, installed: &installed, root: &root, policy: &self.policy }),
        };
        stage(&Source::parse(from).unwrap(), &self.staging(), &options, &mut |_, event| events.push(event))
    }

    /// Stages, and all of it is right.
    #[track_caller]
    pub fn staged(&self, from: &str, version: u32) -> Staged {
        let staged = self.stage(from).unwrap_or_else(|error| panic!("{from}: {}", all(&error)));
        self.is_staged(&staged, version);
        staged
    }

    #[track_caller]
    pub fn is_staged(&self, staged: &Staged, version: u32) {
        assert_eq!(staged.manifest, manifest(&version.to_string(), &files(version)));
        assert_eq!(self.staging().staged().unwrap().as_ref(), Some(staged), "it is recorded");
        let at_hand = AtHand::of(&self.staging(), &staged.manifest, &self.path("site"));
        at_hand.verify(staged.manifest.files.iter()).unwrap();
        assert!(fs::read_dir(self.path("staging/download")).map_or(0, Iterator::count) == 0, "nothing rests");
    }

    /// Every name under `objects/` of staging has its digest; how many there are.
    pub fn objects_are_right(&self) -> usize {
        let entries = walkdir::WalkDir::new(self.path("staging/objects")).into_iter().map(Result::unwrap);
        let files: Vec<PathBuf> =
            entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
        for file in files.iter().filter(|file| !is_temporary(file)) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(Sha256::of(&fs::read(file).unwrap()).to_string(), name);
        }
        files.iter().filter(|file| !is_temporary(file)).count()
    }

    pub fn forget_staging(&self) {
        let _ = fs::remove_dir_all(self.path("staging"));
    }
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with("incoming-")
}

pub fn all(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for cause in entracte::base::exit::causes(error) {
        text = format!("{text}: {cause}");
    }
    text
}

/// Sixty files, of which each version changes some, adds one and drops one.
pub fn files(version: u32) -> Files {
    let mut files = Files::new();
    for number in 0..60 {
        let mut text = noise(number, 6000 + number * 37);
        if number % 10 == 0 {
            text.extend_from_slice(format!("changed in {version}\n").as_bytes());
        }
        files.insert(format!("lib/{:02}/file-{number}.php", number % 7), text);
    }
    files.insert("version.php".into(), format!("<?php return '{version}';\n").into_bytes());
    files.insert("empty.txt".into(), Vec::new());
    files.insert("copy.php".into(), files["lib/01/file-1.php"].clone());
    files.insert(format!("only-in-{version}.php"), noise(1000 + version, 9000));
    files.insert("large.bin".into(), [noise(7, 1_400_000), vec![version as u8; 100]].concat());
    files
}

/// Bytes that do not pack well, always the same for one seed.
pub fn noise(seed: u32, length: u32) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn manifest(version: &str, files: &Files) -> Manifest {
    let entry = |(path, content): (&String, &Vec<u8>)| FileEntry {
        path: SitePath::parse(path).unwrap(),
        content: Content::File { size: content.len() as u64, sha256: Sha256::of(content), md5: None },
        mode: Some(0o644),
    };
    Manifest {
        extent: Extent::Complete,
        made: Made::Published,
        files: files.iter().map(entry).collect(),
        ..Manifest::new("shop", version, "2026-11-21T08:00:00Z".parse().unwrap())
    }
}
