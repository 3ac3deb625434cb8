//! What was typed. The doc comments are the help texts.

use std::path::PathBuf;

use clap::Args;
use clap::Parser;
use clap::Subcommand;

use crate::base::version::VERSION;
use crate::cli::compare::CompareArgs;
use crate::cli::console::ConsoleArgs;
use crate::cli::doctor::DoctorArgs;
use crate::cli::identify::IdentifyArgs;
use crate::cli::manifest::ManifestVerb;
use crate::cli::network::NetworkArgs;
use crate::cli::notify::NotifyVerb;
use crate::cli::prune::PruneArgs;
use crate::cli::publish::BundleArgs;
use crate::cli::publish::PublishArgs;
use crate::cli::publish::ServeArgs;
use crate::cli::publish::UnpublishArgs;
use crate::cli::schedule::ScheduleVerb;
use crate::cli::schema::SchemaVerb;
use crate::cli::self_update::SelfUpdateArgs;
use crate::cli::trust::KeyVerb;
use crate::cli::trust::PinArgs;
use crate::cli::trust::TrustVerb;
use crate::cli::unattended::BlocklistVerb;
use crate::cli::unattended::TickArgs;
use crate::cli::watch::WatchArgs;
use crate::cli::work::ApplyArgs;
use crate::cli::work::ResumeArgs;
use crate::cli::work::RollbackArgs;
use crate::cli::work::UpdateArgs;

