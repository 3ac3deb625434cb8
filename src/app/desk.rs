//! What every use case begins with: which site, who works on it, as whom.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::app::abandoned;
use crate::app::apply::not_over;
use crate::app::failure::Failure;
use crate::app::plan;
use crate::app::runner;
use crate::app::stand;
use crate::base::event::Event;
use crate::base::secret::Secret;
use crate::base::step::Step;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::state::State;
use crate::sys::clock;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::guard::Role;
use crate::sys::lock::Lock;
use crate::sys::process;
use crate::sys::random;
pub use crate::sys::signal::Interrupt;
use crate::sys::term;
use crate::update::run::open_run;

/// Which site is meant, and from where.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub site: Option<PathBuf>,
    pub state: Option<PathBuf>,
    /// Where this process writes its events when it works in the background.
    pub background: Option<PathBuf>,
    /// Who asks, where it is not the one at this keyboard.
    pub by: Option<String>,
    /// Where the site stood when that was asked (`stand::seen`): what was meant
    /// for it is not done to a site that stands elsewhere by now.
    pub seen: Option<String>,
}

/// Who listens, with the run that an event belongs to.
pub type Listener<'a> = &'a mut dyn FnMut(Option<&str>, Option<Step>, Event);

impl Place {
    pub fn state(&self) -> Result<State, Failure> {
        let start = match &self.site {
            Some(site) => site.clone(),
            None => env::current_folder()?,
        };
        Ok(State::find(&start, self.state.as_deref())?)
    }

    pub fn open(&self) -> Result<Site, Failure> {
        Ok(Site::open(self.state()?)?)
    }

    /// Who stands in the record for what is done here.
    pub(super) fn person(&self) -> String {
        self.by.clone().unwrap_or_else(plan::who)
    }

    /// The user that this program should become: when root works on a folder
    /// of somebody else, that somebody.
    pub fn owner_to_become(&self) -> Option<(u32, u32)> {
        if env::user_id() != 0 {
            return None;
        }
        let (uid, gid) = fs::owner(self.state().ok()?.folder()).ok()?;
        (uid != 0).then_some((uid, gid))
    }
}

/// A site that nobody else works on for as long as this lives.
pub struct Held {
    pub site: Site,
    pub gate: Gate,
    pub lock: Lock,
    /// Who stands in the record for what is done.
    pub by: String,
}

impl Held {
    /// Takes the lock, whatever run is open.
    pub fn take(place: &Place, doing: &str) -> Result<Held, Failure> {
        let site = place.open()?;
        let lock = match &place.by {
            Some(by) => Lock::take(&site.state.lock(), &format!("{doing}, asked for by {by}"))?,
            None => Lock::take(&site.state.lock(), doing)?,
        };
        if let Some(seen) = &place.seen {
            stand::is_still(&site, seen)?;
        }
        if let Some(events) = &place.background {
            runner::announce(&site.state, doing, events, place.by.as_deref());
        }
        let gate = site.gate()?;
        Ok(Held { site, gate, lock, by: place.person() })
    }

    /// Takes the lock for something that must not happen in the middle of a run,
    /// once a run that was abandoned has been taken back.
    pub fn take_idle(place: &Place, doing: &str) -> Result<Held, Failure> {
        let held = Held::take(place, doing)?;
        abandoned::recover(&held)?;
        held.idle()
    }

    /// The same for a verb that changes nothing in the site: whatever run is
    /// open is left as it is.
    pub fn take_to_look(place: &Place, doing: &str) -> Result<Held, Failure> {
        Held::take(place, doing)?.idle()
    }

    fn idle(self) -> Result<Held, Failure> {
        match open_run(&self.site.state.runs())? {
            None => Ok(self),
            Some((id, _)) => Err(not_over(&id)),
        }
    }
}

/// Runs this program again as the site's owner. Returns only when that fails.
pub fn become_user(uid: u32, gid: u32, arguments: &[OsString]) -> Option<Failure> {
    process::again_as(uid, gid, arguments).err().map(Failure::from)
}

/// Where `--events` writes to.
pub fn events_file(path: &Path) -> Result<std::fs::File, Failure> {
    Ok(fs::append(path)?)
}

/// From now on no terminal, nor who started this process, ends it.
pub fn detach() {
    process::leave_session();
    Interrupt::ignore_hangup();
}

/// What Ctrl-C does to work in this process.
pub fn new_interrupt() -> Interrupt {
    Interrupt::listen()
}

/// What Ctrl-C does to a process that only follows another.
pub fn patient_interrupt() -> Interrupt {
    Interrupt::listen_patiently()
}

/// When this process is one of our children or its guard, it becomes that; what
/// comes back is its exit status.
pub fn child(arguments: &[OsString]) -> Option<u8> {
    let role = Role::of(arguments)?;
    Some(role.play().unwrap_or_else(|error| {
        let said = format!("failed to start {}: {error}\n", role.program());
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        127
    }))
}

/// What the clock of this machine says.
pub fn now() -> Timestamp {
    clock::now()
}

/// Does nothing for so long.
pub fn rest(time: Duration) {
    clock::sleep(time);
}

/// A secret that nobody can guess: 256 bits, in hexadecimal.
pub fn new_secret() -> Secret {
    Secret::new(random::hex(32))
}

/// One line that the person at the terminal types; `None` when there is none.
pub fn answer_to(question: &str) -> Option<String> {
    if !term::is_terminal(term::Stream::In) {
        return None;
    }
    let _ = std::io::Write::write_all(&mut std::io::stderr(), question.as_bytes());
    term::read_line().ok().flatten()
}

/// Whether colours and bars make sense, and whether they are unwanted.
pub fn terminal() -> Terminal {
    Terminal {
        out: term::is_terminal(term::Stream::Out),
        err: term::is_terminal(term::Stream::Err),
        no_color: env::variable("NO_COLOR").is_some_and(|value| !value.is_empty()),
    }
}

/// What the process talks to.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    pub out: bool,
    pub err: bool,
    pub no_color: bool,
}
