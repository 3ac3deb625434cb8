use super::*;

const NOW: &str = "2026-11-21T05:00:00Z";

/// `f` finished, `b` rolled back, `o` open; the number says how many days ago;
/// then marks: `s` it has a backup set (100 bytes), `l` logs (10), `e` edits (5).
fn run(at: usize, text: &str) -> RunFacts {
    let now: Timestamp = NOW.parse().unwrap();
    let (end, rest) = match text.split_at(1) {
        ("f", rest) => (Some(End::Finished), rest),
        ("b", rest) => (Some(End::RolledBack), rest),
        (_, rest) => (None, rest),
    };
    let marks = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let days: i64 = rest[..rest.len() - marks.len()].parse().unwrap();
    let ended = now.checked_sub(jiff::Span::new().hours(days * 24)).unwrap();
    let has = |mark: char, bytes: u64| marks.contains(mark).then_some(bytes);
    let (backup, logs, edits) = (has('s', 100), has('l', 10), has('e', 5));
    RunFacts {
        id: format!("r{at}"),
        end: end.map(|end| (end, ended)),
        backup,
        logs,
        bytes: 1 + [backup, logs, edits].into_iter().flatten().sum::<u64>(),
        edits: edits.map(|_| "undone/a.txt".to_owned()).into_iter().collect(),
    }
}

/// What goes, as `r0:set`, with what is kept of the rest unsaid.
fn goes(runs: &str, retention: &Retention) -> String {
    let facts: Vec<RunFacts> = runs.split_whitespace().enumerate().map(|(at, text)| run(at, text)).collect();
    let word = |what| match what {
        What::Run => "run",
        What::BackupSet => "set",
        What::Logs => "logs",
    };
    let pruned = decide(&facts, retention, NOW.parse().unwrap());
    pruned.iter().map(|one| format!("{}:{}", one.run, word(one.what))).collect::<Vec<_>>().join(" ")
}

fn keeping(runs: u32, days: u32, backups: u32, bytes: Option<u64>) -> Retention {
    Retention { runs, days, backups, bytes, ..Retention::default() }
}

#[test]
fn what_goes_is_what_nobody_can_need() {
    let usual = Retention::default();
    let few = keeping(2, 90, 1, None);
    let nothing = keeping(0, 0, 0, Some(0));
    for (case, runs, retention, expected) in [
        ("there is nothing", "", &usual, ""),
        ("few and young", "f9s f5s f1s", &usual, ""),
        ("a fourth set", "f9s f7s f5s f1s", &usual, "r0:set"),
        ("sets of rolled-back runs count as well", "f9s b7s b5s f1s", &usual, "r0:set"),
        ("an old run", "f91s f5s", &usual, "r0:run"),
        ("one second too young is none", "f89s f5s", &usual, ""),
        ("too many", "f9 f8 f7", &few, "r0:run"),
        ("the last good one stays, however old", "f900sl", &usual, ""),
        ("and when nothing is to be kept", "f900s b800s f700s b600s", &nothing, "r0:run r1:run r3:set"),
        ("and when it does not fit", "f9s f5s", &keeping(10, 90, 3, Some(10)), "r0:run"),
        ("and behind failures", "f900s b9s b8s b7s b6s", &few, "r1:run r2:run r3:set"),
        ("sets are counted where there are any", "f9s f5 f1", &few, "r0:run"),
        ("a run without one takes no set from another", "f9s f1", &few, ""),
        ("an open run is left alone", "f9s o900s", &nothing, ""),
        ("and does not protect older ones", "f9s f8s o900s", &nothing, "r0:run"),
        ("the newest rolled-back one keeps its journal", "b900s f1s", &nothing, "r0:set"),
        ("logs go first", "f40sl f1sl", &usual, "r0:logs"),
        ("those of a run that goes are not told", "f100sl f1sl", &usual, "r0:run"),
        ("edits keep a run that is one too many", "f9e f8 f7", &few, ""),
        ("but not its backup set", "f9se f8s f7s", &few, "r0:set r1:set"),
        ("nor beyond its age", "f99se f8s", &usual, "r0:run"),
        ("nor do they go for room", "f9e f8", &keeping(10, 90, 3, Some(3)), ""),
        ("room is made by the oldest set", "f9s f8s f7s", &keeping(10, 90, 3, Some(250)), "r0:set"),
        ("then by the oldest run", "b9 b8 b7 f6", &keeping(10, 90, 3, Some(3)), "r0:run"),
        ("as long as any is too much", "b9s b8s f6s", &keeping(10, 90, 3, Some(102)), "r0:run r1:set"),
        (
            "a clock that was wrong once leaves no older way back behind a lost one",
            "f9s f900s f1s",
            &usual,
            "r0:set r1:run",
        ),
        ("a clock that was put back makes nothing old", "f0s f0s", &usual, ""),
    ] {
        assert_eq!(goes(runs, retention), expected, "{case}: {runs}");
    }
}

/// Of all small histories: what must stay stays, whatever is asked for.
#[test]
fn no_history_loses_its_last_good_run_or_one_that_is_open() {
    let kinds = ["f100s", "f1se", "b100sl", "b1", "o50s", "f50"];
    let settings = [0, 1, 2].map(|kept| keeping(kept, kept * 30, kept, Some(u64::from(kept) * 50)));
    for number in 0..kinds.len().pow(4) {
        let picked: Vec<&str> = (0..4).map(|at| kinds[number / kinds.len().pow(at) % kinds.len()]).collect();
        let facts: Vec<RunFacts> = picked.iter().enumerate().map(|(at, text)| run(at, text)).collect();
        for retention in &settings {
            let pruned = decide(&facts, retention, NOW.parse().unwrap());
            let loses = |id: &str, what| pruned.iter().any(|one| one.run == id && one.what >= what);
            let last = |end| facts.iter().rfind(|run| run.end.is_some_and(|(this, _)| this == end));
            for run in &facts {
                assert!(run.end.is_some() || !loses(&run.id, What::Logs), "{picked:?}");
            }
            assert!(last(End::Finished).is_none_or(|run| !loses(&run.id, What::Logs)), "{picked:?}");
            assert!(last(End::RolledBack).is_none_or(|run| !loses(&run.id, What::Run)), "{picked:?}");
            // The runs that can be taken back are the last ones, without a gap.
            let finished = facts.iter().filter(|run| run.end.is_some_and(|(end, _)| end == End::Finished));
            let ways: Vec<bool> = finished
                .filter(|run| run.backup.is_some())
                .map(|run| !loses(&run.id, What::BackupSet))
                .collect();
            assert!(ways.is_sorted(), "{picked:?}: {ways:?}");
        }
    }
}
