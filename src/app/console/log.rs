//! Who did what with the console's doors: one JSON object a line, never rewritten.

use std::io::Write;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::console::home::Home;
use crate::app::failure::Failure;
use crate::base::json;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

const FILE: &str = "log.jsonl";
/// Then a new one is begun; the one before it stays.
const MAX_BYTES: u64 = 4 << 20;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    SignedIn,
    SignedOut,
    Refused,
    AccountAdded,
    AccountRemoved,
    PasswordChanged,
    RoleChanged,
    Invited,
    SessionEnded,
    TokenCreated,
    TokenRevoked,
}

impl Act {
    pub fn name(self) -> &'static str {
        match self {
            Act::SignedIn => "signed_in",
            Act::SignedOut => "signed_out",
            Act::Refused => "refused",
            Act::AccountAdded => "account_added",
            Act::AccountRemoved => "account_removed",
            Act::PasswordChanged => "password_changed",
            Act::RoleChanged => "role_changed",
            Act::Invited => "invited",
            Act::SessionEnded => "session_ended",
            Act::TokenCreated => "token_created",
            Act::TokenRevoked => "token_revoked",
        }
    }
}

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    pub act: Act,
    /// To whom, or to what.
    pub to: String,
    /// Roles, scopes, an address.
    pub detail: String,
}

/// Writes one line and syncs it.
pub fn note(home: &Home, by: &str, act: Act, to: &str, detail: &str) -> Result<(), Failure> {
    let file = home.file(FILE)?;
    let _turn = home.turn()?;
    if fs::metadata(&file)?.is_some_and(|meta| meta.len() > MAX_BYTES) {
        fs::rename(&file, &file.with_extension("1.jsonl"))?;
    }
    let entry = Entry { at: clock::now(), by: by.into(), act, to: to.into(), detail: detail.into() };
    // Structs of strings always serialise.
    let mut line = json::line(&entry).unwrap_or_default();
    line.push(b'\n');
    let mut out = fs::append(&file)?;
    fs::set_mode_of(&out, &file, 0o600)?;
    out.write_all(&line).map_err(|source| IoError::new("write", &file, source))?;
    Ok(fs::sync_file(&out, &file)?)
}

/// The last ones, the newest first; a line that broke off is left out.
pub fn last(home: &Home, count: usize) -> Result<Vec<Entry>, Failure> {
    let Ok(file) = home.file(FILE) else { return Ok(Vec::new()) };
    if !fs::exists(&file) {
        return Ok(Vec::new());
    }
    let end = fs::read_end(&file, 256 << 10)?;
    let lines = end.split(|byte| *byte == b'\n').rev();
    Ok(lines.filter_map(|line| json::read(line).ok()).take(count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_read_first() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(&folder.path().join("home")));
        assert!(last(&home, 9).unwrap().is_empty());
        note(&home, "ada", Act::Invited, "bob", "viewer").unwrap();
        note(&home, "bob", Act::SignedIn, "a\nb", "").unwrap();
        let file = folder.path().join("home").join(FILE);
        std::fs::write(&file, [std::fs::read(&file).unwrap(), b"{\"at\":".to_vec()].concat()).unwrap();
        let entries = last(&home, 9).unwrap();
        let seen: Vec<(&str, Act, &str)> =
            entries.iter().map(|entry| (entry.by.as_str(), entry.act, entry.to.as_str())).collect();
        assert_eq!(seen, [("bob", Act::SignedIn, "a\nb"), ("ada", Act::Invited, "bob")]);
        assert_eq!(fs::mode(&file).unwrap(), 0o600);
        assert_eq!(fs::mode(file.parent().unwrap()).unwrap(), 0o700);
    }
}
