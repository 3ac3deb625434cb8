//! The usual way of an update, as a person types it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::bed::Server;
use super::run::Entracte;
use super::site::TestSite;

/// Adopts a site of the bed and sees to it that its gate is the server's.
pub fn adopt(site: &TestSite, server: Server, release: &Path) -> Entracte {
    let entracte = Entracte::new(&site.folder);
    let folder = site.folder.to_str().unwrap();
    let url = site.url(server);
    let release = release.to_str().unwrap();
    let result = entracte.json(&["init", folder, "--url", &url, "--release", release]).code(0);
    assert_eq!(result["baseline"], "release", "{result:#}");
    choose_gate(Path::new(result["settings"].as_str().unwrap()), server);
    if server == Server::Nginx {
        entracte.run(&["gate", "install"]);
        let snippet = entracte.run(&["gate", "show"]).code(0).stdout;
        site.bed.put_snippet(&site.name, &nginx_lines(&snippet));
    }
    entracte
}

/// Plans and approves what is staged; the plan.
pub fn plan_and_approve(entracte: &Entracte) -> Value {
    let plan = entracte.json(&["plan"]).code(0);
    let errors: Vec<&Value> =
        plan["checks"].as_array().unwrap().iter().filter(|check| check["level"] == "error").collect();
    assert!(errors.is_empty(), "the plan's checks: {errors:#?}");
    entracte.run(&["approve", plan["id"].as_str().unwrap()]).code(0);
    plan
}

/// Runs the approved plan to its end.
pub fn apply(entracte: &Entracte) -> Value {
    let result = entracte.json(&["apply"]).code(0);
    assert_eq!(result["outcome"], "finished", "{result:#}");
    result
}

/// The paths of a plan's changes of that kind.
pub fn paths_of<'a>(plan: &'a Value, kind: &str) -> Vec<&'a str> {
    let changes = plan["changes"].as_array().unwrap().iter();
    changes.filter(|change| change["kind"] == kind).map(|change| change["path"].as_str().unwrap()).collect()
}

/// Sets the kind of gate in the settings, as the owner would with an editor.
fn choose_gate(settings: &Path, server: Server) {
    let text = fs::read_to_string(settings).unwrap();
    let mut document: toml_edit::DocumentMut = text.parse().unwrap();
    document["gate"]["kind"] = toml_edit::value(server.name());
    let wanted = document.to_string();
    if wanted != text {
        // In place, so that owner and mode stay.
        fs::write(settings, wanted).unwrap();
    }
}

/// What of the instructions stands between the marks that nginx reads as comments.
fn nginx_lines(instructions: &str) -> String {
    let begin = instructions.find("# BEGIN entracte gate").expect("a snippet for nginx");
    let end = "# END entracte gate";
    let length = instructions[begin..].find(end).expect("the end of the snippet") + end.len();
    format!("{}\n", &instructions[begin..begin + length])
}
