//! `pack OLD NEW MIB`: makes the pack between two folders in groups of so many
//! MiB; prints its bytes, the content's, and the memory that unpacking takes.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench looks from outside")]

use std::io::Read;
use std::path::Path;

use entracte::base::digest::Algorithms;
use entracte::base::pattern::Patterns;
use entracte::integrity::manifest::Extent;
use entracte::integrity::manifest::FileEntry;
use entracte::integrity::manifest::Made;
use entracte::integrity::manifest::Manifest;
use entracte::integrity::manifest::build;
use entracte::integrity::scan;
use entracte::release::reference::pack;
use entracte::sys::beneath::Root;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [_, old, new, size] = &arguments[..] else {
        println!("pack OLD NEW MIB");
        return;
    };
    let size: u64 = size.parse().expect("a number of MiB");
    let sizes = pack::Groups { several: size << 20, single: (2 * size) << 20, level: pack::BEST };
    let (old, new) = (Path::new(old), Path::new(new));
    let (from, to) = (manifest(old), manifest(new));
    let (open_old, open_new) = (opener(old), opener(new));
    let mut spool = tempfile::tempfile().expect("a spool");
    let mut out = Vec::new();
    let made = pack::make((&from, &open_old), (&to, &open_new), sizes, &mut spool, &mut out).expect("a pack");
    println!("{} {} {}", out.len(), made.content_bytes, made.largest_group);
}

fn opener(folder: &Path) -> impl Fn(&FileEntry) -> std::io::Result<Box<dyn Read>> + Sync {
    let folder = folder.to_owned();
    move |entry| Ok(Box::new(std::fs::File::open(folder.join(entry.path.as_path()))?))
}

fn manifest(folder: &Path) -> Manifest {
    let nothing = Patterns::default();
    let options =
        scan::Options { algorithms: Algorithms::Sha256, skip: &nothing, digests: scan::Digests::Read };
    let root = Root::open(folder).expect("a folder");
    let tree = scan::scan(&root, &options, &mut |_, _| ()).expect("a tree").tree;
    let describe = build::Describe {
        product: "bench".into(),
        version: "1".into(),
        time: jiff::Timestamp::UNIX_EPOCH,
        made: Made::Published,
        extent: Extent::Complete,
        from: Vec::new(),
        deleted: Vec::new(),
        conventions: build::Conventions::default(),
    };
    build::build(&tree, describe, &mut |_| None).expect("a manifest")
}
