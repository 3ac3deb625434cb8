use super::*;

fn settings(text: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entracte.toml");
    fs::write_durable(&path, text.as_bytes()).unwrap();
    Settings::load(&path)
}

const BARE: &str = "format = 1\nroot = \"/var/www\"\nprofile = \"generic\"\n";

#[test]
fn what_init_writes_is_understood() {
    let url = Url::parse("https://example.org/b\"log/").unwrap();
    let new = New {
        root: Path::new("/srv/we\"b\\x"),
        profile: "wordpress",
        url: Some(&url),
        database_url: Some("mysql://u@h/n"),
        password_file: None,
        gate: "apache",
        from: Some("https://example.org/r\"/"),
        product: Some("sh\"op"),
        network: "ca_file = \"/own.pem\"\n",
    };
    let settings = settings(&render(&new)).unwrap();
    assert_eq!(settings.root, Path::new("/srv/we\"b\\x"));
    assert_eq!(settings.url, Some(url));
    assert_eq!(settings.gate.kind, "apache");
    assert_eq!(settings.policy.from, "https://example.org/r\"/");
    assert_eq!(settings.product.as_deref(), Some("sh\"op"));
    assert_eq!(settings.database.url.as_deref(), Some("mysql://u@h/n"));
    assert_eq!(settings.network.ca_file.as_deref(), Some(Path::new("/own.pem")));
}

#[test]
fn a_mistyped_name_is_refused_with_its_line() {
    let error = settings(&format!("{BARE}[gate]\nkid = \"apache\"\n")).unwrap_err();
    let causes = crate::base::exit::causes(&error).join(" ");
    assert!(causes.contains("kid") && causes.contains("line 5"), "{causes}");
}

#[test]
fn the_last_matching_rule_decides_a_conflict() {
    let rules = "[policy]\nconflicts = \"stop\"\n[[policy.rule]]\npattern = \"a/**\"\nconflicts = \"theirs\"\n\
                 [[policy.rule]]\npattern = \"a/b\"\nconflicts = \"ours\"\n";
    let settings = settings(&format!("{BARE}{rules}")).unwrap();
    for (path, winner) in [("x", Winner::Stop), ("a/x", Winner::Theirs), ("a/b/c", Winner::Ours)] {
        assert_eq!(settings.winner(&SitePath::parse(path).unwrap()), winner, "{path}");
    }
}

#[test]
fn settings_that_others_can_write_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("entracte.toml");
    fs::write_durable_with(&path, BARE.as_bytes(), 0o664).unwrap();
    let error = Settings::load(&path).unwrap_err();
    assert_eq!((error.exit(), error.hints()), (Exit::Refused, vec![format!("chmod 644 {}", path.display())]));
}
