//! The verbs `key` and `trust`.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::app::key;
use crate::app::key::Change;
use crate::app::key::KeyView;
use crate::app::key::Keys;
use crate::app::key::KeysView;
use crate::app::key::NewKeys;
use crate::app::key::Role;
use crate::app::key::RoleView;
use crate::app::key::Rotated;
use crate::app::key::Signed;
use crate::app::trust;
use crate::app::trust::Belief;
use crate::app::trust::PinnedView;
use crate::app::trust::TrustView;
use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;

#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Make a key that signs for all roles, or one for each role that is named
    #[command(after_help = "Examples: entracte key new\n          \
        entracte key new --role root --passphrase-file /root/.phrase --keys /media/safe/keys\n\n\
        A key for all roles is simple; whoever steals it can sign anything. To keep an offline root, make\n\
        one key for root on a machine or stick that is not connected, others for targets, snapshot and\n\
        timestamp where releases are published, and lay the root key's .pub file beside those.")]
    New {
        #[command(flatten)]
        keys: KeysArgs,
        /// root, targets, snapshot or timestamp; may be repeated
        #[arg(long, value_name = "ROLE")]
        role: Vec<Role>,
    },
    /// Publish a new root: it takes in all keys of the folder, and drops those that are removed
    #[command(
        after_help = "Example: entracte key rotate --reference /srv/releases --remove 3f9ac1d2b07e\n\n\
        The new root is signed by the keys of the old one and by its own. Where several have to sign it\n\
        waits in the reference's publisher/ folder: each runs `key rotate`, reads what it says, and\n\
        signs it with --accept."
    )]
    Rotate {
        #[command(flatten)]
        keys: KeysArgs,
        /// The folder of the reference
        #[arg(long, value_name = "DIR")]
        reference: PathBuf,
        /// A key that shall count no more: its id, or the first 8 digits or more
        #[arg(long, value_name = "ID")]
        remove: Vec<String>,
        /// How many keys of a role have to sign
        #[arg(long, value_name = "ROLE=NUMBER", value_parser = pair::<u64>)]
        threshold: Vec<(Role, u64)>,
        /// How many days the signatures of a role hold
        #[arg(long, value_name = "ROLE=DAYS", value_parser = pair::<u32>)]
        days: Vec<(Role, u32)>,
        /// Sign the root that waits for signatures
        #[arg(long, conflicts_with_all = ["remove", "threshold", "days"])]
        accept: bool,
    },
    /// Sign anew what comes near its end; for cron, daily
    #[command(after_help = "Example: entracte key renew --reference /srv/releases")]
    Renew {
        #[command(flatten)]
        keys: KeysArgs,
        /// The folder of the reference
        #[arg(long, value_name = "DIR")]
        reference: PathBuf,
    },
    /// Which keys there are, what they sign, and when that ends
    #[command(after_help = "Example: entracte key status --reference /srv/releases")]
    Status {
        #[command(flatten)]
        keys: KeysArgs,
        /// The folder of a reference
        #[arg(long, value_name = "DIR")]
        reference: Option<PathBuf>,
    },
}

#[derive(Args, Clone, Debug)]
pub struct KeysArgs {
    /// The folder of the keys; default: ~/.config/entracte/keys
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// A file (0600) that holds the passphrase of private keys
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl From<KeysArgs> for Keys {
    fn from(args: KeysArgs) -> Keys {
        Keys { folder: args.keys, passphrase_file: args.passphrase_file }
    }
}

#[derive(Debug, Subcommand)]
pub enum TrustVerb {
    /// Believe a reference from one of its roots on
    #[command(
        after_help = "Example: entracte trust add https://releases.example.org/shop/ --digest 3f9ac1d2…"
    )]
    Add {
        /// The address of the reference
        url: String,
        #[command(flatten)]
        belief: BeliefArgs,
    },
    /// What is believed, and what was seen last
    #[command(after_help = "Example: entracte trust list")]
    List,
    /// Believe a reference no more
    #[command(after_help = "Example: entracte trust remove https://releases.example.org/shop/")]
    Remove { url: String },
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct BeliefArgs {
    /// The file of a root that its maker gave you
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The SHA-256 of a root, as its maker publishes it; the root is fetched
    #[arg(long, value_name = "SHA256")]
    pub digest: Option<Sha256>,
}

