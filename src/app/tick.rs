//! `tick`: what the clock calls, again and again. A run that was left is ended
//! first, then what is due is done; whatever fails is told.

use serde::Serialize;

use crate::app::auto;
use crate::app::auto::Ended;
use crate::app::auto::Proof;
use crate::app::auto::Request;
use crate::app::auto::recovery;
use crate::app::auto::telling;
use crate::app::auto::telling::Came;
use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::prune;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::watch;
use crate::base::exit::Exit;
use crate::notify;
use crate::schedule::due::Job;
use crate::schedule::due::due;
use crate::schedule::record::Record;
use crate::sys::clock;

/// What one tick did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TickView {
    pub jobs: Vec<JobView>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct JobView {
    /// `recover`, `update`, `watch` or `prune`; `schedule` where nobody can say what is due.
    pub job: String,
    pub exit: Exit,
    /// What came of it, in a sentence.
    pub told: String,
    /// Whether a person has to hear of it; what was told before, is not.
    pub news: bool,
    pub run: Option<RunView>,
}

/// The worst first: how a tick ends is how its worst job ended.
const WORST: [Exit; 6] =
    [Exit::Stuck, Exit::Failed, Exit::Untrusted, Exit::Refused, Exit::Differs, Exit::Waiting];

pub fn tick(
    place: &Place,
    proof: Proof,
    interrupt: Interrupt,
    listener: Listener,
) -> Result<Answer<TickView>, Failure> {
    let held = match Held::take(place, "tick") {
        Err(failure) if failure.exit == Exit::Locked => {
            // Whoever works on it may hang: that the site is closed is told all the same.
            telling::closed_too_long(&place.open()?)?;
            return Err(failure);
        }
        held => held?,
    };
    let mut view = TickView::default();
    match recovery::recover(&held, listener) {
        Some(ended) => view.jobs.push(told("recover", telling::tell(&held.site, ended))),
        None => {
            if let Err(failure) = work(&held, proof, interrupt, listener, &mut view) {
                let came = telling::tell(&held.site, Ended::Refused(failure));
                view.jobs.push(told("schedule", came));
            }
        }
    }
    view.warnings.extend(notify::retry(&held.site).warnings());
    view.warnings.extend(telling::closed_too_long(&held.site)?);
    let worst = WORST.into_iter().find(|exit| view.jobs.iter().any(|job| job.exit == *exit));
    Ok(Answer::ending(worst.unwrap_or(Exit::Done), view))
}

/// Does what is due.
fn work(
    held: &Held,
    proof: Proof,
    interrupt: Interrupt,
    listener: Listener,
    view: &mut TickView,
) -> Result<(), Failure> {
    let (site, now) = (&held.site, clock::now());
    let schedule = &site.settings.schedule;
    let proof = if schedule.unproven { Proof::Waived } else { proof };
    let mut record = Record::load(&site.state)?;
    record.tick(schedule, now);
    let mut jobs = due(schedule, &record, now)?;
    let updates = Job::Update.expression(schedule).is_some();
    if updates && !jobs.contains(&Job::Update) && auto::goes_on(site)? {
        jobs.insert(0, Job::Update);
    }
    // What dies at its work is not begun again for the same time.
    jobs.iter().for_each(|job| record.begin(*job, now));
    record.save()?;
    for job in jobs {
        let came = match job {
            Job::Update => {
                let request = Request { from: None, proof };
                told("update", auto::go(held, &request, interrupt.clone(), listener))
            }
            Job::Prune => pruned(held, &mut view.warnings),
            Job::Watch => watched(held, listener, &mut view.warnings),
        };
        view.jobs.push(came);
    }
    Ok(())
}

fn watched(held: &Held, listener: Listener, warnings: &mut Vec<String>) -> JobView {
    let watched = watch::scheduled(held, listener);
    warnings.extend(watched.warnings);
    JobView { news: watched.news, ..plain("watch", watched.exit, &watched.told) }
}

fn pruned(held: &Held, warnings: &mut Vec<String>) -> JobView {
    let pruned = prune::prune_here(held);
    warnings.extend(pruned.warnings);
    let message = format!("{} removed, {} bytes", pruned.removed.len(), pruned.bytes);
    plain("prune", Exit::Done, &message)
}

fn plain(job: &str, exit: Exit, message: &str) -> JobView {
    let news = !matches!(exit, Exit::Done | Exit::NothingToDo);
    JobView { job: job.into(), exit, told: message.into(), news, run: None }
}

fn told(job: &str, came: Came) -> JobView {
    match came.answer {
        Ok(Answer { exit, result, failure }) => {
            let told = failure.map_or_else(|| result.outcome.clone(), |failure| failure.message);
            JobView { run: Some(result), ..plain(job, exit, &told) }
        }
        // What was told long ago is nothing to look at today.
        Err(failure) if !came.is_news && failure.exit == Exit::Refused => {
            plain(job, Exit::NothingToDo, &failure.message)
        }
        Err(failure) => JobView { news: came.is_news, ..plain(job, failure.exit, &failure.message) },
    }
}
