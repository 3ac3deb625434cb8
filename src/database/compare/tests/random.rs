//! Random tables, random edits: exactly these are found.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;

/// A key and what goes into it, by number.
type Keys = [(&'static str, fn(i64) -> String); 4];

const KEYS: Keys = [
    ("INT", |n| (n - 20).to_string()),
    ("VARCHAR(20) COLLATE utf8mb4_unicode_ci", |n| format!("'{}É{n}'", if n % 2 == 0 { "a" } else { "Z" })),
    ("VARBINARY(8)", |n| format!("x'{:02x}{:02x}'", (n * 37) % 256, n)),
    ("DATETIME", |n| format!("'2026-01-{:02} {:02}:00:00'", n % 28 + 1, n / 28)),
];

/// A type and its values, each different from all others.
const KINDS: [(&str, [&str; 5]); 9] = [
    ("INT", ["NULL", "0", "-1", "1", "2147483647"]),
    ("VARCHAR(20) NOT NULL", ["''", "'a'", "'A'", "'a '", "'é'"]),
    ("VARCHAR(20)", ["''", "NULL", "'NULL'", "'0'", "'\\\\'"]),
    ("VARBINARY(8)", ["''", "NULL", "x'ff'", "x'ffff'", "x'00'"]),
    ("DOUBLE", ["0.1", "0.10000000000000002", "NULL", "1e300", "-1"]),
    ("FLOAT", ["0.1", "0.10000001", "NULL", "1e30", "-1"]),
    ("DECIMAL(9,3)", ["0", "NULL", "0.001", "-0.001", "1.1"]),
    ("LONGTEXT", ["''", "NULL", "'x'", "REPEAT('x', 9000)", "REPEAT('x', 9001)"]),
    (
        "DATETIME(2)",
        ["NULL", "'2026-01-01'", "'2026-01-01 00:00:00.01'", "'2026-01-01 01:00:00'", "'2026-01-02'"],
    ),
];

#[derive(Clone, Debug)]
struct Case {
    keys: Vec<usize>,
    kinds: Vec<usize>,
    /// Number of the row, which value each column has.
    rows: BTreeMap<i64, Vec<usize>>,
    edits: Vec<(i64, Edit)>,
}

#[derive(Clone, Debug)]
enum Edit {
    Remove,
    Write(Vec<usize>),
}

fn cases() -> impl Strategy<Value = Case> {
    let values = || prop::collection::vec(0..5_usize, 4);
    let edit = prop_oneof![Just(Edit::Remove), values().prop_map(Edit::Write)];
    (
        prop::collection::vec(0..KEYS.len(), 0..3),
        prop::collection::vec(0..KINDS.len(), 4),
        prop::collection::btree_map(0..60_i64, values(), 0..50),
        prop::collection::vec((0..60_i64, edit), 0..8),
    )
        .prop_map(|(keys, kinds, rows, edits)| Case { keys, kinds, rows, edits })
}

impl Case {
    fn after(&self) -> BTreeMap<i64, Vec<usize>> {
        let mut rows = self.rows.clone();
        for (number, edit) in &self.edits {
            match edit {
                Edit::Remove => drop(rows.remove(number)),
                Edit::Write(values) => drop(rows.insert(*number, values.clone())),
            }
        }
        rows
    }

    fn statements(&self, rows: &BTreeMap<i64, Vec<usize>>) -> String {
        let keys = self.keys.iter().enumerate().map(|(at, key)| format!("k{at} {}", KEYS[*key].0));
        let columns = self.kinds.iter().enumerate().map(|(at, kind)| format!("c{at} {}", KINDS[*kind].0));
        let names: Vec<String> = (0..self.keys.len()).map(|at| format!("k{at}")).collect();
        let primary = (!names.is_empty()).then(|| format!("PRIMARY KEY ({})", names.join(", ")));
        let parts: Vec<String> = keys.chain(columns).chain(primary).collect();
        let mut text = format!("CREATE TABLE t ({}) CHARACTER SET utf8mb4", parts.join(", "));
        let written: Vec<String> = rows
            .iter()
            .map(|(number, values)| {
                let keys = self.keys.iter().map(|key| KEYS[*key].1(*number));
                let values =
                    self.kinds.iter().zip(values).map(|(kind, value)| KINDS[*kind].1[*value].to_owned());
                format!("({})", keys.chain(values).collect::<Vec<_>>().join(", "))
            })
            .collect();
        if !written.is_empty() {
            text.push_str(&format!(";\nINSERT INTO t VALUES {}", written.join(", ")));
        }
        text
    }

    /// Only in A, only in B, different.
    fn expected(&self) -> [u64; 3] {
        let (a, b) = (&self.rows, &self.after());
        if self.keys.is_empty() {
            let mut counts: BTreeMap<&Vec<usize>, i64> = BTreeMap::new();
            a.values().for_each(|row| *counts.entry(row).or_default() += 1);
            b.values().for_each(|row| *counts.entry(row).or_default() -= 1);
            let more = |sign: i64| counts.values().map(|count| (count * sign).max(0) as u64).sum();
            return [more(1), more(-1), 0];
        }
        [
            a.keys().filter(|number| !b.contains_key(number)).count() as u64,
            b.keys().filter(|number| !a.contains_key(number)).count() as u64,
            a.iter().filter(|(number, row)| b.get(number).is_some_and(|other| other != *row)).count() as u64,
        ]
    }
}

pub(super) fn random_edits_are_found_exactly() {
    let of = two();
    proptest!(Config { cases: 40, failure_persistence: None, ..Config::default() }, |(case in cases())| {
        for (address, rows) in of.iter().zip([&case.rows, &case.after()]) {
            run(address, "DROP TABLE IF EXISTS t");
            run(address, &case.statements(rows));
        }
        for exactness in [Exactness::Sums, Exactness::EveryRow] {
            let found = compared(&of, ["", ""], &Rules { exactness, ..in_pieces() });
            let rows = found.rows.first().map_or([0; 3], |rows| [rows.only_a, rows.only_b, rows.different]);
            prop_assert_eq!(rows, case.expected(), "{:?} {}", exactness, told(&found));
        }
    });
}
