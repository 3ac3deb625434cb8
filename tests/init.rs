//! What `init` finds out about a folder before it is a site.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::path::Path;

use support::bed::Bed;
use support::bed::Server;
use support::bed::chown;
use support::run::Entracte;

/// A YACS-like tree whose own list proves one file, knows another as it was,
/// and names one that is gone.
fn listed_site(root: &Path) {
    let files = [
        ("scripts/stage.php", "<?php // stage"),
        ("scripts/update.php", "<?php // update"),
        ("shared/global.php", "<?php // edited here"),
        ("parameters/control.include.php", "<?php // the owner's"),
    ];
    for (name, text) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let list = "<?php\nglobal $footprints;\n\
        $footprints['scripts/stage.php']=array(14, '9ce20a5eb6a0fa32e1ecd3b9a8f9ac2b');\n\
        $footprints['shared/global.php']=array(20, '900150983cd24fb0d6963f7d28e17f72');\n\
        $footprints['shared/gone.php']=array(3, '900150983cd24fb0d6963f7d28e17f72');\n?>\n";
    let md5 = md5_of("<?php // stage");
    fs::write(root.join("footprints.php"), list.replace("9ce20a5eb6a0fa32e1ecd3b9a8f9ac2b", &md5)).unwrap();
}

fn md5_of(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_list_in_the_tree_is_found_by_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("site");
    listed_site(&root);
    let entracte = Entracte::new(&root);
    let found = entracte.json(&["init", root.to_str().unwrap(), "--dry-run"]).code(0);
    assert_eq!((found["profile"].as_str(), found["baseline"].as_str()), (Some("yacs"), Some("list")));
    let counts = &found["counts"];
    assert_eq!((counts["exact"].as_u64(), counts["modified"].as_u64()), (Some(1), Some(1)), "{found:#}");
    assert_eq!(found["missing"][0], "shared/gone.php");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "a dry run wrote something");
}

#[test]
fn a_checkout_is_left_to_the_tool_that_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("site");
    fs::create_dir_all(root.join(".git")).unwrap();
    let said = Entracte::new(&root).json(&["init", root.to_str().unwrap()]).refused(5);
    assert!(said.contains("checkout"), "{said}");
}

/// A folder that a web server hands out is no place for a state, whatever stands in it.
#[test]
fn a_state_does_not_stand_where_it_could_be_fetched() {
    let bed = Bed::shared();
    for server in Server::ALL {
        let name = format!("fetched{}", server.name());
        let parent = bed.make_parent(&name).join(&name);
        let root = parent.join("blog");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("index.html"), "blog").unwrap();
        chown(&parent);
        let url = format!("{}blog/", bed.url(server, &name));
        assert_eq!(support::site::get(&url).body, "blog");
        let init = |more: &[&str]| {
            let call = ["init", root.to_str().unwrap(), "--url", &url, "--profile", "generic"];
            Entracte::new(&root).json(&[&call, more].concat()).code(0)
        };
        let elsewhere = init(&["--dry-run"]);
        let state = Path::new(elsewhere["state"].as_str().unwrap());
        assert!(!state.starts_with(&parent), "{server:?}: {}", state.display());
        assert!(elsewhere["notes"].to_string().contains("does not stand beside the site"), "{elsewhere:#}");
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1, "{server:?}: the canary stayed");

        // Apache is kept out by the folder's own rules.
        if server == Server::Apache {
            init(&["--inside"]);
            let settings = support::site::get(&format!("{url}.entracte/entracte.toml"));
            assert_ne!(settings.status, 200, "{server:?}");
            continue;
        }
        let call = ["init", root.to_str().unwrap(), "--url", &url, "--profile", "generic", "--inside"];
        let said = Entracte::new(&root).json(&call).refused(5);
        assert!(said.contains("anybody could fetch") && said.contains("location ^~"), "{said}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 1, "{server:?}: something of init stayed");
    }
}
