//! Comparisons: begun, kept, looked at, and never a way to read other files.

use std::fs;

use super::Pages;
use super::says;

#[test]
fn a_folder_is_compared_and_its_lines_are_shown() {
    let pages = Pages::open();
    let other = pages.small.release(2);
    let answer = pages.work("/compare", &[("folder", other.to_str().unwrap()), ("part", "files")]);
    assert_eq!(answer["exit"], 7, "{answer:#}");
    let list = pages.get("/compare").is(200);
    says(&list, &[other.to_str().unwrap(), "the one who started the console"]);
    let id = list.text.split_once("/sites/site/compare/").unwrap().1;
    // The form's own address comes first, without an id.
    let id = id.split('"').next().unwrap().to_owned();
    let here = format!("/compare/{id}");
    let files = &answer["result"]["files"];
    for (group, key) in [("different", "different"), ("only_a", "only_a"), ("only_b", "only_b")] {
        let page = pages.get(&format!("{here}?group={group}")).is(200);
        for path in files[key].as_array().unwrap() {
            says(&page, &[path.as_str().unwrap()]);
        }
    }
    // What differs in its permissions alone has no lines to show.
    let page = pages.get(&format!("{here}?group=different")).is(200).text;
    assert!(page.contains("app/tool.sh") && !page.contains("lines?path=app%2Ftool.sh"), "{page}");
    assert!(page.contains("lines?path=app%2Fchanged.txt"), "{page}");
    let lines = pages.get(&format!("{here}/lines?path=app%2Fchanged.txt")).is(200);
    says(&lines, &["-as in 1", "+as in 2, and longer"]);
    // What was not found to differ is not read, wherever it is.
    for path in ["app%2Fsame.txt", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "data%2Fsite.db"] {
        let page = pages.get(&format!("{here}/lines?path={path}")).is(200);
        says(&page, &["cannot be read from here"]);
    }
    // The report is its own page, as nobody.
    let report = pages.get(&format!("{here}/report")).is(200);
    let policy = report.header("content-security-policy");
    assert!(policy.starts_with("sandbox allow-scripts; default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("allow-same-origin") && !policy.contains("unsafe"), "{policy}");
    assert!(report.text.contains("changed.txt"));
    for wrong in ["..", "x", "20261122-000000-0000", "..%2F..%2Fentracte"] {
        pages.get(&format!("/compare/{wrong}/report")).is(404);
    }
}

#[test]
fn only_one_other_side_and_no_option() {
    let pages = Pages::open();
    for fields in [
        &[][..],
        &[("folder", "relative")],
        &[("folder", "--html=/tmp/x")],
        &[("folder", "/a"), ("reference", "https://b.example/")],
        &[("site", "nowhere")],
        &[("archive", "../../etc/passwd")],
        &[("reference", "file:///etc/passwd")],
        &[("reference", "mysql://root@localhost/mysql")],
    ] {
        pages.post("/compare", fields).is(400);
    }
    pages.post("/compare", &[("reference", "https://ann:hush@b.example/")]).is(400);
    assert!(fs::read_dir(pages.state().join("compare")).is_err(), "nothing was begun");
}
