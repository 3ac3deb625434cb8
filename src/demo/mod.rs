//! The demonstration: a small real site is updated before your eyes, from its
//! first release to the next, and left behind to play with.

mod pages;
mod release;
mod server;
mod visitor;

use std::path::Path;
use std::path::PathBuf;

use crate::app::apply;
use crate::app::desk;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::init;
use crate::app::plan;
use crate::app::plan::Diff;
use crate::app::plan::Memory;
use crate::app::report::PlanView;
use crate::app::stage;
use crate::base::count;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::demo::release::Release;
use crate::demo::server::Served;
use crate::demo::server::Server;
use crate::demo::visitor::Visitor;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::process;
use crate::sys::term;

/// What the demo is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub folder: Option<PathBuf>,
    pub serve: bool,
    pub port: u16,
}

/// Shows the main job; a folder that a demo has made is only served again.
pub fn run(request: &Request) -> Exit {
    match show(request) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            say(&format!("error: {}", escape::block(&failure.message)));
            for line in failure.causes.iter().chain(&failure.hints) {
                say(&format!("  {}", escape::block(line)));
            }
            failure.exit
        }
    }
}

fn show(request: &Request) -> Result<(), Failure> {
    let folder = match &request.folder {
        Some(folder) => folder.clone(),
        None => env::current_folder()?.join("entracte-demo"),
    };
    let site = folder.join("site");
    let served = Served { site: site.clone(), state: folder.join(".entracte-site") };
    if fs::is_file(&served.state.join("entracte.toml")) {
        return serve_again(served, &folder);
    }
    if fs::exists(&folder) {
        return Err(Failure::new(Exit::Refused, format!("{} is there already", fs::shown(&folder)))
            .hint("name another folder: entracte demo DIR"));
    }
    make(&folder, &site)?;
    let server = Server::start(served.clone(), request.port)?;
    adopt(&folder, &site, &server)?;
    let visitor = Visitor::start(server.address);
    update(&folder, &site, &server)?;
    tell_seen(visitor);
    tell_next(&folder);
    wait(request, &server);
    Ok(())
}

fn make(folder: &Path, site: &Path) -> Result<(), Failure> {
    say("This demo makes a small magazine in two releases and updates it from 1.0 to 2.0.\n");
    fs::create_folders(folder, 0o755)?;
    Release::Old.write(&folder.join("release-1.0"))?;
    Release::New.write(&folder.join("release-2.0"))?;
    Release::Old.write(site)?;
    fs::create_folders(&site.join("data"), 0o755)?;
    fs::create_folders(&site.join("uploads"), 0o755)?;
    let made = pages::make_database(&site.join("data/site.db"));
    made.map_err(|error| Failure::new(Exit::Failed, format!("the demo's database cannot be made: {error}")))
}

fn adopt(folder: &Path, site: &Path, server: &Server) -> Result<(), Failure> {
    let request = init::Request {
        dir: Some(site.to_owned()),
        profile: Some("generic".into()),
        url: Some(server.url()),
        database: Some("sqlite:data/site.db".into()),
        release: Some(folder.join("release-1.0")),
        version: Some(Release::Old.version().into()),
        gate: Some("nginx".into()),
        ..init::Request::default()
    };
    let adopted = init::init(&Place::default(), &request, &mut |_, _, _| {})?.result;
    say(&format!("Version 1.0 is served at {}", server.url()));
    say(&format!("entracte knows it now: {} files exactly as released.", adopted.counts.exact));
    fs::write_durable_with(
        &site.join("static/style.css"),
        b"body { background: ivory; margin: 3em; }\n",
        0o644,
    )?;
    fs::write_durable_with(&site.join("uploads/photo.txt"), b"a photo that a visitor uploaded\n", 0o644)?;
    say("Its owner has edited static/style.css, and a visitor has uploaded a photo.\n");
    Ok(())
}

