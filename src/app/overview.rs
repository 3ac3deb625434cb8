//! Where a site stands, in all that its state folder says: no network, no lock,
//! no look at the live tree. And what of it needs a person.

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;

use crate::app::blocklist;
use crate::app::blocklist::BlockedView;
use crate::app::check::Checked;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::history;
use crate::app::history::HistoryRow;
use crate::app::report::Status;
use crate::app::status;
use crate::app::trust;
use crate::app::watch::past;
use crate::app::watch::past::Counts;
use crate::notify;
use crate::schedule::Record;
use crate::schedule::outlook::outlook;
use crate::site::Site;
use crate::site::blocklist::Blocklist;
use crate::site::installed::Installed;
use crate::sys::clock;
use crate::update::journal;
use crate::update::run;
use crate::update::run::RunFolder;

#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    pub url: Option<String>,
    pub profile: String,
    pub status: Status,
    pub installed: Option<InstalledView>,
    /// What the vendor said last; `None`: nobody asked.
    pub checked: Option<Checked>,
    /// Whether the application has a vendor that can be asked.
    pub has_vendor: bool,
    pub watch: Option<Watched>,
    pub last_run: Option<HistoryRow>,
    pub blocked: Vec<BlockedView>,
    /// The next time of each job, the soonest first.
    pub jobs: Vec<NextJob>,
    pub needs: Vec<Need>,
}

#[derive(Clone, Debug, Serialize)]
pub struct InstalledView {
    pub version: String,
    pub since: Timestamp,
    /// `release`, `list`, `observed`.
    pub baseline: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Watched {
    pub at: Timestamp,
    pub counts: Counts,
}

#[derive(Clone, Debug, Serialize)]
pub struct NextJob {
    pub job: &'static str,
    pub at: Timestamp,
}

/// What a person has to do, the most pressing first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "need", rename_all = "kebab-case")]
pub enum Need {
    /// A run stopped, failed, or lost its process.
    Run {
        run: String,
        closed: bool,
        goes_back: bool,
    },
    /// Visitors are kept out, and no run is at work behind it.
    Closed {
        since: Option<String>,
        reason: Option<String>,
    },
    /// A plan waits for somebody's word.
    Plan {
        id: String,
    },
    /// An approved plan waits to be applied.
    Approved {
        id: String,
    },
    Findings {
        count: u64,
    },
    /// Notices that reached nobody: how many were given up, and how many still wait.
    Notices {
        lost: u64,
        waiting: u64,
    },
    /// What a reference proves by ends soon, or has ended.
    Trust {
        url: String,
        warning: String,
    },
}

impl Overview {
    /// A newer release than the one that stands here, as far as anybody heard.
    pub fn update(&self) -> Option<&str> {
        let newest = self.checked.as_ref()?.newest.as_deref()?;
        let is_here = self.installed.as_ref().is_some_and(|installed| installed.version == newest);
        (!is_here).then_some(newest)
    }
}

pub fn overview(place: &Place) -> Result<Overview, Failure> {
    let status = status::status(place)?.result;
    let site = place.open()?;
    let watch = past::counted(&site)?.map(|(at, counts)| Watched { at, counts });
    let facts = Facts {
        status: &status,
        findings: watch.as_ref().map_or(0, |watch| watch.counts.total()),
        notices: notices(&site)?,
        trust: trust_warnings(place)?,
    };
    let needs = needs(facts);
    let current = Installed(&site.state.installed()).current()?;
    let blocked = Blocklist::load(&site.state.blocklist())?;
    Ok(Overview {
        url: site.settings.url.as_ref().map(crate::release::network::address::shown),
        profile: site.profile.name.clone(),
        installed: current.map(|current| InstalledView {
            version: current.version,
            since: current.since,
            baseline: current.baseline.name(),
        }),
        checked: Checked::of_site(&site)?,
        has_vendor: site.profile.vendor.is_some(),
        watch,
        last_run: last_run(&site)?,
        blocked: blocked.releases.iter().map(blocklist::view).collect(),
        jobs: jobs(&site)?,
        needs,
        status,
    })
}

/// All of them, read side by side; one that is broken says so for itself.
pub fn overviews<'p>(places: impl IntoIterator<Item = &'p Place>) -> Vec<Result<Overview, Failure>> {
    let places: Vec<&Place> = places.into_iter().collect();
    places.into_par_iter().map(overview).collect()
}

/// What is decided by.
struct Facts<'a> {
    status: &'a Status,
    findings: u64,
    /// Given up, and waiting.
    notices: (u64, u64),
    /// Of each reference that says one.
    trust: Vec<(String, String)>,
}

