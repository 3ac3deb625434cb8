//! A service and a timer of systemd, in place of a line in a crontab.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::schedule::line::Command;
use crate::schedule::line::Rhythm;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::ProcessError;
use crate::sys::process::Program;
use crate::sys::user;

const SERVICE: &str = "entracte.service";
const TIMER: &str = "entracte.timer";
const CALENDAR: &str = "OnCalendar=";
const LIMIT: Duration = Duration::from_secs(60);

/// Whose manager starts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The machine's, for root.
    System,
    User {
        uid: u32,
        name: String,
    },
}

/// Where the units stand, and who starts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    pub scope: Scope,
    pub folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum SystemdError {
    #[error("this user (uid {uid}) has no home folder that could hold units")]
    NoHome { uid: u32 },
    #[error("{} cannot be named in a unit: it is not UTF-8", fs::shown(path))]
    Path { path: PathBuf },
    #[error("`{command}` failed: {said}")]
    Failed { command: String, said: String },
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for SystemdError {
    fn exit(&self) -> Exit {
        match self {
            SystemdError::NoHome { .. } | SystemdError::Path { .. } => Exit::Refused,
            SystemdError::Io(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SystemdError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl Units {
    /// Those of the user that this process works as.
    pub fn ours() -> Result<Units, SystemdError> {
        let uid = env::user_id();
        if uid == 0 {
            return Ok(Units { scope: Scope::System, folder: "/etc/systemd/system".into() });
        }
        let folder = user::configuration().ok_or(SystemdError::NoHome { uid })?.join("systemd/user");
        let name = user::current().map_or_else(|| uid.to_string(), |user| user.name);
        Ok(Units { scope: Scope::User { uid, name }, folder })
    }

    /// How often the timer that stands there ticks; `None` without one.
    pub fn rhythm(&self) -> Option<Rhythm> {
        let timer = fs::read_text(&self.folder.join(TIMER), 1 << 16).ok()?;
        Rhythm::of_calendar(timer.lines().find_map(|line| line.strip_prefix(CALENDAR))?)
    }

    pub fn are_there(&self) -> bool {
        fs::is_file(&self.folder.join(TIMER))
    }

    /// The paths and texts of both files.
    pub fn texts(&self, command: &Command, rhythm: Rhythm) -> Result<[(PathBuf, String); 2], SystemdError> {
        let service = self.service(command)?;
        Ok([(self.folder.join(SERVICE), service), (self.folder.join(TIMER), timer(rhythm))])
    }

    fn service(&self, command: &Command) -> Result<String, SystemdError> {
        let mut text = String::from("# Written by `entracte schedule install --systemd`.\n[Unit]\n");
        text += "Description=Unattended updates of web sites\n";
        if self.scope == Scope::System {
            text += "Wants=network-online.target\nAfter=network-online.target\n";
        }
        text += "\n[Service]\nType=oneshot\n";
        if let Some(folder) = &command.configuration {
            text += &format!("Environment={}\n", quoted("XDG_CONFIG_HOME=", folder)?);
        }
        text += &format!("ExecStart={} --quiet tick --all\n", quoted("", &command.program)?);
        text += "# Nothing to do, waiting for approval, somebody works on the site already.\n\
                 SuccessExitStatus=3 4 8\n\
                 # A run ends in good order, what it started ends with it.\n\
                 KillMode=mixed\nTimeoutStopSec=15min\n";
        if self.scope == Scope::System {
            // What would forbid set-user-id programs is left out, since mail is often sent by
            // one; so is what hides folders, since sites and sockets may stand in any.
            text += "LockPersonality=yes\nProtectControlGroups=yes\nProtectHostname=yes\n\
                     ProtectKernelLogs=yes\nProtectKernelModules=yes\nProtectKernelTunables=yes\n\
                     RestrictRealtime=yes\n";
        }
        Ok(text)
    }

    /// Writes both files; they do nothing before the commands of [`Units::enabling`].
    pub fn write(&self, command: &Command, rhythm: Rhythm) -> Result<(), SystemdError> {
        let texts = self.texts(command, rhythm)?;
        fs::create_folders(&self.folder, 0o755)?;
        for (path, text) in texts {
            fs::write_durable_with(&path, text.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// What has to be typed so that the timer runs.
    pub fn enabling(&self) -> Vec<String> {
        let mut commands = Vec::new();
        if let Scope::User { name, .. } = &self.scope {
            // Otherwise it ends with the user's last session.
            commands.push(format!("loginctl enable-linger {name}"));
        }
        commands.push(self.systemctl("daemon-reload"));
        commands.push(self.systemctl(&format!("enable --now {TIMER}")));
        commands
    }

    fn systemctl(&self, what: &str) -> String {
        match self.scope {
            Scope::System => format!("systemctl {what}"),
            Scope::User { .. } => format!("systemctl --user {what}"),
        }
    }

    /// Whether the manager that would start it runs.
    pub fn is_managed(&self) -> bool {
        match &self.scope {
            Scope::System => fs::is_folder(Path::new("/run/systemd/system")),
            Scope::User { uid, .. } => fs::exists(&runtime(*uid).join("systemd/private")),
        }
    }

    /// Types them; what comes back are those that failed, with why.
    pub fn enable(&self) -> Vec<(String, SystemdError)> {
        let tried = self.enabling().into_iter().map(|command| (self.run(&command), command));
        tried.filter_map(|(done, command)| Some((command, done.err()?))).collect()
    }

    /// Ends the timer and takes both files away.
    pub fn remove(&self) -> Result<(), SystemdError> {
        if self.is_managed() {
            self.run(&self.systemctl(&format!("disable --now {TIMER}")))?;
        }
        for name in [TIMER, SERVICE] {
            fs::remove_file_if_present(&self.folder.join(name))?;
        }
        if self.is_managed() { self.run(&self.systemctl("daemon-reload")) } else { Ok(()) }
    }

    /// Whether the timer runs.
    pub fn is_active(&self) -> bool {
        self.is_managed() && self.run(&self.systemctl(&format!("is-active {TIMER}"))).is_ok()
    }

    fn run(&self, command: &str) -> Result<(), SystemdError> {
        let mut program = Program::new(command.split(' '), Path::new("/"));
        program.limit = LIMIT;
        if let Scope::User { uid, .. } = &self.scope {
            program.env.insert("XDG_RUNTIME_DIR".into(), runtime(*uid).to_string_lossy().into_owned());
        }
        let (ended, _, said) = program.capture_both(1 << 16)?;
        match ended {
            Ended::Status(0) => Ok(()),
            _ => {
                Err(SystemdError::Failed { command: command.into(), said: escape::bytes(said.trim_ascii()) })
            }
        }
    }
}

fn runtime(uid: u32) -> PathBuf {
    PathBuf::from(format!("/run/user/{uid}"))
}

fn timer(rhythm: Rhythm) -> String {
    format!(
        "# Written by `entracte schedule install --systemd`.\n\
         [Unit]\nDescription=Asks which unattended work on web sites is due\n\n\
         [Timer]\n{CALENDAR}{}\nRandomizedDelaySec=30\nPersistent=true\n\n\
         [Install]\nWantedBy=timers.target\n",
        rhythm.calendar()
    )
}

/// One word of a unit.
fn quoted(before: &str, path: &Path) -> Result<String, SystemdError> {
    let text = path.to_str().ok_or_else(|| SystemdError::Path { path: path.to_owned() })?;
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{before}{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_a_user() {
        let units = Units {
            scope: Scope::User { uid: 1000, name: "anne".into() },
            folder: "/home/anne/.config/systemd/user".into(),
        };
        let command = Command { program: "/opt/50% \"x\"/entracte".into(), configuration: None };
        let [(service, text), (timer, clock)] =
            units.texts(&command, Rhythm { every: 10, offset: 7 }).unwrap();
        assert_eq!(service, Path::new("/home/anne/.config/systemd/user/entracte.service"));
        assert_eq!(timer, Path::new("/home/anne/.config/systemd/user/entracte.timer"));
        assert!(text.contains("ExecStart=\"/opt/50%% \\\"x\\\"/entracte\" --quiet tick --all\n"), "{text}");
        assert!(!text.contains("network-online") && !text.contains("Protect"), "{text}");
        assert!(clock.contains("OnCalendar=*-*-* *:07/10:00\n"), "{clock}");
        assert_eq!(units.enabling()[0], "loginctl enable-linger anne");
    }

    #[test]
    fn the_rhythm_of_a_timer_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let units = Units { scope: Scope::System, folder: folder.path().to_owned() };
        assert!(!units.are_there() && units.rhythm().is_none());
        let command = Command { program: "/bin/entracte".into(), configuration: Some("/x y".into()) };
        for rhythm in [Rhythm { every: 60, offset: 3 }, Rhythm { every: 15, offset: 4 }] {
            units.write(&command, rhythm).unwrap();
            assert_eq!(units.rhythm(), Some(rhythm));
        }
        let service = fs::read_text(&folder.path().join(SERVICE), 4096).unwrap();
        assert!(service.contains("Environment=\"XDG_CONFIG_HOME=/x y\"\n"), "{service}");
    }
}
