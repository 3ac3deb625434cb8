mod page;

use super::*;
use crate::notify::notice::Kind;

fn about(language: Language) -> About {
    About {
        name: "blog.example.org".into(),
        root: "/var/www/blog".into(),
        url: Some("https://blog.example.org/".into()),
        host: "web1".into(),
        settings: "/var/www/.entracte-blog/entracte.toml".into(),
        closed: Some(false),
        language,
    }
}

fn at() -> Timestamp {
    "2026-11-21T03:12:07Z".parse().unwrap()
}

fn update(kind: Kind, what: &str) -> Notice {
    Notice {
        run: Some("20261121-031145-1f0a".into()),
        from: Some("6.8.7".into()),
        to: Some("7.1.4".into()),
        ..Notice::new(kind, what, "k")
    }
}

fn rolled_back() -> Notice {
    Notice {
        details: vec![
            "https://blog.example.org/shop answered 500 where 200 was expected".into(),
            "the page's title was \"Shop\" and is \"Fatal error\"".into(),
        ],
        log: "verify: 4213 files as planned\nverify: /shop: 500 Internal Server Error\n\nrolled back".into(),
        next: vec!["entracte --site /var/www/blog show 20261121-031145-1f0a".into()],
        ..update(Kind::RolledBack, "The site was not well after the update, so everything was put back.")
    }
}

fn needs_approval() -> Notice {
    Notice {
        run: None,
        plan: Some(
            "replace  312 files\nadd       14 files\n\n  ALTER TABLE wp_posts ADD COLUMN x INT".into(),
        ),
        details: vec!["the database's schema changes".into(), "7.1.4 is a new major version".into()],
        next: vec!["entracte --site /var/www/blog approve 3f9ac1d2b07e".into()],
        ..update(Kind::NeedsApproval, "The policy wants a person to look at this update first.")
    }
}

fn text(language: Language, notice: &Notice) -> String {
    let letter = write(&about(language), &notice.clean(), at());
    format!("Subject: {}\n\n{}", letter.subject, letter.text)
}

