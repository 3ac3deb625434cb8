//! The program `git`, started so that nothing but what is asked for happens:
//! no prompt, no hook, no way but one, within time and room.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::escape;
use crate::release::archive::Limits;
use crate::release::git::address::Repository;
use crate::release::git::error::GitError;
use crate::release::git::way;
use crate::release::network::address::host;
use crate::release::network::error::NetworkError;
use crate::release::network::proxy;
use crate::release::stage::Options;
use crate::site::config;
use crate::site::settings::NetworkSettings;
use crate::sys::clock::Stopwatch;
use crate::sys::disk;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::process;
use crate::sys::process::Ended;
use crate::sys::process::Program;

/// The most that git may say of one thing.
const MOST_SAID: u64 = 64 << 20;
/// How often its room is measured.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Left to the site and everybody else on the disk.
const LEFT_TO_OTHERS: u64 = 16 << 20;
/// Variables of the user that say how to get out, and who he is to ssh.
const WAYS_OUT: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSH_AUTH_SOCK",
];
/// Nothing that a repository, or whoever set it up, would have happen besides.
const QUIET: [&str; 6] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "fetch.recurseSubmodules=false",
];

/// One repository, and the folder in which git works on it.
pub(super) struct Git<'a> {
    repository: &'a Repository,
    options: &'a Options<'a>,
    /// All that git may fill.
    folder: PathBuf,
    clock: Stopwatch,
}

/// Whom git may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Its own folder; no settings but ours hold.
    Here,
    /// The repository, as the user's own settings say.
    Outside,
}

