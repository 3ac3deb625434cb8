use super::*;

fn parse(text: &str) -> Result<Notify, String> {
    toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
}

fn mail(lines: &str) -> Result<Notify, String> {
    parse(&format!("[mail]\nto = [\"Ann <ann@example.org>\"]\nfrom = \"web@example.org\"\n{lines}\n"))
}

#[test]
fn nothing_is_a_setting_that_must_be_there() {
    let bare = parse("").unwrap();
    assert!(bare.mail.is_none() && bare.webhook.is_none() && bare.heartbeat.is_none());
    assert!(!bare.kinds.contains(&NoticeKind::Success) && bare.kinds.contains(&NoticeKind::Failed));
    assert_eq!((bare.repeat_hours, bare.keep_days, bare.digest), (24, 7, Rhythm::Weekly));
}

#[test]
fn mail_that_could_not_work_or_would_betray_is_refused() {
    for (lines, complaint) in [
        ("", "one of smtp and sendmail"),
        ("smtp = \"smtp://h:25\"\nsendmail = [\"/usr/sbin/sendmail\"]", "one of smtp and sendmail"),
        ("sendmail = []", "empty"),
        ("sendmail = [\"s\"]\npassword_file = \"/p\"", "belong to smtp"),
        ("smtp = \"smtps://me@h\"", "password_file is needed"),
        ("smtp = \"smtps://h\"\npassword_file = \"/p\"", "names no user"),
        ("smtp = \"smtp://me@h\"\npassword_file = \"/p\"", "unprotected"),
        ("smtp = \"smtps://me:secret@h\"\npassword_file = \"/p\"", "password_file"),
        ("smtp = \"imap://h\"", "smtps://"),
        ("smtp = \"smtps://h\"\ncafile = \"/c\"", "cafile"),
    ] {
        let said = mail(lines).unwrap_err();
        assert!(said.contains(complaint) && !said.contains("secret"), "{lines}: {said}");
    }
    for lines in [
        "smtp = \"smtp://relay.example.org:25\"",
        "smtp = \"smtp://me@127.0.0.1:2525\"\npassword_file = \"/p\"",
        "smtp = \"smtp+starttls://me@h\"\npassword_file = \"/p\"\nca_file = \"/c\"",
        "sendmail = [\"/usr/sbin/sendmail\", \"-t\", \"-i\"]",
    ] {
        mail(lines).unwrap_or_else(|error| panic!("{lines}: {error}"));
    }
}

#[test]
fn an_address_that_would_break_a_header_is_refused() {
    for to in
        ["", "ann", "@example.org", "ann@", "ann@example.org\\r\\nBcc: x@y", "a\\u001b@b", "é@example.org"]
    {
        let text = format!("[mail]\nto = [\"{to}\"]\nfrom = \"a@b\"\nsendmail = [\"s\"]");
        assert!(parse(&text).unwrap_err().contains("address"), "{to}");
    }
    assert!(parse("[mail]\nto = []\nfrom = \"a@b\"\nsendmail = [\"s\"]").unwrap_err().contains("nobody"));
}

#[test]
fn a_heartbeat_has_three_addresses_that_follow_from_one() {
    let urls = |text: &str| {
        let beat = parse(text).unwrap().heartbeat.unwrap();
        [beat.start, beat.success, beat.fail].map(|url| url.map(|url| url.reveal().to_string()))
    };
    let named = |text: &str| Some(text.to_owned());
    assert_eq!(
        urls("[heartbeat]\nurl = \"https://hc.example/ping/1/?a=b\""),
        [
            named("https://hc.example/ping/1/start?a=b"),
            named("https://hc.example/ping/1/?a=b"),
            named("https://hc.example/ping/1/fail?a=b"),
        ]
    );
    assert_eq!(
        urls("[heartbeat]\nsuccess = \"https://up.example/x?status=up\""),
        [None, named("https://up.example/x?status=up"), None]
    );
    assert!(parse("[heartbeat]\n").is_err());
    assert!(parse("[heartbeat]\nurl = \"ftp://h/\"").is_err());
}

#[test]
fn an_address_of_the_web_is_never_shown_whole() {
    let hook = parse("[webhook]\nurl = \"https://user:pw@hooks.example:8443/T0/hush\"").unwrap().webhook;
    let shown = format!("{hook:?} {}", serde_json::to_string(&hook).unwrap());
    assert!(shown.contains("https://hooks.example:8443/…"), "{shown}");
    assert!(!shown.contains("hush") && !shown.contains("pw"), "{shown}");
}
