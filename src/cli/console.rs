//! `console`: typed and told. The pages are a face of their own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use url::Url;

use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::cli::dispatch::Session;
use crate::cli::output;

#[derive(Args, Clone, Debug)]
pub struct ConsoleArgs {
    /// Folders of sites; default: the site of this folder, or of --site
    #[arg(value_name = "SITE")]
    pub sites: Vec<PathBuf>,
    /// Address and port; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where people reach it, when a proxy that speaks TLS stands before it
    #[arg(long, value_name = "URL")]
    pub public_url: Option<Url>,
    /// Speak TLS with this certificate and those that vouch for it (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,
}

pub(super) fn console(session: &mut Session, mut args: ConsoleArgs) -> Exit {
    if args.sites.is_empty() {
        args.sites.push(session.place.site.clone().unwrap_or_else(|| ".".into()));
    }
    let is_json = session.manner.json;
    let answer = (session.faces.console)(args, &mut |link| match is_json {
        // One document is all that may stand there, and it comes at the end.
        true => output::talk(link),
        false => output::put(&format!("{link}\n")),
    });
    session.show("console", answer.map(Answer::done), |(), _| String::new())
}
