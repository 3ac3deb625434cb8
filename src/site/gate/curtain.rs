//! The gate of one site: close, open, look.

use std::path::PathBuf;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::secret::Secret;
use crate::site::gate::apache;
use crate::site::gate::error::GateError;
use crate::site::gate::flag;
use crate::site::gate::flag::Closing;
use crate::site::gate::flag::GateState;
use crate::site::gate::held;
use crate::site::gate::held::Held;
use crate::site::gate::held::Opened;
use crate::site::gate::htaccess::Htaccess;
use crate::site::gate::instructions;
use crate::site::gate::live;
use crate::site::gate::lock;
use crate::site::gate::lock::ApplicationLock;
use crate::site::gate::page;
use crate::site::gate::page::Pages;
use crate::site::gate::php;
use crate::site::gate::setup::Kind;
use crate::site::gate::setup::Setup;
use crate::site::gate::user_ini;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// WordPress's own drop-in for its closed page.
const DROP_IN: &str = "wp-content/maintenance.php";
/// Limits of what visitors are told to wait, in seconds.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 1..=86_400;

/// The gate of one site.
#[derive(Debug)]
pub struct Gate {
    setup: Setup,
}

impl Gate {
    /// Checks that everything can be written into a server's configuration.
    pub fn new(setup: Setup) -> Result<Gate, GateError> {
        Ok(Gate { setup: setup.checked()? })
    }

    pub fn kind(&self) -> &Kind {
        &self.setup.kind
    }

    /// What lets the operator through.
    pub fn pass(&self) -> &Secret {
        &self.setup.pass
    }

    /// Whether the site is closed, by the flag or, should that be lost, by what
    /// the gate left in the live tree.
    pub fn state(&self) -> Result<GateState, GateError> {
        let state = flag::read(&self.setup.folder)?;
        let closed = state.closed || !self.paths_in_site()?.is_empty();
        Ok(GateState { closed, ..state })
    }

