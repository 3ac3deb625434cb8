//! Killed before every system call that changes something: `rollback` ends in
//! exactly the old site, `resume` in exactly the new one, a second recovery
//! changes nothing, `status` is true.

use crate::arena::APPLY;
use crate::arena::Arena;
use crate::arena::RESUME;
use crate::arena::ROLLBACK;
use crate::support::effort;
use crate::support::tracer::Ended;
use crate::support::tracer::Fault;
use crate::support::update;

#[test]
fn killed_before_every_call_then_rolled_back() {
    let arena = Arena::new();
    let (all, mut mixes) = (arena.calls(APPLY), 0);
    for at in 1..=all {
        let when = format!("killed before call {at}, rolled back");
        arena.lay();
        arena.kill(APPLY, at, &when);
        mixes += u64::from(arena.ground.is_a_mix());
        arena.recover("rollback", &when);
        arena.ground.is_old(&when);
        assert_eq!(arena.ground.entracte.json(&["rollback"]).exit, 3, "{when}, and again");
        arena.ground.is_old(&format!("{when}, and again"));
    }
    // Without recovery there are halves of an update, and this harness sees them.
    assert!(mixes > 20, "only {mixes} mixes were seen");
    effort::tried("update killed before a call, rolled back", all);
}

#[test]
fn killed_before_every_call_then_resumed() {
    let arena = Arena::new();
    let all = arena.calls(APPLY);
    for at in 1..=all {
        let when = format!("killed before call {at}, resumed");
        arena.lay();
        arena.kill(APPLY, at, &when);
        arena.go_on(&when);
        arena.ground.is_new(&when);
        assert_eq!(arena.ground.entracte.json(&["resume"]).exit, 3, "{when}, and again");
        arena.ground.is_new(&format!("{when}, and again"));
    }
    effort::tried("update killed before a call, resumed", all);
}

#[test]
fn a_rollback_killed_before_every_call_is_taken_again() {
    let arena = Arena::new();
    update::apply(&arena.ground.entracte);
    let all = arena.calls(ROLLBACK);
    for at in 1..=all {
        let when = format!("a rollback killed before call {at}, taken again");
        arena.lay();
        update::apply(&arena.ground.entracte);
        arena.kill(ROLLBACK, at, &when);
        arena.recover("rollback", &when);
        arena.ground.is_old(&when);
    }
    effort::tried("finished update rolled back, killed before a call", all);
}

/// Nobody can prove that visitors are out, since no web server answers: the run
/// stands where it stood, or goes back, wherever that was cut off.
#[test]
fn a_rollback_that_cannot_begin_killed_before_every_call() {
    let arena = Arena::with(|ground| {
        update::apply(&ground.entracte);
        ground.is_new("updated");
        ground.set_url(Some("http://127.0.0.1:9/"));
    });
    let all = arena.trace(ROLLBACK, Fault::Count);
    assert_eq!(all.ended, Ended::Status(1), "{all:?}");
    arena.ground.is_new("nothing was taken back");
    let (points, mut turned) = (effort::spread(all.calls, effort::points(24, all.calls as usize)), 0);
    for at in &points {
        let when = format!("a rollback that cannot begin, killed before call {at}");
        arena.lay();
        arena.kill(ROLLBACK, *at, &when);
        let again = arena.ground.entracte.json(&["rollback"]);
        assert_eq!(again.exit, 1, "{when}, and again: {again:?}");
        arena.ground.is_new(&format!("{when}, and again"));
        arena.lay();
        arena.kill(ROLLBACK, *at, &when);
        turned += u64::from(arena.ground.entracte.json(&["status"]).result["run"]["goes_back"] == true);
        arena.ground.set_url(None);
        arena.recover("rollback", &when);
        arena.ground.is_old(&when);
    }
    assert!(turned > 3, "only {turned} had turned back");
    effort::tried("rollback that cannot begin, killed before a call", points.len() as u64);
}

/// Killed in an update, then in its recovery, then recovered, each way in turn.
#[test]
fn killed_twice() {
    let arena = Arena::new();
    let all = arena.calls(APPLY);
    let wanted = effort::points(100, 2500);
    let mut pairs = 0;
    // Two numbers that share no divisor with most lengths, so that pairs spread.
    for number in 0..wanted as u64 {
        let (first, second) = (1 + number * 173 % all, 1 + number * 89 % (all / 2));
        for verb in [RESUME, ROLLBACK] {
            let when = format!("killed before call {first}, {} before call {second}", verb[0]);
            arena.lay();
            arena.kill(APPLY, first, &when);
            let twice = arena.trace(verb, Fault::Kill { at: second });
            arena.ground.status_is_true(&format!("{when}: {twice:?}"));
            let may_go_on = verb == RESUME && number % 2 == 0;
            if may_go_on {
                arena.go_on(&when);
                arena.ground.is_new(&when);
            } else {
                arena.recover("rollback", &when);
                if arena.ground.small.read("VERSION") == "2\n" {
                    panic!("{when}: still new after a rollback");
                }
                arena.ground.is_old(&when);
            }
            pairs += 1;
        }
    }
    effort::tried("killed, and killed again in resume or rollback", pairs);
}
