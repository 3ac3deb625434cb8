//! The state folder of a site, and how it is found.

use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::RESERVED;
use crate::site::exposure::Canary;
use crate::site::exposure::addresses_beside;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Where states stand that root made away from their sites.
const SYSTEM_STATES: &str = "/var/lib/entracte";

/// What this program makes of a state folder, and the newest that it reads.
const FORMAT: u32 = 1;

/// An `.htaccess` that keeps Apache from serving what is ours inside a site.
pub const DENY: &[u8] = b"Require all denied\nDeny from all\n";

/// Where everything that entracte knows of one site stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{} is no site that entracte knows", fs::shown(folder))]
    NoSite { folder: PathBuf },
    #[error("there is no folder {}", fs::shown(folder))]
    NoFolder { folder: PathBuf },
    #[error("{} is a known site already, with its state at {}", fs::shown(root), fs::shown(state))]
    Known { root: PathBuf, state: PathBuf },
    #[error("there is no place for the state of {}", fs::shown(root))]
    NoPlace { root: PathBuf },
    #[error(
        "the state folder {} is of format {found}; this entracte knows up to {FORMAT}",
        fs::shown(folder)
    )]
    Newer { folder: PathBuf, found: String },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for StateError {
    fn exit(&self) -> Exit {
        match self {
            StateError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            StateError::NoSite { .. } => vec![
                "name the site with --site, or adopt it with `entracte init DIR`".into(),
                "where its state folder is elsewhere, name that with --state".into(),
            ],
            StateError::Known { .. } => vec!["`entracte status` says where it stands".into()],
            StateError::NoPlace { .. } => {
                vec!["name a folder with --state, or keep the state in the site with --inside".into()]
            }
            StateError::Newer { .. } => vec![
                "a newer entracte worked here: use that one, or bring this one up to date (`entracte self-update`)".into(),
            ],
            StateError::NoFolder { .. } => Vec::new(),
            StateError::Io(error) => error.hints(),
        }
    }
}

/// Where the state of a new site is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `../.entracte-NAME`, the usual place.
    Beside,
    /// `SITE/.entracte`, where nothing else can be written.
    Inside,
    /// Where the owner says.
    At(PathBuf),
}

