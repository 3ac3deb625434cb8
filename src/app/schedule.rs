//! What is done unattended, and when: `schedule install`, `print`, `list`, `remove`.

use std::path::Path;
use std::path::PathBuf;

use serde::Serialize;

use crate::app::auto::Proof;
use crate::app::auto::conditions;
use crate::app::desk::Held;
use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::check::Check;
use crate::base::check::Level;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::schedule::Job;
use crate::schedule::Record;
use crate::schedule::check::Asker;
use crate::schedule::check::asker;
use crate::schedule::crontab;
use crate::schedule::crontab::CrontabError;
use crate::schedule::line::Command;
use crate::schedule::line::EVERY;
use crate::schedule::line::Rhythm;
use crate::schedule::outlook::Outlook;
use crate::schedule::outlook::outlook;
use crate::schedule::sites;
use crate::schedule::systemd::Units;
use crate::schedule::written;
use crate::site::settings::Schedule;
use crate::sys::clock;
use crate::sys::fs;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub update: Option<String>,
    pub watch: Option<String>,
    pub prune: Option<String>,
    pub zone: Option<String>,
    /// Minutes between two ticks.
    pub every: Option<u32>,
    pub carrier: Carrier,
    /// Nothing but the health check has to be proved.
    pub unproven: bool,
    pub dry_run: bool,
}

/// What starts the ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// What does already, else the user's crontab.
    #[default]
    Usual,
    Systemd,
    /// A person sees to it.
    ByHand,
}

#[derive(Clone, Debug, Serialize)]
pub struct ScheduleView {
    pub jobs: Vec<JobView>,
    /// `crontab` or `systemd`; `null` when nothing of this user asks what is due.
    pub installed: Option<&'static str>,
    /// The line of the crontab, as it is or would be.
    pub line: String,
    /// Every site that the ticks go through.
    pub sites: Vec<String>,
    /// Whether this site is one of them.
    pub listed: bool,
    /// Where they are listed.
    pub list: String,
    /// Minutes between two ticks.
    pub every: u32,
    pub dry_run: bool,
    pub notes: Vec<String>,
    /// Whether it will be done; of `install`, only what is wrong.
    pub checks: Vec<Check>,
    /// What is left to be typed.
    pub commands: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct JobView {
    pub job: &'static str,
    pub expression: String,
    pub zone: String,
    pub next: Vec<String>,
    pub last: Option<String>,
    pub warnings: Vec<String>,
}

pub fn install(place: &Place, request: &Request) -> Result<Answer<ScheduleView>, Failure> {
    let held = Held::take_to_look(place, "schedule install")?;
    let (old, _) = asker();
    let rhythm = match (request.every, old.rhythm()) {
        (Some(every), _) => Rhythm::new(every)?,
        (None, Some(rhythm)) => rhythm,
        (None, None) => Rhythm::new(EVERY)?,
    };
    // Whatever is wrong with the times is told before anything is done.
    let wanted = wanted(&held, request);
    let schedule = merged(&held.site.settings.schedule, &wanted);
    let mut record = Record::load(&held.site.state)?;
    outlook(&schedule, &record, clock::now(), Some(rhythm.every))?;
    if schedule.update.is_some() {
        let proof = if schedule.unproven { Proof::Waived } else { Proof::Asked };
        conditions::check(&held.site, &held.gate, proof)?;
    }
    let folder = held.site.state.folder();
    let path = held.site.state.settings();
    let settings = written::prepare(&path, &wanted)?;
    let job = Installation { command: Command::ours()?, rhythm, folder };
    if request.dry_run {
        let mut view = job.carry(request.carrier, &old, Doing::Nothing)?;
        view.fill(&schedule, &record, folder)?;
        view.dry_run = true;
        return Ok(Answer::done(view));
    }
    let list = sites::file()?;
    let _turn = sites::turn(&list)?;
    let mut view = job.carry(request.carrier, &old, Doing::Everything)?;
    settings.write()?;
    record.agree(&schedule, clock::now());
    record.save()?;
    sites::add(&list, folder)?;
    view.fill(&schedule, &record, folder)?;
    // What was just written is there; whether anything reads it is another question.
    view.checks = crate::schedule::check(&place.open()?);
    view.checks.retain(|check| check.level == Level::Error);
    Ok(Answer::done(view))
}

/// What is written into the settings: what was asked for, or where nothing was
/// asked for and nothing stands there, what is usual.
fn wanted(held: &Held, request: &Request) -> Schedule {
    let asked = Schedule {
        update: request.update.clone(),
        watch: request.watch.clone(),
        prune: request.prune.clone(),
        zone: request.zone.clone(),
        jitter_minutes: 0,
        unproven: request.unproven,
    };
    let is_silent = |schedule: &Schedule| Job::ALL.iter().all(|job| job.expression(schedule).is_none());
    if is_silent(&asked) && is_silent(&held.site.settings.schedule) {
        use std::os::unix::ffi::OsStrExt;
        let host = crate::sys::env::host_name();
        let seed = [host.as_bytes(), held.site.state.folder().as_os_str().as_bytes()].concat();
        return Schedule { zone: asked.zone, unproven: asked.unproven, ..written::usual(&seed) };
    }
    asked
}

fn merged(old: &Schedule, new: &Schedule) -> Schedule {
    let either = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    Schedule {
        update: either(&new.update, &old.update),
        watch: either(&new.watch, &old.watch),
        prune: either(&new.prune, &old.prune),
        zone: either(&new.zone, &old.zone),
        jitter_minutes: old.jitter_minutes,
        unproven: new.unproven || old.unproven,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Everything,
    Nothing,
}

struct Installation<'a> {
    command: Command,
    rhythm: Rhythm,
    folder: &'a Path,
}

impl Installation<'_> {
    /// Makes somebody ask every so many minutes.
    fn carry(&self, carrier: Carrier, old: &Asker, doing: Doing) -> Result<ScheduleView, Failure> {
        let mut view = ScheduleView::of(&self.command, self.rhythm)?;
        match (carrier, old) {
            (Carrier::Systemd, _) | (Carrier::Usual, Asker::Systemd(_)) => {
                self.by_systemd(&mut view, doing)?
            }
            (Carrier::Usual, _) => self.by_crontab(&mut view, doing)?,
            (Carrier::ByHand, _) => view.installed = name(old),
        }
        Ok(view)
    }

