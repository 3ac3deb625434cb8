//! Connections that break, and bytes that are wrong, anywhere.

use std::sync::Arc;

use entracte::base::digest::Sha256;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;

use crate::bench::Shelf;
use crate::bench::release;
use crate::host::Host;
use crate::host::Thing;
use crate::support::effort;
use crate::support::small::SmallSite;

/// Where nothing is staged yet.
fn shelf() -> Shelf {
    let mut shelf = Shelf::of("generic");
    shelf.settings.tries = 2;
    shelf.settings.backoff_seconds = 0.01.try_into().unwrap();
    shelf
}

/// Broken at any byte, it is the same release, and no byte came twice.
#[test]
fn broken_anywhere_it_is_gone_on_with() {
    let bytes = release(&SmallSite::new());
    let all = bytes.len() as u64;
    let places = effort::spread(all, effort::points(24, 500));
    let mut first = None;
    for place in &places {
        let (thing, most) = (Thing::new(&bytes), *place as usize - 1);
        let host = Host::serve(Box::new(move |asked, stream| match asked.number {
            0 => thing.send_up_to(most, asked, stream),
            _ => thing.send(asked, stream),
        }));
        let staged = shelf().stage(&host.url()).unwrap_or_else(|error| panic!("{most}: {error}"));
        assert_eq!((staged.origin.fetched_bytes, staged.origin.requests), (all, 2), "broken at {most}");
        let files = staged.manifest.files;
        assert_eq!(first.get_or_insert_with(|| files.clone()), &files, "broken at {most}");
    }
    effort::tried("connections that break, gone on with", places.len() as u64);
}

/// One wrong byte anywhere is found out by the digest, and nothing is staged.
#[test]
fn one_wrong_byte_anywhere_is_refused() {
    let bytes = release(&SmallSite::new());
    let digest = Sha256::of(&bytes);
    let places = effort::spread(bytes.len() as u64, effort::points(24, 500));
    let mut taken_without_digest = 0;
    for place in &places {
        let place = *place as usize - 1;
        let mut wrong = bytes.clone();
        wrong[place] ^= 0x20;
        let thing = Thing { bytes: Arc::new(wrong), ..Thing::new(&[]) };
        let host = Host::serve(Box::new(move |asked, stream| thing.send(asked, stream)));
        let shelf = shelf();
        let error = shelf.stage(&format!("{}#sha256={digest}", host.url())).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{place}: {error}");
        assert!(shelf.staging().staged().unwrap().is_none(), "{place}");
        let objects = walkdir::WalkDir::new(shelf.folder.path()).into_iter().map(Result::unwrap);
        assert_eq!(objects.filter(|entry| entry.file_type().is_file()).count(), 0, "{place}");
        taken_without_digest += usize::from(shelf.stage(&host.url()).is_ok());
    }
    // The control: it is the digest that finds them out, not the archive.
    assert!(taken_without_digest > places.len() / 2, "{taken_without_digest} of {}", places.len());
    effort::tried("wrong bytes, found out by the digest", places.len() as u64);
}