fn update(folder: &Path, site: &Path, server: &Server) -> Result<(), Failure> {
    let place = Place { site: Some(site.to_owned()), ..Place::default() };
    let mut listener = |_: Option<&str>, step: Option<Step>, event: Event| tell(step, &event);
    let from = folder.join("release-2.0").to_string_lossy().into_owned();
    let request =
        stage::Request { from: Some(from), version: Some(Release::New.version().into()), complete: true };
    let staged = stage::stage(&place, &request, &mut listener)?.result;
    tell(
        Some(Step::Stage),
        &Event::StepDone {
            note: format!("version {}, {} verified", staged.version, count::of(staged.files, "file")),
        },
    );
    let made = plan::plan(&place, &Diff::None, Memory::Trusted, &mut listener)?.result;
    tell(Some(Step::Review), &Event::StepDone { note: format!("plan {}", &made.id[..16]) });
    tell_plan(&made);
    plan::approve(&place, &made.id)?;
    say("\nApproved. Look at the site in a browser while it happens:");
    say(&format!("  {}\n", server.url()));
    clock::sleep(std::time::Duration::from_millis(300));
    let all = apply::Request { until: apply::Until::End, budget: None };
    let answer = apply::apply(&place, &all, desk::new_interrupt(), &mut listener)?;
    match answer.failure {
        Some(failure) => Err(failure),
        None => {
            let run = answer.result;
            say(&format!(
                "\nRun {} {}; the site was closed for {:.1} s.",
                run.run, run.outcome, run.closed_seconds
            ));
            Ok(())
        }
    }
}

fn tell(step: Option<Step>, event: &Event) {
    let Some(step) = step else { return };
    let (mark, note) = match event {
        Event::StepDone { note } => ("✔", note),
        Event::StepFailed { message } => ("✘", message),
        Event::UndoDone { note } => ("↶", note),
        _ => return,
    };
    say(&format!(
        "{mark} {:>2} {:<9} {}: {}",
        step.number(),
        step.name(),
        step.summary(),
        escape::text(note)
    ));
}

fn tell_plan(plan: &PlanView) {
    for change in plan.changes.iter().filter(|change| change.kind != "same") {
        let beside = change.beside.as_ref().map(|path| format!("; the release's version goes to {path}"));
        say(&format!(
            "     {:<8} {} - {}{}",
            change.kind,
            change.path,
            change.reason,
            beside.unwrap_or_default()
        ));
    }
    for statement in &plan.statements {
        say(&format!("     database {}", escape::text(statement)));
    }
    for script in &plan.scripts {
        say(&format!("     script   {script}"));
    }
}

fn tell_seen(visitor: Visitor) {
    clock::sleep(std::time::Duration::from_millis(300));
    say("\nA visitor who asked without pause saw:");
    for (answer, count) in visitor.stop() {
        say(&format!("  {count:>5} times  {answer}"));
    }
}

fn tell_next(folder: &Path) {
    let folder = fs::shown(folder);
    let entracte = command();
    say(&format!(
        "\nEverything stays in {folder} to play with. In one terminal:\n\
         \x20 {entracte} demo {folder} --serve\n\
         and in another, in {folder}/site:\n\
         \x20 {entracte} status                     where it stands\n\
         \x20 {entracte} console                    the same in a browser: prints a link\n\
         \x20 {entracte} watch                      what differs from 2.0: the photo, which nobody released\n\
         \x20 {entracte} rollback                   go back to 1.0: files, database, scripts' marks\n\
         \x20 {entracte} stage --from ../release-2.0 --version 2.0 --complete\n\
         \x20 {entracte} plan --diff                what would change, with content\n\
         \x20 {entracte} approve ID                 exactly this plan\n\
         \x20 {entracte} apply --step               one step at a time\n\
         Break it: edit a file after `approve`, or kill -9 the `apply`; then `entracte resume` or `entracte rollback`."
    ));
}

/// How this program is called: by its name where that is found, else by its path.
fn command() -> String {
    match (process::find("entracte"), env::program()) {
        (None, Ok(program)) => fs::shown(&program),
        _ => "entracte".into(),
    }
}

fn serve_again(served: Served, folder: &Path) -> Result<(), Failure> {
    let settings = fs::read_text(&served.state.join("entracte.toml"), 1 << 20)?;
    let port =
        settings.split("http://127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
    let server = Server::start(served, port.unwrap_or(0))?;
    say(&format!("{} is served at {}", fs::shown(folder), server.url()));
    hold();
    Ok(())
}

fn wait(request: &Request, server: &Server) {
    let person = term::is_terminal(term::Stream::In) && term::is_terminal(term::Stream::Out);
    if request.serve || person {
        say(&format!("\nThe site goes on at {}", server.url()));
        hold();
    }
}

/// Until Enter, or for ever where nobody can press it.
fn hold() {
    if term::is_terminal(term::Stream::In) {
        say("Enter ends it.");
        let _ = term::read_line();
        return;
    }
    loop {
        clock::sleep(std::time::Duration::from_secs(3600));
    }
}

/// One line of the story.
fn say(line: &str) {
    // A reader that went away must not stop the demo.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
}