    fn by_crontab(&self, view: &mut ScheduleView, doing: Doing) -> Result<(), Failure> {
        let line = self.command.crontab(self.rhythm);
        let old = crontab::read().map_err(|error| self.with_another_way(error))?;
        let new = crontab::with_line(&old, &line)?;
        if new != old && doing == Doing::Everything {
            crontab::write(&new).map_err(|error| self.with_another_way(error))?;
        }
        view.installed = Some("crontab");
        Ok(())
    }

    /// Root's crontab can do what this user's may not.
    fn with_another_way(&self, error: CrontabError) -> Failure {
        if !matches!(error, CrontabError::Forbidden { .. } | CrontabError::NoProgram) {
            return error.into();
        }
        let command = Command { configuration: None, ..self.command.clone() };
        let line = escape::bytes(&command.crontab(self.rhythm));
        Failure::from(error).hint(format!(
            "or let root see to it: a line `{}` in /root/.config/entracte/sites, and `{line}` in root's crontab",
            fs::shown(self.folder)
        ))
    }

    fn by_systemd(&self, view: &mut ScheduleView, doing: Doing) -> Result<(), Failure> {
        let units = Units::ours()?;
        let texts = units.texts(&self.command, self.rhythm)?;
        view.installed = Some("systemd");
        view.notes.extend(texts.iter().map(|(path, _)| format!("unit {}", fs::shown(path))));
        if doing == Doing::Everything {
            units.write(&self.command, self.rhythm)?;
            // One of them is enough.
            take_out_of_crontab()?;
            if units.is_managed() {
                for (command, error) in units.enable() {
                    view.notes.push(error.to_string());
                    view.commands.push(command);
                }
                return Ok(());
            }
        }
        view.commands = units.enabling();
        Ok(())
    }
}

