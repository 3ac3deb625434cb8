//! The line of `.user.ini` that makes PHP run the guard before every script.

use std::path::Path;

use crate::base::path::TreePath;
use crate::site::gate::error::GateError;
use crate::site::gate::live;
use crate::site::gate::live::MARK;
use crate::sys::beneath::Root;

const NAME: &str = ".user.ini";

/// Puts the line into the site's `.user.ini`, once; refuses where another
/// script is prepended already.
pub fn install(site: &Root, folder: &Path) -> Result<(), GateError> {
    let path = TreePath::from_bytes(NAME.as_bytes());
    let there = live::read(site, &path)?;
    let text = there.as_ref().map_or(&b""[..], |found| &found.bytes);
    match prepends(text) {
        Some(named) if named == guard_path(folder) => Ok(()),
        Some(_) => Err(GateError::Prepended { path: site.full(&path) }),
        None => {
            let gap = if text.is_empty() || text.ends_with(b"\n") { "" } else { "\n" };
            let bytes = [text, gap.as_bytes(), line(folder).as_bytes()].concat();
            Ok(live::replace(site, &path, &bytes, there.as_ref().map(|found| &found.stat.meta))?)
        }
    }
}

/// The guard's name in the gate's folder.
pub const GUARD_NAME: &str = "guard.php";

/// Where the guard stands, as PHP's settings name it.
pub fn guard_path(folder: &Path) -> String {
    folder.join(GUARD_NAME).display().to_string()
}

/// What `.user.ini` has to say.
pub fn line(folder: &Path) -> String {
    format!(
        "; {MARK}: looks for the flag before every script\nauto_prepend_file = \"{}\"\n",
        guard_path(folder)
    )
}

/// The script that a `.user.ini` already prepends; the last line decides.
fn prepends(user_ini: &[u8]) -> Option<String> {
    String::from_utf8_lossy(user_ini).lines().rev().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim() == "auto_prepend_file" && !value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_prepended_script_is_seen() {
        let line = line(Path::new("/srv/gate"));
        for (text, named) in [
            (line.as_str(), Some("/srv/gate/guard.php")),
            ("memory_limit = 1G\n;auto_prepend_file = x\nauto_prepend_file =\n", None),
            ("auto_prepend_file=waf.php", Some("waf.php")),
        ] {
            assert_eq!(prepends(text.as_bytes()).as_deref(), named, "{text}");
        }
    }
}
