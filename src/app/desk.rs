//! What every use case begins with: which site, who works on it, as whom.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use crate::app::failure::Failure;
use crate::base::event::Event;
use crate::base::exit::Exit;
use crate::base::step::Step;
use crate::site::Site;
use crate::site::gate::Gate;
use crate::site::state::State;
use crate::sys::env;
use crate::sys::family;
use crate::sys::fs;
use crate::sys::lock::Lock;
use crate::sys::process;
pub use crate::sys::signal::Interrupt;
use crate::sys::term;
use crate::update::run::open_run;

/// Which site is meant.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub site: Option<PathBuf>,
    pub state: Option<PathBuf>,
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
}

impl Held {
    /// Takes the lock, whatever run is open.
    pub fn take(place: &Place, doing: &str) -> Result<Held, Failure> {
        let site = place.open()?;
        let lock = Lock::take(&site.state.lock(), doing)?;
        let gate = site.gate()?;
        Ok(Held { site, gate, lock })
    }

    /// Takes the lock for something that must not happen in the middle of a run.
    pub fn take_idle(place: &Place, doing: &str) -> Result<Held, Failure> {
        let held = Held::take(place, doing)?;
        match open_run(&held.site.state.runs())? {
            None => Ok(held),
            Some((id, _)) => Err(Failure::new(Exit::Refused, format!("run {id} is not over"))
                .hint("`entracte resume` goes on with it, `entracte rollback` takes it back")),
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

/// What Ctrl-C does to work in this process.
pub fn new_interrupt(detached: bool) -> Interrupt {
    if detached {
        process::leave_session();
        Interrupt::ignore_hangup();
    }
    Interrupt::listen()
}

/// What Ctrl-C does to a process that only follows another.
pub fn patient_interrupt() -> Interrupt {
    Interrupt::listen_patiently()
}

/// When this process is to take part in running a program for another of ours
/// (`__keeper PID -- ARGV…`), it does; what comes back is its exit status.
pub fn child(arguments: &[OsString]) -> Option<u8> {
    let [_, verb, parent, dashes, argv @ ..] = arguments else { return None };
    if dashes != "--" {
        return None;
    }
    let ended = family::take_part(verb, parent.to_str()?.parse().ok()?, argv)?;
    Some(ended.unwrap_or_else(|error| {
        let program = argv.first().map(|name| fs::shown(Path::new(name))).unwrap_or_default();
        let said = format!("failed to start {program}: {error}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        127
    }))
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
