use super::*;

fn well() -> Look {
    Look {
        status: 200,
        title: Some("Home".into()),
        bytes: 8000,
        fatal: false,
        marker: Some(true),
        pattern: Some(true),
        closed_by_us: false,
        leads_to: "/".into(),
        took_ms: 300,
    }
}

fn wanted(status: Option<u16>, limit_ms: Option<u64>) -> Wanted {
    Wanted { status, slower_times: 10.0, limit: limit_ms.map(Duration::from_millis) }
}

fn as_usual() -> Wanted {
    Wanted::default()
}

fn page(found: Found, wanted: &Wanted) -> Page {
    Page { url: "http://a/".into(), found, wanted: wanted.clone() }
}

fn before(look: Look, wanted: &Wanted) -> Health {
    Health { pages: vec![page(Found::Answered(look), wanted)], ..Health::default() }
}

fn now(look: Look, wanted: &Wanted) -> Now {
    Now { pages: vec![page(Found::Answered(look), wanted)], ..Now::default() }
}

fn away(took_ms: u64, wanted: &Wanted) -> Now {
    let found = Found::Unreachable { reason: "connection refused".into(), took_ms };
    Now { pages: vec![page(found, wanted)], ..Now::default() }
}

fn bad(reason: &str) -> Verdict {
    Verdict::Bad(vec![format!("http://a/ {reason}")])
}

fn unknown(reason: &str) -> Verdict {
    Verdict::Unknown(reason.into())
}

#[test]
fn what_got_worse_is_bad_and_what_only_changed_is_not() {
    let way = |path: &str| Look { leads_to: path.into(), ..well() };
    for (after, reason) in [
        (Look { status: 404, ..well() }, "answers 404"),
        (Look { status: 500, ..well() }, "answers 500"),
        // A 503 of the application is none of ours.
        (Look { status: 503, ..well() }, "answers 503"),
        (Look { bytes: 40, ..well() }, "shrank from 8000 to 40 bytes"),
        (Look { bytes: 0, ..well() }, "is blank"),
        (Look { fatal: true, ..well() }, "shows a fatal error of PHP"),
        (Look { marker: Some(false), ..well() }, "lost the text it is known by"),
        (Look { pattern: Some(false), ..well() }, "no longer fits its pattern"),
        (Look { title: None, ..well() }, "lost its title \"Home\""),
        (way("/wp-admin/install.php"), "leads to /wp-admin/install.php"),
        (way("/setup/"), "leads to /setup/"),
    ] {
        let judged = judge(&before(well(), &as_usual()), &now(after, &as_usual()));
        assert_eq!(judged, Judgement { verdict: bad(reason), warnings: Vec::new() });
    }
    for after in [
        well(),
        Look { title: Some("Home, new".into()), ..well() },
        Look { bytes: 3000, ..well() },
        Look { bytes: 90_000, ..well() },
        way("/en/"),
        Look { status: 302, bytes: 0, title: Some("-".into()), ..way("/en/") }.clone(),
        Look { took_ms: 1900, ..well() },
    ] {
        let judged = judge(&before(well(), &as_usual()), &now(after.clone(), &as_usual()));
        assert_eq!(judged, Judgement { verdict: Verdict::Good, warnings: Vec::new() }, "{after:?}");
    }
}

#[test]
fn what_a_page_never_had_it_cannot_lose() {
    let small = Look { bytes: 40, title: None, marker: Some(false), pattern: None, ..well() };
    for after in [Look { bytes: 3, ..small.clone() }, Look { marker: None, ..small.clone() }] {
        let judged = judge(&before(small.clone(), &as_usual()), &now(after, &as_usual()));
        assert_eq!(judged.verdict, Verdict::Good);
    }
    let setup = Look { leads_to: "/setup/a".into(), ..well() };
    let judged = judge(&before(setup.clone(), &as_usual()), &now(setup, &as_usual()));
    assert_eq!(judged.verdict, Verdict::Good);
    let worse = Look { leads_to: "/setup/install.php".into(), ..well() };
    let before = before(Look { leads_to: "/setup/a".into(), ..well() }, &as_usual());
    assert_eq!(judge(&before, &now(worse, &as_usual())).verdict, bad("leads to /setup/install.php"));
}

#[test]
fn a_status_that_is_expected_is_well_and_any_other_is_not() {
    let denied = wanted(Some(401), None);
    let at = |status| Look { status, ..well() };
    for (old, new, verdict) in [
        (401, 401, Verdict::Good),
        (401, 200, bad("answers 200 instead of 401")),
        (401, 500, bad("answers 500 instead of 401")),
        (200, 500, unknown("nothing of it was well before")),
    ] {
        assert_eq!(judge(&before(at(old), &denied), &now(at(new), &denied)).verdict, verdict);
    }
}

#[test]
fn slower_is_a_warning_and_too_slow_is_bad_where_a_limit_is_set() {
    let (free, limited) = (as_usual(), wanted(None, Some(5000)));
    let took = |took_ms| Look { took_ms, ..well() };
    for (wanted, old, new, verdict, warns) in [
        (&free, 1, 1999, Verdict::Good, false),
        (&free, 1, 2001, Verdict::Good, true),
        (&free, 300, 2900, Verdict::Good, false),
        (&free, 300, 40_000, Verdict::Good, true),
        (&limited, 300, 4000, Verdict::Good, true),
        (&limited, 300, 5001, bad("takes longer than 5 s"), false),
        // It was too slow before.
        (&limited, 6000, 9000, unknown("nothing of it was well before"), false),
    ] {
        let judged = judge(&before(took(old), wanted), &now(took(new), wanted));
        assert_eq!((judged.verdict, !judged.warnings.is_empty()), (verdict, warns), "{old} -> {new}");
    }
    let judged = judge(&before(took(300), &free), &now(took(3100), &free));
    assert_eq!(judged.warnings, ["http://a/ takes 3.1 s, and took 0.3 s before"]);
}

