//! `update --auto`: nobody is asked. The policy decides, a run that fails is
//! taken back, and somebody is told.

pub mod conditions;
pub(super) mod policy;
pub(super) mod recovery;
mod run;
mod summary;
pub(super) mod telling;

use jiff::Timestamp;

use crate::app::apply::not_over;
use crate::app::auto::policy::Offer;
use crate::app::auto::policy::Word;
use crate::app::auto::run::Ran;
use crate::app::auto::telling::Came;
use crate::app::desk::Held;
use crate::app::desk::Interrupt;
use crate::app::desk::Listener;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::report::Answer;
use crate::app::report::RunView;
use crate::app::stage;
use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::integrity::manifest::Made;
use crate::integrity::manifest::known_time;
use crate::release::staging::Staged;
use crate::release::staging::Staging;
use crate::release::staging::Trust;
use crate::site::Site;
use crate::site::automation::Automation;
use crate::site::blocklist::Blocklist;
use crate::site::installed::Installed;
use crate::sys::clock;
use crate::update::approval::Approval;
use crate::update::approval::POLICY;
use crate::update::compose::Reinstall;
use crate::update::plan::Plan;
use crate::update::plan::PlanError;
use crate::update::run::open_run;

/// Whether everything that automation relies on has to be proved first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Asked,
    /// `--unproven`: a health check is enough.
    Waived,
}

#[derive(Clone, Debug)]
pub struct Request {
    /// In place of the policy's source.
    pub from: Option<String>,
    pub proof: Proof,
}

/// What an unattended update came to.
pub(super) enum Ended {
    /// There is nothing to do, or not yet: nobody is told.
    Quiet(Failure),
    /// The network was away; told when it stays away.
    Unreachable(Failure),
    /// It did not begin.
    Refused(Failure),
    /// A person has to approve the plan.
    Waiting(Box<Waiting>),
    Ran(Box<Ran>),
}

/// A plan that a person has to look at.
pub(super) struct Waiting {
    pub plan: Plan,
    pub reasons: Vec<String>,
    pub failure: Failure,
}

pub fn update_alone(
    place: &Place,
    request: &Request,
    interrupt: Interrupt,
    listener: Listener,
) -> Result<Answer<RunView>, Failure> {
    let held = Held::take(place, "update --auto")?;
    if let Some(recovered) = recovery::recover(&held, listener) {
        return telling::tell(&held.site, recovered).answer;
    }
    go(&held, request, interrupt, listener).answer
}

/// The same on a site whose lock is held and on which no run was left.
pub(super) fn go(held: &Held, request: &Request, interrupt: Interrupt, listener: Listener) -> Came {
    let late = telling::begin(&held.site);
    let Came { answer, is_news } = telling::tell(&held.site, attempt(held, request, interrupt, listener));
    let warned = |answer: Answer<RunView>| Answer { result: answer.result.with_warning(late), ..answer };
    Came { answer: answer.map(warned), is_news }
}

fn attempt(held: &Held, request: &Request, interrupt: Interrupt, listener: Listener) -> Ended {
    let ready = conditions::check(&held.site, &held.gate, request.proof)
        .and_then(|()| is_free(held))
        .map_err(Ended::Refused)
        .and_then(|()| prepare(held, request, &interrupt, listener));
    match ready {
        Ok(plan) => run::run(held, plan, interrupt, listener),
        Err(ended) => ended,
    }
}

/// What a person has begun, or closed, is not automation's.
fn is_free(held: &Held) -> Result<(), Failure> {
    if let Some((id, _)) = open_run(&held.site.state.runs())? {
        return Err(not_over(&id));
    }
    match held.gate.state()? {
        gate if gate.closed => Err(Failure::new(Exit::Refused, "a person has closed the site")
            .hint("`entracte open` opens it; automation waits for that")),
        _ => Ok(()),
    }
}

/// The plan that may be carried out now.
fn prepare(held: &Held, request: &Request, interrupt: &Interrupt, listener: Listener) -> Result<Plan, Ended> {
    let site = &held.site;
    if let Some(plan) = approved(site).map_err(Ended::Refused)? {
        in_window(site)?;
        return Ok(plan);
    }
    bring(site, request, interrupt, listener)?;
    judge(site, request.proof)?;
    let made = plan::make(site, &held.gate, Reinstall::No, listener).map_err(Ended::Refused)?;
    if made.is_empty() {
        return Err(quiet(format!("version {} is installed already", made.sealed.to.version)));
    }
    if let Some(failure) = Failure::of_checks(&made.checks) {
        return Err(Ended::Refused(failure));
    }
    let reasons = policy::needs_person(&site.settings.policy, &made);
    if !reasons.is_empty() {
        ask(site, made.id).map_err(Ended::Refused)?;
        return Err(Ended::Waiting(Box::new(Waiting::of(made, reasons))));
    }
    in_window(site)?;
    let id = made.id.to_string();
    plan::approve_here(site, &made, &id, POLICY).map_err(Ended::Refused)?;
    Ok(made)
}

impl Waiting {
    fn of(plan: Plan, reasons: Vec<String>) -> Waiting {
        let short = &plan.id.to_string()[..16];
        let message = format!("plan {short} waits for a person: {}", reasons.join("; "));
        let failure = Failure::new(Exit::Waiting, message).hint(format!(
            "look at it with `entracte plan`, then `entracte approve {short}`: the next tick carries it out"
        ));
        Waiting { plan, reasons, failure }
    }
}

