//! Every cut, and what came of it.

use crate::lab::BTRFS;
use crate::lab::EXT4;
use crate::lab::EXT4_WRITEBACK;
use crate::lab::Kind;
use crate::lab::Lab;
use crate::lab::Recording;
use crate::lab::XFS;
use crate::support::effort;
use crate::support::ground::Ground;

const APPLY: &[&str] = &["apply", "--foreground"];
const ROLLBACK: &[&str] = &["rollback", "--foreground"];

/// How a site is recovered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Forward,
    Back,
}

#[test]
fn an_update_cut_off_after_every_write() {
    let Some(lab) = lab(EXT4) else { return };
    let recording = lab.record(APPLY, |_| None).unwrap();
    let cuts = prefixes(&recording, effort::points(80, usize::MAX));
    let ways = if effort::is_full() { &[Way::Back, Way::Forward][..] } else { &[] };
    sweep(&lab, &recording, "power cut during an update, ext4, after a write", &cuts, ways);
    let some = choices(&recording, effort::points(40, 500));
    sweep(&lab, &recording, "power cut during an update, ext4, some writes since a flush", &some, &[]);
}

#[test]
fn a_rollback_cut_off_after_every_write() {
    let Some(lab) = lab(EXT4) else { return };
    let update = lab.record(APPLY, |_| None).unwrap();
    let recording = lab.record_after(&update, ROLLBACK).unwrap();
    let cuts = prefixes(&recording, effort::points(30, usize::MAX));
    sweep(&lab, &recording, "power cut during a rollback, ext4, after a write", &cuts, &[Way::Back]);
    let some = choices(&recording, effort::points(10, 200));
    sweep(&lab, &recording, "power cut during a rollback, ext4, some writes", &some, &[Way::Back]);
}

#[test]
fn other_file_systems() {
    let kinds = if effort::is_full() { vec![EXT4_WRITEBACK, XFS, BTRFS] } else { vec![EXT4_WRITEBACK] };
    for kind in kinds {
        let Some(lab) = lab(kind) else { continue };
        let recording = lab.record(APPLY, |_| None).unwrap();
        let name = lab.kind();
        let cuts = prefixes(&recording, effort::points(10, 100));
        sweep(&lab, &recording, &format!("power cut during an update, {name}, after a write"), &cuts, &[]);
        let some = choices(&recording, effort::points(10, 100));
        sweep(&lab, &recording, &format!("power cut during an update, {name}, some writes"), &some, &[]);
    }
}

/// The control: a program that never waits for the disk leaves sites that are
/// neither old nor new, or files without their content, and this sweep sees it.
#[test]
fn without_waiting_for_the_disk_sites_are_lost() {
    let Some(lab) = lab(EXT4_WRITEBACK) else { return };
    let recording = lab.record(APPLY, |call| call.syncs().then_some(0)).unwrap();
    let is_lost = |cut: &Cut| {
        let look = |ground: &Ground| {
            ground.entracte.json(&["rollback", "--foreground"]);
            assert!(!ground.is_a_mix(), "a mix");
        };
        lab.judge(&cut.image(&recording), look).is_err()
    };
    let lost = prefixes(&recording, 60).iter().filter(|cut| is_lost(cut)).count();
    println!("{lost} of 60 sites are lost without waiting for the disk");
    assert!(lost > 0, "nothing was lost: this harness sees nothing");
}

/// One disk as the power left it.
struct Cut {
    said: String,
    /// The entries of the log that it surely has.
    whole: usize,
    /// With some of what follows these, by chance.
    seed: Option<u64>,
}

impl Cut {
    fn image(&self, recording: &Recording) -> Vec<u8> {
        match self.seed {
            None => recording.image_after(self.whole),
            Some(seed) => {
                let mut chance = Chance(seed);
                recording.image_with_some(self.whole, || chance.next().is_multiple_of(2))
            }
        }
    }
}

fn prefixes(recording: &Recording, wanted: usize) -> Vec<Cut> {
    let cuts = recording.cuts();
    let all = cuts.len() as u64;
    let points = effort::spread(all, wanted.min(cuts.len()));
    let cut = |at: u64| {
        let whole = cuts[at as usize - 1];
        Cut { said: format!("cut off after write {} of {}", at - 1, all - 1), whole, seed: None }
    };
    points.into_iter().map(cut).collect()
}

fn choices(recording: &Recording, wanted: usize) -> Vec<Cut> {
    let flushes = recording.flushes();
    let cut = |number: usize| {
        let at = number * flushes.len() / wanted.max(1) % flushes.len();
        let seed = 1 + number as u64;
        let said = format!("cut off with some writes after flush {at} of {}, seed {seed}", flushes.len() - 1);
        Cut { said, whole: flushes[at], seed: Some(seed) }
    };
    (0..wanted).map(cut).collect()
}

/// Every cut in each of these ways, or in turn where none is named.
fn sweep(lab: &Lab, recording: &Recording, what: &str, cuts: &[Cut], ways: &[Way]) {
    let _other = lab.occupy_device().unwrap();
    let (mut failures, mut tried) = (Vec::new(), 0);
    for (number, cut) in cuts.iter().enumerate() {
        let image = cut.image(recording);
        let in_turn = [[Way::Back, Way::Forward][number % 2]];
        for way in if ways.is_empty() { &in_turn } else { ways } {
            let when = format!("{}, {way:?}", cut.said);
            let judged = lab.judge(&image, |ground| recover(ground, *way, &when));
            failures.extend(judged.err().map(|why| format!("{when}: {why}")));
            tried += 1;
        }
    }
    assert!(failures.is_empty(), "{} of {tried}: {:#?}", failures.len(), &failures[..failures.len().min(5)]);
    effort::tried(what, tried);
}

fn recover(ground: &Ground, way: Way, when: &str) {
    ground.status_is_true(when);
    match way {
        Way::Back => {
            ground.recover("rollback", when);
            ground.is_old(when);
        }
        Way::Forward => {
            ground.go_on(when);
            ground.is_new(when);
        }
    }
}

fn lab(kind: Kind) -> Option<Lab> {
    let name = kind.name;
    match Lab::new(kind) {
        Ok(lab) => Some(lab),
        Err(reason) => {
            effort::skipped(&format!("power cut on {name}: {reason}"));
            None
        }
    }
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
}
