use std::collections::BTreeMap;
use std::io;
use std::io::Read;
use std::sync::LazyLock;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::manifest::Extent;
use crate::integrity::manifest::Made as How;
use crate::release::reference::content::unpacked;
use crate::release::reference::custom::PackTarget;

type Files = BTreeMap<String, Vec<u8>>;

/// A manifest of `path=content` each.
pub(super) fn manifest(version: &str, files: &[&str]) -> Manifest {
    let split = |file: &&str| {
        let (path, content) = file.split_once('=').unwrap();
        (path.to_owned(), content.as_bytes().to_vec())
    };
    manifest_of(version, &files.iter().map(split).collect())
}

fn manifest_of(version: &str, files: &Files) -> Manifest {
    let entry = |(path, content): (&String, &Vec<u8>)| FileEntry {
        path: SitePath::parse(path).unwrap(),
        content: Content::File { size: content.len() as u64, sha256: Sha256::of(content), md5: None },
        mode: None,
    };
    Manifest {
        extent: Extent::Complete,
        made: How::Published,
        files: files.iter().map(entry).collect(),
        ..Manifest::new("p", version, Timestamp::UNIX_EPOCH)
    }
}

/// Two releases, the pack between them, and who unpacks it.
struct Case {
    old: Manifest,
    old_files: Files,
    new: Manifest,
    new_files: Files,
    pack: Vec<u8>,
    about: PackTarget,
}

impl Case {
    fn new(old_files: Files, new_files: Files, sizes: Groups) -> Case {
        let (old, new) = (manifest_of("1", &old_files), manifest_of("2", &new_files));
        let mut spool = tempfile::tempfile().unwrap();
        let mut pack = Vec::new();
        let made =
            make((&old, &reader(&old_files)), (&new, &reader(&new_files)), sizes, &mut spool, &mut pack)
                .unwrap();
        let Made { content_bytes, largest_group } = made;
        let about = PackTarget { from: old.digest(), to: new.digest(), content_bytes, largest_group };
        Case { old, old_files, new, new_files, pack, about }
    }

    fn plain() -> &'static Case {
        static PLAIN: LazyLock<Case> = LazyLock::new(Case::of_six_files);
        &PLAIN
    }

    fn of_six_files() -> Case {
        let text = |seed: u8| (0..3000_u32).map(|at| (at / 7 * u32::from(seed)) as u8).collect::<Vec<u8>>();
        let files = |add: u8| {
            (1..=6).map(|number| (format!("d/f{number}"), [text(number), vec![add]].concat())).collect()
        };
        Case::new(files(0), files(1), Groups { several: 7000, single: 7000, ..Groups::default() })
    }

    fn unpack(&self, pack: &[u8]) -> (Result<Unpacked, Stopped<io::Error>>, Hands) {
        self.unpack_with(pack, Hands { old: self.old_files.clone(), ..Hands::default() })
    }

    fn unpack_with(
        &self,
        mut pack: &[u8],
        mut hands: Hands,
    ) -> (Result<Unpacked, Stopped<io::Error>>, Hands) {
        let unpacked = unpack(&mut pack, &self.about, &self.old, None, &mut hands);
        (unpacked, hands)
    }

    /// The same where the new manifest came before.
    fn unpack_known(&self, mut hands: Hands) -> (Result<Unpacked, Stopped<io::Error>>, Hands) {
        let unpacked = unpack(&mut &self.pack[..], &self.about, &self.old, Some(&self.new), &mut hands);
        (unpacked, hands)
    }

    /// What must have come out: every content that the old release has not.
    fn expected(&self) -> BTreeMap<Sha256, Vec<u8>> {
        let is_old = |content: &Vec<u8>| self.old_files.values().any(|old| old == content);
        self.new_files
            .values()
            .filter(|content| !is_old(content))
            .map(|content| (Sha256::of(content), content.clone()))
            .collect()
    }
}

