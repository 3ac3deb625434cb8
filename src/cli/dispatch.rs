//! One arm a verb: what was typed becomes what is meant.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::Parser;

use crate::app::console::said::Said;
use crate::app::desk;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::gate;
use crate::app::init;
use crate::app::notify as app_notify;
use crate::app::plan;
use crate::app::plan::Diff;
use crate::app::plan::Memory;
use crate::app::report::Answer;
use crate::app::rollback;
use crate::app::scripts;
use crate::app::stage;
use crate::app::status;
use crate::base::escape;
use crate::base::event::Event;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::cli::args::Cli;
use crate::cli::args::DemoArgs;
use crate::cli::args::GateVerb;
use crate::cli::args::Global;
use crate::cli::args::InitArgs;
use crate::cli::args::PlanArgs;
use crate::cli::args::RunOnceVerb;
use crate::cli::args::StageArgs;
use crate::cli::args::Verb;
use crate::cli::check;
use crate::cli::compare;
use crate::cli::console;
use crate::cli::console::ConsoleArgs;
use crate::cli::doctor;
use crate::cli::history;
use crate::cli::identify;
use crate::cli::manifest;
use crate::cli::notify;
use crate::cli::notify::NotifyVerb;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::progress::EventSink;
use crate::cli::progress::Progress;
use crate::cli::prune;
use crate::cli::publish;
use crate::cli::schedule;
use crate::cli::schema;
use crate::cli::self_update;
use crate::cli::text;
use crate::cli::trust;
use crate::cli::unattended;
use crate::cli::unattended::TickArgs;
use crate::cli::watch;
use crate::cli::work;

/// The faces that the command line opens and knows nothing else of.
#[derive(Clone, Copy)]
pub struct Faces {
    pub demo: fn(DemoArgs) -> Exit,
    pub console: Console,
}

/// Says where it is; comes back when it is over.
pub type Console = fn(ConsoleArgs, &mut dyn FnMut(Said)) -> Result<(), Failure>;

/// Runs one command line and returns how it ended.
pub fn run(arguments: Vec<OsString>, faces: Faces) -> Exit {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error, &arguments),
    };
    let manner = output::manner(&cli.global);
    let Global { site, state, events, detached, by, seen, .. } = &cli.global;
    let background = events.clone().filter(|_| *detached);
    let (site, state) = (site.clone(), state.clone());
    let place = Place { site, state, background, by: by.clone(), seen: seen.clone() };
    if *detached {
        desk::detach();
    }
    if let Some(failure) = become_owner(&place, &cli, &arguments) {
        manner.complain(&failure);
        return failure.exit;
    }
    match Progress::open(manner, cli.global.events.as_deref()) {
        Ok(progress) => Session { manner, place, global: cli.global, progress, faces }.verb(cli.verb),
        Err(failure) => {
            manner.complain(&failure);
            failure.exit
        }
    }
}

/// Help and version are answers; everything else is wrong usage, told as JSON
/// where that was asked for.
fn not_understood(error: &clap::Error, arguments: &[OsString]) -> Exit {
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let message = error.kind().as_str().unwrap_or("the command line is not understood");
        let failure = Failure::new(Exit::Usage, message).hint(error.to_string().trim_end());
        return output::JSON.answer::<()>("", Err(failure), |(), _| String::new());
    }
    if error.use_stderr() {
        // It repeats what was typed, or pasted.
        output::talk(&escape::block(&error.render().to_string()));
        return Exit::Usage;
    }
    let _ = error.print();
    Exit::Done
}

/// When root works on somebody's site, the program becomes that somebody.
/// Returns only when it need not or cannot.
fn become_owner(place: &Place, cli: &Cli, arguments: &[OsString]) -> Option<Failure> {
    let needs_no_site = matches!(
        cli.verb,
        Verb::Init(_)
            | Verb::Manifest { .. }
            | Verb::Key { .. }
            | Verb::Publish(_)
            | Verb::Unpublish(_)
            | Verb::Bundle(_)
            | Verb::Serve(_)
            | Verb::Tick(TickArgs { all: true, .. })
            | Verb::SelfUpdate(_)
            | Verb::Demo(_)
            | Verb::Completions { .. }
            | Verb::Man
    );
    let (uid, gid) = match &cli.verb {
        _ if needs_no_site => return None,
        Verb::Compare(args) => crate::app::compare::owner_to_become(&args.a, &args.b)?,
        Verb::Console(args) => console::place(args, place)?.owner_to_become()?,
        Verb::Identify(args) => crate::app::identify::owner_to_become(place, args.dir.as_deref())?,
        _ => place.owner_to_become()?,
    };
    crate::app::desk::become_user(uid, gid, &arguments[1..])
}

/// One command at work.
pub(super) struct Session {
    pub manner: Manner,
    pub place: Place,
    pub global: Global,
    pub progress: Progress,
    pub faces: Faces,
}

