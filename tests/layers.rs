//! The import rule of ARCHITECTURE.md, kept true by a test: a room uses only
//! the rooms named here, all of which stand above it, so circles cannot arise.

#![allow(clippy::disallowed_methods, reason = "tests look from outside")]

use std::fs;
use std::path::Path;

/// Top to bottom: each room, and the rooms it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("sys", &["base"]),
    ("integrity", &["base", "sys"]),
    ("database", &["base", "sys"]),
    ("site", &["base", "sys", "integrity", "database"]),
    ("release", &["base", "sys", "integrity", "site"]),
    ("update", &["base", "sys", "integrity", "database", "site", "release"]),
    ("watch", &["base", "sys", "integrity", "database", "site", "release"]),
    ("compare", &["base", "sys", "integrity", "database", "site", "release"]),
    ("notify", &["base", "sys", "site"]),
    ("schedule", &["base", "sys", "site"]),
    (
        "app",
        &[
            "base",
            "sys",
            "integrity",
            "database",
            "site",
            "release",
            "update",
            "watch",
            "compare",
            "notify",
            "schedule",
        ],
    ),
    ("cli", &["base", "app"]),
    ("console", &["base", "app"]),
    ("demo", &["base", "sys", "app"]),
];

#[test]
fn every_room_imports_only_rooms_above_it() {
    let mut wrong = Vec::new();
    for (file, room) in sources(Path::new("src")) {
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{file}: `{room}` is no room of ARCHITECTURE.md"));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if line.contains("super::super::") {
                wrong.push(format!("{file}:{}: write `crate::` instead of `super::super::`", number + 1));
            }
            for used in rooms_named_in(line) {
                if used != room && !allowed.contains(&used) {
                    wrong.push(format!("{file}:{}: `{room}` may not use `{used}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_order_of_the_rooms_has_no_circle() {
    for (at, (room, allowed)) in ROOMS.iter().enumerate() {
        for used in *allowed {
            assert!(ROOMS[..at].iter().any(|(above, _)| above == used), "`{room}` uses `{used}` from below");
        }
    }
}

/// Every `.rs` file below `folder` with the room that it belongs to.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let inside = path.strip_prefix(folder).unwrap();
            let room = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
            if !matches!(room.as_str(), "lib" | "main") {
                found.push((path.display().to_string(), room));
            }
        }
    }
    found
}

/// The names right behind `crate::` in one line; `use crate::{` names none and
/// is reported as a room called "", which keeps this scan honest.
fn rooms_named_in(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").map(|(at, _)| {
        let rest = &code[at + "crate::".len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}
