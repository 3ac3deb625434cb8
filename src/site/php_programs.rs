//! The PHP programs of this machine: the one of the command line, and those
//! that can stand behind a web server. They are asked, never guessed from
//! names: each has a configuration, and so extensions, of its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::sys::fs;
use crate::sys::process;
use crate::sys::process::Ended;
use crate::sys::process::Program;

/// Where FPM is installed, beside the folders of `PATH`.
const FPM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];
/// Debian keeps a folder for each version here, and in it one for each kind of PHP.
const DEBIAN_VERSIONS: &str = "/etc/php";
/// Where the pools of FPM stand elsewhere.
const RED_HAT_POOLS: &str = "/etc/php-fpm.d";
const TELL: &str = "echo PHP_VERSION, PHP_EOL, implode(PHP_EOL, get_loaded_extensions());";
const LIMIT: Duration = Duration::from_secs(20);

/// What one PHP said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Php {
    /// For people, e.g. `php-fpm8.2`.
    pub name: String,
    pub version: String,
    /// Lower-case names.
    pub extensions: Vec<String>,
}

impl Php {
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.contains(&extension.to_ascii_lowercase())
    }
}

/// `php` of the command line; `None` when there is none that works.
pub fn of_command_line() -> Option<Php> {
    process::find("php")?;
    tell("the command line's PHP", Program::new(["php", "-r", TELL], Path::new("/")))
}

/// Every PHP here that can answer for a web server; `named` narrows it to one
/// FPM program.
pub fn of_web_servers(named: Option<&Path>) -> Vec<Php> {
    if let Some(program) = named {
        return fpm(program).into_iter().collect();
    }
    let mut found: Vec<Php> = fpm_programs().iter().filter_map(|program| fpm(program)).collect();
    for version in debian_versions() {
        found.extend(apache_module(&version));
    }
    found
}

/// The settings of one PHP, as it lists them.
#[derive(Clone, Debug)]
pub struct Listing {
    /// For people.
    pub name: String,
    pub text: String,
    /// The files in which pools of an FPM set more.
    pub pools: Vec<PathBuf>,
}

/// What every PHP here says of its settings that can answer for a web server.
pub fn settings_of_web_servers(named: Option<&Path>) -> Vec<Listing> {
    let programs = named.map_or_else(fpm_programs, |program| BTreeSet::from([program.to_owned()]));
    let mut found: Vec<Listing> = programs.iter().filter_map(|program| fpm_settings(program)).collect();
    let versions = if named.is_some() { Vec::new() } else { debian_versions() };
    for version in versions {
        let Some((name, mut asked)) = as_apache_module(&version, &["-i"]) else { continue };
        found.extend(says(&mut asked).map(|text| Listing { name, text, pools: Vec::new() }));
    }
    found
}

fn fpm_settings(program: &Path) -> Option<Listing> {
    let name = fs::shown(Path::new(program.file_name()?));
    let text = says(&mut Program::new([program.as_os_str(), "-i".as_ref()], Path::new("/")))?;
    let number = name.strip_prefix("php-fpm").unwrap_or_default();
    let folders = [Path::new(DEBIAN_VERSIONS).join(number).join("fpm/pool.d"), RED_HAT_POOLS.into()];
    let pools = folders.iter().flat_map(|folder| fs::list(folder).unwrap_or_default());
    let pools = pools.filter(|path| path.extension().is_some_and(|end| end == "conf")).collect();
    Some(Listing { name, text, pools })
}

fn debian_versions() -> Vec<PathBuf> {
    fs::list(Path::new(DEBIAN_VERSIONS)).unwrap_or_default()
}

/// The FPM programs that are installed.
fn fpm_programs() -> BTreeSet<PathBuf> {
    let programs = FPM_FOLDERS.iter().flat_map(|folder| fs::list(Path::new(folder)).unwrap_or_default());
    let is_fpm = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("php-fpm"))
    };
    // Links of one program to another name are no second one.
    programs.filter(is_fpm).filter_map(|program| fs::canonical(&program).ok()).collect()
}

/// FPM lists what its own configuration loads.
fn fpm(program: &Path) -> Option<Php> {
    let name = fs::shown(Path::new(program.file_name()?));
    let version = says(&mut Program::new([program.as_os_str(), "-v".as_ref()], Path::new("/")))?;
    let modules = says(&mut Program::new([program.as_os_str(), "-m".as_ref()], Path::new("/")))?;
    let version = version.strip_prefix("PHP ")?.split(' ').next()?.to_owned();
    Some(Php { name, version, extensions: lower_lines(modules.lines()) })
}

/// Debian's module for Apache is no program; the command line's PHP of the same
/// version tells what the module's configuration loads.
fn apache_module(version: &Path) -> Option<Php> {
    let (name, asked) = as_apache_module(version, &["-r", TELL])?;
    tell(&name, asked)
}

fn as_apache_module(version: &Path, question: &[&str]) -> Option<(String, Program)> {
    let number = version.file_name()?.to_str()?;
    let (folder, program) = (version.join("apache2"), format!("php{number}"));
    process::find(&program)?;
    if !fs::is_folder(&folder.join("conf.d")) {
        return None;
    }
    let settings = folder.join("php.ini").into_os_string();
    let argv = [program.into(), "-c".into(), settings];
    let mut asked = Program::new(argv.into_iter().chain(question.iter().map(OsString::from)), Path::new("/"));
    asked.env.insert("PHP_INI_SCAN_DIR".into(), folder.join("conf.d").to_string_lossy().into_owned());
    Some((format!("Apache's PHP {number}"), asked))
}

fn tell(name: &str, mut program: Program) -> Option<Php> {
    let said = says(&mut program)?;
    let (version, extensions) = said.split_once('\n')?;
    Some(Php {
        name: name.to_owned(),
        version: version.trim().to_owned(),
        extensions: lower_lines(extensions.lines()),
    })
}

fn says(program: &mut Program) -> Option<String> {
    program.limit = LIMIT;
    match program.capture(1 << 20) {
        Ok((Ended::Status(0), said)) => Some(String::from_utf8_lossy(&said).into_owned()),
        _ => None,
    }
}

fn lower_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    lines.map(|line| line.trim().to_ascii_lowercase()).filter(|line| !line.is_empty()).collect()
}