impl Session {
    fn verb(&mut self, verb: Verb) -> Exit {
        match verb {
            Verb::Init(args) => self.init(args),
            Verb::Check => check::check(self),
            Verb::Stage(args) => self.stage(args),
            Verb::Discard => self
                .show("discard", plan_free(stage::discard(&self.place)), |(), _| "staging is empty\n".into()),
            Verb::Plan(args) => self.plan(args),
            Verb::Approve { id } => self.show("approve", plan::approve(&self.place, &id), text::approved),
            Verb::Apply(args) => work::apply(self, args),
            Verb::Attach => work::attach(self),
            Verb::Update(args) => work::update(self, args),
            Verb::Tick(args) => unattended::tick(self, &args),
            Verb::Blocklist { what } => unattended::blocklist(self, &what),
            Verb::Status => self.show("status", status::status(&self.place), text::status),
            Verb::History(args) => history::history(self, args),
            Verb::Show { run } => self.show("show", status::show(&self.place, &run), text::show),
            Verb::Resume(args) => work::resume(self, args),
            Verb::Rollback(args) => work::rollback(self, args),
            Verb::Commit { run } => {
                self.show("commit", rollback::commit(&self.place, run.as_deref()), text::run)
            }
            Verb::Prune(args) => prune::prune(self, &args),
            Verb::SelfUpdate(args) => self_update::self_update(self, args),
            Verb::Close { reason } => {
                self.show("close", gate::close(&self.place, reason.as_deref()), text::gate_status)
            }
            Verb::Open => self.show("open", gate::open(&self.place), text::gate_status),
            Verb::Gate { what: GateVerb::Show } => self.show("gate", gate::show(&self.place), text::gate),
            Verb::Gate { what: GateVerb::Install } => {
                self.show("gate", gate::install(&self.place), text::gate)
            }
            Verb::Scan => self.show("scan", scripts::scan(&self.place), text::scan),
            Verb::RunOnce { what: RunOnceVerb::List } => {
                self.show("run-once", scripts::list(&self.place), text::scripts)
            }
            Verb::RunOnce { what: RunOnceVerb::Run } => work::run_scripts(self),
            Verb::Schema { what } => schema::schema(self, &what),
            Verb::Schedule { what } => schedule::run(self, what),
            Verb::Watch(args) => watch::watch(self, args),
            Verb::Compare(args) => compare::compare(self, args),
            Verb::Identify(args) => identify::identify(self, args),
            Verb::Key { what } => trust::key(self, what),
            Verb::Trust { what } => trust::trust(self, &what),
            Verb::Manifest { what } => manifest::manifest(self, what),
            Verb::Publish(args) => publish::publish(self, args),
            Verb::Unpublish(args) => publish::unpublish(self, args),
            Verb::Bundle(args) => publish::bundle(self, args),
            Verb::Console(args) => console::console(self, args),
            Verb::Serve(args) => publish::serve(self, args),
            Verb::Notify { what: NotifyVerb::Test } => {
                self.show("notify", app_notify::test(&self.place), notify::tests)
            }
            Verb::Doctor(args) => doctor::doctor(self, &args),
            Verb::Demo(args) => (self.faces.demo)(args),
            Verb::Completions { shell } => {
                clap_complete::generate(shell, &mut Cli::command(), "entracte", &mut std::io::stdout());
                Exit::Done
            }
            Verb::Man => man(),
        }
    }

    /// Prints an answer that needed no progress.
    pub fn show<T: serde::Serialize>(
        &mut self,
        verb: &str,
        answer: Result<Answer<T>, Failure>,
        text: impl FnOnce(&T, &Manner) -> String,
    ) -> Exit {
        self.progress.finish();
        self.manner.answer(verb, answer, text)
    }

    /// What takes events and shows them.
    pub fn listener(&mut self) -> impl FnMut(Option<&str>, Option<Step>, Event) + '_ {
        |run, step, event| self.progress.take(run, step, &event)
    }

    fn init(&mut self, args: InitArgs) -> Exit {
        let request = init::Request {
            dir: args.dir,
            profile: args.profile,
            url: args.url,
            database: args.database,
            password_file: args.password_file,
            manifest: args.manifest,
            release: args.release,
            version: args.version,
            belief: args.pin.belief(),
            network: args.network.into(),
            gate: None,
            inside: args.inside,
            dry_run: args.dry_run,
        };
        let place = self.place.clone();
        let answer = init::init(&place, &request, &mut self.listener());
        self.show("init", answer, text::init)
    }

    fn stage(&mut self, args: StageArgs) -> Exit {
        let request = stage::Request { from: args.from, version: args.version, complete: args.complete };
        let place = self.place.clone();
        let answer = match args.plan {
            false => stage::stage(&place, &request, &mut self.listener()),
            true => stage::stage_and_plan(&place, &request, &mut self.listener()),
        };
        self.show("stage", answer, text::stage)
    }

    fn plan(&mut self, args: PlanArgs) -> Exit {
        let diff = match args.diff {
            None => Diff::None,
            Some(None) => Diff::All,
            Some(Some(path)) => Diff::One(path),
        };
        let place = self.place.clone();
        let memory = if args.paranoid { Memory::Forgotten } else { Memory::Trusted };
        let answer = plan::plan(&place, &diff, memory, &mut self.listener());
        self.show("plan", answer, |view, manner| text::plan(view, args.all, manner))
    }
}

/// An answer without a result.
fn plan_free(answer: Result<Answer<()>, Failure>) -> Result<Answer<()>, Failure> {
    answer
}

fn man() -> Exit {
    match clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout()) {
        Ok(()) => Exit::Done,
        // A reader that went away, as `man | head` does.
        Err(_) => Exit::Done,
    }
}

impl Progress {
    /// With a place to write events to, when one was named.
    fn open(manner: Manner, events: Option<&std::path::Path>) -> Result<Progress, Failure> {
        let sink = match events {
            None => None,
            Some(path) if path.as_os_str() == "-" => Some(EventSink::Stderr),
            Some(path) => Some(EventSink::File(crate::app::desk::events_file(path)?)),
        };
        Ok(Progress::new(manner, sink))
    }
}
