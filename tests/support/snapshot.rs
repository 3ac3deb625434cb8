//! What a site is, from outside: its tree and its database, comparable.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::Digest;
use sha2::Sha256;

use super::bed::Bed;
use super::process;

/// Most lines of a difference that are printed.
const SHOWN: usize = 40;

/// Rows that WordPress itself writes on page views: table, then which rows.
const VOLATILE_ROWS: &[(&str, &str)] = &[
    (
        "wp_options",
        "NOT (option_name LIKE '\\_transient\\_%' OR option_name LIKE '\\_site\\_transient\\_%' OR option_name = 'cron')",
    ),
    ("wp_usermeta", "meta_key != 'session_tokens'"),
];

/// Identity of a tree: kind, mode, owner, mtime, bytes, link target of
/// everything; the times of folders are no part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Thing>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing {
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    /// Seconds and nanoseconds; none for folders.
    mtime: Option<(i64, i64)>,
    /// Digest of the bytes, or where the link leads.
    content: String,
}

/// Identity of a database: each table as the server dumps it, a line a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database(BTreeMap<String, Vec<String>>);

impl Tree {
    pub fn of(folder: &Path) -> Tree {
        let entries = walkdir::WalkDir::new(folder).follow_links(false).into_iter().map(Result::unwrap);
        let things = entries.map(|entry| {
            let inside = entry.path().strip_prefix(folder).unwrap();
            let name = inside.as_os_str().as_bytes().escape_ascii().to_string();
            (if name.is_empty() { ".".to_owned() } else { name }, Thing::of(entry.path()))
        });
        Tree(things.collect())
    }

    /// The same tree without these paths and what is below them.
    #[must_use]
    pub fn without(mut self, paths: &[&str]) -> Tree {
        let is_below = |name: &str, path: &str| {
            name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.0.retain(|name, _| !paths.iter().any(|path| is_below(name, path)));
        self
    }

    /// The same tree without the paths that do not fit.
    #[must_use]
    pub fn only(mut self, fits: impl Fn(&str) -> bool) -> Tree {
        self.0.retain(|name, _| fits(name));
        self
    }

    pub fn paths(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// What differs, a line each, at most as many as fit a screen.
    pub fn difference(&self, other: &Tree) -> String {
        let shown = |thing: Option<&Thing>| thing.map_or("nothing".to_owned(), ToString::to_string);
        difference(&self.0, &other.0, |before, after| vec![format!("{} -> {}", shown(before), shown(after))])
    }

    #[track_caller]
    pub fn assert_same(&self, now: &Tree, when: &str) {
        assert!(self == now, "the tree is not as it was, {when}:\n{}", self.difference(now));
    }

    /// As `assert_same`, but times of files do not count: they were written anew.
    #[track_caller]
    pub fn assert_same_content(&self, now: &Tree, when: &str) {
        self.timeless().assert_same(&now.timeless(), when);
    }

    /// Times of files do not count.
    pub fn is_same_content(&self, other: &Tree) -> bool {
        self.timeless() == other.timeless()
    }

    fn timeless(&self) -> Tree {
        let things =
            self.0.iter().map(|(name, thing)| (name.clone(), Thing { mtime: None, ..thing.clone() }));
        Tree(things.collect())
    }
}

impl Thing {
    fn of(path: &Path) -> Thing {
        let meta = fs::symlink_metadata(path).unwrap();
        let file_type = meta.file_type();
        let (kind, content) = if file_type.is_symlink() {
            ("link", fs::read_link(path).unwrap().display().to_string())
        } else if file_type.is_dir() {
            ("folder", String::new())
        } else if file_type.is_file() {
            ("file", hex::encode(Sha256::digest(fs::read(path).unwrap())))
        } else {
            ("other", format!("{file_type:?}"))
        };
        let mtime = (kind != "folder").then(|| (meta.mtime(), meta.mtime_nsec()));
        Thing { kind, mode: meta.mode() & 0o7777, owner: (meta.uid(), meta.gid()), mtime, content }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thing { kind, mode, owner: (user, group), mtime, content } = self;
        let (seconds, nanoseconds) = mtime.unwrap_or_default();
        let content: String = content.chars().take(16).collect();
        write!(f, "{kind} {mode:04o} {user}:{group} {seconds}.{nanoseconds:09} {content}")
    }
}

impl Database {
    pub fn of(bed: &Bed, name: &str) -> Database {
        let tables = bed.sql(name, "SHOW TABLES");
        Database(tables.lines().map(|table| (table.to_owned(), dump(bed, name, table))).collect())
    }

    pub fn difference(&self, other: &Database) -> String {
        difference(&self.0, &other.0, |before, after| {
            let lines = |dump: Option<&Vec<String>>| -> BTreeSet<String> {
                dump.into_iter().flatten().cloned().collect()
            };
            let (before, after) = (lines(before), lines(after));
            let gone: Vec<&String> = before.difference(&after).collect();
            let come: Vec<&String> = after.difference(&before).collect();
            let show = |sign: &'static str, lines: &[&String], others: &[&String]| -> Vec<String> {
                let pairs = lines.iter().enumerate().map(|(at, line)| (line, others.get(at)));
                pairs.map(|(line, other)| format!("{sign} {}", cut(line, other))).collect()
            };
            [show("-", &gone, &come), show("+", &come, &gone)].concat()
        })
    }

    #[track_caller]
    pub fn assert_same(&self, now: &Database, when: &str) {
        assert!(self == now, "the database is not as it was, {when}:\n{}", self.difference(now));
    }
}

fn dump(bed: &Bed, name: &str, table: &str) -> Vec<String> {
    let volatile = VOLATILE_ROWS.iter().find(|(volatile, _)| *volatile == table);
    let mut arguments = bed.database_arguments();
    for option in ["--skip-dump-date", "--skip-comments", "--skip-extended-insert", "--order-by-primary"] {
        arguments.push(option.to_owned());
    }
    arguments.extend(volatile.map(|(_, rows)| format!("--where={rows}")));
    arguments.extend([name.to_owned(), table.to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = process::run("mariadb-dump", &arguments);
    // Rows that come and go move the counter of the table that they are in.
    let lines =
        text.lines().map(|line| if volatile.is_some() { without_counter(line) } else { line.to_owned() });
    lines.collect()
}

fn without_counter(line: &str) -> String {
    match line.split_once(" AUTO_INCREMENT=") {
        Some((before, after)) => {
            format!("{before}{}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

fn difference<T: PartialEq>(
    before: &BTreeMap<String, T>,
    after: &BTreeMap<String, T>,
    describe: impl Fn(Option<&T>, Option<&T>) -> Vec<String>,
) -> String {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let lines: Vec<String> = differing
        .flat_map(|name| {
            let lines = describe(before.get(name), after.get(name));
            lines.into_iter().map(move |line| format!("  {name}: {line}"))
        })
        .collect();
    let more = lines.len().saturating_sub(SHOWN);
    let mut text = lines.into_iter().take(SHOWN).collect::<Vec<_>>().join("\n");
    if more > 0 {
        text += &format!("\n  and {more} more");
    }
    text
}

/// The start of a long line, and its part from where it differs from its counterpart.
fn cut(line: &str, other: Option<&&String>) -> String {
    let same = other.map_or(0, |other| line.chars().zip(other.chars()).take_while(|(a, b)| a == b).count());
    let (start, skipped) = (line.chars().take(60), same.saturating_sub(20));
    if skipped <= 60 {
        return line.chars().take(300).collect();
    }
    start.chain(" … ".chars()).chain(line.chars().skip(skipped).take(240)).collect()
}