/// Updates a live web site in stages, shows what will change before anything
/// does, changes it behind a closed curtain, and can always go back.
///
/// Begin with `entracte demo`, or on your own site with `entracte init`.
#[derive(Debug, Parser)]
#[command(name = "entracte", version = VERSION, max_term_width = 100)]
#[command(after_help = "The way of an update: init, stage, plan, approve, apply; then commit or rollback.\n\
    Exit codes: 0 done, 1 failed and as before, 2 usage, 3 nothing to do, 4 waiting for approval,\n\
    5 refused, 6 a person is needed, 7 differences, 8 locked, 9 not trusted.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The site's folder; default: the nearest folder upwards that is a known site
    #[arg(long, global = true, value_name = "DIR")]
    pub site: Option<PathBuf>,
    /// The site's state folder, where it is not found beside the site
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Write one JSON object a line to FILE (`-`: standard error) while working
    #[arg(long, global = true, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Answer yes to questions; never approves a plan, except in `update`
    #[arg(long, global = true)]
    pub yes: bool,
    /// No colours (so does the variable NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Tell more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Tell only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Said by entracte to itself: this process hangs on no terminal
    #[arg(long, global = true, hide = true)]
    pub detached: bool,
    /// Said by entracte to itself: who asks
    #[arg(long, global = true, hide = true, requires = "detached", value_name = "PERSON")]
    pub by: Option<String>,
    /// Said by entracte to itself: where the site stood when that was asked
    #[arg(long, global = true, hide = true, requires = "detached", value_name = "WHERE")]
    pub seen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Adopt a site: detect the application, write its settings, record what is installed
    #[command(
        after_help = "Examples: entracte init /var/www/blog --url https://blog.example.org/ --release wordpress-6.8.3.zip\n          \
        entracte init /var/www/shop --release https://releases.example.org/shop/ --digest 3f9ac1d2…"
    )]
    Init(InitArgs),
    /// Ask the application's vendor, or the reference that the site follows, for what is new (exit 7:
    /// something is); nothing is staged
    #[command(after_help = "Example: entracte check --json")]
    Check,
    /// Bring a release here and verify it; nothing of the site is touched
    #[command(after_help = "Examples: entracte stage --from https://releases.example.org/shop/\n          \
        entracte stage --from wordpress-6.9.zip\n          \
        entracte stage --from https://downloads.example.org/wordpress-6.9.zip#sha256=DIGEST\n          \
        entracte stage --from vendor --version 6.8.7")]
    Stage(StageArgs),
    /// Empty the staging area
    #[command(after_help = "Example: entracte discard")]
    Discard,
    /// Build and show the plan: every change to come, with its reason
    #[command(visible_alias = "review", after_help = "Example: entracte plan --diff wp-login.php")]
    Plan(PlanArgs),
    /// Approve exactly this plan
    #[command(after_help = "Example: entracte approve 3f9ac1d2b07e")]
    Approve {
        /// The plan's id, or its first 12 digits or more
        id: String,
    },
    /// Run the approved plan
    #[command(after_help = "Example: entracte apply --stop-before reopen")]
    Apply(ApplyArgs),
    /// Follow a run that goes on in the background
    #[command(after_help = "Example: entracte attach")]
    Attach,
    /// Stage, plan, ask and apply in one go
    #[command(after_help = "Example: entracte update --from inbox")]
    Update(UpdateArgs),
    /// What the clock calls: end a run that was left, then do what is due
    #[command(after_help = "Example: entracte tick --all")]
    Tick(TickArgs),
    /// Releases that failed here and are not tried again
    #[command(after_help = "Example: entracte blocklist clear 3f9ac1d2")]
    Blocklist {
        #[command(subcommand)]
        what: BlocklistVerb,
    },
    /// Where the site stands
    #[command(after_help = "Example: entracte status --json")]
    Status,
    /// Past runs and what else happened, newest last
    #[command(after_help = "Examples: entracte history --verify\n          \
        entracte history --file wp-login.php")]
    History(HistoryArgs),
    /// One run in full
    #[command(after_help = "Example: entracte show 20261121-052233-1f0a")]
    Show { run: String },
    /// Go on from the marker
    #[command(after_help = "Example: entracte resume --done run_once/010_thumbnails.php")]
    Resume(ResumeArgs),
    /// Go back to exactly what was before
    #[command(after_help = "Example: entracte rollback")]
    Rollback(RollbackArgs),
    /// Keep the result: rollback is no longer possible
    #[command(after_help = "Example: entracte commit")]
    Commit { run: Option<String> },
    /// Clear away old runs, backup sets, logs and staged content, as `[retention]` says
    #[command(after_help = "Example: entracte prune --dry-run")]
    Prune(PruneArgs),
    /// Close the site to visitors
    #[command(after_help = "Example: entracte close --for \"moving to a new disk\"")]
    Close {
        /// The reason, shown to visitors
        #[arg(long = "for", value_name = "REASON")]
        reason: Option<String>,
    },
    /// Open the site to visitors again
    #[command(after_help = "Example: entracte open")]
    Open,
    /// What the web server needs once so that the site can be closed
    #[command(after_help = "Example: entracte gate show")]
    Gate {
        #[command(subcommand)]
        what: GateVerb,
    },
    /// Find the extensions of the live tree; nothing of them is executed
    #[command(after_help = "Example: entracte scan")]
    Scan,
    /// One-time scripts outside an update
    #[command(after_help = "Example: entracte run-once run")]
    RunOnce {
        #[command(subcommand)]
        what: RunOnceVerb,
    },
    /// Updates and housekeeping that nobody has to start
    #[command(after_help = "Example: entracte schedule install --update \"17 3 * * *\"")]
    Schedule {
        #[command(subcommand)]
        what: ScheduleVerb,
    },
    /// The live files against what is known to be installed (exit 7: something differs)
    #[command(after_help = "Examples: entracte watch\n          \
        entracte watch --accept wp-content/plugins/shop --note \"the shop, bought in May\"")]
    Watch(WatchArgs),
    /// Hold two sites, folders, archives, manifests or databases against each other
    #[command(
        after_help = "Examples: entracte compare /var/www/blog /var/www/blog-staging --html report.html\n          \
                      entracte compare wordpress-6.9.tar.gz /var/www/blog --diff wp-includes\n          \
        entracte compare mysql://web@db1/shop mysql://web@db2/shop --password-file ~/.shop"
    )]
    Compare(CompareArgs),
    /// Tell which known release a folder is nearest to, and what differs
    #[command(after_help = "Examples: entracte identify /var/www/old\n          \
        entracte identify . --from https://releases.example.org/shop/ --manifest shop-1.9.json")]
    Identify(IdentifyArgs),
    /// The site's database against the tables that its release declares
    #[command(after_help = "Example: entracte schema diff")]
    Schema {
        #[command(subcommand)]
        what: SchemaVerb,
    },
    /// Bring this program up to date, or back
    #[command(
        after_help = "Examples: entracte self-update --from https://releases.example.org/entracte/ --digest 3f9ac1d2…\n          \
        entracte self-update\n          \
        entracte self-update --rollback\n\n\
        Where a reference is named for the first time, --digest or --root says whom to believe. It is\n\
        remembered, as the source is: from then on `entracte self-update` is enough."
    )]
    SelfUpdate(SelfUpdateArgs),
    /// The keys that sign releases
    #[command(after_help = "Example: entracte key new")]
    Key {
        #[command(subcommand)]
        what: KeyVerb,
    },
    /// Whom this site believes
    #[command(after_help = "Example: entracte trust add https://releases.example.org/shop/ --root root.json")]
    Trust {
        #[command(subcommand)]
        what: TrustVerb,
    },
    /// Make and read manifests
    #[command(after_help = "Example: entracte manifest build release-2.0/ --product shop --version 2.0")]
    Manifest {
        #[command(subcommand)]
        what: ManifestVerb,
    },
    /// Add a release to a reference: a folder that any web server can hand out
    #[command(
        after_help = "Example: entracte publish shop-2.1/ --to /srv/releases --version 2.1 --notes NEWS.txt"
    )]
    Publish(PublishArgs),
    /// Take a release out of a reference
    #[command(after_help = "Example: entracte unpublish 2.1 --from /srv/releases")]
    Unpublish(UnpublishArgs),
    /// Put a release of a reference into one file, for machines without network
    #[command(after_help = "Example: entracte bundle /srv/releases --version 2.1 --output shop-2.1.bundle")]
    Bundle(BundleArgs),
    /// Show sites in a browser: the same as here, page by page
    #[command(after_help = "Example: entracte console /srv/www/shop --listen 127.0.0.1:8800")]
    Console(ConsoleArgs),
    /// Hand out a reference over HTTP, to try it out
    #[command(after_help = "Example: entracte serve /srv/releases --listen 127.0.0.1:8080")]
    Serve(ServeArgs),
    /// Who is told when something happens
    #[command(after_help = "Example: entracte notify test")]
    Notify {
        #[command(subcommand)]
        what: NotifyVerb,
    },
    /// Check everything that an update of this site hangs on, and say how to mend it
    #[command(after_help = "Example: entracte doctor --json")]
    Doctor(DoctorArgs),
    /// Update a small real site before your eyes
    #[command(after_help = "Example: entracte demo --serve")]
    Demo(DemoArgs),
    /// Print the completions for a shell
    #[command(after_help = "Example: entracte completions bash > /etc/bash_completion.d/entracte")]
    Completions { shell: clap_complete::Shell },
    /// Print the manual page
    #[command(after_help = "Example: entracte man | man -l -")]
    Man,
}