impl<'a> Git<'a> {
    pub fn new(
        repository: &'a Repository,
        options: &'a Options<'a>,
        folder: &Path,
    ) -> Result<Git<'a>, GitError> {
        if !repository.is_protected() && !options.network.settings.insecure_http {
            return Err(GitError::Insecure { repository: repository.to_string() });
        }
        if process::find("git").is_none() {
            return Err(GitError::NoProgram);
        }
        readable(&options.network.settings)?;
        Ok(Git { repository, options, folder: folder.to_owned(), clock: Stopwatch::start() })
    }

    /// Runs git on what is here.
    pub fn here(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let arguments = arguments.iter().map(OsString::from).collect();
        self.run(Reach::Here, arguments)
    }

    /// Runs git on the repository: `before`, its address, `after`.
    pub fn outside(&self, before: &[&str], after: &[String]) -> Result<Vec<u8>, GitError> {
        let mut arguments: Vec<OsString> = before.iter().map(OsString::from).collect();
        arguments.push("--".into());
        arguments.push(self.repository.argument().into());
        arguments.extend(after.iter().map(OsString::from));
        self.run(Reach::Outside, arguments)
    }

    fn run(&self, reach: Reach, arguments: Vec<OsString>) -> Result<Vec<u8>, GitError> {
        let mut argv: Vec<OsString> = vec!["git".into()];
        for setting in QUIET.iter().map(ToString::to_string).chain(self.network_settings(reach)) {
            argv.extend(["-c".into(), setting.into()]);
        }
        argv.extend(arguments);
        let mut program = Program::new(argv, &self.folder);
        program.env = self.environment(reach).into_iter().collect();
        program.limit = self.time_left();
        let mut stopped = None;
        let mut looked = Duration::ZERO;
        let (ended, said, complaint) = program.capture_while(MOST_SAID, &mut || {
            let now = self.clock.elapsed();
            if now < looked + LOOK_EVERY {
                return true;
            }
            looked = now;
            stopped = self.why_stop();
            stopped.is_none()
        })?;
        // A program that was quick may have ended before anybody looked.
        if let Some(error) = stopped.or_else(|| self.why_stop()) {
            return Err(error);
        }
        match ended {
            Ended::Status(0) if (said.len() as u64) < MOST_SAID => Ok(said),
            Ended::Status(0) => Err(self.too_large(MOST_SAID)),
            Ended::TimedOut => Err(self.too_long()),
            Ended::Status(_) | Ended::Signal(_) => Err(self.told(&last_words(&complaint))),
        }
    }

    fn told(&self, said: &str) -> GitError {
        let said = self.repository.without_user(said);
        let in_the_way = self.repository.url().and_then(|url| {
            let proxy = proxy::before(url, self.settings());
            way::told(url, proxy.as_deref(), &said)
        });
        match in_the_way {
            Some(error) => error.into(),
            None => GitError::told(self.repository.to_string(), said),
        }
    }

    /// How git asks over the network, as the site's settings say.
    fn network_settings(&self, reach: Reach) -> Vec<String> {
        if reach == Reach::Here {
            return Vec::new();
        }
        let settings = &self.options.network.settings;
        let mut said = vec![
            format!("http.lowSpeedLimit={}", settings.least_bytes_per_second.max(1)),
            format!("http.lowSpeedTime={}", settings.stall_seconds.get().as_secs().max(1)),
        ];
        if let Some(proxy) = &settings.proxy {
            let (scheme, place) = (proxy.get().scheme(), host(proxy.get()));
            let user = Some(proxy.get().username()).filter(|user| !user.is_empty());
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            // Without a port git would take another one than everybody else.
            said.push(format!("http.proxy={scheme}://{user}{place}"));
            said.extend(settings.proxy_password_file.iter().flat_map(|file| {
                let file = escape::word(&file.display().to_string());
                // Git reads it where it needs it: an argument is seen by everybody.
                let read = format!("test \"$1\" = get && printf 'password=%s\\n' \"$(cat {file})\"");
                let name = format!("credential.{scheme}://{place}.helper");
                // No helper of the owner's is told of it, which would keep it elsewhere.
                [format!("{name}="), format!("{name}=!f() {{ {read}; }}; f")]
            }));
        }
        if let Some(path) = &settings.ca_file {
            said.extend(
                ["http.sslCAInfo", "http.proxySSLCAInfo"].map(|name| format!("{name}={}", path.display())),
            );
        }
        said
    }

    fn environment(&self, reach: Reach) -> Vec<(String, String)> {
        let connect = self.options.network.settings.connect_seconds.get().as_secs().max(1);
        let mut set = vec![
            ("GIT_DIR".to_owned(), self.folder.join("repository").to_string_lossy().into_owned()),
            ("GIT_TERMINAL_PROMPT".into(), "0".into()),
            ("GIT_ASKPASS".into(), String::new()),
            ("GIT_OPTIONAL_LOCKS".into(), "0".into()),
            ("LC_ALL".into(), "C".into()),
            ("LANGUAGE".into(), "C".into()),
        ];
        match reach {
            Reach::Here => {
                // Git before 2.32 knows the last of these only.
                set.push(("GIT_CONFIG_NOSYSTEM".into(), "1".into()));
                set.push(("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()));
                set.push(("HOME".into(), "/nonexistent".into()));
                set.push(("GIT_ALLOW_PROTOCOL".into(), "none".into()));
            }
            Reach::Outside => {
                set.push(("GIT_ALLOW_PROTOCOL".into(), self.repository.scheme().into()));
                let ssh = format!("ssh -oBatchMode=yes -oConnectTimeout={connect} -oServerAliveInterval=15");
                set.push(("GIT_SSH_COMMAND".into(), ssh));
                let ways = WAYS_OUT.iter().filter_map(|name| Some(((*name).into(), env::variable(name)?)));
                set.extend(ways);
            }
        }
        set
    }

    pub fn settings(&self) -> &NetworkSettings {
        &self.options.network.settings
    }

    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    fn time_left(&self) -> Duration {
        self.options.network.settings.total_seconds.get().saturating_sub(self.clock.elapsed())
    }

    pub fn has_time_for(&self, pause: Duration) -> bool {
        pause < self.time_left()
    }

    /// Whether git must be ended, and why.
    pub fn why_stop(&self) -> Option<GitError> {
        let repository = || self.repository.to_string();
        if self.options.network.interrupt.is_set() {
            return Some(GitError::Interrupted { repository: repository() });
        }
        let limit = self.options.network.max_bytes;
        // What git removes while it is looked at is measured the next time.
        if disk::usage(&self.folder).is_ok_and(|bytes| bytes > limit) {
            return Some(self.too_large(limit));
        }
        if disk::space(&self.folder).is_ok_and(|space| space.free_bytes < LEFT_TO_OTHERS) {
            return Some(GitError::Full { repository: repository() });
        }
        None
    }

    fn too_large(&self, limit: u64) -> GitError {
        GitError::TooLarge { repository: self.repository.to_string(), limit }
    }

    fn too_long(&self) -> GitError {
        let seconds = self.options.network.settings.total_seconds.get().as_secs_f64();
        GitError::TooLong { repository: self.repository.to_string(), seconds }
    }
}

/// What git would not miss where it cannot be read: it would ask without.
fn readable(settings: &NetworkSettings) -> Result<(), GitError> {
    if let Some(file) = settings.proxy.as_ref().and(settings.proxy_password_file.as_deref()) {
        config::password(file).map_err(|source| {
            let (path, source) = (fs::shown(file), source.into());
            NetworkError::ProxyPassword { path, source }
        })?;
    }
    Ok(())
}

/// The lines of a complaint that say why, made safe to show.
fn last_words(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling =
        |line: &&&str| line.starts_with("fatal:") || line.starts_with("error:") || line.contains("denied");
    // ssh says it before git says that it could not read.
    let by_ssh = |line: &&&str| line.contains("denied (") || line.contains("verification failed");
    let first = lines
        .iter()
        .find(by_ssh)
        .or_else(|| lines.iter().find(telling))
        .or(lines.last())
        .copied()
        .unwrap_or("it says nothing");
    let line = first.trim_start_matches("fatal: ").trim_start_matches("error: ");
    escape::text(line).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_line_of_a_complaint_is_shown_and_harmless() {
        for (complaint, said) in [
            ("remote: hello\nfatal: Could not read from remote\nhint: x\n", "Could not read from remote"),
            (
                "git@x: Permission denied (publickey).\r\nfatal: Could not read",
                "git@x: Permission denied (publickey).",
            ),
            (
                "Host key verification failed.\r\nfatal: Could not read from remote repository.\n",
                "Host key verification failed.",
            ),
            ("warning: only this", "warning: only this"),
            ("fatal: \x1b[31mred", "\\x1b[31mred"),
            ("", "it says nothing"),
        ] {
            assert_eq!(last_words(complaint.as_bytes()), said);
        }
    }

    #[test]
    fn what_passes_is_told_from_what_needs_a_key() {
        let told = |said: &str| GitError::told("r".into(), said.into());
        assert!(matches!(told("Could not resolve host: x"), GitError::Unreachable { .. }));
        assert!(matches!(
            told("could not read Username for 'https://x': terminal prompts disabled"),
            GitError::Login { .. }
        ));
        assert!(matches!(told("repository 'x' not found"), GitError::Failed { .. }));
    }
}
