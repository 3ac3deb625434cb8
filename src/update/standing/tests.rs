use super::*;
use crate::base::digest::Sha256;

fn followed(entries: &[Entry]) -> Result<Standing, IllegalEntry> {
    let mut standing = Standing::default();
    let opened =
        Entry::Opened { format: 1, run: "r".into(), plan: Sha256::of(b""), from: "1".into(), to: "2".into() };
    for entry in std::iter::once(&opened).chain(entries) {
        standing.follow(entry, Timestamp::UNIX_EPOCH)?;
    }
    Ok(standing)
}

fn started(step: Step) -> Entry {
    Entry::Started { step }
}

fn done(step: Step) -> Entry {
    Entry::Done { step, note: String::new() }
}

fn all_done() -> Vec<Entry> {
    Step::RUN.into_iter().flat_map(|step| [started(step), done(step)]).collect()
}

#[test]
fn a_whole_run_finishes_and_can_still_go_back_until_it_is_committed() {
    let mut entries = all_done();
    entries.push(Entry::Finished);
    assert_eq!(followed(&entries).unwrap().end, Some(End::Finished));
    entries.push(Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore });
    assert_eq!(followed(&entries).unwrap().next_undo(), Some(Step::Reopen));
    entries.pop();
    entries.push(Entry::Committed);
    entries.push(Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore });
    assert_eq!(followed(&entries), Err(IllegalEntry::Ended));
}

#[test]
fn what_must_not_follow() {
    let back = || Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore };
    for (entries, error) in [
        (vec![started(Step::Swap)], IllegalEntry::OutOfOrder { step: Step::Swap }),
        (vec![done(Step::Close)], IllegalEntry::NotStarted { step: Step::Close }),
        (
            vec![started(Step::Close), done(Step::Close), started(Step::Close)],
            IllegalEntry::OutOfOrder { step: Step::Close },
        ),
        (vec![Entry::Finished], IllegalEntry::StepsLeft { step: Step::Close }),
        (
            vec![started(Step::Close), back(), done(Step::Close)],
            IllegalEntry::NotStarted { step: Step::Close },
        ),
        (vec![back(), started(Step::Close)], IllegalEntry::GoesBack { step: Step::Close }),
        (
            vec![started(Step::Close), back(), Entry::RolledBack],
            IllegalEntry::StepsLeft { step: Step::Close },
        ),
        (
            vec![started(Step::Close), Entry::UndoStarted { step: Step::Close }],
            IllegalEntry::GoesForward { step: Step::Close },
        ),
    ] {
        assert_eq!(followed(&entries), Err(error), "{entries:?}");
    }
}

#[test]
fn who_has_undone_nothing_may_stand_where_the_run_stood() {
    let back = Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore };
    let failed = Entry::Failed { step: Step::Reopen, message: "no".into() };
    let finished = [all_done(), vec![Entry::Finished]].concat();
    let stuck = [all_done()[..14].to_vec(), vec![started(Step::Reopen), failed]].concat();
    for before in [finished.clone(), stuck, vec![started(Step::Close)]] {
        let there = followed(&before).unwrap();
        let turned = [&before[..], std::slice::from_ref(&back)].concat();
        assert!(!there.may_withdraw() && followed(&turned).unwrap().may_withdraw(), "{before:?}");
        assert_eq!(followed(&[turned, vec![Entry::UndoWithdrawn]].concat()).unwrap(), there);
    }
    for not in [
        finished.clone(),
        [&finished[..], &[back.clone(), Entry::UndoStarted { step: Step::Reopen }]].concat(),
        [&finished[..], &[back, Entry::UndoWithdrawn]].concat(),
    ] {
        assert!(followed(&[not.clone(), vec![Entry::UndoWithdrawn]].concat()).is_err(), "{not:?}");
    }
}

#[test]
fn abandoned_is_what_died_in_the_middle_long_ago() {
    let failed = Entry::Failed { step: Step::Close, message: "no".into() };
    let stopped = Entry::Stopped { before: Step::Swap };
    let back = Entry::UndoOpened { why: "asked".into(), database: DatabaseBack::Restore };
    let mut opened_again: Vec<Entry> = all_done()[..14].to_vec();
    opened_again.extend([started(Step::Reopen), Entry::Opening]);
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    for (entries, later, patience, abandoned) in [
        (vec![started(Step::Close)], hour, minute, true),
        (vec![started(Step::Close)], minute, hour, false),
        (vec![started(Step::Close)], hour, Duration::ZERO, false),
        (vec![started(Step::Close), back.clone()], hour, minute, true),
        (vec![started(Step::Close), failed], hour, minute, false),
        (vec![stopped], hour, minute, false),
        (opened_again, hour, minute, false),
        ([all_done(), vec![Entry::Finished]].concat(), hour, minute, false),
    ] {
        let standing = followed(&entries).unwrap();
        for now in [Timestamp::UNIX_EPOCH + later, Timestamp::UNIX_EPOCH - later] {
            assert_eq!(standing.is_abandoned(now, patience), abandoned, "{entries:?}");
        }
    }
}

#[test]
fn a_step_that_failed_or_was_cut_off_is_the_next_one() {
    let failed = Entry::Failed { step: Step::Close, message: "no".into() };
    let standing = followed(&[started(Step::Close), failed]).unwrap();
    assert_eq!((standing.next_step(), standing.next_undo()), (Some(Step::Close), Some(Step::Close)));
    let cut = followed(&[started(Step::Close), done(Step::Close), started(Step::Save)]).unwrap();
    assert_eq!((cut.next_step(), cut.next_undo()), (Some(Step::Save), Some(Step::Save)));
}
