//! Servers that lie, break off, lag, or are not believed at all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use entracte::base::event::Event;
use entracte::base::exit::Exit;
use entracte::base::exit::Fault;

use crate::bed::ALL;
use crate::bed::Also;
use crate::bed::Bed;
use crate::bed::TRIES;
use crate::bed::all;
use crate::server::Sent;
use crate::server::Server;
use crate::support::effort;

#[test]
fn what_nobody_vouched_for_is_not_taken() {
    let bed = Bed::usual(ALL);
    let server = Server::good(&bed.reference());
    let error = bed.stage(&server.url()).unwrap_err();
    assert_eq!(error.exit(), Exit::Untrusted, "{error}");
    let root = fs::read(bed.reference().join("metadata/1.root.json")).unwrap();
    let digest = entracte::base::digest::Sha256::of(&root);
    assert!(error.to_string().contains(&digest.to_string()), "{error}");
    let command = format!("entracte trust add {} --digest {digest}", server.url());
    assert!(error.hints().iter().any(|hint| hint.contains(&command)), "{:?}", error.hints());
    assert_eq!(server.asked(), ["metadata/1.root.json"]);
    let folder = bed.stage(bed.reference().to_str().unwrap()).unwrap_err();
    assert_eq!(folder.exit(), Exit::Untrusted, "{folder}");
}

/// One wrong byte at many places of every file that is served, a hundred and more in all.
#[test]
fn one_wrong_byte_anywhere_is_refused() {
    let mut tried = BTreeMap::<&str, usize>::new();
    for (what, also, install) in [
        ("by pack", ALL, true),
        ("by objects", Also { archive: false, packs: 0 }, true),
        ("by archive", ALL, false),
    ] {
        let bed = Bed::new();
        bed.publish(2, also);
        bed.publish(3, also);
        // Whoever believes the first root is led to the newest.
        bed.rotate();
        if install {
            bed.install(2);
        }
        let names: BTreeSet<String> = {
            let server = Server::good(&bed.reference());
            bed.trust(&server.url());
            bed.staged(&server.url(), 3);
            server.asked().into_iter().collect()
        };
        for name in names.iter().filter(|name| bed.reference().join(name).is_file()) {
            let length = fs::metadata(bed.reference().join(name)).unwrap().len();
            for place in effort::spread(length, effort::points(5, 12)) {
                let (place, wrong) = (place as usize - 1, name.clone());
                let wrong_bit = [0x20, 0x01, 0x80][tried.values().sum::<usize>() % 3];
                let server = Server::serve(
                    &bed.reference(),
                    Box::new(move |name, _, mut content| {
                        if name == wrong {
                            content[place] ^= wrong_bit;
                        }
                        Sent::Whole(content)
                    }),
                );
                bed.forget_staging();
                let _ = fs::remove_dir_all(bed.path("trust"));
                bed.trust(&server.url());
                let error = bed.stage(&server.url()).expect_err(&format!("{what}: {name} at {place}"));
                assert_eq!(error.exit(), Exit::Untrusted, "{what}: {name} at {place}: {}", all(&error));
                assert!(bed.staging().staged().unwrap().is_none(), "{what}: {name} at {place}");
                bed.objects_are_right();
                *tried.entry(kind(name)).or_default() += 1;
            }
        }
    }
    let kinds = ["archive", "manifest", "object", "pack", "root", "snapshot", "targets", "timestamp"];
    assert_eq!(tried.keys().copied().collect::<Vec<_>>(), kinds, "every kind of file is served");
    let all = tried.values().sum::<usize>();
    assert!(all >= 100 && tried.values().all(|places| *places >= 5), "{tried:?}");
    effort::tried("wrong bytes of a reference, refused", all as u64);
}

/// What a file of a reference is, by its name.
fn kind(name: &str) -> &'static str {
    [
        (".root.json", "root"),
        (".targets.json", "targets"),
        (".snapshot.json", "snapshot"),
        ("timestamp.json", "timestamp"),
        (".manifest.json.zst", "manifest"),
        (".tar.zst", "archive"),
        (".pack", "pack"),
        (".zst", "object"),
    ]
    .iter()
    .find(|(end, _)| name.ends_with(end))
    .map_or("unknown", |(_, kind)| kind)
}

/// What one mirror changes, another one sends right, and the first is named.
#[test]
fn another_mirror_is_asked_when_one_lies() {
    for (what, part) in [
        ("metadata", "metadata/timestamp"),
        ("targets", "targets.json"),
        ("the pack", ".pack"),
        ("objects", "objects/"),
        ("the archive", ".tar.zst"),
    ] {
        let packs = if part == "objects/" { 0 } else { 3 };
        let mut bed = Bed::new();
        bed.publish(2, Also { archive: part == ".tar.zst", packs });
        bed.publish(3, Also { archive: part == ".tar.zst", packs });
        if part != ".tar.zst" {
            bed.install(2);
        }
        let liar = Server::serve(
            &bed.reference(),
            Box::new(move |name, _, mut content| {
                if name.contains(part) {
                    let middle = content.len() / 2;
                    content[middle] ^= 1;
                }
                Sent::Whole(content)
            }),
        );
        let good = Server::good(&bed.reference());
        bed.settings.mirrors = vec![good.url().try_into().unwrap()];
        bed.trust(&liar.url());
        let staged = bed.staged(&liar.url(), 3);
        let notes = staged.origin.notes.join("\n");
        assert!(notes.contains(&liar.url()), "{what}: {notes}");
        assert!(good.asked().iter().any(|name| name.contains(part)), "{what}");
    }
}

