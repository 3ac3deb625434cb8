//! The verbs of automation: `update --auto`, `tick`, `blocklist`.

use clap::Args;
use clap::Subcommand;

use crate::app::auto;
use crate::app::auto::Proof;
use crate::app::blocklist;
use crate::app::blocklist::BlocklistView;
use crate::app::desk::new_interrupt;
use crate::app::tick;
use crate::app::tick::TickView;
use crate::app::tick_all;
use crate::app::tick_all::TicksView;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::text;

#[derive(Args, Debug)]
pub struct TickArgs {
    /// Every site of the list that `schedule install` keeps, one after the other
    #[arg(long)]
    pub all: bool,
    /// Do with a health check alone: no proof of the gate, no delivered test message, no signature
    #[arg(long)]
    pub unproven: bool,
}

#[derive(Debug, Subcommand)]
pub enum BlocklistVerb {
    /// The releases that failed here, and why
    List,
    /// Let automation try a release again
    Clear {
        /// The digest, or its first 8 digits or more
        digest: String,
    },
}

pub fn proof(is_unproven: bool) -> Proof {
    if is_unproven { Proof::Waived } else { Proof::Asked }
}

pub(super) fn update(session: &mut Session, from: Option<String>, is_unproven: bool) -> Exit {
    let place = session.place.clone();
    let request = auto::Request { from, proof: proof(is_unproven) };
    let interrupt = new_interrupt();
    let answer = auto::update_alone(&place, &request, interrupt, &mut session.listener());
    session.show("update", answer, text::run)
}

pub(super) fn tick(session: &mut Session, args: &TickArgs) -> Exit {
    if args.all {
        let answer = tick_all::tick_all(proof(args.unproven));
        return session.show("tick", answer, ticks);
    }
    let place = session.place.clone();
    let interrupt = new_interrupt();
    let answer = tick::tick(&place, proof(args.unproven), interrupt, &mut session.listener());
    // Another tick at work is the usual thing, and no mail of cron's is due.
    let is_busy = answer.as_ref().is_err_and(|failure| failure.exit == Exit::Locked);
    if is_busy && !session.manner.json && !session.manner.verbose {
        return Exit::Locked;
    }
    session.show("tick", answer, one_tick)
}

pub(super) fn blocklist(session: &mut Session, what: &BlocklistVerb) -> Exit {
    match what {
        BlocklistVerb::List => {
            let answer = blocklist::list(&session.place);
            session.show("blocklist", answer, blocked)
        }
        BlocklistVerb::Clear { digest } => {
            let answer = blocklist::clear(&session.place, digest);
            session.show("blocklist", answer, |view, _| {
                view.releases
                    .iter()
                    .map(|one| format!("{} may be tried again\n", escape::text(&one.version)))
                    .collect()
            })
        }
    }
}

fn one_tick(view: &TickView, _: &Manner) -> String {
    let jobs = view.jobs.iter().map(|job| format!("{}: {}\n", job.job, escape::text(&job.told)));
    let warnings = view.warnings.iter().map(|warning| format!("warning: {}\n", escape::text(warning)));
    jobs.chain(warnings).collect()
}

fn ticks(view: &TicksView, _: &Manner) -> String {
    let line = |site: &tick_all::SiteTick| match &site.message {
        Some(message) => format!("{}: {}\n", site.state, escape::text(message)),
        None => format!("{}: done\n", site.state),
    };
    view.sites.iter().map(line).collect()
}

fn blocked(view: &BlocklistView, _: &Manner) -> String {
    if view.releases.is_empty() {
        return "no release is blocked\n".into();
    }
    let line = |one: &blocklist::BlockedView| {
        format!(
            "{}  {}  {}\n  {}\n",
            &one.digest[..16],
            escape::text(&one.version),
            one.at,
            escape::text(&one.reason)
        )
    };
    view.releases.iter().map(line).collect()
}
