//! A flipped bit in what a run saved is found before a rollback writes
//! anything; then it refuses and says what is still possible.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use filetime::FileTime;

use crate::arena::Arena;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::small::Look;
use crate::support::update;

/// Files below the run's folder, in a fixed order.
fn files(folder: &Path, below: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in below {
        let entries = walkdir::WalkDir::new(folder.join(name)).sort_by_file_name().into_iter();
        found.extend(
            entries
                .map(Result::unwrap)
                .filter(|entry| entry.file_type().is_file())
                .map(|entry| entry.into_path()),
        );
    }
    found.retain(|path| path.metadata().unwrap().len() > 0);
    found
}

/// Flips one bit, lets `then` look, and puts the file back with its time.
fn flipped<T>(path: &Path, number: usize, then: impl FnOnce() -> T) -> T {
    let good = fs::read(path).unwrap();
    let time = FileTime::from_last_modification_time(&path.metadata().unwrap());
    let mut bad = good.clone();
    // A prime far from any power of two, so that the bits spread over the file.
    let bit = number * 7919 % (good.len() * 8);
    bad[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, &bad).unwrap();
    let seen = then();
    fs::write(path, &good).unwrap();
    filetime::set_file_mtime(path, time).unwrap();
    seen
}

fn run_folder(ground: &Ground) -> PathBuf {
    let runs = ground.parent().join(".entracte-site/runs");
    fs::read_dir(runs).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_copy_is_found_damaged_before_anything_is_written() {
    let ground = Ground::in_memory();
    update::apply(&ground.entracte);
    let (folder, new) = (run_folder(&ground), ground.small.look());
    let copies = files(&folder, &["bak", "saved", "dump"]);
    assert!(copies.len() > 8, "{copies:?}");
    let bits = effort::points(40, 2000);
    for number in 0..bits {
        let path = &copies[number % copies.len()];
        let when = format!("bit {number} of {}", path.display());
        let said = flipped(path, number, || {
            let said = ground.entracte.json(&["rollback"]).refused(6);
            new.assert_same(&ground.small.look(), &when);
            assert!(!ground.flag().exists(), "{when}");
            said
        });
        assert!(said.contains("commit") && said.contains("RESTORE.txt"), "{when}: {said}");
    }
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("every copy is good again");
    effort::tried("bit flipped in a saved file or dump, rollback refused", bits as u64);
}

/// The records of a run: found damaged, or harmless.
#[test]
fn a_record_is_found_damaged_or_no_harm_is_done() {
    let arena = Arena::new();
    update::apply(&arena.ground.entracte);
    let records = [
        "journal.jsonl",
        "plan.json",
        "operations.json",
        "saved.json",
        "dump.json",
        "before.jsonl",
        "sums.json",
        "installed-before",
    ];
    let mut refused = 0;
    let bits = effort::points(60, 2000);
    for number in 0..bits {
        arena.lay();
        update::apply(&arena.ground.entracte);
        let new = arena.ground.small.look();
        let all = files(&run_folder(&arena.ground), &records);
        let path = &all[number % all.len()];
        refused += u64::from(flipped(path, number, || is_refused(&arena.ground, &new, path, number)));
    }
    assert!(refused > 0);
    effort::tried("bit flipped in a record of a run: refused, or exactly old", bits as u64);
}

fn is_refused(ground: &Ground, new: &Look, path: &Path, number: usize) -> bool {
    let when = format!("bit {number} of {}", path.display());
    let answer = ground.entracte.json(&["rollback"]);
    match answer.exit {
        0 => ground.is_old(&when),
        1 | 5 | 6 => new.assert_same(&ground.small.look(), &when),
        _ => panic!("{when}: {answer:?}"),
    }
    answer.exit != 0
}
