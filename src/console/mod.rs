//! The operator's web pages: what the command line knows, in a browser. Every
//! page calls `app`, work runs in processes of its own, and closing the browser
//! changes nothing.
//!
//! One table says who may ask for what (`routes`), one guard proves that the
//! asker may (`guard`), and every page is a function from what is asked to what
//! is answered. `async` ends in `server`.

mod ask;
mod assets;
mod chart;
mod door;
mod filters;
mod frame;
mod guard;
mod history;
mod home;
mod live;
mod measure;
mod parts;
mod reply;
mod routes;
mod run;
mod runs;
mod server;
mod session;
mod sites;
mod update;
mod words;
mod work;
mod wrong;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use url::Url;

use crate::app::desk::Interrupt;
use crate::app::failure::Failure;
use crate::app::serve::Certificate;
use crate::app::serve::Server;
use crate::base::exit::Exit;
use crate::console::guard::Address;
use crate::console::session::Role;
use crate::console::session::Sessions;
use crate::console::sites::Sites;

/// What is served, where, and to whom.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders of sites.
    pub sites: Vec<PathBuf>,
    pub listen: SocketAddr,
    pub certificate: Option<Certificate>,
    /// Where people reach it, when a proxy stands before it.
    pub public: Option<Url>,
}

/// The console at work.
struct Console {
    sites: Sites,
    address: Address,
    sessions: Mutex<Sessions>,
}

impl Console {
    /// Held for the time of a look, never while anything waits.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until Ctrl-C; `started` hears the link that lets one person in.
pub fn run(request: &Request, started: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    is_safe_to_listen(request)?;
    let sites = Sites::open(&request.sites)?;
    let server = Server::bind(request.listen, request.certificate.as_ref())?;
    let address = Address::new(server.address, request.certificate.is_some(), request.public.as_ref());
    let mut sessions = Sessions::default();
    let link = sessions.invite(Role::Operator, "the one who started the console");
    let console = Console { sites, address, sessions: Mutex::new(sessions) };
    started(&format!("{}enter/{}", console.address.own(), link.reveal()));
    Ok(server.host(server::router(console), &interrupt)?)
}

/// Passwords and pages of a site do not cross a network in the clear.
fn is_safe_to_listen(request: &Request) -> Result<(), Failure> {
    if request.listen.ip().is_loopback() || request.certificate.is_some() || request.public.is_some() {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("{} can be reached from other machines", request.listen))
        .hint("`--certificate FILE --key FILE` speaks TLS; `--public-url https://…` says that a proxy before it does"))
}
