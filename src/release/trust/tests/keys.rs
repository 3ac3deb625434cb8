//! Keys that are changed, lost, and needed together.

use super::*;

#[test]
fn a_rotation_reaches_who_pinned_the_first_root() {
    let bench = Bench::new();
    let first = bench.keys().keys()[0].id.clone();
    bench.pin();
    let mut ids = Vec::new();
    for role in Role::ALL {
        ids.push(bench.key(Some(role)));
    }
    let change = Change { remove: vec![first[..10].into()], ..Change::default() };
    let rotated = rotate(&bench.reference(), &bench.keys(), &change).unwrap();
    assert_eq!((rotated.version, rotated.state, rotated.missing.len()), (2, "published", 0));
    assert_eq!((rotated.added.len(), rotated.removed.len()), (4, 4));
    let verified = bench.refresh().unwrap();
    assert_eq!((verified.root_version, verified.targets), (2, targets("a")));
    // The key that was removed signs no more, and does not come back.
    let old = bench.path("old");
    fs::create_folders(&old, 0o700).unwrap();
    let name = format!("all-{}.key", &first[..12]);
    fs::write_durable(&old.join(&name), &fs::read(&bench.path("keys").join(&name)).unwrap()).unwrap();
    let keyring = Keyring::open(&old, None).unwrap();
    let error = sign(&bench.reference(), &keyring, &targets("c")).unwrap_err();
    assert!(matches!(error, TrustError::Reference(ReferenceError::TooFewKeys { have: 0, need: 1, .. })));
    let again = rotate(&bench.reference(), &bench.keys(), &Change::default()).unwrap();
    assert_eq!((again.version, again.added.len()), (3, 0));
    bench.sign("b");
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
    let pinned = bench.pin();
    assert!(pinned.folder().parent().unwrap().join("roots/3.root.json").exists());
}

#[test]
fn nobody_meets_what_he_cannot_believe_while_keys_are_changed() {
    let bench = Bench::new();
    let first = bench.keys().keys()[0].id.clone();
    let old_root = bench.saved();
    bench.key(None);
    let change = Change { remove: vec![first], ..Change::default() };
    rotate(&bench.reference(), &bench.keys(), &change).unwrap();
    // As if the new root were not there yet: who knows the old one believes all else.
    let new_root = fs::read(&bench.document("2.root.json")).unwrap();
    fs::remove_file(&bench.document("2.root.json")).unwrap();
    assert_eq!(bench.refresh().unwrap().root_version, 1);
    fs::write_durable(&bench.document("2.root.json"), &new_root).unwrap();
    assert_eq!(bench.refresh().unwrap().root_version, 2);
    assert_eq!(old_root.len(), 4);
}

#[test]
fn versions_far_ahead_are_forgotten_with_the_keys_that_signed_them() {
    let bench = Bench::new();
    for _ in 0..3 {
        bench.sign("stolen");
    }
    let first = bench.keys().keys()[0].id.clone();
    assert_eq!(bench.refresh().unwrap().targets, targets("stolen"));
    // The publisher comes back with another key, and versions below.
    for path in fs::list(&bench.reference().join("metadata")).unwrap() {
        if !path.ends_with("1.root.json") {
            fs::remove_file(&path).unwrap();
        }
    }
    bench.key(None);
    let change = Change { remove: vec![first], ..Change::default() };
    rotate(&bench.reference(), &bench.keys(), &change).unwrap();
    bench.sign("recovered");
    assert_eq!(bench.refresh().unwrap().targets, targets("recovered"));
}

#[test]
fn a_threshold_waits_for_all_who_have_to_sign() {
    let bench = Bench::new();
    let second = Keyring::make(&bench.path("second"), Some(Role::Root), None).unwrap();
    let public = format!("{}.pub", second.name);
    fs::write_durable(
        &bench.path("keys").join(&public),
        &fs::read(&bench.path("second").join(&public)).unwrap(),
    )
    .unwrap();
    let change = Change { thresholds: BTreeMap::from([(Role::Root, 2)]), ..Change::default() };
    let waiting = rotate(&bench.reference(), &bench.keys(), &change).unwrap();
    assert_eq!((waiting.state, waiting.missing.len()), ("waiting", 1));
    assert!(waiting.missing[0].contains("2 signatures, and 1"), "{:?}", waiting.missing);
    assert_eq!(bench.refresh().unwrap().root_version, 1);
    let theirs = Keyring::open(&bench.path("second"), None).unwrap();
    let asked = rotate(&bench.reference(), &theirs, &Change::default()).unwrap();
    assert_eq!((asked.state, asked.added.len()), ("asked", 1));
    let accept = Change { accept: true, ..Change::default() };
    let rotated = rotate(&bench.reference(), &theirs, &accept).unwrap();
    assert_eq!((rotated.state, rotated.draft), ("published", None));
    assert_eq!(bench.refresh().unwrap().root_version, 2);
    // From now on one key alone changes nothing.
    let alone = rotate(&bench.reference(), &bench.keys(), &Change::default()).unwrap();
    assert_eq!(alone.state, "waiting");
    let error = rotate(
        &bench.reference(),
        &bench.keys(),
        &Change { thresholds: BTreeMap::from([(Role::Root, 3)]), ..Change::default() },
    )
    .unwrap_err();
    assert!(matches!(error, TrustError::Reference(ReferenceError::Threshold { have: 2, need: 3, .. })));
}

