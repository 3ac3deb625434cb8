//! What a gate is made of, checked.

use std::path::PathBuf;

use crate::base::secret::Secret;
use crate::site::gate::error::GateError;
use crate::site::gate::lock::ApplicationLock;
use crate::site::gate::page::PageOptions;
use crate::site::gate::token;
use crate::sys::fs;

/// What makes the web server look at the flag, or stands in for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A marked block in `.htaccess`.
    Apache,
    /// A snippet pasted once into the server's configuration.
    Nginx,
    /// A guard that PHP runs before every script; static files stay open.
    Prepend,
    /// WordPress's `.maintenance` alone; static files stay open.
    WordPress,
    /// The owner's own programs, run in the site's folder.
    Command { close: Vec<String>, open: Vec<String> },
    /// Nothing but the flag.
    None,
}

/// What a gate is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    pub kind: Kind,
    pub site_root: PathBuf,
    /// The folder of the flag and the page; the web server must see it.
    pub folder: PathBuf,
    /// Where the site stands in its URL: `/`, or `/blog/`.
    pub url_path: String,
    pub pass: Secret,
    pub application_lock: Option<ApplicationLock>,
    pub page: PageOptions,
}

impl Setup {
    /// Refuses what a server's configuration could misread.
    pub(super) fn checked(self) -> Result<Setup, GateError> {
        if !token::is_pass(&self.pass) {
            return Err(GateError::Pass);
        }
        let path_is_plain = self.url_path.starts_with('/')
            && self.url_path.chars().all(|c| c.is_alphanumeric() || "/._~-".contains(c));
        if matches!(self.kind, Kind::Apache | Kind::Nginx) && !path_is_plain {
            return Err(GateError::Unspeakable { what: "the URL path", text: self.url_path });
        }
        let folder = fs::shown(&self.folder);
        let folder_is_plain = !folder.chars().any(|c| "\"'\\$;{}<>%".contains(c));
        if matches!(self.kind, Kind::Prepend | Kind::Nginx) && !folder_is_plain {
            return Err(GateError::Unspeakable { what: "the gate's folder", text: folder });
        }
        let url_path = format!("{}/", self.url_path.trim_end_matches('/'));
        Ok(Setup { url_path, ..self })
    }
}