fn reader(files: &Files) -> impl Fn(&FileEntry) -> io::Result<Box<dyn Read>> + Sync {
    |entry| match files.get(entry.path.as_str()) {
        Some(content) => Ok(Box::new(io::Cursor::new(content.clone()))),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

#[derive(Default)]
struct Hands {
    old: Files,
    taken: BTreeMap<Sha256, Vec<u8>>,
    unwanted: Vec<Sha256>,
}

impl Taker for Hands {
    type Error = io::Error;

    fn expect(&mut self, _: &Manifest, _: u64) {}

    fn unnamed(&mut self, content: &mut dyn Read) -> io::Result<Sha256> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let digest = Sha256::of(&bytes);
        self.taken.insert(digest, bytes);
        Ok(digest)
    }

    fn manifest(&mut self, _: &Manifest) -> io::Result<()> {
        Ok(())
    }

    fn wants(&mut self, entry: &FileEntry) -> bool {
        !self.unwanted.contains(&entry.sha256().unwrap())
    }

    fn old(&mut self, entry: &FileEntry) -> Option<Box<dyn Read>> {
        Some(Box::new(io::Cursor::new(self.old.get(entry.path.as_str())?.clone())))
    }

    fn object(&mut self, entry: &FileEntry, content: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        assert_eq!(Sha256::of(&bytes), entry.sha256().unwrap(), "what is handed over is what was signed");
        self.taken.insert(Sha256::of(&bytes), bytes);
        Ok(())
    }
}

fn files() -> impl Strategy<Value = Files> {
    let word = prop_oneof![Just("a"), Just("b"), Just("lib-1.2"), Just("lib-1.3"), Just("x.9f2e1a.js")];
    let path = prop::collection::vec(word, 1..3).prop_map(|parts| format!("{}.txt", parts.join("/")));
    let content = (any::<u8>(), 0..5000_usize, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(seed, size, tail)| {
            let run = (0..size).map(|at| (at as u8 / 3).wrapping_mul(seed));
            run.chain(tail).collect::<Vec<u8>>()
        },
    );
    prop::collection::btree_map(path, content, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_packed_is_unpacked(old in files(), new in files(), several in 1..20_000_u64, single in 1..9000_u64) {
        let case = Case::new(old, new, Groups { several, single, ..Groups::default() });
        let (unpacked, hands) = case.unpack(&case.pack);
        let unpacked = unpacked.unwrap();
        prop_assert_eq!(unpacked.left_out, Vec::<u32>::new());
        prop_assert_eq!(unpacked.manifest, case.new.clone());
        prop_assert_eq!(hands.taken, case.expected());
    }

    #[test]
    fn one_flipped_bit_lets_nothing_wrong_through(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let case = Case::plain();
        let mut pack = case.pack.clone();
        let at = at.index(pack.len());
        pack[at] ^= 1 << bit;
        let (unpacked, hands) = case.unpack(&pack);
        // A bit that no decoder reads changes nothing; every other one is refused.
        match unpacked {
            Ok(_) => prop_assert_eq!(hands.taken, case.expected()),
            Err(Stopped::Pack(error)) => prop_assert!(error.exit() == Exit::Untrusted || error.exit() == Exit::Failed),
            Err(Stopped::Taker(_)) => prop_assert!(false, "the taker was blamed"),
        }
    }
}

#[test]
fn a_pack_that_is_cut_or_goes_on_is_refused() {
    let case = Case::plain();
    assert_eq!(case.unpack(&case.pack).1.taken, case.expected());
    for length in 0..case.pack.len() {
        let (unpacked, _) = case.unpack(&case.pack[..length]);
        assert!(matches!(unpacked, Err(Stopped::Pack(_))), "cut at {length}");
    }
    let longer = [&case.pack[..], b"x"].concat();
    assert!(matches!(case.unpack(&longer).0, Err(Stopped::Pack(PackError::Damaged { .. }))));
}

#[test]
fn without_an_old_file_the_other_groups_still_come() {
    let case = Case::plain();
    for spoil in [
        (|files: &mut Files| drop(files.remove("d/f1"))) as fn(&mut Files),
        |files| files.get_mut("d/f1").unwrap()[5] ^= 1,
        |files| files.get_mut("d/f1").unwrap().push(0),
        |files| files.get_mut("d/f1").unwrap().truncate(3000),
    ] {
        let mut old = case.old_files.clone();
        spoil(&mut old);
        let (unpacked, hands) = case.unpack_with(&case.pack, Hands { old: old.clone(), ..Hands::default() });
        assert!(matches!(unpacked, Err(Stopped::Pack(PackError::ManifestNeeded))), "{unpacked:?}");
        assert!(hands.taken.keys().all(|digest| case.expected().contains_key(digest)));
        let (unpacked, hands) = case.unpack_known(Hands { old, ..Hands::default() });
        // The first two files share a group.
        assert_eq!(unpacked.unwrap().left_out, [0, 1]);
        assert_eq!(hands.taken.len(), 4);
    }
}

#[test]
fn what_is_here_already_is_not_unpacked() {
    let case = Case::plain();
    let digests: Vec<Sha256> = case.expected().into_keys().collect();
    // With no old file at all: a group of which nothing is wanted needs none.
    let hands = Hands { unwanted: digests, ..Hands::default() };
    let (unpacked, hands) = case.unpack_known(hands);
    assert_eq!((unpacked.unwrap().left_out.len(), hands.taken.len()), (0, 0));
}

/// Nobody packs digests: what is unpacked has them.
#[test]
fn digests_of_what_is_packed_are_not_said() {
    let case = Case::plain();
    let (head, frames) = taken_apart(&case.pack);
    let first = &frames[..head.groups[0].bytes as usize];
    let outline = unpacked(first, &case.old.to_json(), head.groups[0].content).unwrap();
    let outline = Manifest::parse(&outline).unwrap();
    assert!(outline.files.iter().all(|entry| entry.sha256() == Some(Sha256::UNSAID)), "each of them changed");
    let other = Manifest { version: "3".into(), ..case.new.clone() };
    let mut hands = Hands { old: case.old_files.clone(), ..Hands::default() };
    let stopped = unpack(&mut &case.pack[..], &case.about, &case.old, Some(&other), &mut hands);
    assert!(matches!(stopped, Err(Stopped::Pack(PackError::Damaged { .. }))) && hands.taken.is_empty());
}

#[test]
fn a_pack_for_another_old_release_is_refused() {
    let case = Case::plain();
    let mut hands = Hands::default();
    let stopped = unpack(&mut &case.pack[..], &case.about, &case.new, None, &mut hands);
    assert!(matches!(stopped, Err(Stopped::Pack(PackError::OtherOld { .. }))));
    let about = PackTarget { to: case.old.digest(), ..case.about.clone() };
    let stopped = unpack(&mut &case.pack[..], &about, &case.old, None, &mut hands);
    assert!(matches!(stopped, Err(Stopped::Pack(PackError::Damaged { .. }))));
}

/// A way that breaks is told apart from a pack that is wrong.
#[test]
fn a_lost_connection_is_not_the_packs_fault() {
    struct Broken<'p>(&'p [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                count => Ok(count),
            }
        }
    }
    let case = Case::plain();
    for length in (0..case.pack.len()).step_by(7) {
        let mut hands = Hands { old: case.old_files.clone(), ..Hands::default() };
        let stopped = unpack(&mut Broken(&case.pack[..length]), &case.about, &case.old, None, &mut hands);
        assert!(matches!(stopped, Err(Stopped::Pack(PackError::Read(_)))), "cut at {length}: {stopped:?}");
    }
}

