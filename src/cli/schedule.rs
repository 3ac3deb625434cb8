//! `schedule`: what can be typed, and what is answered.

use clap::Args;
use clap::Subcommand;

use crate::app::schedule;
use crate::app::schedule::Carrier;
use crate::app::schedule::JobView;
use crate::app::schedule::Request;
use crate::app::schedule::ScheduleView;
use crate::base::check::Level;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;

#[derive(Debug, Subcommand)]
pub enum ScheduleVerb {
    /// Have it done: writes [schedule] of the settings, the list of sites and the crontab
    #[command(after_help = "Example: entracte schedule install --update \"17 3 * * *\" --zone Europe/Paris")]
    Install(InstallArgs),
    /// Print the line for a host that has only a control panel
    #[command(after_help = "Example: entracte schedule print")]
    Print,
    /// What is done when, and whether anybody asks
    #[command(after_help = "Example: entracte schedule list --json")]
    List,
    /// Take this site out; the crontab's line goes with the last site
    #[command(after_help = "Example: entracte schedule remove")]
    Remove,
}

#[derive(Args, Debug)]
pub struct InstallArgs {
    /// When to update: minute, hour, day, month, weekday
    #[arg(long, value_name = "EXPR")]
    pub update: Option<String>,
    /// When to hold the site against what was installed
    #[arg(long, value_name = "EXPR")]
    pub watch: Option<String>,
    /// When to tidy up old runs
    #[arg(long, value_name = "EXPR")]
    pub prune: Option<String>,
    /// The time zone of these times, as Europe/Paris; default: the machine's
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// How often to ask what is due; default: 10
    #[arg(long, value_name = "MINUTES")]
    pub every: Option<u32>,
    /// A timer of systemd in place of the crontab
    #[arg(long, conflicts_with = "by_hand")]
    pub systemd: bool,
    /// Leave the crontab to me, as on a host with a control panel
    #[arg(long)]
    pub by_hand: bool,
    /// Accept that neither gate nor notification has been proved
    #[arg(long)]
    pub unproven: bool,
    /// Show what would be done; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(super) fn run(session: &mut Session, what: ScheduleVerb) -> Exit {
    let place = session.place.clone();
    match what {
        ScheduleVerb::Install(args) => {
            let answer = schedule::install(&place, &request(args));
            session.show("schedule", answer, installed)
        }
        ScheduleVerb::Print => session.show("schedule", schedule::print(&place), printed),
        ScheduleVerb::List => session.show("schedule", schedule::list(&place), listed),
        ScheduleVerb::Remove => session.show("schedule", schedule::remove(&place), removed),
    }
}

fn request(args: InstallArgs) -> Request {
    let carrier = match (args.systemd, args.by_hand) {
        (true, _) => Carrier::Systemd,
        (_, true) => Carrier::ByHand,
        _ => Carrier::Usual,
    };
    Request {
        update: args.update,
        watch: args.watch,
        prune: args.prune,
        zone: args.zone,
        every: args.every,
        carrier,
        unproven: args.unproven,
        dry_run: args.dry_run,
    }
}

fn installed(view: &ScheduleView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let would = if view.dry_run { "would ask" } else { "asks" };
    match view.installed {
        Some(carrier) => text.line(&format!("{carrier} {would} every {} minutes what is due", view.every)),
        None => text.line("nobody asks yet what is due: `entracte schedule print` says what to do"),
    }
    jobs(&mut text, view, manner);
    if view.installed != Some("systemd") {
        text.row("line", &view.line);
    }
    text.row("sites", &format!("{} in {}", view.sites.len(), view.list));
    text.notes(&view.notes);
    checks(&mut text, view, manner);
    for command in &view.commands {
        text.next(command, "so that the timer runs");
    }
    text.into_text()
}

