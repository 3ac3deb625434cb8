//! One file that holds a release.

use std::fs;
use std::io::Read;

use serde_json::Value;

use crate::press::Press;

fn members(path: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(fs::File::open(path).unwrap());
    tar.entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        })
        .collect()
}

#[test]
fn a_bundle_holds_what_one_release_needs() {
    let press = Press::new();
    press.publish(1, &[]);
    press.publish(2, &[]);
    let (reference, output) = (press.text("reference"), press.text("bundle"));
    let url = "https://releases.example.org/";
    for (more, brings) in [(&[][..], ".tar.zst"), (&["--from-version", "1"], ".pack")] {
        let call = ["bundle", &reference, "--version", "2", "--output", &output, "--url", url];
        let done = press.entracte.json(&[&call[..], more].concat()).code(0);
        assert!(done["content"].as_str().unwrap().ends_with(brings), "{done}");
        let members = members(&press.path("bundle"));
        assert_eq!(members[0].0, "entracte-bundle.json");
        let head: Value = serde_json::from_slice(&members[0].1).unwrap();
        assert_eq!(
            (&head["format"], &head["reference"], &head["version"]),
            (&1.into(), &url.into(), &"2".into())
        );
        // Each file as it is served; together they are a reference of their own.
        let alone = press.path("alone");
        for (name, bytes) in &members[1..] {
            assert_eq!(&fs::read(press.reference().join(name)).unwrap(), bytes, "{name}");
            let path = alone.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let verified = crate::press::verified(&alone);
        let targets: Vec<&(String, Vec<u8>)> =
            members.iter().filter(|(name, _)| name.starts_with("targets/")).collect();
        assert_eq!(targets.len(), 2);
        let manifest = head["manifest"].as_str().unwrap();
        assert!(
            targets.iter().any(|(name, _)| name.ends_with(manifest))
                && verified.targets.contains_key(manifest)
        );
        fs::remove_dir_all(alone).unwrap();
    }
}

#[test]
fn what_cannot_be_bundled() {
    let press = Press::new();
    press.publish(1, &["--no-archive"]);
    press.publish(2, &["--packs", "0"]);
    let (reference, output) = (press.text("reference"), press.text("bundle"));
    let bundle =
        |more: &[&str]| press.entracte.json(&[&["bundle", &reference, "--output", &output], more].concat());
    assert!(bundle(&["--version", "1"]).refused(5).contains("no archive"));
    bundle(&["--version", "2", "--from-version", "1"]).refused(5);
    bundle(&["--version", "3"]).refused(3);
    // What is not what was signed gets into no bundle.
    let archive = press.names("targets").into_iter().find(|name| name.ends_with(".tar.zst")).unwrap();
    let path = press.reference().join(archive);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    bundle(&["--version", "2"]).refused(5);
    assert!(!press.path("bundle").exists() && !press.path("bundle.tmp").exists());
}
