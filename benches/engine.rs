//! How fast the parts are that every verb waits for: `cargo bench`.
//! Beside other programs: `benches/peers/`.

#![allow(clippy::disallowed_methods, reason = "a bench makes its own data")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;
use criterion::criterion_group;
use criterion::criterion_main;

use entracte::base::digest::Algorithms;
use entracte::base::digest::Sha256;
use entracte::base::path::SitePath;
use entracte::base::pattern::Patterns;
use entracte::database::lexer;
use entracte::database::lexer::Dialect;
use entracte::integrity::cache::StatCache;
use entracte::integrity::manifest::Content;
use entracte::integrity::manifest::Extent;
use entracte::integrity::manifest::FileEntry;
use entracte::integrity::manifest::Made;
use entracte::integrity::manifest::Manifest;
use entracte::integrity::scan;
use entracte::sys::beneath::Root;

const LISTED: usize = 200_000;
const FILES: usize = 5_000;
const FILE_BYTES: usize = 10_000;

fn manifest() -> Manifest {
    let entry = |number: usize| {
        let path = SitePath::parse(&format!("lib/m{:04}/file-{number:06}.php", number / 500)).unwrap();
        let sha256 = Sha256::of(&number.to_le_bytes());
        FileEntry { path, content: Content::File { size: 1000, sha256, md5: None }, mode: Some(0o644) }
    };
    Manifest {
        extent: Extent::Complete,
        made: Made::Published,
        files: (0..LISTED).map(entry).collect(),
        ..Manifest::new("bench", "1", "2026-11-21T00:00:00Z".parse().unwrap())
    }
}

fn parse_a_manifest(criterion: &mut Criterion) {
    let text = manifest().to_json();
    let mut group = criterion.benchmark_group("manifest");
    group.sample_size(10).throughput(Throughput::Elements(LISTED as u64));
    group.bench_function("parse", |bench| bench.iter(|| Manifest::parse(black_box(&text)).unwrap()));
    group.finish();
}

fn make_tree(folder: &Path) {
    for number in 0..FILES {
        let path = folder.join(format!("m{:03}", number / 100)).join(format!("{number}.php"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![number as u8; FILE_BYTES]).unwrap();
    }
}

fn scan_a_tree(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    make_tree(folder.path());
    // What was written an instant ago is not remembered.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let (root, nothing) = (Root::open(folder.path()).unwrap(), Patterns::default());
    let look = |cache: Option<&StatCache>| {
        let options = scan::Options {
            algorithms: Algorithms::Sha256,
            skip: &nothing,
            digests: cache.map_or(scan::Digests::Read, scan::Digests::Remembered),
        };
        scan::scan(&root, &options, &mut |_, _| {}).unwrap()
    };
    let cache = StatCache::of(&look(None), jiff::Timestamp::now());
    assert_eq!(look(Some(&cache)).rehashed, 0);
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20).throughput(Throughput::Bytes((FILES * FILE_BYTES) as u64));
    group.bench_function("read everything", |bench| bench.iter(|| look(None)));
    group.bench_function("remember everything", |bench| bench.iter(|| look(Some(&cache))));
    group.finish();
}

fn split_sql(criterion: &mut Criterion) {
    let line = "INSERT INTO `wp_posts` VALUES (1,'it''s \\'quoted\\'; or so',NULL,0x00FF); -- a comment\n";
    let text = line.repeat(20_000);
    let mut group = criterion.benchmark_group("sql");
    group.sample_size(20).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("split", |bench| {
        bench.iter_batched(
            || text.as_str(),
            |text| lexer::split(text, Dialect::MySql).unwrap(),
            BatchSize::LargeInput,
        )
    });
    group.finish();
}

criterion_group!(engine, parse_a_manifest, scan_a_tree, split_sql);
criterion_main!(engine);
