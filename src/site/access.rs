//! A site, opened: what its settings and profile say, put together.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::base::pattern::Patterns;
use crate::database::address::Address;
use crate::site::config;
use crate::site::config::ConfigError;
use crate::site::config::Databases;
use crate::site::gate;
use crate::site::gate::ApplicationLock;
use crate::site::gate::Gate;
use crate::site::gate::GateError;
use crate::site::gate::Kind;
use crate::site::gate::PageOptions;
use crate::site::probe::Probe;
use crate::site::probe::ProbeError;
use crate::site::profile::LockRule;
use crate::site::profile::Profile;
use crate::site::profile::ProfileError;
use crate::site::settings;
use crate::site::settings::HealthUrl;
use crate::site::settings::Language;
use crate::site::settings::Settings;
use crate::site::settings::SettingsError;
use crate::site::state::State;
use crate::site::state::StateError;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    pub root: PathBuf,
    pub state: State,
    pub settings: Settings,
    pub profile: Profile,
    /// Beginning of its tables' names.
    pub table_prefix: String,
    /// The files of a SQLite database that stands in the site: never moved,
    /// judged by their rows, brought back through the database.
    pub database_files: Patterns,
}

#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("the site's folder {} is not there", fs::shown(root))]
    NoRoot { root: PathBuf },
    #[error("\"{kind}\" is no kind of gate: apache, nginx, prepend, wordpress, command or none")]
    GateKind { kind: String },
    #[error("\"{url}\" is no address of a page")]
    HealthUrl { url: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    State(#[from] StateError),
}

impl SiteError {
    fn inner(&self) -> Option<&dyn Fault> {
        Some(match self {
            SiteError::Config(error) => error,
            SiteError::Gate(error) => error,
            SiteError::Io(error) => error,
            SiteError::Probe(error) => error,
            SiteError::Profile(error) => error,
            SiteError::Settings(error) => error,
            SiteError::State(error) => error,
            _ => return None,
        })
    }
}

impl Fault for SiteError {
    fn exit(&self) -> Exit {
        self.inner().map_or(Exit::Refused, Fault::exit)
    }

    fn hints(&self) -> Vec<String> {
        self.inner().map(Fault::hints).unwrap_or_default()
    }
}

impl Site {
    pub fn open(state: State) -> Result<Site, SiteError> {
        settings::check_private(state.folder())?;
        state.check_format()?;
        let settings = Settings::load(&state.settings())?;
        Site::with(state, settings)
    }

    /// The site as it would be with these settings.
    pub fn with(state: State, settings: Settings) -> Result<Site, SiteError> {
        let profile = match fs::is_file(&state.profile()) {
            true => {
                settings::check_private(&state.profile())?;
                Profile::load(&state.profile())?
            }
            false => Profile::named(&settings.profile)?,
        };
        let root = settings.root.clone();
        if !fs::is_folder(&root) {
            return Err(SiteError::NoRoot { root });
        }
        let (table_prefix, database_files) = (String::new(), Patterns::default());
        let mut site = Site { root, state, settings, profile, table_prefix, database_files };
        // A configuration that cannot be read is a matter for whoever needs the database.
        if let Ok(Some(found)) = site.database() {
            site.database_files = database_files_in(&site.root, &found.address);
            site.table_prefix = found.prefix;
        }
        Ok(site)
    }

    /// The live tree.
    pub fn tree(&self) -> Result<Root, IoError> {
        Root::open(&self.root)
    }

    /// The product name that releases must bear.
    pub fn product(&self) -> &str {
        self.settings.product.as_deref().unwrap_or(&self.profile.name)
    }

    /// The owner's files.
    pub fn keep(&self) -> Patterns {
        let owners = self.profile.keep.and(&self.settings.keep).and(&self.profile.lock_changes());
        owners.and(&self.database_files)
    }

    /// What changes by itself and is never judged.
    pub fn volatile(&self) -> Patterns {
        self.profile.volatile.and(&self.settings.volatile).and(&self.database_files)
    }

    pub fn volatile_rows(&self, table: &str) -> Option<String> {
        self.profile.volatile_rows(table, &self.table_prefix).map(str::to_owned)
    }

    pub fn database(&self) -> Result<Option<config::Found>, ConfigError> {
        config::database(&self.root, &self.settings.database, self.profile.database.as_ref())
    }

    pub fn databases(&self) -> Result<Databases, ConfigError> {
        let main = self.database()?;
        let mut others = config::others(&self.root, &self.settings.database)?;
        others.retain(|other| main.as_ref().is_none_or(|main| main.address != other.address));
        Ok(Databases { main, others })
    }

    pub fn inbox(&self) -> PathBuf {
        self.settings.inbox.clone().unwrap_or_else(|| self.state.inbox())
    }

    pub fn incoming(&self) -> PathBuf {
        self.settings.incoming.clone().unwrap_or_else(|| self.state.incoming())
    }

    /// What asks the site, and its home page; `None` when no URL is set.
    pub fn probe(&self) -> Result<Option<(Probe, Url)>, ProbeError> {
        match &self.settings.url {
            Some(url) => Ok(Some((Probe::new()?, url.clone()))),
            None => Ok(None),
        }
    }

    /// The pages that tell whether the site is well, and what is wanted of them.
    pub fn health_pages(&self) -> Result<Vec<(Url, HealthUrl)>, SiteError> {
        let Some(base) = &self.settings.url else { return Ok(Vec::new()) };
        if self.settings.health.urls.is_empty() {
            return Ok(vec![(base.clone(), HealthUrl::plain(base.as_str()))]);
        }
        let page = |wanted: &HealthUrl| match base.join(wanted.url.trim_start_matches('/')) {
            Ok(url) => Ok((url, wanted.clone())),
            Err(_) => Err(SiteError::HealthUrl { url: wanted.url.clone() }),
        };
        self.settings.health.urls.iter().map(page).collect()
    }

    /// Whether the owner named a page or a program that tells whether the site is
    /// well, beside the home page that is always looked at.
    pub fn has_own_health_checks(&self) -> bool {
        let health = &self.settings.health;
        (!health.urls.is_empty() && self.settings.url.is_some()) || !health.command.is_empty()
    }

    pub fn gate(&self) -> Result<Gate, SiteError> {
        let settings = &self.settings.gate;
        let language = match self.settings.language {
            Language::Visitor => gate::Language::Visitor,
            Language::En => gate::Language::English,
            Language::Fr => gate::Language::French,
        };
        let url_path = self.settings.url.as_ref().map_or("/", Url::path);
        Ok(Gate::new(gate::Setup {
            kind: self.gate_kind()?,
            site_root: self.root.clone(),
            folder: self.state.gate(),
            url_path: format!("{}/", url_path.trim_end_matches('/')),
            pass: gate::token::load_or_make(&self.state.gate_pass())?,
            application_lock: self.profile.lock.as_ref().and_then(application_lock),
            page: PageOptions { language, template: settings.page.clone(), title: settings.title.clone() },
        })?)
    }

    fn gate_kind(&self) -> Result<Kind, SiteError> {
        let settings = &self.settings.gate;
        Ok(match settings.kind.as_str() {
            "apache" => Kind::Apache,
            "nginx" => Kind::Nginx,
            "prepend" => Kind::Prepend,
            "wordpress" => Kind::WordPress,
            "command" => Kind::Command { close: settings.close.clone(), open: settings.open.clone() },
            "none" => Kind::None,
            kind => return Err(SiteError::GateKind { kind: kind.to_owned() }),
        })
    }

    /// The paths that the profile calls the application's own lock.
    pub fn lock_path(&self) -> Option<&SitePath> {
        self.profile.lock.as_ref()?.path.as_ref()
    }
}

/// A SQLite database with what it keeps beside it, as patterns of the site.
fn database_files_in(root: &Path, address: &Address) -> Patterns {
    let Address::Sqlite(path) = address else { return Patterns::default() };
    // The folder is resolved, since settings may name it by a link.
    let folder = path.parent().and_then(|folder| fs::canonical(folder).ok());
    let inside = folder.and_then(|folder| Some(folder.strip_prefix(root).ok()?.join(path.file_name()?)));
    let Some(name) = inside.as_ref().and_then(|path| path.to_str()) else { return Patterns::default() };
    let literal = Patterns::escaped(name);
    let names = ["", "-wal", "-shm", "-journal"].map(|suffix| format!("{literal}{suffix}"));
    Patterns::new(names).unwrap_or_default()
}

fn application_lock(rule: &LockRule) -> Option<ApplicationLock> {
    match &rule.path {
        Some(path) => Some(ApplicationLock::File { path: path.clone(), content: rule.content.clone() }),
        None if rule.close.is_empty() => None,
        None => Some(ApplicationLock::Command { close: rule.close.clone(), open: rule.open.clone() }),
    }
}
