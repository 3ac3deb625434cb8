//! The PHP programs of this machine: the one of the command line, and those
//! that can stand behind a web server. They are asked, never guessed from
//! names: each has a configuration, and so extensions, of its own.

use std::collections::BTreeSet;
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
    let programs = FPM_FOLDERS.iter().flat_map(|folder| fs::list(Path::new(folder)).unwrap_or_default());
    let is_fpm = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("php-fpm"))
    };
    // Links of one program to another name are no second one.
    let programs: BTreeSet<PathBuf> =
        programs.filter(is_fpm).filter_map(|program| fs::canonical(&program).ok()).collect();
    let mut found: Vec<Php> = programs.iter().filter_map(|program| fpm(program)).collect();
    for version in fs::list(Path::new(DEBIAN_VERSIONS)).unwrap_or_default() {
        found.extend(apache_module(&version));
    }
    found
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
    let number = version.file_name()?.to_str()?;
    let (folder, program) = (version.join("apache2"), format!("php{number}"));
    process::find(&program)?;
    if !fs::is_folder(&folder.join("conf.d")) {
        return None;
    }
    let settings = folder.join("php.ini").into_os_string();
    let argv = [program.into(), "-c".into(), settings, "-r".into(), TELL.into()];
    let mut asked = Program::new(argv, Path::new("/"));
    asked.env.insert("PHP_INI_SCAN_DIR".into(), folder.join("conf.d").to_string_lossy().into_owned());
    tell(&format!("Apache's PHP {number}"), asked)
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
