//! The client of `release/trust` with the interface of the public suite
//! `tuf-conformance`; what comes of its tests stands in docs/trust.md.
//!
//! ```text
//! tuf_client --metadata-dir D init ROOT
//! tuf_client --metadata-dir D --metadata-url U refresh
//! tuf_client --metadata-dir D --metadata-url U --target-name T… --target-base-url B --target-dir TD download
//! ```

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a program of its own")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;
use entracte::base::digest::Sha256;
use entracte::base::exit::causes;
use entracte::release::network::Network;
use entracte::release::trust;
use entracte::release::trust::Pinned;
use entracte::release::trust::TargetInfo;
use entracte::release::trust::documents::Source;

type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
struct Line {
    #[arg(long)]
    metadata_dir: PathBuf,
    #[arg(long)]
    metadata_url: Option<String>,
    #[arg(long)]
    target_name: Vec<String>,
    #[arg(long)]
    target_base_url: Option<String>,
    #[arg(long)]
    target_dir: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Init { root: PathBuf },
    Refresh,
    Download,
}

fn main() -> ExitCode {
    let line = Line::parse();
    let done = match &line.what {
        What::Init { root } => init(&line, root),
        What::Refresh => find(&line).map(drop),
        What::Download => download(&line),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}: {}", causes(error.as_ref()).join(": "));
            ExitCode::FAILURE
        }
    }
}

fn init(line: &Line, root: &Path) -> Result<(), Failure> {
    fs::copy(root, line.metadata_dir.join("root.json"))?;
    Ok(())
}

/// What is not metadata lies beside their folder.
fn beside(line: &Line) -> PathBuf {
    line.metadata_dir.with_extension("entracte")
}

fn network() -> Network {
    let mut network = Network::default();
    network.settings.tries = 1;
    network
}

type Found = Vec<(String, Option<TargetInfo>)>;

fn find(line: &Line) -> Result<(bool, Found), Failure> {
    let url = line.metadata_url.as_deref().ok_or("--metadata-url is missing")?;
    let root = fs::read(line.metadata_dir.join("root.json"))?;
    let pinned = Pinned::unrecorded(url, &root, &line.metadata_dir, &beside(line))?;
    let mut source = Source::open(url, &network())?;
    let mut ask = |name: &str, limit: u64| source.ask(name.trim_start_matches("metadata/"), limit);
    let names: Vec<&str> = line.target_name.iter().map(String::as_str).collect();
    let (verified, targets) = trust::find(&pinned, &mut ask, &names)?;
    Ok((verified.consistent, line.target_name.iter().cloned().zip(targets).collect()))
}

fn download(line: &Line) -> Result<(), Failure> {
    let folder = line.target_dir.as_deref().ok_or("--target-dir is missing")?;
    let base = line.target_base_url.as_deref().ok_or("--target-base-url is missing")?;
    let mut source = Source::open(base, &network())?;
    let (consistent, found) = find(line)?;
    for (name, target) in found {
        let target = target.ok_or_else(|| format!("{name} is no target"))?;
        let path = folder.join(quoted(&name, ""));
        if fs::read(&path).is_ok_and(|bytes| Sha256::of(&bytes) == target.sha256) {
            continue;
        }
        let served = match (consistent, name.rsplit_once('/')) {
            (false, _) => name.clone(),
            (true, None) => format!("{}.{name}", target.sha256),
            (true, Some((folders, last))) => format!("{folders}/{}.{last}", target.sha256),
        };
        let bytes = source.ask(&quoted(&served, "/"), target.length).map_err(Box::new)?;
        let bytes = bytes.ok_or_else(|| format!("{name} is not there"))?;
        if bytes.len() as u64 != target.length || Sha256::of(&bytes) != target.sha256 {
            return Err(format!("{name} is not what was signed").into());
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}

/// The name with all but these and the safe characters as `%XX`.
fn quoted(name: &str, besides: &str) -> String {
    name.chars().fold(String::new(), |mut quoted, c| {
        if c.is_ascii_alphanumeric() || "_.-~".contains(c) || besides.contains(c) {
            quoted.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a text cannot fail.
                let _ = write!(quoted, "%{byte:02X}");
            }
        }
        quoted
    })
}