fn quiet(why: impl Into<String>) -> Ended {
    Ended::Quiet(Failure::new(Exit::NothingToDo, why))
}

/// Remembers which plan waits for a word: the tick after that word carries it out.
fn ask(site: &Site, plan: Sha256) -> Result<(), Failure> {
    let mut memory = Automation::load(&site.state.automation())?;
    memory.asked = Some(plan);
    Ok(memory.save(&site.state.automation())?)
}

/// Whether there is something to go on with, whatever the clock says: a plan that
/// was approved when it had been asked for, or a network that was away.
pub(super) fn goes_on(site: &Site) -> Result<bool, Failure> {
    let memory = Automation::load(&site.state.automation())?;
    let was_asked = approved(site)?.is_some_and(|plan| memory.asked == Some(plan.id));
    Ok(was_asked || memory.network_failures > 0)
}

/// A plan that a person has approved since; what a policy once took is asked anew.
fn approved(site: &Site) -> Result<Option<Plan>, Failure> {
    let plan = match Plan::load(&site.state.plan()) {
        Err(PlanError::Missing) => return Ok(None),
        read => read?,
    };
    let approval = Approval::load(&site.state.approval())?;
    let is_meant = approval.is_some_and(|given| given.plan == plan.id && given.by != POLICY);
    let is_blocked = Blocklist::load(&site.state.blocklist())?.find(&plan.sealed.to.manifest).is_some();
    Ok((is_meant && !plan.is_empty() && !is_blocked).then_some(plan))
}

/// Stages what the source holds.
fn bring(site: &Site, request: &Request, interrupt: &Interrupt, listener: Listener) -> Result<(), Ended> {
    let wanted = stage::Request { from: request.from.clone(), version: None, complete: false };
    let versions = site.settings.policy.versions.as_ref();
    match stage::stage_within(site, &wanted, versions, interrupt, listener) {
        Ok(_) => Ok(()),
        Err(failure) if failure.exit == Exit::NothingToDo => Err(Ended::Quiet(failure)),
        Err(failure) if failure.is_network => Err(Ended::Unreachable(failure)),
        Err(failure) => Err(Ended::Refused(failure)),
    }
}

/// Asks the policy about what is staged.
fn judge(site: &Site, proof: Proof) -> Result<(), Ended> {
    match word_on_staged(site, proof).map_err(Ended::Refused)? {
        Word::Take => Ok(()),
        Word::Leave(why) => Err(quiet(why)),
        Word::Blocked(why) => Err(Ended::Quiet(Failure::new(Exit::Refused, why).hint(
            "`entracte blocklist list` says what happened, `entracte blocklist clear` lets it be tried again",
        ))),
        Word::Refuse(why) => Err(Ended::Refused(Failure::new(Exit::Refused, why).hint(
            "update by hand, or say in the settings whom you believe: policy.trust = \"signed\", \"list\" or \"none\"",
        ))),
    }
}

fn word_on_staged(site: &Site, proof: Proof) -> Result<Word, Failure> {
    let staged = Staging::open(&site.state.staging())?.staged()?;
    let staged = staged.ok_or_else(|| Failure::new(Exit::Refused, "no release is staged"))?;
    let installed = Installed(&site.state.installed()).current()?;
    let (now, digest) = (clock::now(), staged.origin.manifest);
    let seen = remember(site, digest, now)?;
    let blocklist = Blocklist::load(&site.state.blocklist())?;
    let offer = Offer {
        version: &staged.manifest.version,
        installed: installed.as_ref().map_or("0", |current| current.version.as_str()),
        trust: staged.origin.trust,
        since: its_time(&staged).unwrap_or(seen),
        blocked: blocklist.find(&digest).map(|blocked| blocked.reason.as_str()),
    };
    Ok(policy::judge(&site.settings.policy, &offer, proof == Proof::Waived, now))
}

/// Nobody but a signer is believed to say when a release came out; a signed archive
/// without a manifest says nothing of it.
fn its_time(staged: &Staged) -> Option<Timestamp> {
    let is_believed = staged.origin.trust == Trust::Signed && staged.manifest.made != Made::Built;
    known_time(staged.manifest.time).filter(|_| is_believed)
}

/// Since when the release is known here.
fn remember(site: &Site, digest: Sha256, now: Timestamp) -> Result<Timestamp, Failure> {
    let mut memory = Automation::load(&site.state.automation())?;
    let seen = memory.see(digest, now);
    memory.network_failures = 0;
    memory.save(&site.state.automation())?;
    Ok(seen)
}

fn in_window(site: &Site) -> Result<(), Ended> {
    let policy = &site.settings.policy;
    match policy::is_in_window(policy, clock::now()) {
        true => Ok(()),
        false => {
            let windows: Vec<&str> = policy.windows.iter().map(|window| window.text.as_str()).collect();
            Err(quiet(format!("the site may be closed only in {}", windows.join("; "))))
        }
    }
}

/// A failure in a word for the blocklist and the mail.
fn told(failure: &Failure) -> String {
    [vec![failure.message.clone()], failure.causes.clone()].concat().join(": ")
}
