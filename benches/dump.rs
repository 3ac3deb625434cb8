//! One piece of work with a MySQL database, timed: `benches/dump.sh` calls it.
//! Prints seconds, bytes of the dump and the peak of our memory in KiB.

#![allow(clippy::disallowed_methods, reason = "a bench looks from outside")]

use std::path::Path;
use std::time::Instant;

use entracte::base::event::Event;
use entracte::base::step::Step;
use entracte::database;
use entracte::database::address::Address;
use entracte::database::dump;
use entracte::database::dump::DumpRecord;
use entracte::database::dump::Scope;
use entracte::database::dump::restore;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [work, url, place] = words[..] else {
        eprintln!("the work is told by benches/dump.sh: dump|check|restore URL FOLDER, or sum URL TABLE");
        return;
    };
    let address = Address::parse(url, None, Path::new("/")).unwrap();
    let begun = Instant::now();
    let bytes = carry_out(work, &address, place);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    println!("{:.2} s, {bytes} bytes, peak {peak}", begun.elapsed().as_secs_f64());
}

fn carry_out(work: &str, address: &Address, place: &str) -> u64 {
    let quiet = &mut |_: Option<Step>, _: Event| {};
    let folder = Path::new(place);
    let record = || -> DumpRecord {
        serde_json::from_slice(&std::fs::read(folder.join("record.json")).unwrap()).unwrap()
    };
    match work {
        "dump" => {
            let record = dump::dump(address, &Scope::All, folder, quiet).unwrap();
            std::fs::write(folder.join("record.json"), serde_json::to_vec(&record).unwrap()).unwrap();
            record.bytes
        }
        "check" => {
            dump::check(&record(), folder).unwrap();
            record().bytes
        }
        "restore" => {
            restore::restore(address, &record(), folder, quiet).unwrap();
            record().bytes
        }
        "sum" => database::open(address).unwrap().checksum(place, None).unwrap().rows,
        other => panic!("{other} is no work known here"),
    }
}