/// Packs whose heads were written by somebody who means no good.
#[test]
fn heads_that_lie() {
    let case = Case::plain();
    let (head, frames) = taken_apart(&case.pack);
    let first = head.groups[1].clone();
    type Lie<'a> = (&'a str, &'a dyn Fn(&mut Head));
    let lies: &[Lie] = &[
        ("no group", &|head| head.groups.clear()),
        ("a manifest with objects", &|head| head.groups[0].objects.push(0)),
        ("a manifest without end", &|head| head.groups[0].content = u64::MAX),
        ("a frame without end", &|head| head.groups[0].bytes = u64::MAX),
        ("a place that is not there", &|head| head.groups[1].objects[0] = 4_000_000),
        ("an old place that is not there", &|head| head.groups[1].prefix[0] = u32::MAX),
        ("the same object again", &|head| head.groups.push(first.clone())),
        ("the same prefix again", &|head| head.groups[1].prefix.push(first.prefix[0])),
        ("more content than its files", &|head| head.groups[1].content += 1),
        ("less content than its files", &|head| head.groups[1].content -= 1),
        ("a group of nothing", &|head| head.groups[1].objects.clear()),
        ("a longer frame", &|head| head.groups[1].bytes += 1),
        ("a shorter frame", &|head| head.groups[1].bytes -= 1),
        ("another old release", &|head| head.from = head.to),
        ("another format", &|head| head.format = 2),
        ("files exchanged", &|head| head.groups[1].objects.reverse()),
        ("another prefix", &|head| head.groups[1].prefix = head.groups[2].prefix.clone()),
    ];
    for (name, lie) in lies {
        let mut lying = taken_apart(&case.pack).0;
        lie(&mut lying);
        let (unpacked, hands) = case.unpack(&put_together(&lying, &frames));
        assert!(matches!(unpacked, Err(Stopped::Pack(_))), "{name}: {unpacked:?}");
        let taken: usize = hands.taken.values().map(Vec::len).sum();
        assert!(taken as u64 <= case.about.content_bytes, "{name}");
    }
    assert!(case.unpack(&put_together(&head, &frames)).0.is_ok(), "the truth is taken");
}

