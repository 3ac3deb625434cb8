//! A reference, its keys, and an eye that looks at it from outside.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use entracte::base::digest::Sha256;
use entracte::integrity::manifest::FileEntry;
use entracte::integrity::manifest::Manifest;
use entracte::release::archive::Archive;
use entracte::release::archive::Limits;
use entracte::release::reference::Kind;
use entracte::release::reference::content;
use entracte::release::reference::custom::ManifestTarget;
use entracte::release::reference::listing;
use entracte::release::reference::object_name;
use entracte::release::reference::pack;
use entracte::release::reference::target_path;
use entracte::release::trust;
use entracte::release::trust::Keyring;
use entracte::release::trust::Store;
use entracte::release::trust::Verified;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::run::Answered;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

pub struct Press {
    pub folder: TempDir,
    pub entracte: Entracte,
    pub small: SmallSite,
}

impl Press {
    pub fn new() -> Press {
        let small = SmallSite::new();
        // Each publish ends with everything on the disk, and others write to that one, too.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory } else { Path::new("/tmp") };
        let folder = tempfile::Builder::new().prefix("entracte-press-").tempdir_in(place).unwrap();
        Keyring::make(&folder.path().join("keys"), None, None).unwrap();
        Press { entracte: Entracte::new(folder.path()), folder, small }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn reference(&self) -> PathBuf {
        self.path("reference")
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The arguments that publish a release of the small site.
    pub fn arguments(&self, version: u32, more: &[&str]) -> Vec<String> {
        let release = self.small.release(version);
        self.arguments_for(&release, &version.to_string(), "small", more)
    }

    pub fn arguments_for(&self, release: &Path, version: &str, product: &str, more: &[&str]) -> Vec<String> {
        let (reference, keys) = (self.text("reference"), self.text("keys"));
        let all = ["publish", release.to_str().unwrap(), "--to", &reference, "--version", version];
        let named = ["--product", product, "--keys", &keys];
        all.iter().chain(&named).chain(more).map(|argument| (*argument).to_owned()).collect()
    }

    pub fn try_publish(&self, version: u32, more: &[&str]) -> Answered {
        self.call(&self.arguments(version, more))
    }

    #[track_caller]
    pub fn publish(&self, version: u32, more: &[&str]) -> Value {
        self.try_publish(version, more).code(0)
    }

    pub fn call(&self, arguments: &[String]) -> Answered {
        self.entracte.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// As a verb of the reference with its keys.
    pub fn verb(&self, arguments: &[&str]) -> Answered {
        let keys = self.text("keys");
        self.entracte.json(&[arguments, &["--keys", &keys]].concat())
    }

    /// A release of another making: `path=content` each.
    pub fn release(&self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let folder = self.path(name);
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    /// Versions that a client sees; panics when anything that it would fetch
    /// for them is not what was signed.
    #[track_caller]
    pub fn versions(&self) -> BTreeSet<String> {
        if !self.reference().join("metadata/timestamp.json").exists() {
            return BTreeSet::new();
        }
        look(&self.reference()).into_keys().collect()
    }

    /// Names of the files below a folder of the reference.
    pub fn names(&self, below: &str) -> BTreeSet<String> {
        let root = self.reference();
        walkdir::WalkDir::new(root.join(below))
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
            .collect()
    }
}

/// What a client verifies of the reference's metadata, from its first root on.
pub fn verified(reference: &Path) -> Verified {
    let state = tempfile::tempdir().unwrap();
    let root = fs::read(reference.join("metadata/1.root.json")).unwrap();
    let pinned = Store::open(state.path()).add("https://releases.example.org/", &root).unwrap();
    trust::refresh(&pinned, &mut |name, _| Ok(fs::read(reference.join(name)).ok())).unwrap()
}

/// Every release, with all of its content proved: objects, archive, packs.
#[track_caller]
pub fn look(reference: &Path) -> BTreeMap<String, Manifest> {
    let verified = verified(reference);
    for (name, target) in &verified.targets {
        let bytes = fs::read(reference.join(target_path(name, &target.sha256))).unwrap();
        assert_eq!((bytes.len() as u64, Sha256::of(&bytes)), (target.length, target.sha256), "{name}");
    }
    let releases = listing::releases(&verified.targets).unwrap();
    let manifests: BTreeMap<Sha256, Manifest> = releases
        .iter()
        .map(|release| {
            let packed = fs::read(reference.join(target_path(release.name, &release.target.sha256))).unwrap();
            let json = content::unpacked(&packed, &[], release.about.manifest_bytes).unwrap();
            assert_eq!(Sha256::of(&json), release.about.digest);
            (release.about.digest, Manifest::parse(&json).unwrap())
        })
        .collect();
    for release in &releases {
        let manifest = &manifests[&release.about.digest];
        objects_are_whole(reference, manifest, &release.about);
        if let Some(name) = &release.about.archive {
            let path = reference.join(target_path(name, &verified.targets[name].sha256));
            archive_is_whole(&path, manifest);
        }
        for name in &release.about.packs {
            pack_leads_there(reference, &verified, name, &manifests, manifest);
        }
    }
    releases
        .iter()
        .map(|release| (release.about.version.clone(), manifests[&release.about.digest].clone()))
        .collect()
}

fn objects_are_whole(reference: &Path, manifest: &Manifest, about: &ManifestTarget) {
    let mut served = BTreeMap::new();
    for entry in manifest.files.iter().filter(|entry| entry.sha256().is_some()) {
        let (path, read) = (object(reference, entry), read_object(reference, entry));
        assert_eq!(Sha256::of(&read.unwrap()), entry.sha256().unwrap(), "{}", entry.path);
        served.insert(entry.sha256(), fs::metadata(path).unwrap().len());
    }
    assert_eq!(about.objects_bytes, served.values().sum::<u64>());
    assert_eq!((about.files, about.content_bytes), (manifest.files.len() as u64, manifest.bytes()));
}

fn archive_is_whole(path: &Path, manifest: &Manifest) {
    let archive = Archive::open(path, &Limits::default()).unwrap();
    let digests = archive.digests();
    for entry in &manifest.files {
        assert!(archive.members().iter().any(|member| member.path == entry.path), "{}", entry.path);
        assert_eq!(digests.get(&entry.path).copied(), entry.sha256(), "{}", entry.path);
    }
    assert_eq!(archive.members().len(), manifest.files.len() + 1, "and its manifest, nothing else");
}

fn pack_leads_there(
    reference: &Path,
    verified: &Verified,
    name: &str,
    manifests: &BTreeMap<Sha256, Manifest>,
    new: &Manifest,
) {
    let target = &verified.targets[name];
    let Some(Kind::Pack(about)) = Kind::parse(target.custom.as_ref().unwrap()).unwrap() else {
        panic!("{name} is no pack")
    };
    // From a release that was taken back it still leads here.
    let Some(old) = manifests.get(&about.from) else { return };
    let mut bytes =
        std::io::Cursor::new(fs::read(reference.join(target_path(name, &target.sha256))).unwrap());
    let mut hands = Hands { reference: reference.to_owned(), taken: BTreeSet::new() };
    let unpacked = pack::unpack(&mut bytes, &about, old, None, &mut hands).unwrap();
    assert!(unpacked.left_out.is_empty());
    let digests = |manifest: &Manifest| manifest.files.iter().filter_map(FileEntry::sha256).collect();
    let (old, new): (BTreeSet<Sha256>, BTreeSet<Sha256>) = (digests(old), digests(new));
    assert_eq!(hands.taken, new.difference(&old).copied().collect());
}

struct Hands {
    reference: PathBuf,
    taken: BTreeSet<Sha256>,
}

impl pack::Taker for Hands {
    type Error = io::Error;

    fn expect(&mut self, _: &Manifest, _: u64) {}

    fn unnamed(&mut self, content: &mut dyn Read) -> io::Result<Sha256> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.taken.insert(Sha256::of(&bytes));
        Ok(Sha256::of(&bytes))
    }

    fn manifest(&mut self, _: &Manifest) -> io::Result<()> {
        Ok(())
    }

    fn wants(&mut self, _: &FileEntry) -> bool {
        true
    }

    fn old(&mut self, entry: &FileEntry) -> Option<Box<dyn Read>> {
        Some(Box::new(io::Cursor::new(read_object(&self.reference, entry).ok()?)))
    }

    fn object(&mut self, entry: &FileEntry, content: &mut dyn Read) -> io::Result<()> {
        io::copy(content, &mut io::sink())?;
        self.taken.insert(entry.sha256().unwrap());
        Ok(())
    }
}

fn object(reference: &Path, entry: &FileEntry) -> PathBuf {
    reference.join(object_name(&entry.sha256().unwrap()))
}

fn read_object(reference: &Path, entry: &FileEntry) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(object(reference, entry))?;
    content::object(file, entry.size(), entry.sha256().unwrap())?.read_to_end(&mut bytes)?;
    Ok(bytes)
}
