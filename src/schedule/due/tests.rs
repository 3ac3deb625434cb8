use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(update: &str) -> Schedule {
    Schedule { update: Some(update.into()), zone: Some("Europe/Paris".into()), ..Schedule::default() }
}

/// A record whose first tick was then.
fn since(schedule: &Schedule, time: &str) -> Record {
    let mut record = Record::empty(b"/srv/.entracte-blog");
    record.tick(schedule, at(time));
    record
}

/// Asks at each of these times, begins what is due, and says when that was.
fn begun<'t>(schedule: &Schedule, record: &mut Record, times: &[&'t str]) -> Vec<&'t str> {
    let asked = times.iter().filter(|time| {
        let now = at(time);
        record.tick(schedule, now);
        let due = due(schedule, record, now).unwrap();
        due.iter().for_each(|job| record.begin(*job, now));
        !due.is_empty()
    });
    asked.copied().collect()
}

#[test]
fn when_a_job_is_due() {
    // In Paris 3:17 is 2:17 in winter.
    let cases: [(&str, &str, &[&str], &[&str]); 8] = [
        ("before its time", "2026-11-21T12:00:00Z", &["2026-11-21T12:10:00Z", "2026-11-22T02:10:00Z"], &[]),
        (
            "once at its time",
            "2026-11-21T12:00:00Z",
            &["2026-11-22T02:10:00Z", "2026-11-22T02:20:00Z", "2026-11-22T02:30:00Z"],
            &["2026-11-22T02:20:00Z"],
        ),
        ("at the very second", "2026-11-21T12:00:00Z", &["2026-11-22T02:17:00Z"], &["2026-11-22T02:17:00Z"]),
        (
            "many missed times catch up once",
            "2026-11-01T12:00:00Z",
            &["2026-11-21T12:00:00Z", "2026-11-21T12:10:00Z", "2026-11-22T02:20:00Z"],
            &["2026-11-21T12:00:00Z", "2026-11-22T02:20:00Z"],
        ),
        (
            "a clock that is put back a little does not repeat",
            "2026-11-21T12:00:00Z",
            &["2026-11-22T02:18:00Z", "2026-11-22T02:10:00Z", "2026-11-22T02:20:00Z", "2026-11-23T02:20:00Z"],
            &["2026-11-22T02:18:00Z", "2026-11-23T02:20:00Z"],
        ),
        (
            "a clock that was wrong by years is not waited for",
            "2026-11-21T12:00:00Z",
            &["2036-11-22T02:20:00Z", "2026-11-21T12:10:00Z", "2026-11-22T02:20:00Z", "2026-11-22T02:30:00Z"],
            &["2036-11-22T02:20:00Z", "2026-11-22T02:20:00Z"],
        ),
        (
            "the clock goes forward over it",
            "2027-03-27T12:00:00Z",
            &["2027-03-28T00:50:00Z", "2027-03-28T01:10:00Z", "2027-03-28T01:20:00Z"],
            &["2027-03-28T01:20:00Z"],
        ),
        (
            "nothing of the past",
            "2026-11-22T02:17:00Z",
            &["2026-11-22T02:17:01Z", "2026-11-22T23:00:00Z"],
            &[],
        ),
    ];
    for (what, first, times, expected) in cases {
        let schedule = schedule("17 3 * * *");
        assert_eq!(begun(&schedule, &mut since(&schedule, first), times), expected, "{what}");
    }
}

#[test]
fn what_nobody_ticked_is_not_due() {
    let schedule = schedule("* * * * *");
    let record = Record::empty(b"x");
    assert_eq!(due(&schedule, &record, at("2026-11-22T02:17:00Z")).unwrap(), []);
}

#[test]
fn another_expression_is_not_due_for_the_past() {
    let old = schedule("17 3 * * *");
    let mut record = since(&old, "2026-11-21T12:00:00Z");
    assert_eq!(begun(&old, &mut record, &["2026-11-22T02:20:00Z"]).len(), 1);
    let new = schedule("0 10 * * *");
    assert_eq!(due(&new, &record, at("2026-11-22T15:00:00Z")).unwrap(), [], "before a tick knows of it");
    let times = ["2026-11-22T15:00:00Z", "2026-11-22T15:10:00Z", "2026-11-23T09:00:00Z"];
    assert_eq!(begun(&new, &mut record, &times), ["2026-11-23T09:00:00Z"]);
    // Neither is one that was taken away meanwhile.
    let none = Schedule::default();
    assert_eq!(begun(&none, &mut record, &["2026-11-24T09:00:00Z"]), Vec::<&str>::new());
    assert_eq!(begun(&new, &mut record, &["2026-11-25T15:00:00Z"]), Vec::<&str>::new());
}

#[test]
fn jobs_come_in_their_order() {
    let all = Schedule {
        update: Some("0 3 * * *".into()),
        watch: Some("30 2 * * *".into()),
        prune: Some("0 1 * * *".into()),
        zone: Some("UTC".into()),
        jitter_minutes: 0,
        unproven: false,
    };
    let record = since(&all, "2026-11-21T12:00:00Z");
    assert_eq!(due(&all, &record, at("2026-11-22T02:00:00Z")).unwrap(), [Job::Prune]);
    assert_eq!(due(&all, &record, at("2026-11-22T09:00:00Z")).unwrap(), Job::ALL);
}

