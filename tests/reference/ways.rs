//! The ways to what is missing, and what each costs.

use std::fs;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use entracte::base::event::Event;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;
use entracte::release::staging::Trust;

use crate::bed::ALL;
use crate::bed::Also;
use crate::bed::Bed;
use crate::bed::all;
use crate::server::Sent;
use crate::server::Server;

fn of_kind(asked: &[String], part: &str) -> usize {
    asked.iter().filter(|name| name.contains(part)).count()
}

#[test]
fn an_ordinary_update_comes_as_a_pack() {
    let bed = Bed::usual(ALL);
    let server = Server::good(&bed.reference());
    let root = bed.trust(&server.url());
    let staged = bed.staged(&server.url(), 3);
    let asked = server.asked();
    assert_eq!((staged.origin.requests, asked.len()), (5, 5), "{asked:?}");
    assert_eq!(of_kind(&asked, ".pack"), 1, "{asked:?}");
    assert_eq!(staged.origin.trust, Trust::Signed);
    let signed = staged.origin.signed.as_ref().unwrap();
    assert_eq!((signed.reference.as_str(), signed.root), (server.url().as_str(), root));
    let full = staged.origin.full_bytes.unwrap();
    assert!(staged.origin.fetched_bytes * 10 < full, "{} of {full}", staged.origin.fetched_bytes);
    // Once more: nothing is new, and two questions tell that.
    let again = bed.staged(&server.url(), 3);
    assert_eq!(again.origin.requests, 2, "{:?}", &server.asked()[5..]);
}

#[test]
fn a_first_install_comes_as_an_archive_or_in_pieces() {
    let bed = Bed::new();
    bed.publish(1, ALL);
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    bed.staged(&server.url(), 1);
    assert_eq!((of_kind(&server.asked(), ".tar.zst"), of_kind(&server.asked(), "objects/")), (1, 0));
    let bed = Bed::new();
    bed.publish(1, Also { archive: false, packs: 0 });
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    bed.staged(&server.url(), 1);
    // One content stands twice, and nobody fetches nothing.
    assert_eq!(of_kind(&server.asked(), "objects/"), 63, "{:?}", server.asked());
}

/// A stranger's archive that unfolds so much is refused.
#[test]
fn what_is_signed_may_be_as_repetitive_as_it_likes() {
    let bed = Bed::new();
    let same = |byte: u8| (format!("dumps/{byte}.sql"), vec![byte; 1 << 20]);
    bed.publish_as("1", &(b'0'..b'Z').map(same).collect(), ALL);
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    let staged = bed.stage(&server.url()).unwrap_or_else(|error| panic!("{}", all(&error)));
    assert_eq!((of_kind(&server.asked(), ".tar.zst"), of_kind(&server.asked(), "objects/")), (1, 0));
    assert!(bed.staging().missing(&staged.manifest).is_empty());
}

#[test]
fn what_the_site_holds_is_not_fetched() {
    let bed = Bed::usual(Also { archive: true, packs: 0 });
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    bed.staged(&server.url(), 3);
    let asked = server.asked();
    assert_eq!((of_kind(&asked, "objects/"), of_kind(&asked, ".tar.zst")), (9, 0), "{asked:?}");
}

/// A file that was edited is fetched as it was, or what stands behind it by itself.
#[test]
fn an_edited_file_costs_little_more() {
    for (what, old_is_there) in [("the old release is still there", true), ("it is not", false)] {
        let bed = Bed::usual(ALL);
        let edited = bed.path("site/lib/00/file-0.php");
        let text = fs::read(&edited).unwrap();
        fs::write(&edited, [b"edited ", &text[7..]].concat()).unwrap();
        if !old_is_there {
            let old = entracte::base::digest::Sha256::of(&text).to_string();
            fs::remove_file(bed.reference().join(format!("objects/{}/{old}.zst", &old[..2]))).unwrap();
        }
        let server = Server::good(&bed.reference());
        bed.trust(&server.url());
        let staged = bed.staged(&server.url(), 3);
        assert_eq!(of_kind(&server.asked(), ".pack"), 1, "{what}");
        assert_eq!(staged.origin.requests == 6, old_is_there, "{what}: {:?}", server.asked());
    }
}

#[test]
fn what_is_missing_comes_another_way() {
    let bed = Bed::usual(ALL);
    let server = Server::serve(
        &bed.reference(),
        Box::new(|name, _, content| match name.ends_with(".pack") {
            true => Sent::Status("404 Not Found"),
            false => Sent::Whole(content),
        }),
    );
    bed.trust(&server.url());
    let mut events = Vec::new();
    let staged = bed.stage_told(&server.url(), None, &mut events).unwrap();
    bed.is_staged(&staged, 3);
    let told =
        events.iter().any(|event| matches!(event, Event::Warning { message } if message.contains(".pack")));
    assert!(told, "{events:?}");
}

#[test]
fn what_is_nowhere_is_told_and_what_came_is_kept() {
    let bed = Bed::usual(Also { archive: false, packs: 0 });
    let objects = AtomicUsize::new(0);
    let gone = Server::serve(
        &bed.reference(),
        Box::new(move |name, _, content| {
            match name.starts_with("objects/") && objects.fetch_add(1, Relaxed) >= 6 {
                true => Sent::Status("404 Not Found"),
                false => Sent::Whole(content),
            }
        }),
    );
    bed.trust(&gone.url());
    let error = bed.stage(&gone.url()).unwrap_err();
    assert_eq!((error.exit(), error.is_network()), (Exit::Failed, true), "{}", all(&error));
    assert!(bed.staging().staged().unwrap().is_none());
    let kept = bed.objects_are_right();
    assert!(kept > 2, "{kept}");
    let whole = Server::good(&bed.reference());
    bed.trust(&whole.url());
    bed.staged(&whole.url(), 3);
    assert!(of_kind(&whole.asked(), "objects/") < 9, "{:?}", whole.asked());
}

#[test]
fn a_release_is_named_or_the_newest_that_is_wanted() {
    let mut bed = Bed::usual(ALL);
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    let version = |staged: &entracte::release::staging::Staged| staged.manifest.version.clone();
    assert_eq!(
        version(&bed.stage_version(&server.url(), Some("1")).unwrap()),
        "1",
        "a downgrade that is named"
    );
    let error = bed.stage_version(&server.url(), Some("4")).unwrap_err();
    assert_eq!(error.exit(), Exit::Refused, "{error}");
    bed.policy.versions = Some("<3".to_owned().try_into().unwrap());
    assert_eq!(version(&bed.stage(&server.url()).unwrap()), "2");
    bed.policy.versions = Some("<2".to_owned().try_into().unwrap());
    let error = bed.stage(&server.url()).unwrap_err();
    assert_eq!(error.exit(), Exit::Untrusted, "a downgrade that nobody named: {error}");
    bed.policy.versions = Some(">7".to_owned().try_into().unwrap());
    assert_eq!(bed.stage(&server.url()).unwrap_err().exit(), Exit::NothingToDo);
}
