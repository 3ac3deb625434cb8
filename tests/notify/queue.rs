//! What cannot be delivered waits, is tried again, and arrives once.

use std::fs;
use std::thread;

use entracte::base::check::Check;
use entracte::base::check::Level;
use entracte::notify;
use entracte::notify::Channel;
use entracte::notify::Kind;
use entracte::notify::Notice;

use crate::lab::Lab;
use crate::lab::rolled_back;
use crate::lab::to_ann;
use crate::support::hearer::Hearer;
use crate::support::smtp::Line;
use crate::support::smtp::MailServer;

const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("{name}: {checks:#?}"))
}

#[test]
fn a_notice_waits_for_the_mail_server_and_arrives_exactly_once() {
    let mut server = MailServer::start(Line::Plain);
    let hearer = Hearer::start();
    let mail = to_ann(&server.settings("/".as_ref()));
    let lab = Lab::new(&format!("{mail}[notify.webhook]\nurl = \"{}/hook\"\n", hearer.url));
    server.end();

    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert_eq!(told.sent, [Channel::Webhook]);
    assert_eq!(told.queued[0].0, Channel::Mail);
    assert!(told.warnings()[0].contains("cannot be reached"), "{told:?}");
    assert_eq!((lab.waiting().len(), hearer.heard().len()), (1, 1));
    assert_eq!(check(&notify::check(&lab.site()), "notify queue").level, Level::Warning);
    assert_eq!(check(&notify::check(&lab.site()), "notify mail").level, Level::Error);

    // Not before its time, and in vain while the server is away.
    assert_eq!(notify::retry(&lab.site()), notify::Told::default());
    lab.set_back(&["next"], LONG_AGO);
    assert_eq!(notify::retry(&lab.site()).queued.len(), 1);

    server.begin();
    assert_eq!(notify::retry(&lab.site()), notify::Told::default());
    lab.set_back(&["next"], LONG_AGO);
    assert_eq!(notify::retry(&lab.site()).sent, [Channel::Mail]);
    lab.set_back(&["next"], LONG_AGO);
    assert_eq!(notify::retry(&lab.site()), notify::Told::default());
    assert_eq!((server.mails().len(), lab.waiting().len(), hearer.heard().len()), (1, 0, 1));
    let headers = &server.mails()[0]["headers"];
    assert_eq!(headers["X-Entracte-Kind"], "rolled-back");
    let id = &hearer.heard()[0].headers["x-entracte-id"];
    assert!(headers["Message-ID"].as_str().unwrap().starts_with(&format!("<{id}@")), "{headers}");
    assert_eq!(check(&notify::check(&lab.site()), "notify queue").level, Level::Ok);
}

#[test]
fn one_dead_server_is_tried_once_for_all_that_wait() {
    let mut server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    server.end();
    for why in ["one", "two", "three"] {
        notify::tell(&lab.site(), &rolled_back(why));
    }
    lab.set_back(&["next"], LONG_AGO);
    assert_eq!(notify::retry(&lab.site()).queued.len(), 1);
    server.begin();
    lab.set_back(&["next"], LONG_AGO);
    assert_eq!(notify::retry(&lab.site()).sent.len(), 3);
    let reasons: Vec<bool> = ["one", "two", "three"]
        .iter()
        .zip(server.mails())
        .map(|(why, mail)| mail["text"].as_str().unwrap().contains(&format!("  - {why}\n")))
        .collect();
    assert_eq!(reasons, [true; 3], "in the order in which it happened");
}

#[test]
fn several_that_try_again_at_once_deliver_each_notice_once() {
    let mut server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    server.end();
    for why in ["one", "two", "three"] {
        notify::tell(&lab.site(), &rolled_back(why));
    }
    lab.set_back(&["next"], LONG_AGO);
    server.begin();
    let several: Vec<_> =
        (0..4).map(|_| lab.site()).map(|site| thread::spawn(move || notify::retry(&site))).collect();
    let sent: usize = several.into_iter().map(|one| one.join().unwrap().sent.len()).sum();
    assert_eq!((sent, server.mails().len(), lab.waiting().len()), (3, 3, 0));
}

