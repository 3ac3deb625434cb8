//! The memory of digests hides nothing: neither when it is written by somebody
//! else, nor when the marks of files lie.

use std::fs;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Digest;
use sha2::Sha256;

use super::guarded::Guarded;
use super::guarded::told;
use super::support::process;

/// A file that says something else than before under the marks that it has: what is
/// remembered of it is put back to what stood there before, and sealed as entracte does.
fn hide_a_change(site: &Guarded, path: &str) {
    let file = site.small.path(path);
    let mut content = fs::read(&file).unwrap();
    let before = Sha256::digest(&content);
    content[0] ^= 1;
    let now = Sha256::digest(&content);
    fs::write(&file, content).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.watch(7, &[]);
    // Its turn to be read may come just now; it does not come twice.
    for _ in 0..2 {
        remember(site, &now, &before);
        if site.entracte.json(&["watch"]).exit == 0 {
            return;
        }
    }
    panic!("the cache is not believed");
}

/// Puts one digest in the place of another in the sealed cache.
fn remember(site: &Guarded, old: &[u8], new: &[u8]) {
    let cache = site.state().join("cache/stat");
    let key = hex::decode(fs::read_to_string(site.state().join("cache/key")).unwrap().trim()).unwrap();
    let mut body = fs::read(&cache).unwrap();
    body.truncate(body.len() - 32);
    let at = body.windows(32).position(|window| window == old).expect("the cache knows the file");
    body[at..at + 32].copy_from_slice(new);
    let mut seal = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    seal.update(&body);
    body.extend_from_slice(&seal.finalize().into_bytes());
    fs::write(&cache, body).unwrap();
}

#[test]
fn bytes_that_change_under_the_same_marks_are_an_alarm_of_their_own() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.clean("before");
    hide_a_change(&site, "app/same.txt");
    let answer = (0..128).map(|_| site.entracte.json(&["watch"])).find(|answer| answer.exit == 7);
    let answer = answer.expect("each file is read again in 128 turns").code(7);
    assert_eq!(told(&answer), ["modified app/same.txt: marks-lie"]);
    assert!(answer["details"][0]["alarm"].as_bool().unwrap());
    assert_eq!(told(&site.watch(7, &[])), ["modified app/same.txt"], "known from now on");
}

#[test]
fn paranoid_reads_everything_at_once() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let first = site.clean("before");
    assert_eq!(first["rehashed"], first["checked"]);
    hide_a_change(&site, "app/changed.txt");
    let answer = site.watch(7, &["--paranoid"]);
    assert_eq!(answer["rehashed"], answer["checked"]);
    assert_eq!(told(&answer), ["modified app/changed.txt: marks-lie"]);
}

#[test]
fn a_lie_that_was_found_stays_found() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.clean("before");
    hide_a_change(&site, "app/changed.txt");
    let picture = site.state().join("cache/picture");
    assert!(picture.is_file(), "nothing was found");
    assert_eq!(told(&site.watch(7, &["--paranoid"])), ["modified app/changed.txt: marks-lie"]);
    assert!(!picture.exists(), "nothing says any more that nothing was found");
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt"]);
    assert_eq!(told(&site.watch(7, &[])), ["modified app/changed.txt"]);
}

#[test]
fn times_that_were_put_back_hide_nothing() {
    let site = Guarded::new();
    std::thread::sleep(std::time::Duration::from_millis(200));
    site.clean("before");
    let path = site.small.path("app/same.txt");
    fs::write(&path, "THE same in both\n").unwrap();
    process::run("touch", &["-d", "@1700000000.123456789", path.to_str().unwrap()]);
    assert_eq!(told(&site.watch(7, &[])), ["modified app/same.txt"]);
}

#[test]
fn a_memory_that_somebody_else_wrote_is_not_believed() {
    let (site, other) = (Guarded::new(), Guarded::new());
    std::thread::sleep(std::time::Duration::from_millis(200));
    for site in [&site, &other] {
        site.clean("before");
    }
    for name in ["stat", "picture"] {
        fs::copy(other.state().join("cache").join(name), site.state().join("cache").join(name)).unwrap();
    }
    let answer = site.clean("with another's memory");
    assert_eq!(answer["rehashed"], answer["checked"]);
    assert!(answer["notes"][0].as_str().unwrap().contains("not ours"), "{answer:#}");
    assert!(site.clean("mended")["rehashed"].as_u64() < answer["checked"].as_u64());
    let key = fs::metadata(site.state().join("cache/key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
}
