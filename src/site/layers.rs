//! Several manifests on one site: the application's, and one for each folder
//! that something else stands in (a plugin, a theme, the owner's own code).
//! Each path is judged by the deepest layer whose folder holds it, and by no
//! other. Documented in `docs/lists.md`.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::PathError;
use crate::base::path::SitePath;
use crate::base::pattern::PatternError;
use crate::base::pattern::Patterns;
use crate::base::tree::Tree;
use crate::integrity::list::Document;
use crate::integrity::list::ReadError;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::site::Site;
use crate::site::settings;
use crate::site::settings::LayerSettings;
use crate::site::settings::SettingsError;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The layers of a site; without any, the application's manifest judges all of it.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    layers: Vec<Layer>,
    /// All their folders, which the application's manifest does not judge.
    folders: Patterns,
}

#[derive(Clone, Debug)]
struct Layer {
    below: SitePath,
    /// With paths of the site.
    document: Document,
    /// The folders of deeper layers.
    apart: Patterns,
}

#[derive(Debug, thiserror::Error)]
pub enum LayersError {
    #[error("there is no manifest {} for {below}", fs::shown(path))]
    Missing { path: PathBuf, below: SitePath },
    #[error("the manifest {} leads out of installed/layers", fs::shown(path))]
    Out { path: PathBuf },
    #[error("two layers are for {below}")]
    Twice { below: SitePath },
    #[error("a path of the manifest for {below} cannot stand there")]
    Path {
        below: SitePath,
        #[source]
        source: PathError,
    },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Fault for LayersError {
    fn exit(&self) -> Exit {
        match self {
            LayersError::Read(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            LayersError::Missing { .. } => {
                vec!["put it there, or take its [[layers]] out of entracte.toml".into()]
            }
            LayersError::Read(error) => error.hints(),
            LayersError::Settings(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl Layers {
    pub fn load(site: &Site) -> Result<Layers, LayersError> {
        Layers::read(&site.settings.layers, &site.state.installed().join("layers"))
    }

    fn read(wanted: &[LayerSettings], folder: &Path) -> Result<Layers, LayersError> {
        let mut layers: Vec<Layer> = Vec::new();
        for one in wanted {
            if layers.iter().any(|layer| layer.below == one.below) {
                return Err(LayersError::Twice { below: one.below.clone() });
            }
            let deeper = wanted.iter().map(|other| &other.below).filter(|other| other.is_below(&one.below));
            let apart = named(deeper)?;
            layers.push(Layer { below: one.below.clone(), document: read_one(one, folder)?, apart });
        }
        Ok(Layers { layers, folders: named(wanted.iter().map(|one| &one.below))? })
    }

    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// What the whole site should hold: `installed` says it of what no layer holds.
    pub fn over(
        &self,
        installed: &Manifest,
        root: &Root,
        tree: &Tree,
        ignore: &Patterns,
    ) -> Result<Manifest, IoError> {
        let mut whole = installed.clone();
        whole.files.retain(|entry| !self.folders.matches(entry.path.as_str()));
        for layer in &self.layers {
            let part = layer.document.clone().against(root, tree, ignore)?;
            let own = |entry: &FileEntry| !layer.apart.matches(entry.path.as_str());
            whole.files.extend(part.files.into_iter().filter(own));
        }
        whole.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(whole)
    }
}

fn named<'a>(folders: impl Iterator<Item = &'a SitePath>) -> Result<Patterns, PatternError> {
    Patterns::new(folders.map(|folder| Patterns::escaped(folder.as_str())))
}

fn read_one(one: &LayerSettings, folder: &Path) -> Result<Document, LayersError> {
    let is_plain = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
    if one.manifest.is_relative() && !one.manifest.components().all(is_plain) {
        return Err(LayersError::Out { path: one.manifest.clone() });
    }
    let path = folder.join(&one.manifest);
    if !fs::is_file(&path) {
        return Err(LayersError::Missing { path, below: one.below.clone() });
    }
    settings::check_private(&path)?;
    let wrong = |source| LayersError::Path { below: one.below.clone(), source };
    moved(Document::read(&path, one.format)?, &one.below).map_err(wrong)
}

/// With the paths that its files have in the site.
fn moved(document: Document, below: &SitePath) -> Result<Document, PathError> {
    match document {
        Document::Manifest(mut manifest) => {
            for entry in &mut manifest.files {
                entry.path = below.join(entry.path.as_str())?;
            }
            Ok(Document::Manifest(manifest))
        }
        Document::List(mut list) => {
            let files = std::mem::take(&mut list.files).into_iter();
            let moved = files.map(|(path, listed)| Ok((below.join(path.as_str())?, listed)));
            list.files = moved.collect::<Result<_, PathError>>()?;
            Ok(Document::List(list))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Algorithms;
    use crate::base::path::TreePath;
    use crate::integrity::manifest::fixtures::manifest;
    use crate::integrity::scan;
    use crate::integrity::verify::verify;

    const A: &str = "0cc175b9c0f1b6a831c399e269772661";

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn layer(manifest: &str, below: &str) -> LayerSettings {
        LayerSettings { manifest: manifest.into(), below: SitePath::parse(below).unwrap(), format: None }
    }

    fn names(paths: &[TreePath]) -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_path_is_judged_by_the_deepest_layer_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (root, shelf) = (folder.path().join("site"), folder.path().join("layers"));
        // The core lists an older plugin of its own, which the layer replaces.
        let core = manifest(&[("index.php", "a"), ("plugins/x/old.php", "a"), ("plugins/hello.php", "a")]);
        write(&shelf, "x.md5", &format!("{A}  x.php\n{A}  gone.php\n"));
        write(&shelf, "own.json", &String::from_utf8(manifest(&[("own.php", "a")]).to_json()).unwrap());
        for (name, text) in [
            ("index.php", "a"),
            ("plugins/hello.php", "changed"),
            ("plugins/x/x.php", "a"),
            ("plugins/x/new.php", "a"),
            ("plugins/x/own/own.php", "changed"),
            ("plugins/x/own/more.php", "a"),
            ("plugins/xy/z.php", "a"),
        ] {
            write(&root, name, text);
        }
        let layers =
            Layers::read(&[layer("x.md5", "plugins/x"), layer("own.json", "plugins/x/own")], &shelf).unwrap();
        let (open, nothing) = (Root::open(&root).unwrap(), Patterns::default());
        let options =
            scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, digests: scan::Digests::Read };
        let tree = scan::scan(&open, &options, &mut |_, _| {}).unwrap().tree;
        let whole = layers.over(&core, &open, &tree, &nothing).unwrap();
        let found = verify(&whole, &tree, &nothing);
        assert_eq!(names(&found.modified), ["plugins/hello.php", "plugins/x/own/own.php"]);
        assert_eq!(names(&found.missing), ["plugins/x/gone.php"]);
        assert_eq!(
            names(&found.unexpected),
            ["plugins/x/new.php", "plugins/x/own/more.php", "plugins/xy/z.php"]
        );
        assert_eq!(found.exact, 2);
        let ignore = Patterns::new(["plugins/x/own"]).unwrap();
        let whole = layers.over(&core, &open, &tree, &ignore).unwrap();
        let found = verify(&whole, &tree, &ignore);
        assert_eq!(names(&found.modified), ["plugins/hello.php"]);
    }

    /// A link in place of a layer's folder would show files from elsewhere.
    #[test]
    fn a_folder_that_became_a_link_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (root, shelf) = (folder.path().join("site"), folder.path().join("layers"));
        write(&shelf, "x.md5", &format!("{A}  x.php\n"));
        write(&root, "elsewhere/x.php", "a");
        std::os::unix::fs::symlink("elsewhere", root.join("plugin")).unwrap();
        let layers = Layers::read(&[layer("x.md5", "plugin")], &shelf).unwrap();
        let (open, nothing) = (Root::open(&root).unwrap(), Patterns::default());
        let options =
            scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, digests: scan::Digests::Read };
        let tree = scan::scan(&open, &options, &mut |_, _| {}).unwrap().tree;
        let core = manifest(&[("elsewhere/x.php", "a")]);
        let found = verify(&layers.over(&core, &open, &tree, &nothing).unwrap(), &tree, &nothing);
        assert_eq!(
            (names(&found.missing), names(&found.unexpected)),
            (vec!["plugin/x.php".into()], vec!["plugin".into()])
        );
    }

    #[test]
    fn layers_that_cannot_be() {
        let shelf = tempfile::tempdir().unwrap();
        write(shelf.path(), "x", &format!("{A}  x.php\n"));
        write(shelf.path(), "page", "<html>");
        write(shelf.path(), "open", &format!("{A}  x.php\n"));
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(shelf.path().join("open"), std::fs::Permissions::from_mode(0o666)).unwrap();
        for (layers, said) in [
            (vec![layer("x", "a"), layer("x", "a")], "two layers"),
            (vec![layer("no", "a")], "no manifest"),
            (vec![layer("../x", "a")], "leads out"),
            (vec![layer("page", "a")], "cannot be used"),
            (vec![layer("open", "a")], "others than its owner"),
        ] {
            let error = Layers::read(&layers, shelf.path()).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
        assert!(Layers::read(&[], shelf.path()).unwrap().is_empty());
    }
}