fn needs(facts: Facts) -> Vec<Need> {
    let Status { gate, plan, run, holder, .. } = facts.status;
    let is_free = holder.is_none();
    let mut needs = Vec::new();
    let left = run.as_ref().filter(|run| is_free && matches!(run.state.as_str(), "stopped" | "failed"));
    if let Some(run) = left {
        let (closed, goes_back) = (run.closed, run.goes_back);
        needs.push(Need::Run { run: run.id.clone(), closed, goes_back });
    } else if gate.closed && is_free {
        needs.push(Need::Closed { since: gate.since.clone(), reason: gate.reason.clone() });
    }
    if let Some(plan) = plan.as_ref().filter(|_| is_free && left.is_none()) {
        needs.push(match plan.state.as_str() {
            "approved" => Need::Approved { id: plan.id.clone() },
            _ => Need::Plan { id: plan.id.clone() },
        });
    }
    if facts.findings > 0 {
        needs.push(Need::Findings { count: facts.findings });
    }
    if facts.notices != (0, 0) {
        needs.push(Need::Notices { lost: facts.notices.0, waiting: facts.notices.1 });
    }
    needs.extend(facts.trust.into_iter().map(|(url, warning)| Need::Trust { url, warning }));
    needs
}

fn notices(site: &Site) -> Result<(u64, u64), Failure> {
    let (lost, waiting) = notify::undelivered(site)?;
    Ok((lost as u64, waiting as u64))
}

fn trust_warnings(place: &Place) -> Result<Vec<(String, String)>, Failure> {
    let references = trust::list(place)?.result.references;
    let warned = references
        .into_iter()
        .filter_map(|reference| Some((reference.url, reference.warnings.into_iter().next()?)));
    Ok(warned.collect())
}

fn last_run(site: &Site) -> Result<Option<HistoryRow>, Failure> {
    let runs = site.state.runs();
    let Some(id) = run::list(&runs)?.pop() else { return Ok(None) };
    let (records, standing) = journal::read(&RunFolder::new(runs.join(&id)).journal())?;
    Ok(Some(history::row(id, &records, &standing)))
}

fn jobs(site: &Site) -> Result<Vec<NextJob>, Failure> {
    let record = Record::load(&site.state)?;
    let jobs = outlook(&site.settings.schedule, &record, clock::now(), None)?;
    let next = jobs
        .into_iter()
        .filter_map(|job| Some(NextJob { job: job.job.name(), at: job.next.first()?.timestamp() }));
    let mut next: Vec<NextJob> = next.collect();
    next.sort_by_key(|job| job.at);
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::GateStatus;
    use crate::app::report::PlanStatus;
    use crate::app::report::RunStatus;

    fn status(run: Option<(&str, bool)>, plan: Option<&str>, closed: bool, works: bool) -> Status {
        Status {
            site: "/srv/site".into(),
            installed: None,
            gate: GateStatus { closed, by: None, since: None, reason: None, warnings: Vec::new() },
            plan: plan.map(|state| PlanStatus { id: "p".into(), state: state.into() }),
            run: run.map(|(state, closed)| RunStatus {
                id: "r".into(),
                plan: "p".into(),
                step: None,
                state: state.into(),
                closed,
                message: None,
                goes_back: false,
            }),
            next: Vec::new(),
            holder: works.then(|| "apply".into()),
        }
    }

    #[test]
    fn what_needs_a_person() {
        for (run, plan, closed, works, findings, notices, expected) in [
            (None, None, false, false, 0, (0, 0), ""),
            (Some(("finished", false)), None, false, false, 0, (0, 0), ""),
            (Some(("rolled-back", false)), None, false, false, 0, (0, 0), ""),
            (Some(("failed", true)), Some("approved"), true, false, 0, (0, 0), "run"),
            (Some(("stopped", false)), None, false, false, 2, (0, 0), "run findings"),
            // Somebody works on it: that is no matter for another person.
            (Some(("running", true)), Some("approved"), true, true, 0, (0, 0), ""),
            (Some(("finished", false)), None, true, false, 0, (0, 0), "closed"),
            (None, Some("waiting"), false, false, 0, (0, 0), "plan"),
            (None, Some("approved"), true, false, 1, (0, 3), "closed approved findings notices"),
            (None, None, false, true, 4, (1, 0), "findings notices"),
        ] {
            let status = status(run, plan, closed, works);
            let facts = Facts { status: &status, findings, notices, trust: Vec::new() };
            let found: Vec<String> = needs(facts)
                .iter()
                .map(|need| serde_json::to_value(need).unwrap()["need"].as_str().unwrap().to_owned())
                .collect();
            assert_eq!(found.join(" "), expected, "{run:?} {plan:?} {closed} {works}");
        }
    }
}
