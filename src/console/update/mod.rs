//! `/sites/S/update`: the wizard, from a source to an approved plan. Where it
//! stands is read from the site; what comes after the approval is `run`'s.

mod review;
mod source;
mod upload;

use crate::app::review as plans;
use crate::app::stand;
use crate::app::stand::Stand;
use crate::app::stand::Way;
use crate::base::step::Step;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Method;
use crate::console::routes::Route;
use crate::console::routes::Takes;
use crate::console::routes::act;
use crate::console::routes::look;
use crate::console::words::Words;
use crate::console::work;

pub const ROUTES: &[Route] = &[
    look("/sites/{site}/update", update),
    act("/sites/{site}/update/plan", plan),
    act("/sites/{site}/update/discard", discard),
    look("/sites/{site}/update/source", source::page_of),
    act("/sites/{site}/update/check", source::check),
    act("/sites/{site}/update/stage", source::stage),
    act("/sites/{site}/update/inbox/delete", source::delete),
    act("/sites/{site}/update/upload", upload::begin),
    look("/sites/{site}/update/upload/{upload}", upload::find),
    Route {
        method: Method::Put,
        takes: Takes::Stream,
        ..act("/sites/{site}/update/upload/{upload}", upload::add)
    },
    act("/sites/{site}/update/upload/{upload}/finish", upload::finish),
    act("/sites/{site}/update/upload/{upload}/cancel", upload::cancel),
    Route { takes: Takes::Parts, ..act("/sites/{site}/update/file", upload::file) },
    look("/sites/{site}/update/review", review::page_of),
    look("/sites/{site}/update/review/diff", review::diff),
    look("/sites/{site}/update/review/script", review::script),
    look("/sites/{site}/update/review/database", review::database),
    act("/sites/{site}/update/approve", review::approve),
];

/// Where the wizard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Source,
    Review,
    /// Approved, or a run is open.
    Run,
}

fn stage_of(plan: Option<bool>, way: Option<Way>) -> Stage {
    let is_open = way.is_some_and(|way| !matches!(way, Way::Finished | Way::Over));
    match (is_open, plan) {
        (true, _) | (false, Some(true)) => Stage::Run,
        (false, Some(false)) => Stage::Review,
        (false, None) => Stage::Source,
    }
}

fn stage(stand: &Stand) -> Stage {
    let plan = stand.plan.as_ref().map(|plan| plan.approved_by.is_some());
    stage_of(plan, stand.run.as_ref().map(|run| run.way))
}

/// Leads to where the wizard stands.
fn update(ask: &mut Ask) -> Result<Reply, Wrong> {
    let stand = stand::stand(ask.place()?)?;
    if let Some(runner) = &stand.runner {
        return Ok(see(ask, &format!("/work/{}", runner.id())));
    }
    Ok(see(
        ask,
        match stage(&stand) {
            Stage::Source => "/update/source",
            Stage::Review => "/update/review",
            Stage::Run => "/update/run",
        },
    ))
}

/// `rest` of the address of the site that is asked about.
fn see(ask: &Ask, rest: &str) -> Reply {
    Reply::See(format!("/sites/{}{rest}", ask.parts.get("site")))
}

fn plan(ask: &mut Ask) -> Result<Reply, Wrong> {
    work::start(ask, ["plan"])
}

fn discard(ask: &mut Ask) -> Result<Reply, Wrong> {
    plans::discard(&ask.place_of_person()?)?;
    Ok(see(ask, "/update/source"))
}

/// One of the ten steps, as the wizard lists them.
struct WizardStep {
    name: String,
    /// `done`, `now` or `ahead`.
    state: &'static str,
    word: String,
}

/// All steps, with `now` as the current one.
fn steps(words: Words, now: Step) -> Vec<WizardStep> {
    let item = |step: Step| {
        let state = match step.cmp(&now) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "ahead",
        };
        let key = step.name().replace('-', "_");
        WizardStep {
            name: words.t(&format!("update.step_{key}")),
            state,
            word: words.t(&format!("update.state_{state}")),
        }
    };
    Step::ALL.into_iter().map(item).collect()
}

/// How long ago something was, in words.
fn ago(words: Words, seconds: i64) -> String {
    let seconds = seconds.max(0).unsigned_abs();
    match seconds {
        0..60 => words.t("update.just_now"),
        60..5400 => words.count("update.minutes_ago", seconds / 60),
        5400..129_600 => words.count("update.hours_ago", seconds.div_ceil(3600)),
        _ => words.count("update.days_ago", seconds / 86_400),
    }
}

/// An address with its query.
fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_wizard_stands() {
        for (plan, way, expected) in [
            (None, None, Stage::Source),
            (None, Some(Way::Over), Stage::Source),
            (None, Some(Way::Finished), Stage::Source),
            (Some(false), Some(Way::Finished), Stage::Review),
            (Some(true), None, Stage::Run),
            (Some(true), Some(Way::Over), Stage::Run),
            (Some(false), Some(Way::Failed(Step::Swap)), Stage::Run),
            (None, Some(Way::Left(None)), Stage::Run),
            (None, Some(Way::Back), Stage::Run),
            (None, Some(Way::Busy), Stage::Run),
        ] {
            assert_eq!(stage_of(plan, way), expected, "{plan:?} {way:?}");
        }
    }

    #[test]
    fn queries_are_written_so_that_they_come_back() {
        assert_eq!(with_query("/x", &[("a", ""), ("b", "é&=/#")]), "/x?b=%C3%A9%26%3D%2F%23");
        assert_eq!(with_query("/x", &[("a", "")]), "/x");
    }

    #[test]
    fn ages_in_both_languages() {
        use crate::console::words::Language;
        let english = Words(Language::English);
        for (seconds, expected) in [
            (-5, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (5399, "89 minutes ago"),
            (5400, "2 hours ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(english, seconds), expected);
        }
        assert_eq!(ago(Words(Language::French), 120), "il y a 2 minutes");
    }

    #[test]
    fn every_step_is_named() {
        for step in steps(Words::default(), Step::Review) {
            assert!(!step.name.starts_with("update."), "{}", step.name);
        }
        let marks: Vec<&str> = steps(Words::default(), Step::Review).iter().map(|step| step.state).collect();
        assert_eq!(&marks[..4], ["done", "now", "ahead", "ahead"]);
    }
}