#[test]
fn a_page_that_was_broken_before_is_not_blamed() {
    let nothing = unknown("nothing of it was well before");
    for broken in [
        Look { status: 500, ..well() },
        Look { fatal: true, ..well() },
        Look { status: 503, closed_by_us: true, ..well() },
    ] {
        let after = Look { status: 500, fatal: true, ..well() };
        let judged = judge(&before(broken.clone(), &as_usual()), &now(after, &as_usual()));
        assert_eq!(judged.verdict, nothing);
        let mut both = before(broken.clone(), &as_usual());
        both.pages.push(Page { url: "http://a/b".into(), ..page(Found::Answered(well()), &as_usual()) });
        let after = Now { pages: both.pages.clone(), ..Now::default() };
        assert_eq!(judge(&both, &after).verdict, Verdict::Good);
    }
    let unseen = Health { pages: away(1, &as_usual()).pages, ..Health::default() };
    assert_eq!(judge(&unseen, &now(Look { status: 500, ..well() }, &as_usual())).verdict, nothing);
}

#[test]
fn what_could_not_be_seen_is_not_judged() {
    let was = before(well(), &as_usual());
    let gone = "http://a/ could not be reached: connection refused";
    assert_eq!(judge(&was, &away(9000, &as_usual())).verdict, unknown(gone));
    let gate = Look { status: 503, closed_by_us: true, title: None, ..well() };
    let judged = judge(&was, &now(gate, &as_usual()));
    assert_eq!(judged.verdict, unknown("http://a/ was answered by the gate itself"));
    // One who does not answer in the time that is given has been seen.
    let limited = wanted(None, Some(5000));
    assert_eq!(judge(&was, &away(100, &limited)).verdict, unknown(gone));
    assert_eq!(judge(&was, &away(5001, &limited)).verdict, bad("takes longer than 5 s"));
    // Bad outweighs unseen.
    let mut both = was.clone();
    both.pages.push(Page { url: "http://a/b".into(), ..page(Found::Answered(well()), &as_usual()) });
    let mut after = away(1, &as_usual());
    let broken = Look { status: 500, ..well() };
    after.pages.push(Page { url: "http://a/b".into(), ..page(Found::Answered(broken), &as_usual()) });
    assert_eq!(judge(&both, &after).verdict, Verdict::Bad(vec!["http://a/b answers 500".into()]));
}

#[test]
fn what_is_no_longer_asked_is_not_judged() {
    let judged = judge(&before(well(), &as_usual()), &Now::default());
    assert_eq!(judged.verdict, unknown("nothing of it was well before"));
}

#[test]
fn a_check_that_failed_before_is_not_blamed_either() {
    let run =
        |outcome: &Outcome| Run { argv: vec!["check".into(), "a\x1bb".into()], outcome: outcome.clone() };
    let ill = Outcome::Ill { ended: "ended with status 3: no".into() };
    let lost = Outcome::Unknown { reason: "no more processes".into() };
    let is_bad = Verdict::Bad(vec!["the check `check a\\x1bb` ended with status 3: no".into()]);
    let nothing = unknown("nothing of it was well before");
    for (old, new, verdict) in [
        (&Outcome::Well, &Outcome::Well, Verdict::Good),
        (&Outcome::Well, &ill, is_bad),
        (&Outcome::Well, &lost, unknown("check a\\x1bb: no more processes")),
        (&ill, &ill, nothing.clone()),
        (&ill, &Outcome::Well, nothing.clone()),
        (&lost, &ill, nothing),
    ] {
        let was = Health { commands: vec![run(old)], ..Health::default() };
        let is = Now { commands: vec![run(new)], ..Now::default() };
        assert_eq!(judge(&was, &is).verdict, verdict, "{old:?} -> {new:?}");
    }
}

#[test]
fn deaths_in_the_log_are_bad_other_lines_a_warning_and_another_log_unknown() {
    let was = before(well(), &as_usual());
    let with = |growth: Growth| judge(&was, &Now { log: Some(growth), ..now(well(), &as_usual()) });
    let grew = |deaths: &[&str], others| Growth::Lines {
        deaths: deaths.iter().map(ToString::to_string).collect(),
        others,
    };
    assert_eq!(with(grew(&[], 0)), Judgement { verdict: Verdict::Good, warnings: Vec::new() });
    let noisy = with(grew(&[], 7));
    assert_eq!(noisy.verdict, Verdict::Good);
    assert_eq!(noisy.warnings, ["PHP's error log grew by 7 lines"]);
    let says = |line: &str| format!("PHP's error log says: {line}");
    assert_eq!(with(grew(&["a"], 0)).verdict, Verdict::Bad(vec![says("a")]));
    let many = Verdict::Bad(vec![
        says("a"),
        says("b"),
        says("c"),
        "PHP's error log holds 2 deaths of scripts more".into(),
    ]);
    assert_eq!(with(grew(&["a", "b", "c", "d", "e"], 0)).verdict, many);
    let rotated = Growth::Unknown { reason: "it was rotated".into() };
    assert_eq!(with(rotated).verdict, unknown("PHP's error log: it was rotated"));
    // A log alone does not say that a site is well.
    let silent = judge(&Health::default(), &Now { log: Some(grew(&[], 0)), ..Now::default() });
    assert_eq!(silent.verdict, unknown("nothing of it was well before"));
}
