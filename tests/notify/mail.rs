//! Mail, by every way there is.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::notify;

use crate::lab::Lab;
use crate::lab::rolled_back;
use crate::lab::to_ann;
use crate::support::smtp::Line;
use crate::support::smtp::MailServer;
use crate::support::smtp::write_private;

const PASSWORD: &str = "canary-of-the-mail-password";

#[test]
fn a_test_mail_arrives_over_every_kind_of_line() {
    for (line, user) in [
        (Line::Plain, None),
        (Line::Plain, Some("web")),
        (Line::StartTls, Some("web@example.org")),
        (Line::Tls, Some("web")),
        (Line::Tls, None),
    ] {
        let server = match user {
            Some(user) => MailServer::with_login(line, user, PASSWORD),
            None => MailServer::start(line),
        };
        let lab = Lab::new("");
        lab.set(&to_ann(&server.settings(lab.folder())));
        let result = lab.test().code(0);
        assert_eq!(result["channels"][0]["channel"], "mail", "{line:?}: {result}");
        assert_eq!(result["channels"][0]["delivered"], true, "{line:?}: {result}");
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{line:?}");
        let mail = &mails[0];
        assert_eq!(mail["tls"], line != Line::Plain, "{line:?}");
        assert_eq!(mail["user"].as_str(), user, "{line:?}");
        assert_eq!(
            (mail["from"].as_str(), mail["to"][0].as_str()),
            (Some("web@example.org"), Some("ann@example.org"))
        );
        assert!(lab.files_with(PASSWORD).is_empty(), "{:?}", lab.files_with(PASSWORD));
    }
}

#[test]
fn a_mail_is_what_it_says_and_nothing_in_it_becomes_a_header() {
    let server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    let mut notice = rolled_back("the shop answered 500: \u{e9}t\u{e9}");
    notice.to = Some("2\r\nBcc: eve@evil.example\r\n\r\n<b>gone</b>\x1b[2J\u{202e}".into());
    let told = notify::tell(&lab.site(), &notice);
    assert_eq!((told.sent.as_slice(), told.warnings()), (&[notify::Channel::Mail][..], Vec::new()));
    let mail = &server.mails()[0];
    let names: Vec<&str> =
        mail["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "From",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "X-Entracte-Kind",
            "To",
            "MIME-Version",
            "Content-Type"
        ]
    );
    let headers = &mail["headers"];
    assert_eq!(headers["Auto-Submitted"], "auto-generated");
    assert_eq!(headers["X-Entracte-Kind"], "rolled-back");
    assert_eq!(
        headers["Subject"],
        "[site] update 1 -> 2\\r\\nBcc: eve@evil.example\\r\\n\\r\\n<b>gone</b>\\x1b[2J\\u{202e} failed and was rolled back"
    );
    assert_eq!(mail["to"].as_array().unwrap().len(), 1, "{mail}");
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    for part in [text, html] {
        assert!(part.contains("the shop answered 500: été") && part.contains("rolled back"), "{part}");
        assert!(!part.contains('\x1b') && !part.contains('\u{202e}'), "{part}");
    }
    assert!(
        text.contains("    entracte show 20261121-031145-1f0a") && text.contains("open to visitors"),
        "{text}"
    );
    assert!(!html.contains("<b>gone"), "{html}");
}