impl State {
    pub fn at(folder: PathBuf) -> State {
        State { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn settings(&self) -> PathBuf {
        self.folder.join("entracte.toml")
    }

    /// The site's own version of its profile, where it has one.
    pub fn profile(&self) -> PathBuf {
        self.folder.join("profile.toml")
    }

    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    pub fn installed(&self) -> PathBuf {
        self.folder.join("installed")
    }

    /// The stat cache of the hash engine.
    pub fn cache(&self) -> PathBuf {
        self.folder.join("cache").join("stat")
    }

    /// What the tree looked like when a watch last found nothing.
    pub fn picture(&self) -> PathBuf {
        self.folder.join("cache").join("picture")
    }

    pub fn inbox(&self) -> PathBuf {
        self.folder.join("inbox")
    }

    pub fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    /// The references that are believed: `docs/trust.md`.
    pub fn trust(&self) -> PathBuf {
        self.folder.join("trust")
    }

    pub fn staging(&self) -> PathBuf {
        self.folder.join("staging")
    }

    /// What the vendor said last.
    pub fn vendor(&self) -> PathBuf {
        self.folder.join("vendor")
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// The folder that the web server looks into.
    pub fn gate(&self) -> PathBuf {
        self.folder.join("gate")
    }

    pub fn gate_pass(&self) -> PathBuf {
        self.folder.join("gate-pass")
    }

    pub fn plan(&self) -> PathBuf {
        self.folder.join("plan.json")
    }

    pub fn approval(&self) -> PathBuf {
        self.folder.join("approval.json")
    }

    /// Releases that failed.
    pub fn blocklist(&self) -> PathBuf {
        self.folder.join("blocklist.json")
    }

    /// What automation remembers.
    pub fn automation(&self) -> PathBuf {
        self.folder.join("automation.json")
    }

    /// When the gate was last proved to keep visitors out.
    pub fn gate_proof(&self) -> PathBuf {
        self.folder.join("gate-proof.json")
    }

    pub fn history(&self) -> PathBuf {
        self.folder.join("history.jsonl")
    }

    /// What was begun when, of what is done unattended.
    pub fn schedule(&self) -> PathBuf {
        self.folder.join("schedule.json")
    }

    /// What the watch found.
    pub fn watch(&self) -> PathBuf {
        self.folder.join("watch")
    }

    /// What the vendor offered when somebody asked last.
    pub fn checked(&self) -> PathBuf {
        self.folder.join("checked.json")
    }

    /// What the doctor found last.
    pub fn doctor(&self) -> PathBuf {
        self.folder.join("doctor.json")
    }

    /// What comparisons found that the console began.
    pub fn comparisons(&self) -> PathBuf {
        self.folder.join("compare")
    }

    /// What was free on the disk when.
    pub fn space(&self) -> PathBuf {
        self.folder.join("space.json")
    }

    /// Events and answers of detached runners.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    pub fn runner(&self) -> PathBuf {
        self.folder.join("runner")
    }

    fn format(&self) -> PathBuf {
        self.folder.join("format")
    }

    /// Whether this program knows all that may stand in the folder. Without a
    /// word it is of the first format.
    pub fn check_format(&self) -> Result<(), StateError> {
        let Some(text) = fs::read_if_present(&self.format())? else { return Ok(()) };
        let text = String::from_utf8_lossy(&text);
        match text.trim().parse::<u32>() {
            Ok(format) if format <= FORMAT => Ok(()),
            _ => {
                let found = escape::text(&text.trim().chars().take(20).collect::<String>()).into_owned();
                Err(StateError::Newer { folder: self.folder.clone(), found })
            }
        }
    }

    /// Makes the folder with what belongs into it; when root makes it for
    /// somebody, it becomes theirs.
    pub fn create(&self, (uid, gid): (u32, u32)) -> Result<(), StateError> {
        fs::create_folders(&self.folder, 0o711)?;
        fs::set_mode(&self.folder, 0o711)?;
        let cache = self.folder.join("cache");
        let private = [
            self.installed(),
            cache,
            self.inbox(),
            self.incoming(),
            self.staging(),
            self.runs(),
            self.runner(),
        ];
        for folder in &private {
            fs::create_folders(folder, 0o700)?;
        }
        fs::create_folders(&self.gate(), 0o755)?;
        fs::set_mode(&self.gate(), 0o755)?;
        fs::write_durable(&self.format(), format!("{FORMAT}\n").as_bytes())?;
        if env::user_id() == 0 && uid != 0 {
            for folder in private.iter().chain([&self.gate(), &self.format(), &self.folder]) {
                fs::set_owner(folder, uid, gid)?;
            }
        }
        Ok(())
    }

    /// Where the state of the site `root`, found at `url`, is to be.
    pub fn choose(root: &Path, place: &Place, url: Option<&Url>) -> Result<State, StateError> {
        let folder = match place {
            Place::At(folder) => folder.clone(),
            Place::Inside => root.join(RESERVED),
            Place::Beside => match beside(root) {
                Some(folder) if can_stand_beside(root, url) => folder,
                _ => in_home(root).ok_or_else(|| StateError::NoPlace { root: root.to_owned() })?,
            },
        };
        match State::known(root) {
            Some(state) => Err(StateError::Known { root: root.to_owned(), state: state.folder }),
            None if fs::exists(&folder.join("entracte.toml")) => {
                Err(StateError::Known { root: root.to_owned(), state: folder })
            }
            None => Ok(State { folder }),
        }
    }

    /// The state of the site at `root`, if it is known.
    pub fn known(root: &Path) -> Option<State> {
        let system = in_home(root).and_then(|home| Some(Path::new(SYSTEM_STATES).join(home.file_name()?)));
        let places = [beside(root), Some(root.join(RESERVED)), in_home(root), system];
        let known = places.into_iter().flatten().find(|folder| fs::is_file(&folder.join("entracte.toml")));
        known.map(|folder| State { folder })
    }

    /// The nearest known site from `start` upwards, or the state that was named.
    pub fn find(start: &Path, named: Option<&Path>) -> Result<State, StateError> {
        if let Some(folder) = named {
            return match fs::is_file(&folder.join("entracte.toml")) {
                true => Ok(State { folder: fs::canonical(folder)? }),
                false => Err(StateError::NoSite { folder: folder.to_owned() }),
            };
        }
        if !fs::is_folder(start) {
            return Err(StateError::NoFolder { folder: start.to_owned() });
        }
        let start = fs::canonical(start)?;
        let known = start.ancestors().find_map(State::known);
        known.ok_or(StateError::NoSite { folder: start })
    }
}

fn beside(root: &Path) -> Option<PathBuf> {
    let name = root.file_name()?;
    let mut folder = std::ffi::OsString::from(".entracte-");
    folder.push(name);
    Some(root.parent()?.join(folder))
}

/// One folder a site, told apart by the digest of its path.
fn in_home(root: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let name = root.file_name()?.to_string_lossy().into_owned();
    let digest = Sha256::of(root.as_os_str().as_bytes()).short();
    Some(states()?.join(format!("{name}-{digest}")))
}

/// What is kept of this program itself, by whoever keeps it up to date.
pub fn of_this_program() -> Option<PathBuf> {
    // No site's name lacks its digest.
    Some(states()?.join("self"))
}

/// Where states stand that are not beside their sites.
fn states() -> Option<PathBuf> {
    // What root keeps in its own home nobody else can reach, not even the site's owner.
    match env::user_id() {
        0 => Some(PathBuf::from(SYSTEM_STATES)),
        _ => Some(env::home()?.join(".local/state/entracte")),
    }
}

/// Whether the folder above the site is ours to write, on the site's file system
/// (renames work only within one), and not itself served.
fn can_stand_beside(root: &Path, url: Option<&Url>) -> bool {
    let Some(parent) = root.parent() else { return false };
    if ["index.php", "index.html", "index.htm", ".htaccess"].iter().any(|name| fs::exists(&parent.join(name)))
    {
        return false;
    }
    let Ok(canary) = Canary::put_into(parent) else { return false };
    let device = |path: &Path| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().flatten().map(|metadata| metadata.dev())
    };
    device(canary.folder()) == device(root)
        && !url.is_some_and(|url| canary.is_heard_at(&addresses_beside(url)))
}

#[cfg(test)]
mod tests;
