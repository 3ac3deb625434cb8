//! `doctor`, typed and told: the worst first, each with its fix; what is fine
//! in one line.

use clap::Args;

use crate::app::doctor;
use crate::app::doctor::DoctorView;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Read every saved copy and all staged content, whatever time that takes
    #[arg(long)]
    pub deep: bool,
}

pub(super) fn doctor(session: &mut Session, args: &DoctorArgs) -> Exit {
    let answer = doctor::doctor(&session.place, args.deep);
    session.show("doctor", answer, text)
}

fn text(view: &DoctorView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for check in view.checks.iter().filter(|check| check.level != Level::Ok || manner.verbose) {
        one(&mut text, check, manner);
    }
    let fine: Vec<&str> = view
        .checks
        .iter()
        .filter(|check| check.level == Level::Ok && !manner.verbose)
        .map(|check| check.name.as_str())
        .collect();
    if !fine.is_empty() {
        text.line(&format!("{} {}", manner.paint(Paint::Green, "fine:"), fine.join(", ")));
    }
    let of = |level| view.checks.iter().filter(|check| check.level == level).count();
    text.line(&format!(
        "{}: {}, {}",
        count::of(view.checks.len(), "check"),
        count::of(of(Level::Error), "error"),
        count::of(of(Level::Warning), "warning")
    ));
    text.into_text()
}

fn one(text: &mut Page, check: &Check, manner: &Manner) {
    let (paint, word) = match check.level {
        Level::Error => (Paint::Red, "error"),
        Level::Warning => (Paint::Yellow, "warning"),
        Level::Ok => (Paint::Green, "fine"),
    };
    text.line(&format!("{} {}: {}", manner.paint(paint, word), check.name, escape::text(&check.detail)));
    if !check.fix.is_empty() {
        text.line(&format!("  {} {}", manner.paint(Paint::Cyan, "fix:"), escape::text(&check.fix)));
    }
}
