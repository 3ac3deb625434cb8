//! `identify`, typed and told: what it is, how sure that is, what differs.

use std::path::PathBuf;

use clap::Args;

use crate::app::identify;
use crate::app::identify::CandidateView;
use crate::app::identify::IdentifyView;
use crate::app::identify::Named;
use crate::app::identify::NearestView;
use crate::app::identify::Request;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::path::TreePath;
use crate::cli::dispatch::Session;
use crate::cli::network::NetworkArgs;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page;
use crate::cli::page::Page;

#[derive(Args, Debug)]
pub struct IdentifyArgs {
    /// The folder that is asked about; default: the site, else the current folder
    pub dir: Option<PathBuf>,
    /// The manifest of a release that it could be; any number
    #[arg(long, value_name = "FILE")]
    pub manifest: Vec<PathBuf>,
    /// Releases that it could be: a folder, an archive or its URL, or a reference that the site trusts; any number
    #[arg(long, value_name = "SOURCE")]
    pub from: Vec<String>,
    #[command(flatten)]
    pub network: NetworkArgs,
}

pub(super) fn identify(session: &mut Session, args: IdentifyArgs) -> Exit {
    let named = Named { manifests: args.manifest, from: args.from, network: args.network.into() };
    let request = Request { dir: args.dir, named };
    let place = session.place.clone();
    let answer = identify::identify(&place, &request, &mut session.listener());
    session.show("identify", answer, text)
}

fn text(view: &IdentifyView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let looked = format!(
        "{} read ({}), {} known",
        count::of(view.checked, "file"),
        page::bytes(view.bytes),
        count::of(view.known, "release")
    );
    let Some(nearest) = &view.nearest else {
        text.line(&format!("{}: nothing that is known", escape::text(&view.folder)));
        text.row("looked at", &looked);
        return text.into_text();
    };
    text.line(&manner.paint(Paint::Bold, &escape::text(&title(&nearest.release))));
    text.row("sure", &sureness(nearest));
    for tied in &nearest.tied {
        text.row("or", &format!("{}: {}", tied.title, why_tied(tied)));
    }
    if let Some(next) = nearest.next.first() {
        text.row("next", &format!("{}: {}", next.title, why_next(next)));
    }
    text.row("differs", &differs(nearest));
    lists(&mut text, nearest, manner);
    for other in &view.others {
        text.row("also", &format!("{}, {}", title(other), share(other)));
    }
    text.row("looked at", &looked);
    text.into_text()
}

fn title(candidate: &CandidateView) -> String {
    match (candidate.place, &candidate.folder) {
        ("below", Some(folder)) => format!("{}, in the folder {folder}/", candidate.title),
        ("part", Some(folder)) => format!("{}: its folder {folder}/", candidate.title),
        _ => candidate.title.clone(),
    }
}

fn share(candidate: &CandidateView) -> String {
    let percent = 100.0 * candidate.held as f64 / candidate.files.max(1) as f64;
    // Not all of them is never a hundred.
    let percent = if candidate.held < candidate.files { percent.min(99.9) } else { percent };
    format!("{} of its {} are there ({percent:.1} %)", candidate.held, count::of(candidate.files, "file"))
}

fn sureness(nearest: &NearestView) -> String {
    let word = match nearest.sure {
        "exact" => "yes, to the last file",
        "sure" => "yes",
        "likely" => "likely",
        _ => "no: nothing known is nearer",
    };
    format!("{word}: {}", share(&nearest.release))
}

fn why_tied(tied: &CandidateView) -> String {
    match tied.apart.map(|apart| apart.files) {
        None | Some(0) => "their files are the same".into(),
        Some(files) => {
            format!("what tells them apart ({}) is not there, or speaks for both", count::of(files, "file"))
        }
    }
}

fn why_next(next: &CandidateView) -> String {
    let Some(apart) = next.apart else { return String::new() };
    format!(
        "of {} files that tell them apart {} speak for the first, {} for the second",
        apart.files, apart.speak_for, apart.speak_against
    )
}

fn differs(nearest: &NearestView) -> String {
    let counts = nearest.counts;
    let mut parts = vec![
        format!("{} modified", counts.modified),
        format!("{} missing", counts.missing),
        format!("{} no part of it", counts.extra),
    ];
    let some = [
        (counts.line_ends, "with other line ends"),
        (counts.elsewhere, "as another release has them"),
        (counts.additions, "of plugins and themes"),
        (counts.own, "the owner's or volatile"),
        (counts.unreadable, "unreadable"),
        (counts.outside, "outside its folder"),
    ];
    parts.extend(some.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(", ")
}

fn lists(text: &mut Page, nearest: &NearestView, manner: &Manner) {
    let mut list = |name: &str, rows: Vec<String>| match manner.verbose {
        true => text.whole_list(name, &rows),
        false => text.list(name, &rows),
    };
    let shown = |paths: &[TreePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    list("modified", shown(&nearest.modified));
    list("missing", shown(&nearest.missing));
    list("unreadable", shown(&nearest.unreadable));
    let elsewhere =
        nearest.elsewhere.iter().map(|one| format!("{}  as in {}", one.path, one.versions.join(", ")));
    list("as another release has them", elsewhere.collect());
    let additions =
        nearest.additions.iter().map(|one| format!("{}  {}", one.path, count::of(one.files, "file")));
    list("plugins and themes that are no part of it", additions.collect());
    if manner.verbose {
        list("with other line ends", shown(&nearest.line_ends));
        list("no part of it", shown(&nearest.extra));
    }
}
