//! `manifest`, typed and told.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::app::manifest;
use crate::app::manifest::BuildRequest;
use crate::app::manifest::ConvertRequest;
use crate::app::manifest::Format;
use crate::app::manifest::Named;
use crate::app::manifest::Strictness;
use crate::app::report::ManifestDiffView;
use crate::app::report::ManifestView;
use crate::base::count;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output;
use crate::cli::output::Manner;
use crate::cli::page::Page;
use crate::cli::text;

#[derive(Debug, Subcommand)]
pub enum ManifestVerb {
    /// Make the manifest of a folder or an archive
    #[command(after_help = "Example: entracte manifest build release-2.0/ --product shop --version 2.0")]
    Build(BuildArgs),
    /// What a manifest says, or a list of digests that somebody else publishes
    #[command(
        after_help = "Example: entracte manifest show core/signature.json --root resources/codesigning/root.crt"
    )]
    Show {
        manifest: PathBuf,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Hold a folder against a manifest or a list of digests (exit 7 if they differ)
    #[command(after_help = "Example: entracte manifest verify /var/lib/dpkg/info/bash.md5sums /")]
    Verify {
        manifest: PathBuf,
        dir: PathBuf,
        /// Report files that are not listed, too
        #[arg(long)]
        strict: bool,
        #[command(flatten)]
        how: HowArgs,
    },
    /// What changed between two manifests or lists
    #[command(after_help = "Example: entracte manifest diff shop-2.0.json shop-2.1.json")]
    Diff {
        old: PathBuf,
        new: PathBuf,
        /// The format of both, where their content does not tell it
        #[arg(long, value_name = "NAME", value_parser = format)]
        format: Option<Format>,
    },
    /// Write a manifest or a list in another format
    #[command(
        after_help = "Example: entracte manifest convert footprints.php --to sums --tree yacs-10.10/ --out SHA256SUMS"
    )]
    Convert(ConvertArgs),
}

#[derive(Args, Debug)]
pub struct HowArgs {
    /// The format, where the content does not tell it: entracte, footprints, secdb, signature, md5sums,
    /// wordpress, sums
    #[arg(long, value_name = "NAME", value_parser = format)]
    format: Option<Format>,
    /// Certificates (PEM): one of them must lead to who signed Nextcloud's signature.json
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct BuildArgs {
    /// The folder or the archive
    release: PathBuf,
    #[arg(long)]
    product: Option<String>,
    #[arg(long, value_name = "V")]
    version: Option<String>,
    /// Where to write it; default: standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ConvertArgs {
    manifest: PathBuf,
    /// entracte, footprints, secdb, signature, md5sums, wordpress, sums
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    to: Format,
    /// Where to write it; default: standard output
    #[arg(short, long, value_name = "FILE", visible_alias = "output")]
    out: Option<PathBuf>,
    /// A folder with the files as released, for digests and sizes that the list does not say
    #[arg(long, value_name = "DIR")]
    tree: Option<PathBuf>,
    /// What it is a list of, in place of what it says
    #[arg(long)]
    product: Option<String>,
    #[arg(long, value_name = "V")]
    version: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

fn format(text: &str) -> Result<Format, String> {
    Format::named(text).ok_or_else(|| format!("the formats are {}", Format::names()))
}

impl HowArgs {
    fn named(self, path: PathBuf) -> Named {
        Named { path, format: self.format, roots: self.root }
    }
}

pub(super) fn manifest(session: &mut Session, what: ManifestVerb) -> Exit {
    match what {
        ManifestVerb::Build(args) => build(session, args),
        ManifestVerb::Show { manifest: path, how } => {
            session.show("manifest", manifest::show(&how.named(path)), shown)
        }
        ManifestVerb::Verify { manifest: path, dir, strict, how } => {
            let strict = if strict { Strictness::Everything } else { Strictness::Listed };
            let answer = manifest::verify(&how.named(path), &dir, strict, &mut session.listener());
            session.show("manifest", answer, text::findings)
        }
        ManifestVerb::Diff { old, new, format } => {
            let named = |path| Named { path, format, roots: None };
            session.show("manifest", manifest::difference(&named(old), &named(new)), difference)
        }
        ManifestVerb::Convert(args) => convert(session, args),
    }
}

fn build(session: &mut Session, args: BuildArgs) -> Exit {
    let BuildArgs { release, product, version, output } = args;
    let request = BuildRequest { release, product, version, output };
    let built = manifest::build(&request, &mut session.listener());
    match built {
        Ok((answer, Some(text))) if !session.manner.json => {
            session.progress.finish();
            output::put(&text);
            answer.exit
        }
        Ok((answer, _)) => session.show("manifest", Ok(answer), |view, _| {
            format!("{} listed\n", count::of(view.files.len(), "file"))
        }),
        Err(failure) => session.show::<()>("manifest", Err(failure), |(), _| String::new()),
    }
}

fn convert(session: &mut Session, args: ConvertArgs) -> Exit {
    let ConvertArgs { manifest: path, to, out, tree, product, version, how } = args;
    let request = ConvertRequest { from: how.named(path), to, output: out, tree, product, version };
    let answer = manifest::convert(&request);
    if let (Ok(answer), false) = (&answer, session.manner.json) {
        for warning in &answer.result.warnings {
            session.manner.say(&format!("warning: {}", escape::text(warning)));
        }
    }
    session.show("manifest", answer, |view, _| {
        view.text.clone().unwrap_or_else(|| format!("{} listed\n", count::of(view.files, "file")))
    })
}

fn shown(manifest: &ManifestView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    let name = |name: &Option<String>| escape::text(name.as_deref().unwrap_or("?")).into_owned();
    text.line(&format!("{} {} ({})", name(&manifest.product), name(&manifest.version), manifest.format));
    if let Some(signer) = &manifest.signed {
        text.line(&format!("signed by {signer}"));
    }
    for file in &manifest.files {
        let digest = file.digests.0.first().map(ToString::to_string);
        let what = digest.or_else(|| file.link.clone()).unwrap_or_else(|| "folder".into());
        let size = file.size.map_or_else(|| "-".into(), |size| size.to_string());
        text.line(&format!("{what:<64} {size:>10} {}", escape::text(file.path.as_str())));
    }
    for warning in &manifest.warnings {
        text.line(&format!("line {}: {}", warning.line, escape::text(&warning.text)));
    }
    text.into_text()
}

fn difference(diff: &ManifestDiffView, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    text.whole_list("added", &diff.added);
    text.whole_list("removed", &diff.removed);
    text.whole_list("changed", &diff.changed);
    text.into_text()
}