    /// Closes the site, or renews what a closed one says. May be repeated after
    /// a kill at any point. Another's application lock, or file in the place of
    /// ours, refuses before anything is touched.
    pub fn close(&self, closing: &Closing) -> Result<(), GateError> {
        let site = self.site()?;
        let locks = self.locks()?;
        for lock in &locks {
            lock.check(&site)?;
        }
        if let Some(htaccess) = self.htaccess_to_look_at()? {
            htaccess.check()?;
            let answer = TreePath::from_bytes(php::CLOSED_PHP.as_bytes());
            if site.stat(&answer)?.is_some() && !live::is_ours(&site, &answer)? {
                return Err(GateError::NotOurs { path: site.full(&answer) });
            }
        }
        let seconds = closing.retry_after_seconds.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end());
        let closing = Closing { retry_after_seconds: seconds, ..closing.clone() };
        let options = &self.setup.page;
        let pages = options.render(&closing).unwrap_or_else(|_| options.render_built_in(&closing));
        self.write_folder(&pages)?;
        flag::write(&self.setup.folder, &closing)?;
        visit("gate-flag-written")?;
        self.close_server(&site, seconds, &pages)?;
        visit("gate-server-closed")?;
        for lock in &locks {
            lock.close(&site, &self.setup.pass, &self.log()?)?;
        }
        Ok(())
    }

    /// Opens the site; an open one stays as it is. May be repeated after a kill
    /// at any point. The flag goes last, and is proved gone.
    pub fn open(&self) -> Result<Opened, GateError> {
        self.unlock()?;
        self.let_in()
    }

    /// The first half of opening: the application unlocks, visitors stay out.
    pub fn unlock(&self) -> Result<(), GateError> {
        if !self.state()?.closed {
            return Ok(());
        }
        let site = self.site()?;
        for lock in self.locks()?.iter().rev() {
            lock.open(&site, &self.log()?)?;
        }
        Ok(visit("gate-unlocked")?)
    }

    /// The second half of opening.
    pub fn let_in(&self) -> Result<Opened, GateError> {
        if !self.state()?.closed {
            return Ok(Opened::default());
        }
        let opened = self.open_server(&self.site()?)?;
        visit("gate-server-opened")?;
        let flag = flag::path(&self.setup.folder);
        flag::remove(&self.setup.folder)?;
        if fs::exists(&flag) {
            return Err(GateError::StillClosed { path: flag });
        }
        Ok(opened)
    }

    /// Renews what would expire while the site is closed; call it every few
    /// minutes. Does nothing to an open site.
    pub fn keep_fresh(&self) -> Result<(), GateError> {
        if !self.state()?.closed {
            return Ok(());
        }
        let site = self.site()?;
        for lock in self.locks()? {
            lock.keep_fresh(&site, &self.setup.pass, &self.log()?)?;
        }
        Ok(())
    }

    /// The files that the gate has put into the live tree now: no part of the site.
    pub fn paths_in_site(&self) -> Result<Vec<SitePath>, GateError> {
        let site = self.site()?;
        let mut found = Vec::new();
        for path in self.own_files()? {
            let half = live::half_made(&path);
            if site.stat(&half)?.is_some() {
                found.push(half);
            }
            if live::is_ours(&site, &path)? {
                found.push(path);
            }
        }
        if let Some(htaccess) = self.htaccess_to_look_at()? {
            if htaccess.is_ours()? {
                found.push(held::live_name());
            }
            found.extend(htaccess.leftovers()?);
        }
        found.sort();
        found.dedup();
        found.iter().map(site_path).collect()
    }

    /// The file that stands in for the live `.htaccess` while the gate is closed:
    /// an update changes, adds or removes that one; `open` brings it live.
    pub fn held(&self) -> Result<Option<Held>, GateError> {
        match self.htaccess_to_look_at()? {
            Some(htaccess) if htaccess.is_ours()? => {
                let place = htaccess.held_at()?;
                Ok(Some(Held {
                    path: site_path(&held::live_name())?,
                    folder: place.root.path().to_owned(),
                    name: site_path(&place.path)?,
                }))
            }
            _ => Ok(None),
        }
    }

    /// Renders the owner's template once, for a check before it is needed.
    pub fn preview(&self, closing: &Closing) -> Result<Pages, GateError> {
        Ok(self.setup.page.render(closing)?)
    }

    /// Writes what must be there before the first close, once: the folder with
    /// a page, the guard, and for [`Kind::Prepend`] the line in `.user.ini`.
    pub fn install(&self) -> Result<(), GateError> {
        let closing = Closing {
            reason: String::new(),
            by: String::new(),
            since: clock::now(),
            retry_after_seconds: 300,
        };
        self.write_folder(&self.setup.page.render(&closing)?)?;
        match self.setup.kind {
            Kind::Prepend => user_ini::install(&self.site()?, &self.setup.folder),
            _ => Ok(()),
        }
    }

    /// What an administrator has to do once, in words and lines to paste.
    pub fn instructions(&self) -> String {
        instructions::text(&self.setup)
    }

    fn close_server(&self, site: &Root, seconds: u32, pages: &Pages) -> Result<(), GateError> {
        let setup = &self.setup;
        match &setup.kind {
            Kind::Apache => {
                self.put_own_file(site, &TreePath::from_bytes(php::CLOSED_PHP.as_bytes()), seconds, pages)?;
                let file = |rest: &[u8]| apache::file(&setup.pass, &setup.url_path, seconds, pages, rest);
                Ok(Htaccess::new(&setup.site_root, &self.beside())?.close(file)?)
            }
            Kind::WordPress if site.stat(&TreePath::from_bytes(b"wp-content"))?.is_some() => {
                let path = TreePath::from_bytes(DROP_IN.as_bytes());
                if site.stat(&path)?.is_some() && !live::is_ours(site, &path)? {
                    // The owner has a page of their own for this: it stays.
                    return Ok(());
                }
                self.put_own_file(site, &path, seconds, pages)
            }
            Kind::Command { close, .. } => lock::run(close, site, &self.log()?),
            Kind::WordPress | Kind::Nginx | Kind::Prepend | Kind::None => Ok(()),
        }
    }

    fn open_server(&self, site: &Root) -> Result<Opened, GateError> {
        let mut opened = Opened::default();
        match &self.setup.kind {
            Kind::Apache => {
                opened.set_aside = Htaccess::new(&self.setup.site_root, &self.beside())?.open()?;
                live::take_away(site, &TreePath::from_bytes(php::CLOSED_PHP.as_bytes()))?;
            }
            Kind::WordPress => live::take_away(site, &TreePath::from_bytes(DROP_IN.as_bytes()))?,
            Kind::Command { open, .. } => lock::run(open, site, &self.log()?)?,
            Kind::Nginx | Kind::Prepend | Kind::None => {}
        }
        Ok(opened)
    }

    fn put_own_file(
        &self,
        site: &Root,
        path: &TreePath,
        seconds: u32,
        pages: &Pages,
    ) -> Result<(), GateError> {
        match live::put(site, path, php::answer(seconds, pages).as_bytes())? {
            true => Ok(()),
            false => Err(GateError::NotOurs { path: site.full(path) }),
        }
    }

    /// The files that this gate may put into the site, `.htaccess` left out.
    fn own_files(&self) -> Result<Vec<TreePath>, GateError> {
        let mut paths = match self.setup.kind {
            Kind::Apache => vec![TreePath::from_bytes(php::CLOSED_PHP.as_bytes())],
            Kind::WordPress => vec![TreePath::from_bytes(DROP_IN.as_bytes())],
            _ => Vec::new(),
        };
        for lock in self.locks()? {
            if let ApplicationLock::File { path, .. } = &lock {
                paths.push(TreePath::from(path));
            }
        }
        Ok(paths)
    }

    /// The application's lock; WordPress's own is the gate where nothing else is.
    fn locks(&self) -> Result<Vec<ApplicationLock>, GateError> {
        let mut locks: Vec<_> = self.setup.application_lock.iter().cloned().collect();
        if self.setup.kind == Kind::WordPress {
            let own = ApplicationLock::wordpress()?;
            let same = |lock: &ApplicationLock| match (lock, &own) {
                (ApplicationLock::File { path, .. }, ApplicationLock::File { path: own, .. }) => path == own,
                _ => false,
            };
            if !locks.iter().any(same) {
                locks.push(own);
            }
        }
        Ok(locks)
    }

    /// Writes the gate's own folder: page and, where PHP looks, the guard.
    fn write_folder(&self, pages: &Pages) -> Result<(), GateError> {
        let folder = &self.setup.folder;
        fs::create_folders(folder, 0o755)?;
        // The umask may have taken bits that the web server needs.
        fs::set_mode(folder, 0o755)?;
        page::write(folder, pages)?;
        if self.setup.kind == Kind::Prepend {
            let guard = php::guard(&self.setup.pass);
            let path = folder.join(user_ini::GUARD_NAME);
            if fs::read_if_present(&path)?.as_deref() != Some(guard.as_bytes()) {
                fs::write_durable_with(&path, guard.as_bytes(), 0o644)?;
            }
        }
        Ok(())
    }

    fn htaccess_to_look_at(&self) -> Result<Option<Htaccess>, GateError> {
        match self.setup.kind {
            Kind::Apache => Ok(Some(Htaccess::look(&self.setup.site_root, &self.beside())?)),
            _ => Ok(None),
        }
    }

    fn site(&self) -> Result<Root, GateError> {
        Ok(Root::open(&self.setup.site_root)?)
    }

    /// The folder that holds what the gate took out of the site.
    fn beside(&self) -> PathBuf {
        self.setup.folder.with_file_name("gate-held")
    }

    /// Where the programs of the gate print to.
    fn log(&self) -> Result<PathBuf, GateError> {
        let folder = self.beside();
        fs::create_folders(&folder, 0o700)?;
        Ok(folder.join("command.log"))
    }
}

fn site_path(path: &TreePath) -> Result<SitePath, GateError> {
    path.to_site_path().map_err(|source| GateError::SitePath { source })
}

fn visit(point: &'static str) -> Result<(), IoError> {
    fault::point(point).map_err(|source| IoError::new("move", "the gate", source))
}
