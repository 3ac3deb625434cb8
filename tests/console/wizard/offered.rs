//! What a reference offers, on the page of the sources.

use super::*;

#[test]
fn what_is_offered_can_be_chosen_and_says_what_is_new() {
    let bed = Bed::new();
    let (press, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (reference, keys) = (press.path().join("reference"), press.path().join("keys"));
    Keyring::make(&keys, None, None).unwrap();
    let publisher = Entracte::new(other.path());
    let news = press.path().join("news.txt");
    for (version, text) in
        [("2", "Faster & <b>better</b>.\n* lists\u{202e}\n"), ("3.0-rc1", "Not for everybody.\n")]
    {
        fs::write(&news, text).unwrap();
        bed.small.write(&bed.small.release(2).join("VERSION"), version);
        let release = bed.small.release(2);
        let what = [release.to_str().unwrap(), "--to", reference.to_str().unwrap(), "--version", version];
        let how =
            ["--product", "generic", "--keys", keys.to_str().unwrap(), "--notes", news.to_str().unwrap()];
        publisher.json(&[&["publish"], &what[..], &how[..]].concat()).code(0);
    }
    let served = Served::start(&publisher, &reference);
    let root = bed.small.folder.path().join("root.json");
    fs::copy(reference.join("metadata/1.root.json"), &root).unwrap();
    bed.entracte.json(&["trust", "add", &served.1, "--root", root.to_str().unwrap()]).code(0);
    let settings = bed.state().join("entracte.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let follows = format!("\n[policy]\nfrom = \"{}\"\n", served.1);
    fs::write(&settings, text.replace("\n[policy]\n", &follows)).unwrap();

    let before = bed.get("/update/source").is(200).text;
    assert!(before.contains("id=\"version-followed\"") && !before.contains("<datalist"), "{before}");
    let heard = bed.work("/update/check", &[]);
    assert_eq!(heard["exit"], 7, "{heard:#}");
    let page = bed.get("/update/source").is(200).text;
    for text in [
        "list=\"offered-followed\"",
        "<option value=\"2\" label=\"stable\">",
        "<option value=\"3.0-rc1\" label=\"testing\">",
        "What is new in 2, stable",
        "What is new in 3.0-rc1, testing",
        "Faster &#38; &#60;b&#62;better&#60;/b&#62;.\n* lists\\u{202e}",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // One of them is taken, and what is new in it is news no longer.
    let staged = bed.work("/update/stage", &[("from", ""), ("version", "2")]);
    assert_eq!(staged["exit"], 0, "{staged:#}");
    bed.approve();
    let applied = bed.work("/update/apply", &[("how", "all"), ("seen", &seen(&bed))]);
    assert_eq!(applied["result"]["outcome"], "finished", "{applied:#}");
    let page = bed.get("/update/source").is(200).text;
    assert!(!page.contains("What is new in 2,") && page.contains("What is new in 3.0-rc1"), "{page}");
}