/// Where there is no crontab, or none can be had, there is no line of ours in it.
fn take_out_of_crontab() -> Result<bool, Failure> {
    let old = match crontab::read() {
        Ok(crontab) => crontab,
        Err(CrontabError::NoProgram | CrontabError::Forbidden { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let new = crontab::without(&old)?;
    if new == old {
        return Ok(false);
    }
    crontab::write(&new)?;
    Ok(true)
}

/// The jobs of this site, and who asks for them.
pub fn list(place: &Place) -> Result<Answer<ScheduleView>, Failure> {
    let site = place.open()?;
    let (asker, unseen) = asker();
    let rhythm = asker.rhythm().map_or_else(|| Rhythm::new(EVERY), Ok)?;
    let mut view = ScheduleView::of(&Command::ours()?, rhythm)?;
    view.installed = name(&asker);
    if let Asker::Crontab(line) = &asker {
        view.line = escape::bytes(line);
    }
    view.notes.extend(unseen);
    view.checks = crate::schedule::check(&site);
    view.fill(&site.settings.schedule, &Record::load(&site.state)?, site.state.folder())?;
    Ok(Answer::done(view))
}

/// As [`list`], with the line that this program would write.
pub fn print(place: &Place) -> Result<Answer<ScheduleView>, Failure> {
    let mut answer = list(place)?;
    let rhythm = Rhythm::of_line(answer.result.line.as_bytes()).map_or_else(|| Rhythm::new(EVERY), Ok)?;
    answer.result.line = escape::bytes(&Command::ours()?.crontab(rhythm));
    Ok(answer)
}

/// Takes this site out of the list; the line, or the timer, goes with the last one.
pub fn remove(place: &Place) -> Result<Answer<ScheduleView>, Failure> {
    let held = Held::take(place, "schedule remove")?;
    let folder = held.site.state.folder();
    let file = sites::file()?;
    let mut has_changed = false;
    if fs::exists(&file) {
        let _turn = sites::turn(&file)?;
        has_changed = sites::remove(&file, folder)?;
        if sites::load(&file)?.is_empty() {
            has_changed |= take_out_of_crontab()?;
            if let Some(units) = Units::ours().ok().filter(Units::are_there) {
                units.remove()?;
                has_changed = true;
            }
        }
    }
    let mut answer = list(place)?;
    if !answer.result.jobs.is_empty() {
        answer.result.notes.push("[schedule] in the settings stays as it is".into());
    }
    if !has_changed {
        answer.exit = Exit::NothingToDo;
    }
    Ok(answer)
}

fn name(asker: &Asker) -> Option<&'static str> {
    match asker {
        Asker::Crontab(_) => Some("crontab"),
        Asker::Systemd(_) => Some("systemd"),
        Asker::Nobody => None,
    }
}

impl ScheduleView {
    fn of(command: &Command, rhythm: Rhythm) -> Result<ScheduleView, Failure> {
        Ok(ScheduleView {
            jobs: Vec::new(),
            installed: None,
            line: escape::bytes(&command.crontab(rhythm)),
            sites: Vec::new(),
            listed: false,
            list: fs::shown(&sites::file()?),
            every: rhythm.every,
            dry_run: false,
            notes: Vec::new(),
            checks: Vec::new(),
            commands: Vec::new(),
        })
    }

    fn fill(&mut self, schedule: &Schedule, record: &Record, folder: &Path) -> Result<(), Failure> {
        let jobs = outlook(schedule, record, clock::now(), Some(self.every))?;
        self.jobs = jobs.into_iter().map(job_view).collect();
        let sites: Vec<PathBuf> = sites::load(&sites::file()?)?;
        self.listed = sites.iter().any(|site| site == folder);
        self.sites = sites.iter().map(|site| fs::shown(site)).collect();
        Ok(())
    }
}

fn job_view(job: Outlook) -> JobView {
    let rfc3339 = |time: &jiff::Zoned| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let last = job.last.map(|last| match job.next.first() {
        Some(next) => rfc3339(&last.to_zoned(next.time_zone().clone())),
        None => last.to_string(),
    });
    JobView {
        job: job.job.name(),
        expression: job.expression,
        zone: job.zone,
        next: job.next.iter().map(rfc3339).collect(),
        last,
        warnings: job.warnings,
    }
}