/// The same, where a reference may be believed already.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
pub struct PinArgs {
    /// The file of the reference's root, to believe it from now on
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// The SHA-256 of the reference's root, as its maker publishes it; the root is fetched
    #[arg(long, value_name = "SHA256")]
    pub digest: Option<Sha256>,
}

impl PinArgs {
    pub fn belief(self) -> Option<Belief> {
        self.root.map(Belief::Root).or(self.digest.map(Belief::Digest))
    }
}

/// `ROLE=NUMBER`
fn pair<T: std::str::FromStr>(text: &str) -> Result<(Role, T), String> {
    let (role, number) = text.split_once('=').ok_or("ROLE=NUMBER is needed")?;
    let role = role.parse().map_err(|error| format!("{error}"))?;
    Ok((role, number.parse().map_err(|_| "a whole number is needed behind =")?))
}

pub(super) fn key(session: &mut Session, what: KeyVerb) -> Exit {
    match what {
        KeyVerb::New { keys, role } => session.show("key", key::new(&keys.into(), &role), new_keys),
        KeyVerb::Rotate { keys, reference, remove, threshold, days, accept } => {
            let (thresholds, days) = (key::by_role(&threshold), key::by_role(&days));
            let change = Change { remove, thresholds, days, accept };
            session.show("key", key::rotate(&keys.into(), &reference, &change), rotated)
        }
        KeyVerb::Renew { keys, reference } => {
            session.show("key", key::renew(&keys.into(), &reference), renewed)
        }
        KeyVerb::Status { keys, reference } => {
            session.show("key", key::status(&keys.into(), reference.as_deref()), status)
        }
    }
}

pub(super) fn trust(session: &mut Session, what: &TrustVerb) -> Exit {
    let place = &session.place.clone();
    match what {
        TrustVerb::List => session.show("trust", trust::list(place), references),
        TrustVerb::Remove { url } => session.show("trust", trust::remove(place, url), references),
        TrustVerb::Add { url, belief } => {
            let belief = match (&belief.root, belief.digest) {
                (Some(root), _) => Belief::Root(root.clone()),
                // One of the two is there: the command line demands it.
                (None, digest) => Belief::Digest(digest.unwrap_or_else(|| Sha256::of(b""))),
            };
            session.show("trust", trust::add(place, url, &belief), |pinned, manner| {
                let mut page = Page::new(manner);
                page.line(&format!("trusted: {}", escape::text(&pinned.url)));
                page.row("root", &pinned.digest.to_string());
                page.next(
                    &format!("entracte stage --from {}", escape::text(&pinned.url)),
                    "bring its newest release",
                );
                page.into_text()
            })
        }
    }
}

fn new_keys(made: &NewKeys, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    for key in &made.keys {
        let role = key.role.map_or("all roles".into(), |role| role.to_string());
        page.line(&format!("a key for {role}: {}", key.id));
        page.row("private", &format!("{}/{}.key", made.folder, key.name));
        page.row("public", &format!("{}/{}.pub", made.folder, key.name));
    }
    let mut notes =
        vec!["keep a copy in a safe place: without its keys nobody can publish here again".to_owned()];
    if !made.encrypted {
        notes.push("it is not encrypted: --passphrase-file FILE makes one that is".into());
    }
    if made.keys.iter().any(|key| key.role.is_none()) {
        notes.push("one key for all: `entracte key new --help` tells how to keep an offline root".into());
    }
    page.notes(&notes);
    page.next("entracte publish DIR --to REFERENCE --version V", "sign a release with it");
    page.into_text()
}

