//! `self-update`, typed and told.

use clap::Args;

use crate::app::self_update;
use crate::app::self_update::Offer;
use crate::app::self_update::Request;
use crate::app::self_update::SelfUpdated;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::network::NetworkArgs;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::page::Page;
use crate::cli::trust::PinArgs;

#[derive(Args, Debug)]
pub struct SelfUpdateArgs {
    /// Where newer programs come from, as `stage` takes it; remembered
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<String>,
    #[command(flatten)]
    pub pin: PinArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Take this version, older ones too
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// Bring back the program that was replaced last
    #[arg(long, conflicts_with_all = ["from", "version", "root", "digest", "cacert", "proxy", "mirror"])]
    pub rollback: bool,
}

pub(super) fn self_update(session: &mut Session, args: SelfUpdateArgs) -> Exit {
    if args.rollback {
        return session.show("self-update", self_update::roll_back(), text);
    }
    let SelfUpdateArgs { from, version, pin, network, .. } = args;
    let request = Request { from, version, belief: pin.belief(), network: network.into() };
    let (manner, yes) = (session.manner, session.global.yes);
    let ask = &mut |offer: &Offer| {
        if !manner.json {
            output::talk(&offered(offer, &manner));
        }
        yes || (!manner.json && output::confirm("replace this program?"))
    };
    let answer = self_update::self_update(&request, ask, &mut session.listener());
    session.show("self-update", answer, text)
}

fn offered(offer: &Offer, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    page.line(&format!("entracte {} -> {}", offer.from, escape::text(&offer.to)));
    page.row("program", &offer.program);
    page.row("trust", &offer.trust);
    page.whole_list("scripts", &offer.scripts);
    page.notes(&offer.notes);
    page.into_text()
}

fn text(done: &SelfUpdated, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    page.line(&format!("{} is entracte {} now", escape::text(&done.program), escape::text(&done.to)));
    if let Some(kept) = &done.kept {
        page.row("kept", kept);
        page.line("  `entracte self-update --rollback` brings it back");
    }
    page.into_text()
}
