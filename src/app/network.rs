//! How the network is used where no site's settings say it, or somebody says
//! otherwise.

use std::path::PathBuf;

use crate::app::failure::Failure;
use crate::app::stage;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::release::network::Network;
use crate::site::Site;
use crate::site::settings::NetworkOptions;
use crate::site::settings::NotMirror;
use crate::site::settings::NotProxy;
use crate::site::settings::UserNetwork;
use crate::sys::fs;
use crate::sys::signal::Interrupt;

/// Options of a verb that asks the network, as they were typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<String>,
    pub proxy_password_file: Option<PathBuf>,
    pub mirrors: Vec<String>,
}

impl Typed {
    /// What is meant, from whatever folder it is read again.
    pub(super) fn options(&self) -> Result<NetworkOptions, Failure> {
        // What was typed is not repeated: it may hold a password.
        let usage = |error: String| Failure::new(Exit::Usage, error);
        let proxy = self.proxy.clone().map(TryInto::try_into).transpose();
        let mirrors = self.mirrors.iter().cloned().map(TryInto::try_into).collect::<Result<_, _>>();
        let path = |path: &Option<PathBuf>| path.as_deref().map(fs::canonical).transpose();
        Ok(NetworkOptions {
            ca_file: path(&self.ca_file)?,
            proxy: proxy.map_err(|error: NotProxy| usage(error.to_string()))?,
            proxy_password_file: path(&self.proxy_password_file)?,
            mirrors: mirrors.map_err(|error: NotMirror| usage(error.to_string()))?,
        })
    }

    /// To be typed again, behind a command.
    pub(super) fn retyped(&self) -> String {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let one = [
            ("--cacert", path(&self.ca_file)),
            ("--proxy", self.proxy.clone()),
            ("--proxy-password-file", path(&self.proxy_password_file)),
        ];
        let one = one.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all = one.chain(self.mirrors.iter().map(|url| ("--mirror", url.clone())));
        all.map(|(name, value)| format!(" {name} {}", escape::word(&value))).collect()
    }
}

/// As the site's settings say, else the user's, but for what was typed.
pub(super) fn network(site: Option<&Site>, typed: &NetworkOptions) -> Result<Network, Failure> {
    let network = match site {
        Some(site) => stage::network(site, &Interrupt::default()),
        None => Network { settings: UserNetwork::load()?.settings, ..Network::default() },
    };
    Ok(Network { settings: typed.over(network.settings), ..network })
}