#[derive(Args, Debug)]
pub struct InitArgs {
    /// The folder that the web server serves; default: the current one
    pub dir: Option<PathBuf>,
    /// The application, where it is not recognised: generic, wordpress, dokuwiki, …
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Where visitors find the site
    #[arg(long)]
    pub url: Option<String>,
    /// The site's database: mysql://user@host/name or sqlite:/path
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// A file (0600) that holds the database's password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The manifest of the release that is installed, or a list of digests that its vendor publishes
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    pub manifest: Option<PathBuf>,
    /// The release that is installed: a folder, an archive or its URL, or the URL of a reference
    /// (`https://host/path/`), which the site follows from then on
    #[arg(long, value_name = "DIR|ARCHIVE|URL")]
    pub release: Option<PathBuf>,
    /// Which of the reference's releases; else what the site says that it is, or the newest
    #[arg(long, value_name = "V", requires = "release")]
    pub version: Option<String>,
    #[command(flatten)]
    pub pin: PinArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Keep the state inside the site, where nothing else can be written
    #[arg(long)]
    pub inside: bool,
    /// Report what would be adopted; write nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Debug)]
pub struct StageArgs {
    /// The URL of a reference that the site trusts (`https://host/path/`); an archive, its URL (https,
    /// http, file; `#sha256=DIGEST` behind it is verified), a bundle, a folder, `inbox`, `inbox:NAME`,
    /// `incoming`, `vendor` (what the application's vendor publishes), a repository
    /// (`git+URL#BRANCH`) or an old server (`yacs+URL`); default: `policy.from` of the settings
    #[arg(long, value_name = "SOURCE")]
    pub from: Option<String>,
    /// The version that is wanted of a reference or a vendor; else, the version where the release
    /// does not say it
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// A folder holds the whole release: what is not in it is obsolete
    #[arg(long)]
    pub complete: bool,
    /// Make the plan as well
    #[arg(long)]
    pub plan: bool,
}

#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// Prove that the history was not altered
    #[arg(long)]
    pub verify: bool,
    /// What happened to one file of the site
    #[arg(long, value_name = "PATH")]
    pub file: Option<String>,
    /// Only the last N
    #[arg(short = 'n', long, value_name = "N")]
    pub last: Option<usize>,
}

#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Show differences of content, of all files or of one
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    pub diff: Option<Option<String>>,
    /// List every change
    #[arg(long)]
    pub all: bool,
    /// Read every file of the site anew, whatever is remembered of it
    #[arg(long)]
    pub paranoid: bool,
}

#[derive(Debug, Subcommand)]
pub enum GateVerb {
    /// Print what the web server needs once
    Show,
    /// Install it where that can be done from the site's own files
    Install,
}

#[derive(Debug, Subcommand)]
pub enum RunOnceVerb {
    /// The scripts that are known, and which of them have run
    List,
    /// Run those that wait: shown, asked for, behind the closed gate, with a way back
    Run,
}

#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Where to make it; default: ./entracte-demo
    pub dir: Option<PathBuf>,
    /// Go on serving the site until Enter or Ctrl-C
    #[arg(long)]
    pub serve: bool,
    /// Port on loopback; default: any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}
