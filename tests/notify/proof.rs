//! `notify test`, what it proves, and for how long.

use entracte::base::check::Level;
use entracte::notify;
use entracte::notify::Channel;
use entracte::notify::ProofError;

use crate::lab::Lab;
use crate::lab::to_ann;
use crate::support::hearer::Hearer;
use crate::support::smtp::Line;
use crate::support::smtp::MailServer;

#[test]
fn where_nobody_would_be_told_the_test_is_refused() {
    let lab = Lab::new("");
    let said = lab.test().refused(5);
    assert!(said.contains("nobody would be told") && said.contains("[notify.mail]"), "{said}");
    assert!(matches!(notify::proved(&lab.site()), Err(ProofError::NoChannel)));
    let checks = notify::check(&lab.site());
    assert_eq!((checks.len(), checks[0].level), (1, Level::Warning));
}

#[test]
fn a_channel_is_proved_for_as_long_as_its_settings_stay() {
    let server = MailServer::start(Line::Plain);
    let mail = to_ann(&server.settings("/".as_ref()));
    let lab = Lab::new(&mail);
    assert!(matches!(notify::proved(&lab.site()), Err(ProofError::NotProved)));
    lab.test().code(0);
    let channels = |lab: &Lab| notify::proved(&lab.site()).map(|proof| proof.channels[0].0).ok();
    assert_eq!(channels(&lab), Some(Channel::Mail));
    assert!(notify::check(&lab.site()).iter().all(|check| check.level == Level::Ok));

    lab.set(&format!("[notify]\nrepeat_hours = 1\n{mail}"));
    assert_eq!(channels(&lab), Some(Channel::Mail));
    lab.set(&mail.replace("ann@", "bob@"));
    assert_eq!(channels(&lab), None);
    lab.set(&mail);
    assert_eq!(channels(&lab), Some(Channel::Mail));

    drop(server);
    lab.test().code(1);
    assert_eq!(channels(&lab), None, "a test that failed is no proof");
}

#[test]
fn each_channel_is_tried_and_a_heartbeat_is_nobody_who_is_told() {
    let (server, hearer) = (MailServer::start(Line::Plain), Hearer::start());
    let heartbeat = format!("[notify.heartbeat]\nurl = \"{}/ping\"\n", hearer.url);
    let lab = Lab::new(&heartbeat);
    lab.test().code(0);
    assert!(matches!(notify::proved(&lab.site()), Err(ProofError::NoChannel)));
    assert_eq!(hearer.requests(), ["GET /ping/start", "GET /ping"]);

    let mail = to_ann(&server.settings("/".as_ref()));
    lab.set(&format!("{mail}{heartbeat}[notify.webhook]\nurl = \"http://127.0.0.1:1/\"\n"));
    let ran = lab.entracte.run(&["notify", "test"]).code(1);
    let port = server.port.to_string();
    let shown = format!("{}{}", ran.stdout, ran.stderr).replace(&port, "MAIL").replace(&hearer.url, "HEARER");
    insta::assert_snapshot!(shown, @r#"
      mail        delivered: Ann <ann@example.org> by 127.0.0.1:MAIL
      webhook     failed: failed to reach http://127.0.0.1:1/…: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
      heartbeat   delivered: HEARER/…
    error: the test did not arrive by webhook
      hint: correct [notify] in entracte.toml, then `entracte notify test` again
    "#);
    assert_eq!(notify::proved(&lab.site()).unwrap().channels.len(), 1);
}
