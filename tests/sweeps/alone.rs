//! An update that nobody looks at, killed before every system call that changes
//! something: the next tick leaves exactly the old site or exactly the new one.

use std::fs;

use toml_edit::DocumentMut;

use crate::arena::Arena;
use crate::support::effort;
use crate::support::ground::Ground;
use crate::support::tracer::Fault;

const AUTO: &[&str] = &["update", "--auto", "--unproven"];
const TICK: &[&str] = &["tick"];

#[test]
fn killed_before_a_call_then_ticked() {
    let arena = Arena::with(leave_alone);
    let (all, mut mixes) = (arena.calls(AUTO), 0);
    let points = effort::spread(all, effort::points(30, all as usize));
    for at in &points {
        let when = format!("killed before call {at}, ticked");
        arena.lay();
        arena.kill(AUTO, *at, &when);
        mixes += u64::from(arena.ground.is_a_mix());
        is_whole_after_a_tick(&arena, &when);
        // Nothing is left that would keep the release from being tried again.
        let again = arena.ground.entracte.json(AUTO);
        assert!([0, 3].contains(&again.exit), "{when}: {again:?}");
        arena.ground.is_new(&format!("{when}, and again"));
    }
    assert!(mixes > 3, "only {mixes} mixes were seen");
    effort::tried("update --auto killed before a call, ticked", points.len() as u64);
}

#[test]
fn killed_again_in_the_tick() {
    let arena = Arena::with(leave_alone);
    let all = arena.calls(AUTO);
    let wanted = effort::points(15, 1000) as u64;
    for number in 0..wanted {
        let (first, second) = (1 + number * 173 % all, 1 + number * 89 % (all / 2));
        let when = format!("killed before call {first}, the tick before call {second}");
        arena.lay();
        arena.kill(AUTO, first, &when);
        arena.trace(TICK, Fault::Kill { at: second });
        is_whole_after_a_tick(&arena, &when);
    }
    effort::tried("update --auto killed, and killed again in the tick", wanted);
}

fn is_whole_after_a_tick(arena: &Arena, when: &str) {
    let ticked = arena.ground.entracte.json(TICK);
    assert!([0, 1].contains(&ticked.exit), "{when}: {ticked:?}");
    match arena.ground.small.read("VERSION").as_str() {
        "1\n" => arena.ground.is_old(when),
        _ => arena.ground.is_new(when),
    }
    assert!(!arena.ground.flag().exists(), "{when}: the site is closed");
    // A tick that finds nothing does nothing.
    let before = arena.ground.small.look();
    assert_eq!(arena.ground.entracte.json(TICK).exit, 0, "{when}, ticked again");
    before.assert_same(&arena.ground.small.look(), when);
}

/// Nothing is staged yet; a program says that the site is well.
fn leave_alone(ground: &Ground) {
    ground.entracte.json(&["discard"]).code(0);
    // The folder is the whole release, and says so itself.
    let release = ground.small.release(2);
    let (folder, file) = (release.to_str().unwrap(), release.join("entracte.json"));
    let built = ["manifest", "build", folder, "--product", "generic", "--version", "2", "--output"];
    ground.entracte.run(&[&built[..], &[file.to_str().unwrap()]].concat()).code(0);
    let path = ground.parent().join(".entracte-site/entracte.toml");
    let mut settings: DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
    settings["policy"]["from"] = toml_edit::value(folder);
    settings["policy"]["ask"] = toml_edit::value(toml_edit::Array::new());
    let text = settings.to_string() + "\n[[health.command]]\nargv = [\"true\"]\n";
    fs::write(&path, text).unwrap();
}
