//! References without a network: folders and bundles.

use std::fs;

use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use entracte::release::publish::bundle::Wanted;
use entracte::release::publish::bundle::bundle;

use crate::bed::ALL;
use crate::bed::Bed;
use crate::bed::all;
use crate::support::effort;

const URL: &str = "https://releases.example.org/shop/";

#[test]
fn a_folder_is_believed_by_its_address_or_its_root() {
    for trusted in ["folder", URL] {
        let bed = Bed::usual(ALL);
        let folder = bed.reference();
        let folder = folder.to_str().unwrap();
        bed.trust(if trusted == "folder" { folder } else { trusted });
        let staged = bed.staged(folder, 3);
        assert_eq!((staged.origin.requests, staged.origin.fetched_bytes), (0, 0));
        bed.forget_staging();
        bed.staged(&format!("file://{folder}/"), 3);
    }
}

#[test]
fn a_bundle_is_believed_as_its_reference_is() {
    for (what, from) in [("whole", None), ("a pack", Some("2"))] {
        let bed = Bed::usual(ALL);
        let path = bed.path("shop-3.bundle");
        bundle(&bed.reference(), Wanted { product: None, version: "3", from, url: URL }, &path).unwrap();
        let from = path.to_str().unwrap();
        let error = bed.stage(from).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{what}: {error}");
        assert!(error.hints().iter().any(|hint| hint.contains(URL)), "{what}: {:?}", error.hints());
        bed.trust(URL);
        let staged = bed.staged(from, 3);
        assert_eq!(staged.origin.signed.unwrap().reference, URL, "{what}");
    }
}

#[test]
fn one_wrong_byte_of_a_bundle_is_refused_or_means_nothing() {
    let bed = Bed::usual(ALL);
    bed.trust(URL);
    let path = bed.path("shop-3.bundle");
    let wanted = Wanted { product: None, version: "3", from: None, url: URL };
    bundle(&bed.reference(), wanted, &path).unwrap();
    let good = fs::read(&path).unwrap();
    let places = effort::spread(good.len() as u64, effort::points(14, 300));
    let mut refused = 0;
    for place in &places {
        let mut wrong = good.clone();
        wrong[*place as usize - 1] ^= 0x10;
        fs::write(&path, wrong).unwrap();
        bed.forget_staging();
        match bed.stage(path.to_str().unwrap()) {
            // Padding, and what stands in heads for people.
            Ok(staged) => bed.is_staged(&staged, 3),
            Err(error) => {
                refused += 1;
                assert!(error.exit() != Exit::Done, "{place}: {}", all(&error));
                assert!(bed.staging().staged().unwrap().is_none());
            }
        }
        bed.objects_are_right();
    }
    assert!(refused * 10 > places.len() * 8, "{refused} of {}", places.len());
}

#[test]
fn a_bundle_of_an_older_version_has_to_be_named() {
    let bed = Bed::usual(ALL);
    bed.trust(URL);
    let path = bed.path("shop-1.bundle");
    bundle(&bed.reference(), Wanted { product: None, version: "1", from: None, url: URL }, &path).unwrap();
    let from = path.to_str().unwrap();
    let error = bed.stage(from).unwrap_err();
    assert_eq!(error.exit(), Exit::Untrusted, "{error}");
    assert_eq!(bed.stage_version(from, Some("1")).unwrap().manifest.version, "1");
    assert_eq!(bed.stage_version(from, Some("2")).unwrap_err().exit(), Exit::Refused);
}
