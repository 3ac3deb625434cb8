//! What twenty thousand files take of memory, on either side.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use entracte::release::trust::Keyring;
use tempfile::TempDir;

use crate::bed::noise;
use crate::server::Server;
use crate::support::effort;
use crate::support::limited::Limit;
use crate::support::run::Entracte;
use crate::support::update::plan_and_approve;

const FILES: u32 = 20_000;
const CHANGED: u32 = 500;
/// What a client may take, whatever the size of a release.
const CLIENT: u64 = 80 << 20;
/// Whoever publishes packs on as many threads as there are cores, up to four.
const PUBLISHER: u64 = 256 << 20;

/// An empty site, and a product that is published beside it.
struct Scene {
    folder: TempDir,
    entracte: Entracte,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::Builder::new().prefix("entracte-large-").tempdir_in("/tmp").unwrap();
        let site = folder.path().join("site");
        fs::create_dir(&site).unwrap();
        Keyring::make(&folder.path().join("keys"), None, None).unwrap();
        let scene = Scene { entracte: Entracte::new(&site), folder };
        scene.write(0..FILES, 2000);
        scene.entracte.json(&["init", site.to_str().unwrap(), "--profile", "generic"]).code(0);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, numbers: std::ops::Range<u32>, length: u32) {
        for number in numbers {
            let path = self.path(&format!("release/lib/{:03}/file-{number}.php", number % 400));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, noise(number, length)).unwrap();
        }
    }

    /// Runs within so much memory.
    #[track_caller]
    fn within(&self, bytes: u64, arguments: &[&str]) {
        Limit::watching().run(self.entracte.command(arguments)).ended_within(bytes);
    }

    #[track_caller]
    fn publish(&self, to: &Path, version: &str, more: &[&str]) {
        let (release, keys) = (self.path("release"), self.path("keys"));
        let (release, keys, to) = (release.to_str().unwrap(), keys.to_str().unwrap(), to.to_str().unwrap());
        let all =
            ["publish", release, "--to", to, "--version", version, "--keys", keys, "--product", "generic"];
        self.within(PUBLISHER, &[&all[..], more].concat());
    }

    #[track_caller]
    fn stage(&self, from: &str) {
        self.within(CLIENT, &["stage", "--from", from]);
    }
}

#[test]
fn many_files_take_little_memory() {
    if !effort::is_full() {
        return;
    }
    let scene = Scene::new();
    let (whole, single) = (scene.path("whole"), scene.path("single"));
    scene.publish(&whole, "1", &[]);
    scene.publish(&single, "1", &["--no-archive"]);
    let roots = [&whole, &single].map(|reference| reference.join("metadata/1.root.json"));
    let servers = [&whole, &single].map(|reference| Server::good(reference));
    for (server, root) in servers.iter().zip(&roots) {
        scene.entracte.json(&["trust", "add", &server.url(), "--root", root.to_str().unwrap()]).code(0);
    }
    let asked =
        |server: &Server, kind: &str| server.asked().iter().filter(|name| name.contains(kind)).count();
    scene.stage(&servers[0].url());
    assert_eq!((asked(&servers[0], ".tar.zst"), asked(&servers[0], "objects/")), (1, 0), "by archive");
    scene.entracte.json(&["discard"]).code(0);

    let bundle = scene.path("release.bundle");
    let (bundle, reference) = (bundle.to_str().unwrap(), whole.to_str().unwrap());
    scene.within(CLIENT, &["bundle", reference, "--version", "1", "--output", bundle]);
    scene.entracte.json(&["trust", "add", bundle, "--root", roots[0].to_str().unwrap()]).code(0);
    scene.stage(bundle);
    scene.entracte.json(&["discard"]).code(0);

    scene.stage(&servers[1].url());
    assert!(asked(&servers[1], "objects/") == FILES as usize, "by objects");
    plan_and_approve(&scene.entracte);
    scene.entracte.json(&["apply", "--foreground"]).code(0);
    scene.write(0..CHANGED, 1900);
    scene.publish(&single, "2", &["--no-archive"]);
    let before = asked(&servers[1], "objects/");
    scene.stage(&servers[1].url());
    assert_eq!((asked(&servers[1], ".pack"), asked(&servers[1], "objects/") - before), (1, 0), "by pack");
    effort::tried("files of a release, published, bundled, and fetched each way in 80 MiB", FILES.into());
}
