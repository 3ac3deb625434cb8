//! `prune`, typed and told.

use clap::Args;

use crate::app::prune;
use crate::app::prune::PruneView;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::page::Page;
use crate::cli::page::bytes;

#[derive(Args, Debug)]
pub struct PruneArgs {
    /// Tell what would go; remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) fn prune(session: &mut Session, args: &PruneArgs) -> Exit {
    let manner = if args.dry_run { prune::Manner::Dry } else { prune::Manner::Real };
    let answer = prune::prune(&session.place, manner);
    session.show("prune", answer, text)
}

fn text(view: &PruneView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for one in &view.removed {
        let size = if one.bytes > 0 { format!(", {}", bytes(one.bytes)) } else { String::new() };
        let (path, why) = (escape::text(&one.path), escape::text(&one.why));
        text.line(&format!("{}{size}: {path} ({why})", one.what));
    }
    let freed = bytes(view.bytes);
    match (view.removed.is_empty(), view.dry_run) {
        (true, _) => text.line("nothing is old enough to go"),
        (false, true) => text.line(&format!("{freed} would be freed; nothing was touched")),
        (false, false) => text.line(&format!("{freed} freed")),
    }
    text.notes(&view.warnings);
    text.into_text()
}
