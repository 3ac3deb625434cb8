//! Sites that stand in all the places where a site can stand, on one console.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;

use rusqlite::Connection;

use super::desk::Desk;
use super::support::process;
use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::support::update;

/// One site, and where it stands.
pub struct State {
    pub name: &'static str,
    pub small: SmallSite,
    /// What it was compared with.
    pub other: Option<SmallSite>,
}

/// Nothing staged; a plan waits; it is approved; a run stopped; one lost its
/// process; one is finished, with findings; one was taken back; one has another
/// beside it that differs in every way.
pub fn all() -> Vec<State> {
    let names = ["fresh", "waiting", "approved", "stopped", "failed", "finished", "back", "compared"];
    // Sites that have nothing to do with each other.
    let makers = names.map(|name| std::thread::spawn(move || make(name)));
    makers.into_iter().map(|maker| maker.join().unwrap()).collect()
}

fn make(name: &'static str) -> State {
    let small = SmallSite::new();
    let entracte = match name {
        "fresh" | "compared" => small.adopt(),
        "waiting" => {
            let entracte = small.adopt();
            small.stage(&entracte);
            entracte.json(&["plan"]).code(0);
            entracte
        }
        _ => small.ready(),
    };
    match name {
        "stopped" => {
            entracte.json(&["apply", "--stop-before", "migrate"]).code(0);
        }
        "failed" => {
            let fault = Entracte::with_fault(&small.root(), "swap.operation:3=kill");
            fault.run(&["apply", "--foreground"]).killed();
        }
        "finished" | "back" => {
            update::apply(&entracte);
        }
        _ => {}
    }
    match name {
        "finished" => {
            fs::write(small.path("app/changed.txt"), "somebody was here\n").unwrap();
            fs::write(small.path("media/back door.php"), "<?php eval($_GET['x']);\n").unwrap();
            fs::remove_file(small.path("app/added.txt")).unwrap();
            entracte.json(&["watch"]).code(7);
            entracte.json(&["doctor"]);
        }
        "back" => {
            entracte.json(&["rollback", "--foreground"]).code(0);
        }
        _ => {}
    }
    State { name, other: (name == "compared").then(|| other(&small)), small }
}

/// Another site, which differs from this one in every way that there is.
fn other(small: &SmallSite) -> SmallSite {
    let other = SmallSite::new();
    other.adopt();
    let long = "a-folder-whose-name-alone-is-longer-than-a-telephone-is-wide/".repeat(3);
    for name in [
        "<b>bold & \"quoted\"</b>.txt",
        "line\nbreak.txt",
        "\u{202e}txt.exe",
        "田中さん.txt",
        &format!("{long}end.txt"),
    ] {
        small.write(&small.path(&format!("app/both/{name}")), "as in A\n<p>and more</p>\n");
        other.write(&other.path(&format!("app/both/{name}")), "as in B\n<p>and more</p>\n");
        small.write(&small.path(&format!("app/mine/{name}")), name);
        other.write(&other.path(&format!("app/theirs/{name}")), &format!("{name} there\n"));
    }
    // Moved, and written with one letter for two.
    other.write(&other.path("app/moved/same.txt"), &small.read("app/same.txt"));
    fs::remove_file(other.path("app/same.txt")).unwrap();
    small.write(&small.path("app/caf\u{e9}.txt"), "A\n");
    other.write(&other.path("app/cafe\u{301}.txt"), "B\n");
    fs::set_permissions(other.path("app/tool.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(other.path("app/changed.txt")).unwrap();
    symlink("same.txt", other.path("app/changed.txt")).unwrap();
    let database = Connection::open(other.database_file()).unwrap();
    let statements = "UPDATE pages SET title = 'another' WHERE id = 1; DELETE FROM pages WHERE id = 2;\n\
        INSERT INTO pages (id, title) VALUES (9, 'theirs'); CREATE TABLE a_table_of_theirs_with_a_long_name (id INTEGER);";
    database.execute_batch(statements).unwrap();
    other
}

impl State {
    /// Compares it with the other one, by the form of its console.
    pub fn compare(&self, desk: &Desk, word: &str) {
        let Some(other) = &self.other else { return };
        let fields = [("folder", other.root().to_str().unwrap().to_owned()), ("part", "everything".into())];
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        desk.post(&format!("/sites/{word}/compare"), &fields).is(303);
        let page = format!("/sites/{word}/compare");
        process::wait_for("the comparison", Path::new("/dev/null"), || {
            desk.get(&page).text.contains(&format!("href=\"{page}/"))
        });
    }

    pub fn root(&self) -> PathBuf {
        self.small.root()
    }
}
