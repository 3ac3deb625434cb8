//! `publish`, `unpublish`, `bundle`, `serve`: typed and told.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::app::bundle;
use crate::app::bundle::BundleView;
use crate::app::publish;
use crate::app::publish::PublishView;
use crate::app::publish::UnpublishView;
use crate::app::serve;
use crate::app::serve::Certificate;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::page::Page;
use crate::cli::page::bytes;
use crate::cli::trust::KeysArgs;

#[derive(Args, Debug)]
pub struct PublishArgs {
    /// The release, as a folder or an archive; without it a draft of this version is signed
    #[arg(value_name = "DIR")]
    pub release: Option<PathBuf>,
    /// The reference; an empty folder becomes one
    #[arg(long, value_name = "REFERENCE")]
    pub to: PathBuf,
    #[arg(long, value_name = "V")]
    pub version: String,
    /// What it is a release of, where neither its manifest nor its files nor earlier releases say it
    #[arg(long, value_name = "P")]
    pub product: Option<String>,
    #[command(flatten)]
    pub keys: KeysArgs,
    /// Put everything in place and sign nothing: nobody sees it yet
    #[arg(long)]
    pub draft: bool,
    /// A text file that says what is new
    #[arg(long, value_name = "FILE")]
    pub notes: Option<PathBuf>,
    /// From how many releases before it packs lead there
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub packs: usize,
    /// Leave out the archive of the whole release
    #[arg(long)]
    pub no_archive: bool,
    /// Take out all but the newest N releases of the product
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// For how long what no release needs any longer can still be fetched
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub grace: u32,
}

#[derive(Args, Debug)]
pub struct UnpublishArgs {
    pub version: String,
    /// The reference
    #[arg(long, value_name = "REFERENCE")]
    pub from: PathBuf,
    /// Of which product, where several have this version
    #[arg(long, value_name = "P")]
    pub product: Option<String>,
    #[command(flatten)]
    pub keys: KeysArgs,
    /// For how long what no release needs any longer can still be fetched
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    pub grace: u32,
}

#[derive(Args, Debug)]
pub struct BundleArgs {
    /// The reference, as a folder
    pub reference: PathBuf,
    #[arg(long, value_name = "V")]
    pub version: String,
    /// Of which product, where several have this version
    #[arg(long, value_name = "P")]
    pub product: Option<String>,
    /// Only what differs from this version
    #[arg(long, value_name = "OLD")]
    pub from_version: Option<String>,
    /// The address of the reference, for the people who get the bundle
    #[arg(long)]
    pub url: Option<String>,
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The reference, as a folder
    pub reference: PathBuf,
    /// Address and port; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Serve HTTPS with this certificate and those that vouch for it (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

pub(super) fn publish(session: &mut Session, args: PublishArgs) -> Exit {
    let request = publish::Request {
        release: args.release,
        reference: args.to,
        version: args.version,
        product: args.product,
        keys: args.keys.into(),
        draft: args.draft,
        notes: args.notes,
        packs: args.packs,
        archive: !args.no_archive,
        keep: args.keep,
        grace_days: args.grace,
    };
    let answer = publish::publish(&request, &mut session.listener());
    session.show("publish", answer, published)
}

fn published(view: &PublishView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let did = if view.draft { "draft of" } else { "published" };
    text.line(&format!("{did} {} {}", escape::text(&view.product), escape::text(&view.version)));
    text.row("manifest", &view.digest.to_string());
    text.row("files", &format!("{} ({})", view.files, bytes(view.bytes)));
    text.row("objects", &format!("{} new, {} in all", view.new_objects, bytes(view.objects_bytes)));
    if let Some(size) = view.archive_bytes {
        text.row("archive", &bytes(size));
    }
    for pack in &view.packs {
        text.row("pack", &format!("{} ({})", pack.name, bytes(pack.bytes)));
    }
    for version in &view.removed {
        text.row("taken out", version);
    }
    let reference = escape::text(&view.reference);
    if view.draft {
        let command = format!("entracte publish --to {reference} --version {}", escape::text(&view.version));
        text.next(&command, "signs it: from then on it is offered");
    } else if let (true, Some(root)) = (view.first, &view.root) {
        text.line("this is a new reference; users say once that they believe it:");
        text.line(&format!("  entracte trust add URL-OF-THIS-FOLDER --digest {root}"));
        text.line("tell them this digest by another way than this address");
    }
    text.into_text()
}

pub(super) fn unpublish(session: &mut Session, args: UnpublishArgs) -> Exit {
    let request = publish::Withdrawal {
        version: args.version,
        reference: args.from,
        product: args.product,
        keys: args.keys.into(),
        grace_days: args.grace,
    };
    session.show("unpublish", publish::unpublish(&request), unpublished)
}

fn unpublished(view: &UnpublishView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let what = if view.draft { "the draft of " } else { "" };
    text.line(&format!("{what}{} {} is gone", escape::text(&view.product), escape::text(&view.version)));
    if view.removed_files > 0 {
        text.line(&format!(
            "removed: {} ({})",
            count::of(view.removed_files, "file"),
            bytes(view.removed_bytes)
        ));
    }
    if view.waiting_files > 0 {
        let days = view.grace_days;
        text.line(&format!(
            "{} files stay until nothing has named them for {days} days; a later publish or unpublish removes them",
            view.waiting_files
        ));
    }
    text.into_text()
}

pub(super) fn bundle(session: &mut Session, args: BundleArgs) -> Exit {
    let BundleArgs { reference, version, product, from_version, url, output } = args;
    let request = bundle::Request { reference, version, product, from_version, url, output };
    session.show("bundle", bundle::bundle(&request), bundled)
}

fn bundled(view: &BundleView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let (product, version) = (escape::text(&view.product), escape::text(&view.version));
    text.line(&format!("{product} {version} in {} ({})", escape::text(&view.output), bytes(view.bytes)));
    text.row("content", &view.content);
    text.into_text()
}

pub(super) fn serve(session: &mut Session, args: ServeArgs) -> Exit {
    let certificate = args.certificate.zip(args.key).map(|(chain, key)| Certificate { chain, key });
    let request = serve::Request { reference: args.reference, listen: args.listen, certificate };
    let is_json = session.manner.json;
    let answer = serve::serve(&request, &mut |url| match is_json {
        // One document is all that may stand there, and it comes at the end.
        true => output::talk(url),
        false => output::put(&format!("{url}\n")),
    });
    session.show("serve", answer, |(), _| String::new())
}