#[test]
fn mail_speaks_the_language_that_was_chosen() {
    let server = MailServer::start(Line::Plain);
    let mail = to_ann(&server.settings("/".as_ref()));
    let lab = Lab::new(&format!("[notify]\nlanguage = \"fr\"\n{mail}"));
    notify::tell(&lab.site(), &rolled_back("why"));
    lab.test().code(0);
    let subjects: Vec<String> =
        server.mails().iter().map(|mail| mail["headers"]["Subject"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        subjects,
        [
            "[site] la mise à jour 1 -> 2 a échoué et a été annulée",
            "[site] ceci est un essai : les avis arrivent"
        ]
    );
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let server = MailServer::with_login(Line::Tls, "web", "the right one");
    let lab = Lab::new("");
    let settings = server.settings(lab.folder());
    write_private(&lab.folder().join("mail-password"), PASSWORD);
    lab.set(&to_ann(&settings));
    for arguments in [&["notify", "test"][..], &["--json", "notify", "test"], &["-v", "notify", "test"]] {
        let ran = lab.entracte.run(arguments).code(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("refused the login") && said.contains("535"), "{said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert_eq!(told.queued.len(), 1, "{told:?}");
    assert!(!format!("{told:?} {:?} {:?}", told.warnings(), lab.site().settings).contains(PASSWORD));
    assert!(lab.files_with(PASSWORD).is_empty(), "{:?}", lab.files_with(PASSWORD));
    assert!(server.mails().is_empty());
}

#[test]
fn a_password_file_that_others_can_read_is_refused() {
    let server = MailServer::with_login(Line::Tls, "web", PASSWORD);
    let lab = Lab::new("");
    lab.set(&to_ann(&server.settings(lab.folder())));
    fs::set_permissions(lab.folder().join("mail-password"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = lab.test().code(1).to_string();
    assert!(said.contains("mail-password can be read by others"), "{said}");
    let checks = notify::check(&lab.site());
    assert!(checks[0].fix.contains("chmod 600"), "{checks:?}");
}

#[test]
fn nothing_is_sent_over_a_weaker_line_than_was_asked_for() {
    let (plain, starttls, tls) =
        (MailServer::start(Line::Plain), MailServer::start(Line::StartTls), MailServer::start(Line::Tls));
    let ca = |server: &MailServer| format!("ca_file = \"{}\"", server.authority().display());
    let lab = Lab::new("");
    for (address, more, complaint) in [
        (format!("smtp+starttls://localhost:{}", plain.port), ca(&tls), "does not offer STARTTLS"),
        (format!("smtps://localhost:{}", plain.port), ca(&tls), "cannot be reached"),
        // Not signed by anybody we know, by another, and for another name.
        (format!("smtps://localhost:{}", tls.port), String::new(), "UnknownIssuer"),
        (format!("smtp+starttls://localhost:{}", starttls.port), String::new(), "UnknownIssuer"),
        (format!("smtps://localhost:{}", tls.port), ca(&starttls), "certificate"),
        (format!("smtps://127.0.0.1:{}", tls.port), ca(&tls), "certificate"),
    ] {
        lab.set(&to_ann(&format!("smtp = \"{address}\"\n{more}")));
        let said = lab.test().code(1).to_string();
        assert!(said.contains(complaint), "{address}: {said}");
    }
    for server in [&plain, &starttls, &tls] {
        assert!(server.mails().is_empty());
    }
}

#[test]
fn one_address_that_does_not_exist_keeps_no_other_from_being_told() {
    let server = MailServer::start(Line::Plain);
    let lab = Lab::new(&format!(
        "[notify.mail]\nto = [\"nobody@example.org\", \"Ann <ann@example.org>\"]\nfrom = \"web@example.org\"\n{}",
        server.settings("/".as_ref())
    ));
    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert_eq!((told.sent.len(), told.queued.len()), (1, 0), "{told:?}");
    assert!(
        told.warnings()[0].contains("nobody@example.org") && told.warnings()[0].contains("550"),
        "{told:?}"
    );
    assert_eq!(server.mails()[0]["to"].as_array().unwrap().len(), 1);
    assert!(lab.test().code(1)["channels"][0]["detail"].as_str().unwrap().contains("no such user here"));
}

#[test]
fn a_server_that_never_says_a_word_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let lab = Lab::new(&to_ann(&format!("smtp = \"smtp://127.0.0.1:{port}\"")));
    let since = Instant::now();
    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert!(since.elapsed() < Duration::from_secs(45), "{:?}", since.elapsed());
    assert_eq!((told.sent.len(), told.queued.len()), (0, 1), "{told:?}");
    assert_eq!(lab.waiting().len(), 1);
}

#[test]
fn a_server_that_greets_for_ever_holds_nobody_up() {
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = slow.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = slow.accept().unwrap();
        while stream.write_all(b"220-patience\r\n").is_ok() {
            thread::sleep(Duration::from_millis(500));
        }
    });
    let lab = Lab::new(&to_ann(&format!("smtp = \"smtp://127.0.0.1:{port}\"")));
    let since = Instant::now();
    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert!(since.elapsed() < Duration::from_secs(45), "{:?}", since.elapsed());
    assert!(told.queued[0].1.contains("took longer than 30 s"), "{told:?}");
}

#[test]
fn a_program_takes_the_mail_on_its_standard_input() {
    let lab = Lab::new("");
    let taken = lab.folder().join("taken");
    let script = format!("printf '%s\\n' \"$@\" > {0}.argv; cat > {0}", taken.display());
    let program = lab.program("sendmail", &script);
    lab.set(&to_ann(&format!("sendmail = [\"{}\", \"-t\", \"-i\"]", program.display())));
    lab.test().code(0);
    assert_eq!(fs::read_to_string(lab.folder().join("taken.argv")).unwrap(), "-t\n-i\n");
    let mail = fs::read_to_string(&taken).unwrap();
    let (head, body) = mail.split_once("\n\n").unwrap();
    assert!(!mail.contains('\r') && body.contains("Somebody called `entracte notify test`"), "{mail}");
    for line in [
        "To: Ann <ann@example.org>",
        "From: web@example.org",
        "Subject: [site] this is a test: notices arrive",
    ] {
        assert!(head.lines().any(|is| is == line), "{line}: {head}");
    }
    lab.program("sendmail", "echo the queue is full >&2; exit 75");
    let said = lab.test().code(1).to_string();
    assert!(said.contains("ended with status 75: the queue is full"), "{said}");
}
