//! Options of the verbs that ask the network before any site's settings can say how.

use std::path::PathBuf;

use clap::Args;

use crate::app::network::Typed;

#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "Network (else as the site's settings say, or ~/.config/entracte/network.toml)"
)]
pub struct NetworkArgs {
    /// Certificates (PEM) that are believed besides the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// The proxy, `http://[USER@]HOST:PORT`; default: as the environment says (HTTPS_PROXY, NO_PROXY)
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// A file (0600) that holds the password of the proxy's user
    #[arg(long, value_name = "FILE", requires = "proxy")]
    pub proxy_password_file: Option<PathBuf>,
    /// A copy of the reference, asked when it fails; any number
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
}

impl From<NetworkArgs> for Typed {
    fn from(args: NetworkArgs) -> Typed {
        let NetworkArgs { cacert, proxy, proxy_password_file, mirror } = args;
        Typed { ca_file: cacert, proxy, proxy_password_file, mirrors: mirror }
    }
}