fn rotated(rotated: &Rotated, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    let said = match rotated.state {
        "published" => "is published: all sites follow from the root that they believe",
        "waiting" => "waits for more signatures",
        _ => "waits for signatures; nothing was signed now",
    };
    page.line(&format!("root {} {said}", rotated.version));
    let lines = |keys: &[key::KeyRole]| -> Vec<String> {
        keys.iter().map(|one| format!("{} for {}", one.key, one.role)).collect()
    };
    page.whole_list("added", &lines(&rotated.added));
    page.whole_list("removed", &lines(&rotated.removed));
    page.whole_list("changed", &rotated.changed);
    page.whole_list("missing", &rotated.missing);
    if let Some(draft) = &rotated.draft {
        page.row("draft", &draft.to_string_lossy());
        page.next("entracte key rotate --reference DIR --accept", "where the missing keys are");
    }
    page.into_text()
}

fn renewed(signed: &Option<Signed>, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    match signed {
        None => page.line("nothing comes near its end"),
        Some(signed) => {
            page.line(&format!("signed anew until {}", signed.expires));
            let versions =
                [("targets", signed.targets), ("snapshot", signed.snapshot), ("timestamp", signed.timestamp)];
            for (role, version) in versions {
                page.row(role, &format!("version {version}"));
            }
        }
    }
    page.into_text()
}

fn status(view: &KeysView, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    page.line(&format!("keys in {}", view.folder));
    for key in &view.keys {
        page.raw_row(&key.id[..12], &key_line(key, &view.roles));
    }
    for role in &view.roles {
        if role.role == Role::Root {
            page.line("roles of the reference");
        }
        page.raw_row(role.role.name(), &role_line(role, manner));
    }
    page.notes(&view.warnings);
    page.into_text()
}

fn key_line(key: &KeyView, roles: &[RoleView]) -> String {
    let role = key.role.map_or("all roles".into(), |role| role.to_string());
    let private = match key.private {
        "here" => "",
        "locked" => ", behind a passphrase",
        _ => ", its private half is elsewhere",
    };
    let counts: Vec<&str> =
        roles.iter().filter(|role| role.keys.contains(&key.id)).map(|role| role.role.name()).collect();
    let counts = match (roles.is_empty(), counts.is_empty()) {
        (true, _) => String::new(),
        (false, true) => "; counts for nothing in this reference".into(),
        (false, false) => format!("; counts for {}", counts.join(", ")),
    };
    format!("for {role}{private}{counts}")
}

fn role_line(role: &RoleView, manner: &Manner) -> String {
    let paint = match role.state {
        "ok" => Paint::Green,
        "soon" => Paint::Yellow,
        _ => Paint::Red,
    };
    let state = manner.paint(paint, role.state);
    let signed = match (role.version, role.expires) {
        (Some(version), Some(end)) => format!("version {version}, until {end}"),
        _ => "nothing signed".into(),
    };
    let keys: Vec<&str> = role.keys.iter().map(|id| id.get(..12).unwrap_or(id)).collect();
    format!("{state}  {signed}; {} of {}", role.threshold, keys.join(", "))
}

fn references(view: &TrustView, manner: &Manner) -> String {
    let mut page = Page::new(manner);
    if view.references.is_empty() {
        page.line("no reference is trusted");
    }
    for reference in &view.references {
        one_reference(&mut page, reference);
    }
    page.into_text()
}

fn one_reference(page: &mut Page, reference: &PinnedView) {
    page.line(&escape::text(&reference.url));
    page.row("root", &reference.digest.to_string());
    page.row("since", &reference.added);
    match (&reference.root_version, &reference.expires) {
        (Some(version), Some(end)) => page.row("seen", &format!("root {version}, until {end}")),
        _ => page.row("seen", "nothing yet"),
    }
    page.notes(&reference.warnings);
}
