use super::*;

fn path(text: &str) -> SitePath {
    SitePath::parse(text).unwrap()
}

#[test]
fn links_are_never_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "s").unwrap();
    let inside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
    let root = Root::open(inside.path()).unwrap();
    assert!(root.open_file(&path("out/secret")).is_err());
    assert!(root.create_file(&path("out/planted"), 0o644).is_err());
    assert!(root.remove_file(&path("out/secret")).is_err());
    assert!(root.by_component(b"out", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW).is_err());
    assert_eq!(root.stat(&path("out")).unwrap().unwrap().kind, StatKind::Link);
    assert!(outside.path().join("secret").exists());
}

#[test]
fn what_is_opened_at_once_is_what_is_opened_by_component() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
    std::fs::write(folder.path().join("a/b/file"), "f").unwrap();
    for (name, to) in [("a/link", "b/file"), ("a/away", "../.."), ("up", "a")] {
        std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    }
    let root = Root::open(folder.path()).unwrap();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for (name, opens) in [
        ("a/b/file", true),
        ("a/b", true),
        ("a/link", false),
        ("a/away/a", false),
        ("up/b/file", false),
        ("a/b/file/below", false),
        ("a/none", false),
    ] {
        let path = name.as_bytes();
        assert_eq!(root.existing(path, flags).is_ok(), opens, "{name}");
        assert_eq!(root.by_component(path, flags).is_ok(), opens, "{name} by component");
    }
    assert!(root.existing(b"../etc/passwd", flags).is_err() && root.existing(b"/etc/passwd", flags).is_err());
}

#[test]
fn exchange_trades_two_names() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "a").unwrap();
    std::fs::write(folder.path().join("b"), "b").unwrap();
    let root = Root::open(folder.path()).unwrap();
    root.rename(&path("a"), &root, &path("b"), Rename::Exchange).unwrap();
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"b");
    let taken = root.rename(&path("a"), &root, &path("b"), Rename::NoReplace).unwrap_err();
    assert_eq!(taken.source.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn what_is_not_there_is_none_and_what_is_not_a_file_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("d")).unwrap();
    let root = Root::open(folder.path()).unwrap();
    assert!(root.stat(&path("x/y")).unwrap().is_none());
    assert!(root.open_file(&path("d")).is_err());
}

#[test]
fn behind_a_link_nothing_is_said_to_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("real/deep")).unwrap();
    std::fs::write(folder.path().join("file"), "f").unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    let root = Root::open(folder.path()).unwrap();
    for (name, expected) in [
        ("real/deep", Some(true)),
        ("real/none", Some(false)),
        ("none/deep", Some(false)),
        ("file/below", Some(false)),
        ("link", Some(true)),
        ("link/deep", None),
        ("link/deep/er", None),
    ] {
        let found = root.stat_in_plain_sight(&path(name)).ok().map(|stat| stat.is_some());
        assert_eq!(found, expected, "{name}");
    }
}