#[test]
fn cut_connections_are_gone_on_with() {
    for (what, also, install) in [
        ("by pack", ALL, true),
        ("by objects", Also { archive: false, packs: 0 }, true),
        ("by archive", ALL, false),
    ] {
        let bed = Bed::new();
        bed.publish(2, also);
        bed.publish(3, also);
        if install {
            bed.install(2);
        }
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cuts);
        let server = Server::serve(
            &bed.reference(),
            Box::new(move |name, before, content| match before < 2 && !name.starts_with("metadata/") {
                true => {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let most = content.len() / 3;
                    Sent::Cut(content, most)
                }
                false => Sent::Whole(content),
            }),
        );
        bed.trust(&server.url());
        let staged = bed.staged(&server.url(), 3);
        assert!(cuts.load(Ordering::Relaxed) >= 2, "{what}");
        let names: BTreeSet<String> = server.asked().into_iter().collect();
        let sizes = names.iter().filter_map(|name| fs::metadata(bed.reference().join(name)).ok());
        let bytes: u64 = sizes.map(|file| file.len()).sum();
        assert_eq!(staged.origin.fetched_bytes, bytes, "{what}: no byte came twice");
    }
}

/// On a line on which everything breaks now and then, one that breaks often is no reason to give up.
#[test]
fn one_object_that_breaks_is_tried_for_as_long_as_others_come() {
    let bed = Bed::new();
    bed.publish(3, Also { archive: false, packs: 0 });
    // How many others may be answered now.
    let (victim, others) = (OnceLock::new(), AtomicUsize::new(0));
    let take = |left: usize| left.checked_sub(1);
    let server = Server::serve(
        &bed.reference(),
        Box::new(move |name, before, content| {
            if !name.starts_with("objects/") {
                return Sent::Whole(content);
            }
            if name != victim.get_or_init(|| name.to_owned()) {
                while others.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                return Sent::Whole(content);
            }
            if before >= 2 * TRIES {
                others.store(usize::MAX, Ordering::SeqCst);
                return Sent::Whole(content);
            }
            // Each of its answers breaks after five others, of 6 KB each, have come: three may be on the way.
            others.store(8, Ordering::SeqCst);
            while others.load(Ordering::SeqCst) > 0 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Sent::Cut(content, 0)
        }),
    );
    bed.trust(&server.url());
    bed.staged(&server.url(), 3);
    let asked = server.asked();
    assert_eq!(asked.len(), asked.iter().collect::<BTreeSet<_>>().len() + 2 * TRIES);
}

/// A stage that broke off leaves what it has; the next one fetches the rest.
#[test]
fn what_came_before_is_not_fetched_again() {
    let mut bed = Bed::usual(Also { archive: false, packs: 0 });
    bed.settings.tries = 1;
    let budget = Arc::new(AtomicUsize::new(9));
    let left = Arc::clone(&budget);
    let server = Server::serve(
        &bed.reference(),
        Box::new(move |_, _, content| {
            match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                Ok(_) => Sent::Whole(content),
                Err(_) => Sent::Cut(content, 0),
            }
        }),
    );
    bed.trust(&server.url());
    let error = bed.stage(&server.url()).unwrap_err();
    assert!(error.is_network(), "{}", all(&error));
    assert!(bed.staging().staged().unwrap().is_none());
    budget.store(usize::MAX, Ordering::Relaxed);
    bed.staged(&server.url(), 3);
    let mut objects = server.asked();
    objects.retain(|name| name.starts_with("objects/"));
    let whole = objects.len();
    objects.sort();
    objects.dedup();
    assert!(whole - objects.len() <= 5, "only what was under way: {whole} for {}", objects.len());
}

/// All that a copy lacks that lags behind is fetched elsewhere.
#[test]
fn a_mirror_that_lags_is_no_harm() {
    let mut bed = Bed::usual(ALL);
    let lagging = Server::serve(
        &bed.reference(),
        Box::new(|name, _, content| match name.starts_with("targets/") {
            true => Sent::Status("404 Not Found"),
            false => Sent::Whole(content),
        }),
    );
    let good = Server::good(&bed.reference());
    bed.settings.mirrors = vec![good.url().try_into().unwrap()];
    bed.trust(&lagging.url());
    bed.staged(&lagging.url(), 3);
    assert_eq!(good.asked().len(), 1, "{:?}", good.asked());
}

#[test]
fn an_older_copy_is_refused() {
    let bed = Bed::usual(ALL);
    let server = Server::good(&bed.reference());
    bed.trust(&server.url());
    let before = bed.path("before");
    assert!(
        std::process::Command::new("cp")
            .arg("-r")
            .arg(bed.reference())
            .arg(&before)
            .status()
            .unwrap()
            .success()
    );
    bed.publish(4, ALL);
    bed.staged(&server.url(), 4);
    fs::rename(bed.reference(), bed.path("newer")).unwrap();
    fs::rename(&before, bed.reference()).unwrap();
    let error = bed.stage(&server.url()).unwrap_err();
    assert_eq!(error.exit(), Exit::Untrusted, "{}", all(&error));
}

#[test]
fn nobody_to_ask_is_told_from_a_lie() {
    let bed = Bed::usual(ALL);
    let url = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/r/", free.local_addr().unwrap())
    };
    bed.trust(&url);
    let mut events = Vec::new();
    let error = bed.stage_told(&url, None, &mut events).unwrap_err();
    assert_eq!((error.exit(), error.is_network()), (Exit::Failed, true), "{}", all(&error));
    assert!(!events.iter().any(|event| matches!(event, Event::Progress { .. })));
}