fn listed(view: &ScheduleView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    match view.installed {
        Some(carrier) => text.line(&format!("{carrier} asks every {} minutes what is due", view.every)),
        None => text
            .line(&manner.paint(Paint::Yellow, "no crontab line and no timer of this user asks what is due")),
    }
    jobs(&mut text, view, manner);
    if view.jobs.is_empty() {
        text.line("  nothing is to be done unattended");
    }
    if view.listed {
        let others = match view.sites.len() {
            0 | 1 => "this one".to_owned(),
            all => format!("this one and {} more", all - 1),
        };
        text.row("sites", &format!("{others} in {}", view.list));
    } else {
        text.row("sites", &format!("this one is not in {}", view.list));
    }
    text.notes(&view.notes);
    checks(&mut text, view, manner);
    if !view.listed || view.installed.is_none() {
        text.next("entracte schedule install", "have it done");
    }
    text.into_text()
}

/// What is wrong, besides the warnings that stand at the jobs.
fn checks(text: &mut Page, view: &ScheduleView, manner: &Manner) {
    let wrong = view.checks.iter().filter(|check| check.level != Level::Ok && check.name != "schedule");
    for check in wrong {
        let paint = if check.level == Level::Error { Paint::Red } else { Paint::Yellow };
        let name = manner.paint(paint, &format!("{}:", check.name));
        text.line(&format!("  {name} {}", escape::text(&check.detail)));
        text.line(&format!("    {} {}", manner.paint(Paint::Cyan, "fix:"), escape::text(&check.fix)));
    }
}

fn removed(view: &ScheduleView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.line("nothing is done unattended on this site any more");
    match (view.sites.len(), view.installed) {
        (0, _) => text.row("sites", "none is left"),
        (left, Some(carrier)) => text.row("sites", &format!("{carrier} goes on for {left} others")),
        (left, None) => text.row("sites", &format!("{left} others are in {}", view.list)),
    }
    text.notes(&view.notes);
    text.into_text()
}

fn jobs(text: &mut Page, view: &ScheduleView, manner: &Manner) {
    for job in &view.jobs {
        text.raw_row(
            job.job,
            &format!(
                "{}  ({})",
                manner.paint(Paint::Bold, &escape::text(&job.expression)),
                escape::text(&job.zone)
            ),
        );
        text.row("  next", &job.next.iter().map(|time| short(time)).collect::<Vec<_>>().join(", "));
        text.row("  last", &job.last.as_deref().map_or("never".to_owned(), short));
        warnings(text, job, manner);
    }
}

fn warnings(text: &mut Page, job: &JobView, manner: &Manner) {
    for warning in &job.warnings {
        text.raw_row("", &format!("{} {}", manner.paint(Paint::Yellow, "warning:"), escape::text(warning)));
    }
}

/// `2026-11-22T03:17:00+01:00` without its seconds and its offset.
fn short(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}

fn printed(view: &ScheduleView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.line("# For the cron page of a control panel, or for `crontab -e`:");
    text.line(&view.line);
    let parts: Vec<&str> = view.line.splitn(6, ' ').collect();
    if let [minute, hour, day, month, weekday, command] = parts[..] {
        text.line("#");
        text.line("# Where the panel asks for the parts:");
        text.line(&format!(
            "#   minute {minute}   hour {hour}   day {day}   month {month}   weekday {weekday}"
        ));
        text.line(&format!("#   command {command}"));
    }
    text.line("#");
    text.line(&format!(
        "# It asks every {} minutes which job of which site is due. The sites are those in",
        view.every
    ));
    text.line(&format!("# {}; the times are those", view.list));
    text.line("# under [schedule] in the settings of each. Once an hour is enough, where a panel allows");
    text.line("# no more: what was missed is made up for once. It prints nothing unless something is wrong.");
    if !view.listed {
        text.line("#");
        text.line(
            "# This site is not in that list yet: `entracte schedule install --by-hand` puts it there.",
        );
    }
    text.into_text()
}
