//! Who keeps a program up to date: a package manager, cargo, or the program
//! itself. Two of them at once would undo each other's work.

use std::path::Path;

/// Whoever brought the program here, if not somebody by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    pub name: &'static str,
    /// How it is asked for a newer one.
    pub advice: &'static str,
}

/// What only the system can tell.
pub trait Asked {
    /// Whether the program `argv` is there and ends with 0.
    fn agrees(&self, argv: &[&str]) -> bool;
    /// The text of a file, where it can be read.
    fn text(&self, path: &Path) -> Option<String>;
    fn is_there(&self, path: &Path) -> bool;
}

const PLACES: [(&str, Keeper); 4] = [
    ("/nix/store/", Keeper { name: "nix", advice: "nix profile upgrade entracte" }),
    ("/snap/", Keeper { name: "snap", advice: "snap refresh entracte" }),
    ("/Cellar/", Keeper { name: "brew", advice: "brew upgrade entracte" }),
    ("/gnu/store/", Keeper { name: "guix", advice: "guix upgrade entracte" }),
];

const MANAGERS: [(&[&str], Keeper); 4] = [
    (&["dpkg-query", "--search"], Keeper { name: "dpkg", advice: "apt-get install --only-upgrade entracte" }),
    (&["rpm", "--query", "--file"], Keeper { name: "rpm", advice: "dnf upgrade entracte" }),
    (&["pacman", "--query", "--owns"], Keeper { name: "pacman", advice: "pacman -Syu entracte" }),
    (&["apk", "info", "--who-owns"], Keeper { name: "apk", advice: "apk upgrade entracte" }),
];

const CARGO: Keeper = Keeper { name: "cargo", advice: "cargo install --path . in the newer source" };
const SOURCE: Keeper = Keeper { name: "its source", advice: "cargo build --release in the newer source" };

/// The keeper of the program at `path`, which has no links in it.
pub fn keeper(path: &Path, asked: &dyn Asked) -> Option<Keeper> {
    let text = path.to_str()?;
    if let Some((_, keeper)) = PLACES.iter().find(|(place, _)| text.contains(place)) {
        return Some(keeper.clone());
    }
    let folder = path.parent()?;
    if asked.is_there(&folder.join(".cargo-lock")) {
        return Some(SOURCE);
    }
    let installed = folder.parent().and_then(|above| asked.text(&above.join(".crates.toml")));
    if installed.is_some_and(|list| list.contains("\"entracte ")) {
        return Some(CARGO);
    }
    let owns = |(argv, _): &&(&[&str], Keeper)| asked.agrees(&[argv, &[text][..]].concat());
    MANAGERS.iter().find(owns).map(|(_, keeper)| keeper.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        manager: &'static str,
        file: &'static str,
    }

    impl Asked for Machine {
        fn agrees(&self, argv: &[&str]) -> bool {
            argv.first() == Some(&self.manager) && argv.last() == Some(&"/usr/bin/entracte")
        }

        fn text(&self, path: &Path) -> Option<String> {
            self.is_there(path).then(|| "[v1]\n\"entracte 0.1.0 (path+file:///x)\" = [\"entracte\"]\n".into())
        }

        fn is_there(&self, path: &Path) -> bool {
            path == Path::new(self.file)
        }
    }

    #[test]
    fn whoever_brought_it_is_known() {
        for (path, manager, file, expected) in [
            ("/usr/local/bin/entracte", "", "", None),
            ("/home/ann/bin/entracte", "dpkg-query", "", None),
            ("/usr/bin/entracte", "dpkg-query", "", Some("dpkg")),
            ("/usr/bin/entracte", "rpm", "", Some("rpm")),
            ("/usr/bin/entracte", "pacman", "", Some("pacman")),
            ("/usr/bin/entracte", "apk", "", Some("apk")),
            ("/nix/store/abc-entracte/bin/entracte", "", "", Some("nix")),
            ("/home/linuxbrew/.linuxbrew/Cellar/entracte/1/bin/entracte", "", "", Some("brew")),
            ("/home/ann/.cargo/bin/entracte", "", "/home/ann/.cargo/.crates.toml", Some("cargo")),
            ("/src/target/release/entracte", "", "/src/target/release/.cargo-lock", Some("its source")),
        ] {
            let found = keeper(Path::new(path), &Machine { manager, file });
            assert_eq!(found.map(|keeper| keeper.name), expected, "{path}");
        }
    }
}