#[test]
fn signatures_end_and_are_renewed_before() {
    let bench = Bench::new();
    assert_eq!(renew(&bench.reference(), &bench.keys()).unwrap(), None);
    let days = BTreeMap::from([(Role::Timestamp, 0)]);
    rotate(&bench.reference(), &bench.keys(), &Change { days, ..Change::default() }).unwrap();
    bench.sign("b");
    let error = bench.refresh().unwrap_err();
    assert!(matches!(&error, TrustError::Expired { role, expired: Some(_), .. } if role == "timestamp"));
    let state =
        |role| status(&bench.reference()).unwrap().into_iter().find(|it| it.role == role).unwrap().state;
    assert_eq!((state(Role::Timestamp), state(Role::Targets)), ("expired", "ok"));
    let days = BTreeMap::from([(Role::Timestamp, 7)]);
    rotate(&bench.reference(), &bench.keys(), &Change { days, ..Change::default() }).unwrap();
    let renewed = renew(&bench.reference(), &bench.keys()).unwrap();
    // Targets and snapshot hold on: only the timestamp is signed anew.
    let mut expected = renewed.clone().unwrap();
    (expected.targets, expected.snapshot, expected.timestamp) = (2, 2, 3);
    assert_eq!(renewed, Some(expected));
    assert_eq!(bench.refresh().unwrap().targets, targets("b"));
}

#[test]
fn nothing_is_signed_again_that_others_wrote_there() {
    let bench = Bench::new();
    let path = bench.document("1.targets.json");
    let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
    fs::write_durable(&path, text.replace("one-1.0", "two-1.0").as_bytes()).unwrap();
    let error = signed_targets(&bench.reference()).unwrap_err();
    assert_eq!(error.exit(), Exit::Untrusted, "{error:?}");
}

#[test]
fn a_key_that_is_lost_is_replaced_even_when_that_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { folder };
    for role in Role::ALL {
        bench.key(Some(role));
    }
    create(&bench.reference(), &bench.keys()).unwrap();
    bench.sign("a");
    bench.refresh().unwrap();
    let change = |role: Role| {
        let lost = bench.keys().keys().into_iter().find(|key| key.role == Some(role)).unwrap();
        for end in ["key", "pub"] {
            fs::remove_file(&bench.path("keys").join(format!("{}.{end}", lost.name))).unwrap();
        }
        bench.key(Some(role));
        Change { remove: vec![lost.id], ..Change::default() }
    };
    for role in [Role::Targets, Role::Snapshot] {
        let change = change(role);
        rotate(&bench.reference(), &bench.keys(), &change).unwrap();
        assert_eq!(bench.refresh().unwrap().targets, targets("a"), "{role}");
    }
    let path = bench.document("timestamp.json");
    let (before, change) = (fs::read(&path).unwrap(), change(Role::Timestamp));
    rotate(&bench.reference(), &bench.keys(), &change).unwrap();
    // As if it were cut off behind the root: the old timestamp stands there still.
    fs::write_durable(&path, &before).unwrap();
    let error = bench.refresh().unwrap_err();
    assert!(matches!(&error, TrustError::BadSignature { role, .. } if role == "timestamp"), "{error:?}");
    assert_eq!(signed_targets(&bench.reference()).unwrap(), targets("a"));
    assert!(renew(&bench.reference(), &bench.keys()).unwrap().is_some());
    assert_eq!(bench.refresh().unwrap().targets, targets("a"));
}

#[test]
fn a_root_whose_roles_nobody_here_can_sign_for_is_not_published() {
    let bench = Bench::new();
    let first = bench.keys().keys()[0].id.clone();
    let public = bench.path("elsewhere");
    for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
        let made = Keyring::make(&public, Some(role), None).unwrap();
        let name = format!("{}.pub", made.name);
        fs::write_durable(&bench.path("keys").join(&name), &fs::read(&public.join(&name)).unwrap()).unwrap();
    }
    bench.key(Some(Role::Root));
    let change = Change { remove: vec![first], ..Change::default() };
    let error = rotate(&bench.reference(), &bench.keys(), &change).unwrap_err();
    assert!(matches!(error, TrustError::Reference(ReferenceError::TooFewKeys { role: Role::Targets, .. })));
    assert!(!bench.document("2.root.json").exists());
    assert_eq!(bench.refresh().unwrap().root_version, 1);
}