/// A few bytes that unpack to more than anybody has.
#[test]
fn bombs_are_refused_before_they_grow() {
    let case = Case::plain();
    let (head, frames) = taken_apart(&case.pack);
    let zeros = zstd::encode_all(io::repeat(b' ').take(1 << 27), 1).unwrap();
    let length = (zeros.len() as u32).to_le_bytes();
    let big_head = [&MAGIC[..], &length, &zeros].concat();
    assert!(matches!(case.unpack(&big_head).0, Err(Stopped::Pack(_))));
    let long_head = [&MAGIC[..], &u32::MAX.to_le_bytes(), b"x"].concat();
    assert!(matches!(case.unpack(&long_head).0, Err(Stopped::Pack(PackError::Damaged { .. }))));
    // In place of the manifest, and of the first group.
    for at in 0..2 {
        let mut lying = taken_apart(&case.pack).0;
        let before: u64 = head.groups[..at].iter().map(|group| group.bytes).sum();
        let (start, end) = (before as usize, (before + head.groups[at].bytes) as usize);
        lying.groups[at].bytes = zeros.len() as u64;
        let frames = [&frames[..start], &zeros, &frames[end..]].concat();
        let (unpacked, hands) = case.unpack(&put_together(&lying, &frames));
        assert!(matches!(unpacked, Err(Stopped::Pack(_))), "{at}: {unpacked:?}");
        let taken: usize = hands.taken.values().map(Vec::len).sum();
        assert!(taken as u64 <= case.about.content_bytes, "{at}: {taken}");
    }
    // More than was signed, in a manifest that nobody has proved yet.
    let about = PackTarget { content_bytes: case.about.content_bytes / 4, ..case.about.clone() };
    let mut hands = Hands { old: case.old_files.clone(), ..Hands::default() };
    let result = unpack(&mut &case.pack[..], &about, &case.old, None, &mut hands);
    assert!(matches!(result, Err(Stopped::Pack(PackError::Damaged { .. }))), "{result:?}");
    assert!(hands.taken.is_empty());
    // A window that takes more memory than was agreed.
    let mut wide = zstd::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    wide.include_contentsize(false).unwrap();
    io::copy(&mut io::repeat(b' ').take(1 << 20), &mut wide).unwrap();
    let wide = wide.finish().unwrap();
    assert!(unpacked(&wide, &[], 1 << 20).is_err());
}

fn taken_apart(pack: &[u8]) -> (Head, Vec<u8>) {
    let length = u32::from_le_bytes(pack[16..20].try_into().unwrap()) as usize;
    let head = zstd::decode_all(&pack[20..20 + length]).unwrap();
    (serde_json::from_slice(&head).unwrap(), pack[20 + length..].to_vec())
}

fn put_together(head: &Head, frames: &[u8]) -> Vec<u8> {
    let text = zstd::encode_all(&serde_json::to_vec(head).unwrap()[..], 3).unwrap();
    [&MAGIC[..], &(text.len() as u32).to_le_bytes(), &text, frames].concat()
}

/// A file that is too large for a group is packed for itself, without a prefix.
#[test]
fn a_file_larger_than_any_group_goes_through() {
    let large = |last: u8| {
        let mut bytes = vec![7; LARGEST as usize + 1000];
        bytes.push(last);
        Files::from([("large".to_owned(), bytes), ("small".to_owned(), vec![last])])
    };
    let case = Case::new(large(1), large(2), Groups::default());
    let (unpacked, hands) = case.unpack(&case.pack);
    assert!(unpacked.unwrap().left_out.is_empty());
    assert_eq!(hands.taken, case.expected());
    assert!(case.about.largest_group <= LARGEST, "{}", case.about.largest_group);
}