#[test]
fn what_another_could_not_deliver_any_more_is_delivered_by_the_next() {
    let server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    fs::create_dir(lab.state().join("notify")).unwrap();
    let other = fs::File::create(lab.state().join("notify/lock")).unwrap();
    other.lock().unwrap();
    let told = notify::tell(&lab.site(), &rolled_back("why"));
    assert_eq!(told.queued, [(Channel::Mail, "another entracte delivers just now".to_owned())]);
    assert!(server.mails().is_empty());
    drop(other);
    assert_eq!(notify::retry(&lab.site()).sent, [Channel::Mail]);
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn what_waits_for_too_long_is_given_up_and_that_is_told() {
    let mut server = MailServer::start(Line::Plain);
    let lab = Lab::new(&format!("[notify]\nkeep_days = 3\n{}", to_ann(&server.settings("/".as_ref()))));
    server.end();
    notify::tell(&lab.site(), &rolled_back("why"));
    lab.set_back(&["at", "next"], LONG_AGO);
    let given_up = notify::retry(&lab.site());
    assert!(given_up.warnings()[0].contains("the mail was given up: The site was not well"), "{given_up:?}");
    assert!(given_up.warnings()[0].contains("cannot be reached"), "{given_up:?}");
    assert_eq!((given_up.queued.len(), lab.waiting().len()), (0, 0));
    server.begin();
    assert!(check(&notify::check(&lab.site()), "notify lost").detail.starts_with("1 were given up"));
    lab.test().code(0);
    assert!(notify::check(&lab.site()).iter().all(|check| check.level == Level::Ok));
    assert_eq!(server.mails().len(), 1, "the test alone");
}

#[test]
fn a_machine_that_was_off_for_long_tries_once_more() {
    let mut server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    server.end();
    notify::tell(&lab.site(), &rolled_back("why"));
    lab.set_back(&["at", "next"], LONG_AGO);
    server.begin();
    assert_eq!(notify::retry(&lab.site()).sent, [Channel::Mail]);
    assert_eq!((server.mails().len(), lab.waiting().len()), (1, 0));
}

#[test]
fn the_same_thing_is_told_once_a_day() {
    let server = MailServer::start(Line::Plain);
    let mail = to_ann(&server.settings("/".as_ref()));
    let lab = Lab::new(&mail);
    let tell = |notice: &Notice| notify::tell(&lab.site(), notice).silent;
    assert!(!tell(&rolled_back("why")));
    assert!(tell(&rolled_back("why")));
    assert!(!tell(&rolled_back("another reason")));
    assert!(!tell(&Notice { kind: Kind::Failed, ..rolled_back("why") }));
    lab.set(&format!("[notify]\nrepeat_hours = 0\n{mail}"));
    assert!(!tell(&rolled_back("why")));
    assert_eq!(server.mails().len(), 4);
}

#[test]
fn only_kinds_that_are_wanted_are_told_and_good_news_is_collected() {
    let server = MailServer::start(Line::Plain);
    let mail = to_ann(&server.settings("/".as_ref()));
    let lab = Lab::new(&mail);
    let good = |to: &str| Notice { kind: Kind::Success, to: Some(to.into()), ..rolled_back(to) };
    assert!(notify::tell(&lab.site(), &good("2")).silent);
    lab.set(&format!("[notify]\nkinds = [\"success\"]\n{mail}"));
    assert!(notify::tell(&lab.site(), &rolled_back("why")).silent);
    let left_out = notify::check(&lab.site());
    assert_eq!(
        check(&left_out, "notify kinds").detail,
        "nobody is told of: failed, rolled-back, needs-approval"
    );
    assert!(notify::tell(&lab.site(), &good("3")).silent);
    assert!(notify::tell(&lab.site(), &good("4")).silent);
    assert_eq!(notify::retry(&lab.site()), notify::Told::default());
    assert!(server.mails().is_empty());

    let file = lab.state().join("notify/digest.json");
    let mut digest: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    digest["news"][0]["at"] = LONG_AGO.into();
    fs::write(&file, digest.to_string()).unwrap();
    assert_eq!(notify::retry(&lab.site()).sent, [Channel::Mail]);
    assert_eq!(notify::retry(&lab.site()), notify::Told::default());
    let mails = server.mails();
    assert_eq!(mails[0]["headers"]["Subject"], "[site] 2 updates are done");
    assert!(
        mails[0]["text"].as_str().unwrap().contains("  - 2020-01-01 00:00 UTC: 1 -> 3: "),
        "{}",
        mails[0]["text"]
    );

    lab.set(&format!("[notify]\nkinds = [\"success\"]\ndigest = \"each\"\n{mail}"));
    assert_eq!(notify::tell(&lab.site(), &good("5")).sent, [Channel::Mail]);
    assert_eq!(server.mails()[1]["headers"]["Subject"], "[site] update 1 -> 5 is done");
}

#[test]
fn where_nothing_can_be_written_somebody_is_told_all_the_same() {
    let server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    fs::write(lab.state().join("notify"), "a file where the folder should be").unwrap();
    let told = notify::tell(&lab.site(), &rolled_back("the disk is full"));
    assert_eq!((told.sent.as_slice(), server.mails().len()), (&[Channel::Mail][..], 1), "{told:?}");
    assert!(
        told.warnings().iter().any(|warning| warning.contains("cannot be kept for a second try")),
        "{told:?}"
    );

    drop(server);
    let told = notify::tell(&lab.site(), &rolled_back("the disk is full"));
    assert_eq!((told.sent.len(), told.queued.len(), told.silent), (0, 0, false));
    assert!(told.warnings().iter().any(|warning| warning.contains("the mail is lost")), "{told:?}");
}

#[test]
fn a_file_that_is_damaged_keeps_nothing_else_from_being_tried() {
    let mut server = MailServer::start(Line::Plain);
    let lab = Lab::new(&to_ann(&server.settings("/".as_ref())));
    server.end();
    notify::tell(&lab.site(), &rolled_back("why"));
    lab.set_back(&["next"], LONG_AGO);
    fs::write(lab.state().join("notify/queue/0000000000000-torn-mail.json"), "{\"format\":1,").unwrap();
    fs::write(lab.state().join("notify/told.json"), "").unwrap();
    server.begin();
    assert_eq!(notify::retry(&lab.site()).sent, [Channel::Mail]);
    assert_eq!(server.mails().len(), 1);
}
