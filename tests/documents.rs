//! What the documents tell people to type exists.

#![allow(clippy::disallowed_methods, reason = "tests look from outside")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

#[test]
fn each_command_of_the_reliability_table_names_a_test() {
    let page = fs::read_to_string("docs/reliability.md").unwrap();
    let commands: Vec<&str> =
        page.split("`./test ").skip(1).filter_map(|rest| rest.split('`').next()).collect();
    assert!(commands.len() > 40, "{commands:?}");
    let names = names();
    for command in commands {
        let known = match command.strip_prefix("--test ") {
            Some(binary) => {
                let folder = Path::new("tests").join(binary);
                folder.with_extension("rs").is_file() || folder.join("main.rs").is_file()
            }
            None => command == "--full" || names.iter().any(|name| name.contains(command)),
        };
        assert!(known, "`./test {command}` names no test");
    }
}

/// The names of all tests, as the runner knows them.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for (top, is_library) in [("src", true), ("tests", false)] {
        for file in files(Path::new(top)) {
            let module = module_of(file.strip_prefix(top).unwrap(), is_library);
            let text = fs::read_to_string(&file).unwrap();
            let tests = text
                .split("#[test]\n")
                .skip(1)
                .filter_map(|rest| rest.split("fn ").nth(1)?.split('(').next());
            names.extend(tests.map(|name| format!("{module}{name}")));
        }
    }
    names
}

/// `update/swap/tests.rs` is `update::swap::tests::`; a test's file, or the
/// folder of several, is a program of its own and no part of the name.
fn module_of(file: &Path, is_library: bool) -> String {
    let stem = file.with_extension("");
    let mut parts: Vec<&str> = stem.iter().map(|part| part.to_str().unwrap()).collect();
    if !is_library {
        parts.remove(0);
    }
    parts.retain(|part| !["main", "mod", "lib"].contains(part));
    parts.iter().map(|part| format!("{part}::")).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}
