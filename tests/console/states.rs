//! Sites that stand in all the places where a site can stand, on one console.

use std::fs;
use std::path::PathBuf;

use super::support::run::Entracte;
use super::support::small::SmallSite;
use super::support::update;

/// One site, and where it stands.
pub struct State {
    pub name: &'static str,
    pub small: SmallSite,
}

/// Nothing staged; a plan waits; it is approved; a run stopped; one lost its
/// process; one is finished, with findings; one was taken back.
pub fn all() -> Vec<State> {
    let names = ["fresh", "waiting", "approved", "stopped", "failed", "finished", "back"];
    // Seven sites that have nothing to do with each other.
    let makers = names.map(|name| std::thread::spawn(move || make(name)));
    makers.into_iter().map(|maker| maker.join().unwrap()).collect()
}

fn make(name: &'static str) -> State {
    let small = SmallSite::new();
    let entracte = match name {
        "fresh" => small.adopt(),
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
    State { name, small }
}

impl State {
    pub fn root(&self) -> PathBuf {
        self.small.root()
    }
}
