//! Hundreds of sites on one console.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use super::super::desk::Desk;
use super::super::support::run::Entracte;
use super::says;
use super::told;

const SITES: usize = 300;

/// The folder of a site and its state, laid down as `init` leaves them.
pub fn lay_down(above: &Path, number: usize) -> String {
    let site = above.join(format!("shop-{number:03}"));
    let state = above.join(format!(".entracte-shop-{number:03}"));
    fs::create_dir_all(&site).unwrap();
    fs::create_dir_all(state.join("installed")).unwrap();
    fs::create_dir_all(state.join("watch")).unwrap();
    let settings = format!("format = 1\nroot = \"{}\"\nprofile = \"generic\"\n", site.display());
    fs::write(state.join("entracte.toml"), settings).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o711)).unwrap();
    let digest = "0".repeat(64);
    let current = format!(
        r#"{{"format": 1, "version": "1.{number}", "manifest": "{digest}", "baseline": "release", "deviations": {{}}, "since": "2026-11-21T05:00:00Z", "run": null}}"#
    );
    fs::write(state.join("installed/current.json"), current).unwrap();
    site.to_str().unwrap().to_owned()
}

#[test]
fn three_hundred_sites_are_one_quick_page() {
    let above = tempfile::Builder::new().prefix("entracte-many-").tempdir_in("/dev/shm").unwrap();
    let sites: Vec<String> = (0..SITES).map(|number| lay_down(above.path(), number)).collect();
    // One is broken, one has findings.
    fs::write(above.path().join(".entracte-shop-150/entracte.toml"), "format = \"<b>\n").unwrap();
    let found = r#"{"format": 1, "at": "2026-11-21T05:00:00Z", "turns": 1, "findings": {"a.php": {"mark": "modified x 644 ", "since": "2026-11-21T05:00:00Z"}}, "told": null}"#;
    fs::write(above.path().join(".entracte-shop-299/watch/last.json"), found).unwrap();
    let entracte = Entracte::new(Path::new(&sites[0]));
    let arguments: Vec<&str> = sites.iter().map(String::as_str).collect();
    let desk = Desk::open_with(&entracte, &arguments);
    let begun = Instant::now();
    let page = desk.get("/").is(200);
    eprintln!("{SITES} sites listed in {:?}, {} bytes", begun.elapsed(), page.text.len());
    says(&page, &["300 sites · 2 need a person", "Page 1 of 2", "1 file is not as it should be."]);
    let told_all = told(&page);
    let (broken, other) = (told_all.find("shop-150").unwrap(), told_all.find("shop-000").unwrap());
    assert!(broken < other && told_all.find("shop-299").unwrap() < other, "who needs a person comes first");
    let broken_one = format!("shop-150 {}/shop-150 Nothing can be said:", above.path().display());
    says(&page, &[&broken_one]);
    assert!(page.text.contains("/sites/shop-150/settings") && !page.text.contains("<b>"));
    assert_eq!(page.text.matches("<th scope=\"row\">").count(), 200);
    says(&desk.get("/?page=2").is(200), &["shop-298"]);
    // Sifted.
    let few = told(&desk.get("/?only=needs").is(200));
    assert!(few.contains("2 sites") && few.contains("shop-150") && !few.contains("shop-000"), "{few}");
    let one = told(&desk.get("/?q=SHOP-042").is(200));
    assert!(one.contains("1 site ·") && one.contains("1.42") && !one.contains("shop-043"), "{one}");
    // The broken one has its own page to be mended on.
    desk.get("/sites/shop-150/settings").is(200);
}
