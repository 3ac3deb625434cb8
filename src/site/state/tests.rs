use super::*;

#[test]
fn the_state_stands_beside_and_is_found_from_anywhere_in_the_site() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::canonical(folder.path()).unwrap().join("blog");
    fs::create_folders(&root.join("a/b"), 0o755).unwrap();
    let state = State::choose(&root, &Place::Beside, None).unwrap();
    assert_eq!(state.folder(), root.with_file_name(".entracte-blog"));
    state.create((env::user_id(), env::group_id())).unwrap();
    assert!(State::find(&root, None).is_err());
    fs::write_durable(&state.settings(), b"").unwrap();
    assert_eq!(State::find(&root.join("a/b"), None).unwrap(), state);
    assert!(matches!(State::choose(&root, &Place::Inside, None), Err(StateError::Known { .. })));
    assert_eq!(fs::mode(state.folder()).unwrap(), 0o711);
    assert_eq!(fs::mode(&state.runs()).unwrap(), 0o700);
}

#[test]
fn what_a_newer_program_wrote_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::at(folder.path().to_owned());
    assert!(state.check_format().is_ok(), "of before there was a format");
    state.create((env::user_id(), env::group_id())).unwrap();
    assert!(state.check_format().is_ok());
    for text in ["2", "12\n", "x", ""] {
        fs::write_durable(&state.format(), text.as_bytes()).unwrap();
        assert_eq!(state.check_format().unwrap_err().exit(), Exit::Refused, "{text}");
    }
}

#[test]
fn a_served_parent_is_no_place_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blog");
    fs::create_folders(&root, 0o755).unwrap();
    fs::write_durable(&folder.path().join("index.php"), b"").unwrap();
    let state = State::choose(&root, &Place::Beside, None).unwrap();
    assert!(!state.folder().starts_with(folder.path()));
}