#[test]
fn a_delay_is_fixed_and_within_its_bound() {
    let late = Schedule { jitter_minutes: 60, ..schedule("17 3 * * *") };
    let delays: Vec<i64> =
        (0..200).map(|site| Job::Update.delay(&late, format!("/srv/{site}").as_bytes()).as_mins()).collect();
    assert!(delays.iter().all(|minutes| (0..=60).contains(minutes)), "{delays:?}");
    assert!(delays.iter().filter(|minutes| **minutes < 30).count() > 60, "they lie on one side: {delays:?}");
    let delay = Job::Update.delay(&late, b"/srv/.entracte-blog");
    assert!(delay.as_mins() > 1, "this seed shows nothing");
    let record = since(&late, "2026-11-21T12:00:00Z");
    let due_at = at("2026-11-22T02:17:00Z") + delay;
    assert_eq!(due(&late, &record, due_at - SignedDuration::from_secs(1)).unwrap(), []);
    assert_eq!(due(&late, &record, due_at).unwrap(), [Job::Update]);
}

#[test]
fn a_record_comes_back_as_it_was_kept() {
    use crate::site::state::State;
    let folder = tempfile::tempdir().unwrap();
    let state = State::at(folder.path().to_owned());
    let schedule = schedule("17 3 * * *");
    let mut record = Record::load(&state).unwrap();
    record.tick(&schedule, at("2026-11-21T12:00:00Z"));
    record.begin(Job::Update, at("2026-11-22T02:20:00Z"));
    record.save().unwrap();
    let again = Record::load(&state).unwrap();
    assert_eq!(again.begun(Job::Update), Some(at("2026-11-22T02:20:00Z")));
    assert_eq!(again.ticked(), Some(at("2026-11-21T12:00:00Z")));
    assert_eq!(again.begun(Job::Prune), None);
    assert_eq!(due(&schedule, &again, at("2026-11-22T02:30:00Z")).unwrap(), []);
    assert_eq!(due(&schedule, &again, at("2026-11-23T02:30:00Z")).unwrap(), [Job::Update]);
    crate::sys::fs::write_durable(&state.schedule(), b"{").unwrap();
    let error = Record::load(&state).unwrap_err().to_string();
    assert!(error.contains("schedule.json"), "{error}");
}

const EXPRESSIONS: [&str; 9] = [
    "17 3 * * *",
    "30 2 * * *",
    "*/10 * * * *",
    "30 2,14 * * *",
    "0 */4 * * *",
    "15 1-3 * * *",
    "5 4 * * 0",
    "0 0 1 * mon",
    "@monthly",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// However ticks fall: between two beginnings lies a time that was not yet
    /// done with, and no time passes by two ticks without a beginning.
    #[test]
    fn no_time_is_done_twice_and_none_is_lost(
        which in 0..EXPRESSIONS.len(),
        // Around both changes of clocks.
        start in prop_oneof![Just("2027-03-25T00:00:00Z"), Just("2027-10-28T00:00:00Z"), Just("2026-11-01T00:00:00Z")],
        jitter in prop_oneof![Just(0_u32), 1..90_u32],
        steps in prop::collection::vec(prop_oneof![4 => 1..1200_i64, 2 => 1200..30_000_i64, 1 => -4000..0_i64, 1 => 100_000..900_000_i64], 1..120),
    ) {
        let schedule = Schedule { jitter_minutes: jitter, ..schedule(EXPRESSIONS[which]) };
        let mut record = since(&schedule, start);
        let delay = Job::Update.delay(&schedule, &record.seed);
        let (mut now, mut done_until) = (at(start), at(start));
        let expression = expression(&schedule, Job::Update).unwrap().unwrap();
        for seconds in steps {
            now += SignedDuration::from_secs(seconds);
            record.tick(&schedule, now);
            let missed = expression.next(done_until - delay, 3).iter().any(|time| time.timestamp() + delay <= now);
            let is_due = !due(&schedule, &record, now).unwrap().is_empty();
            prop_assert_eq!(is_due, missed, "{} at {}, done until {}", EXPRESSIONS[which], now, done_until);
            if is_due {
                record.begin(Job::Update, now);
                prop_assert!(due(&schedule, &record, now).unwrap().is_empty());
                done_until = done_until.max(now);
            }
        }
    }

    /// The search finds what a walk over all minutes finds.
    #[test]
    fn the_next_time_is_the_first_that_a_clock_shows(
        which in 0..EXPRESSIONS.len(),
        several in prop::sample::select(&["*/10 * * * *", "30 2,14 * * *", "0 */4 * * *", "15 1-3 * * *"][..]),
        minute in 0..(6 * 24 * 60_i64),
        start in prop_oneof![Just("2026-11-10T00:00:00Z"), Just("2027-03-25T00:00:00Z"), Just("2027-10-28T00:00:00Z")],
    ) {
        // One time a day is moved, or not repeated, where clocks change; several follow them.
        let text = if start.starts_with("2026") { EXPRESSIONS[which] } else { several };
        let expression = expression(&schedule(text), Job::Update).unwrap().unwrap();
        let from = at(start) + SignedDuration::from_mins(minute);
        let walked = (1..60 * 24 * 60).map(|minutes| (from + SignedDuration::from_mins(minutes)).to_zoned(expression.zone().clone()));
        let mut walked = walked.filter(|time| expression.means(time.datetime()));
        prop_assert_eq!(expression.after(from).map(|time| time.timestamp()), walked.next().map(|time| time.timestamp()));
    }
}
