//! The operator's web pages: what the command line knows, in a browser. Every
//! page calls `app`, work runs in processes of its own, and closing the browser
//! changes nothing.
//!
//! One table says who may ask for what (`routes`), one guard proves that the
//! asker may (`guard`), and every page is a function from what is asked to what
//! is answered. `async` ends in `server`.

mod api;
mod ask;
mod assets;
mod chart;
mod compare;
mod diff;
mod doctor;
mod door;
mod filters;
mod frame;
mod gate;
mod guard;
mod history;
mod home;
mod listing;
mod live;
mod measure;
mod parts;
mod people;
mod reply;
pub mod routes;
mod run;
mod runs;
mod server;
mod session;
mod settings;
mod signing;
mod sites;
mod sweep;
mod tries;
mod update;
mod upkeep;
mod watch;
mod words;
mod work;
mod wrong;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use url::Url;

use crate::app::console::accounts;
use crate::app::console::browser;
use crate::app::console::home::Home;
use crate::app::console::log;
use crate::app::console::log::Act;
use crate::app::console::places;
use crate::app::console::said::Said;
use crate::app::desk::Interrupt;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::runner::Works;
use crate::app::serve::Certificate;
use crate::app::serve::Server;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::console::guard::Address;
use crate::console::session::Role;
use crate::console::session::Session;
use crate::console::session::Sessions;
use crate::console::signing::Signing;
use crate::console::sites::Sites;

/// What is served, where, and to whom.
#[derive(Clone, Debug)]
pub struct Request {
    pub shown: Shown,
    pub listen: SocketAddr,
    pub certificate: Option<Certificate>,
    /// Where people reach it, when a proxy stands before it.
    pub public: Option<Url>,
    /// Where accounts and tokens are kept, when not in the user's configuration.
    pub home: Option<PathBuf>,
    /// Starts the person's browser.
    pub open: bool,
}

/// Which sites.
#[derive(Clone, Debug)]
pub enum Shown {
    Folders(Vec<PathBuf>),
    /// A file that names them.
    List(PathBuf),
    /// Those of `tick --all`.
    Scheduled,
}

/// The console at work.
struct Console {
    sites: Sites,
    address: Address,
    home: Home,
    sessions: Mutex<Sessions>,
    signing: Signing,
    works: Works,
}

impl Console {
    /// Held for the time of a look, never while anything waits.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose cookie it is. Whose account is gone, or another than when they
    /// signed in, is nobody; so is everybody whose account cannot be read.
    fn session(&self, cookie: &str) -> Option<Session> {
        let session = self.sessions().find(cookie)?;
        let Some(account) = &session.account else { return Some(session) };
        let now = accounts::find(&self.home, &account.name).ok().flatten();
        if now.as_ref().is_some_and(|now| now.edition == account.edition) {
            return Some(session);
        }
        self.sessions().leave(cookie);
        None
    }

    /// Writes down who came or went. Where that cannot be written, a console
    /// without accounts works all the same.
    fn note(&self, by: &str, act: Act, to: &str, detail: &str) {
        let _ = log::note(&self.home, by, act, to, detail);
    }
}

/// Who has the first link, in the record of what is done.
const STARTER: &str = "the one who started the console";

/// Serves until Ctrl-C.
pub fn run(request: &Request, say: &mut dyn FnMut(Said)) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    is_safe_to_listen(request)?;
    let (sites, left_out) = sites(&request.shown)?;
    let server = Server::bind(request.listen, request.certificate.as_ref())?;
    sweep::begin(&sites);
    let address = Address::new(server.address, request.certificate.is_some(), request.public.as_ref());
    let home = Home::find(request.home.as_deref());
    // What is kept there is looked at now, not by the first who signs in.
    accounts::list(&home)?;
    let mut sessions = Sessions::default();
    let link = sessions.invite(Role::Operator, STARTER);
    let own = address.own();
    let link = Secret::new(format!("{own}enter/{}", link.reveal()));
    let (sessions, signing, works) = (Mutex::new(sessions), Signing::default(), Works::default());
    let console = Console { sites, address, home, sessions, signing, works };
    say(Said::Open { address: &own, link: &link });
    left_out.iter().for_each(|failure| say(Said::Note(&failure.message)));
    let _signpost = request.open.then(|| browser::open(&link)).map(|opened| {
        opened.map_err(|failure| say(Said::Note(&format!("no browser was started: {}", failure.message))))
    });
    Ok(server.host(server::router(console), &interrupt)?)
}

/// The sites with what was wrong with those that are left out. Who names a
/// site means it; of a long list, the ones that are well are shown.
fn sites(shown: &Shown) -> Result<(Sites, Vec<Failure>), Failure> {
    let places: Vec<Place> = match shown {
        Shown::Folders(folders) => {
            let named = folders.iter().cloned().map(places::of_folder).collect();
            return Ok((Sites::open(named)?, Vec::new()));
        }
        Shown::List(file) => places::of_file(file)?,
        Shown::Scheduled => places::scheduled()?,
    };
    Sites::open_what_can_be(places)
}

/// Passwords and pages of a site do not cross a network in the clear.
fn is_safe_to_listen(request: &Request) -> Result<(), Failure> {
    if let Some(url) = &request.public {
        return is_address_of_proxy(url);
    }
    if request.listen.ip().is_loopback() || request.certificate.is_some() {
        return Ok(());
    }
    Err(Failure::new(Exit::Refused, format!("{} can be reached from other machines", request.listen))
        .hint("`--certificate FILE --key FILE` speaks TLS; `--public-url https://…` says that a proxy before it does"))
}

/// A whole host of its own, over TLS: cookies and the pages' addresses know no folders.
fn is_address_of_proxy(url: &Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_private = url.scheme() == "https" || url.scheme() == "http" && is_here;
    let is_root = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let why = match () {
        () if !is_private => "it does not begin with https://",
        () if !is_root => "the console needs a host of its own, not a folder of one",
        () if !url.username().is_empty() || url.password().is_some() => "it holds a user",
        () => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, format!("that --public-url cannot be used: {why}"))
        .hint("as in: --public-url https://admin.example.org"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_by_a_host_over_tls() {
        for (url, is_good) in [
            ("https://admin.example.org", true),
            ("https://admin.example.org:8443/", true),
            ("http://localhost:8080", true),
            ("http://admin.example.org", false),
            ("https://example.org/admin", false),
            ("https://example.org/?a", false),
            ("https://me:secret@example.org", false),
            ("ftp://example.org", false),
        ] {
            assert_eq!(is_address_of_proxy(&url.parse().unwrap()).is_ok(), is_good, "{url}");
        }
    }
}
