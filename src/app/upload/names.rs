//! What uploads may be called.

use crate::app::upload::error::UploadError;
use crate::base::escape;
use crate::base::path::SitePath;
use crate::release::source;

/// Long enough for any archive, and for `.bak` and the like behind it.
const MOST_NAME_BYTES: usize = 180;

/// A plain name that staging takes for an archive's, and nothing else.
pub fn archive_name(name: &str) -> Result<&str, UploadError> {
    let wrong = |why: &str| Err(UploadError::Name { name: shown(name), why: why.into() });
    match name {
        "" => wrong("it is empty"),
        _ if name.len() > MOST_NAME_BYTES => wrong("it is too long"),
        _ if name.contains(['/', '\\']) => wrong("it names a folder"),
        _ if name.chars().any(escape::is_dangerous) => wrong("it holds characters that cannot be seen"),
        _ if name.starts_with(['.', '~', '-', ' ']) => wrong("it begins as no archive's name does"),
        _ if !source::has_archive_ending(name) => wrong("it does not end as an archive's name does"),
        _ => Ok(name),
    }
}

fn shown(name: &str) -> String {
    escape::text(&name.chars().take(80).collect::<String>()).into_owned()
}

/// Of the inbox.
pub fn inside(name: &str) -> Result<SitePath, UploadError> {
    SitePath::parse(name).map_err(|error| UploadError::Name { name: shown(name), why: error.to_string() })
}

/// While it is not whole.
pub fn part_name(id: &str) -> String {
    format!(".upload-{id}.part")
}
