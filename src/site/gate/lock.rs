//! The application's own lock, for its cron jobs and workers, which never pass
//! through the web server.

use std::path::Path;
use std::time::Duration;

use crate::base::path::SitePath;
use crate::base::path::TreePath;
use crate::base::secret::Secret;
use crate::site::gate::error::GateError;
use crate::site::gate::live;
use crate::site::gate::php;
use crate::sys::beneath::Root;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::process::Ended;
use crate::sys::process::Program;
use crate::sys::process::Rest;

/// How long an application may take to lock or unlock itself.
const LIMIT: Duration = Duration::from_secs(300);

/// How an application locks itself; a profile says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationLock {
    /// A file whose presence locks. In `content` the word `{pass_sha256}`
    /// stands for the SHA-256 of the operator's pass.
    File { path: SitePath, content: String },
    /// Programs run in the site's folder, each an argument list.
    Command { close: Vec<String>, open: Vec<String> },
}

impl ApplicationLock {
    /// WordPress's own lock.
    pub fn wordpress() -> Result<ApplicationLock, GateError> {
        let path = SitePath::parse(".maintenance").map_err(|source| GateError::SitePath { source })?;
        Ok(ApplicationLock::File { path, content: php::WORDPRESS_LOCK.into() })
    }

    /// Sets the lock; again is harmless.
    pub fn close(&self, site: &Root, pass: &Secret, log: &Path) -> Result<(), GateError> {
        match self {
            ApplicationLock::File { path, content } => {
                match live::put(site, &TreePath::from(path), php::lock(content, pass).as_bytes())? {
                    true => Ok(()),
                    false => Err(GateError::LockedByOther { path: site.full(path) }),
                }
            }
            ApplicationLock::Command { close, .. } => run(close, site, log),
        }
    }

    /// Refuses when somebody else's lock is there: better before anything changed.
    pub fn check(&self, site: &Root) -> Result<(), GateError> {
        match self {
            ApplicationLock::File { path, .. }
                if site.stat(path)?.is_some() && !live::is_ours(site, path)? =>
            {
                Err(GateError::LockedByOther { path: site.full(path) })
            }
            _ => Ok(()),
        }
    }

    /// Releases the lock; again is harmless, and another's file is left alone.
    pub fn open(&self, site: &Root, log: &Path) -> Result<(), GateError> {
        match self {
            ApplicationLock::File { path, .. } => Ok(live::take_away(site, &TreePath::from(path))?),
            ApplicationLock::Command { open, .. } => run(open, site, log),
        }
    }

    /// Makes a lock file young again, and anew when it vanished.
    pub fn keep_fresh(&self, site: &Root, pass: &Secret, log: &Path) -> Result<(), GateError> {
        if let ApplicationLock::File { path, .. } = self {
            self.close(site, pass, log)?;
            let now = clock::now();
            site.set_mtime(path, now.as_second(), now.subsec_nanosecond().max(0) as u32)?;
        }
        Ok(())
    }
}

/// Runs one program in the site's folder; anything but status 0 is an error.
pub fn run(argv: &[String], site: &Root, log: &Path) -> Result<(), GateError> {
    if argv.is_empty() {
        return Ok(());
    }
    let mut program = Program::new(argv, site.path());
    program.rest = Rest::Stays;
    program.limit = LIMIT;
    match program.run(fs::create(log)?)? {
        Ended::Status(0) => Ok(()),
        ended => Err(GateError::Command { program: program.name(), ended: ended.told(program.limit, log) }),
    }
}