#[test]
fn a_failure_with_the_site_closed() {
    let notice = Notice {
        details: vec![
            "failed to write /var/www/blog/wp-includes/version.php".into(),
            "No space left on device".into(),
        ],
        log: "swap: 120 of 326 files".into(),
        next: vec![
            "entracte --site /var/www/blog resume".into(),
            "entracte --site /var/www/blog rollback".into(),
        ],
        ..update(Kind::Failed, "The disk is full.")
    };
    let closed = About { closed: Some(true), ..about(Language::En) };
    let letter = write(&closed, &notice, at());
    insta::assert_snapshot!(format!("Subject: {}\n\n{}", letter.subject, letter.text), @r#"
    Subject: [blog.example.org] update 6.8.7 -> 7.1.4 failed

    blog.example.org: update 6.8.7 -> 7.1.4 failed

    The disk is full.

    The site now: CLOSED to visitors
    Version: 6.8.7 -> 7.1.4
    Run: 20261121-031145-1f0a
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    What to do next:
        entracte --site /var/www/blog resume
        entracte --site /var/www/blog rollback

    In detail:
      - failed to write /var/www/blog/wp-includes/version.php
      - No space left on device

    The end of the log:
        swap: 120 of 326 files

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn an_update_that_was_rolled_back() {
    insta::assert_snapshot!(text(Language::En, &rolled_back()), @r#"
    Subject: [blog.example.org] update 6.8.7 -> 7.1.4 failed and was rolled back

    blog.example.org: update 6.8.7 -> 7.1.4 failed and was rolled back

    The site was not well after the update, so everything was put back.

    The site now: open to visitors
    Version: 6.8.7 -> 7.1.4
    Run: 20261121-031145-1f0a
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    What to do next:
        entracte --site /var/www/blog show 20261121-031145-1f0a

    In detail:
      - https://blog.example.org/shop answered 500 where 200 was expected
      - the page's title was "Shop" and is "Fatal error"

    The end of the log:
        verify: 4213 files as planned
        verify: /shop: 500 Internal Server Error

        rolled back

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn an_update_that_was_rolled_back_in_french() {
    insta::assert_snapshot!(text(Language::Fr, &rolled_back()), @r#"
    Subject: [blog.example.org] la mise à jour 6.8.7 -> 7.1.4 a échoué et a été annulée

    blog.example.org: la mise à jour 6.8.7 -> 7.1.4 a échoué et a été annulée

    The site was not well after the update, so everything was put back.

    Le site en ce moment : ouvert aux visiteurs
    Version : 6.8.7 -> 7.1.4
    Passage : 20261121-031145-1f0a
    Site : https://blog.example.org/
    Dossier : /var/www/blog sur web1
    Heure : 2026-11-21 03:12 UTC

    À faire ensuite :
        entracte --site /var/www/blog show 20261121-031145-1f0a

    En détail :
      - https://blog.example.org/shop answered 500 where 200 was expected
      - the page's title was "Shop" and is "Fatal error"

    La fin du journal :
        verify: 4213 files as planned
        verify: /shop: 500 Internal Server Error

        rolled back

    -- 
    envoyé par entracte sur web1; qui reçoit quoi : [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn an_update_that_waits_for_approval() {
    insta::assert_snapshot!(text(Language::En, &needs_approval()), @r#"
    Subject: [blog.example.org] update 6.8.7 -> 7.1.4 waits for your approval

    blog.example.org: update 6.8.7 -> 7.1.4 waits for your approval

    The policy wants a person to look at this update first.

    The site now: open to visitors
    Version: 6.8.7 -> 7.1.4
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    To approve it, type:
        entracte --site /var/www/blog approve 3f9ac1d2b07e

    In detail:
      - the database's schema changes
      - 7.1.4 is a new major version

    The plan:
        replace  312 files
        add       14 files

          ALTER TABLE wp_posts ADD COLUMN x INT

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn an_update_that_waits_for_approval_in_french() {
    insta::assert_snapshot!(text(Language::Fr, &needs_approval()), @r#"
    Subject: [blog.example.org] la mise à jour 6.8.7 -> 7.1.4 attend votre accord

    blog.example.org: la mise à jour 6.8.7 -> 7.1.4 attend votre accord

    The policy wants a person to look at this update first.

    Le site en ce moment : ouvert aux visiteurs
    Version : 6.8.7 -> 7.1.4
    Site : https://blog.example.org/
    Dossier : /var/www/blog sur web1
    Heure : 2026-11-21 03:12 UTC

    Pour l’approuver, tapez :
        entracte --site /var/www/blog approve 3f9ac1d2b07e

    En détail :
      - the database's schema changes
      - 7.1.4 is a new major version

    Le plan :
        replace  312 files
        add       14 files

          ALTER TABLE wp_posts ADD COLUMN x INT

    -- 
    envoyé par entracte sur web1; qui reçoit quoi : [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn a_site_that_is_closed_for_too_long() {
    let notice = Notice {
        next: vec!["entracte --site /var/www/blog status".into()],
        ..Notice::new(Kind::ClosedTooLong, "Visitors have been kept out since 2026-11-21 02:50 UTC.", "k")
    };
    let closed = About { closed: Some(true), ..about(Language::En) };
    insta::assert_snapshot!(write(&closed, &notice, at()).text, @r#"
    blog.example.org: the site has been closed to visitors for too long

    Visitors have been kept out since 2026-11-21 02:50 UTC.

    The site now: CLOSED to visitors
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    What to do next:
        entracte --site /var/www/blog status

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn findings_of_the_watch() {
    let notice = Notice {
        details: vec!["modified: wp-login.php".into(), "unexpected: wp-content/uploads/x.php".into()],
        next: vec!["entracte --site /var/www/blog watch".into()],
        ..Notice::new(Kind::Findings, "2 files are not as the release has them.", "k")
    };
    insta::assert_snapshot!(text(Language::En, &notice), @r#"
    Subject: [blog.example.org] files changed that no update changed

    blog.example.org: files changed that no update changed

    2 files are not as the release has them.

    The site now: open to visitors
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    What to do next:
        entracte --site /var/www/blog watch

    In detail:
      - modified: wp-login.php
      - unexpected: wp-content/uploads/x.php

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn one_success() {
    insta::assert_snapshot!(text(Language::En, &update(Kind::Success, "The site was closed for 4 s.")), @r#"
    Subject: [blog.example.org] update 6.8.7 -> 7.1.4 is done

    blog.example.org: update 6.8.7 -> 7.1.4 is done

    The site was closed for 4 s.

    The site now: open to visitors
    Version: 6.8.7 -> 7.1.4
    Run: 20261121-031145-1f0a
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn a_digest_of_successes() {
    let notice = Notice {
        details: vec![
            "2026-11-14 03:12 UTC: 6.8.5 -> 6.8.6: The site was closed for 3 s.".into(),
            "2026-11-19 03:12 UTC: 6.8.6 -> 6.8.7: The site was closed for 4 s.".into(),
        ],
        ..Notice::new(Kind::Success, "", "digest")
    };
    insta::assert_snapshot!(text(Language::En, &notice), @r#"
    Subject: [blog.example.org] 2 updates are done

    blog.example.org: 2 updates are done

    The site now: open to visitors
    Site: https://blog.example.org/
    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    In detail:
      - 2026-11-14 03:12 UTC: 6.8.5 -> 6.8.6: The site was closed for 3 s.
      - 2026-11-19 03:12 UTC: 6.8.6 -> 6.8.7: The site was closed for 4 s.

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}

#[test]
fn a_test() {
    let bare = About { url: None, closed: None, ..about(Language::En) };
    let letter = write(&bare, &Notice::new(Kind::Test, "Somebody called `entracte notify test`.", "k"), at());
    insta::assert_snapshot!(format!("Subject: {}\n\n{}", letter.subject, letter.text), @r#"
    Subject: [blog.example.org] this is a test: notices arrive

    blog.example.org: this is a test: notices arrive

    Somebody called `entracte notify test`.

    Folder: /var/www/blog on web1
    Time: 2026-11-21 03:12 UTC

    -- 
    sent by entracte on web1; who is told what: [notify] /var/www/.entracte-blog/entracte.toml
    "#);
}
