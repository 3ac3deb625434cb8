//! The people who may sign in with a password.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::app::console::hash;
use crate::app::console::home::Home;
use crate::app::console::log;
use crate::app::console::log::Act;
pub use crate::app::console::role::Role;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::sys::clock;
use crate::sys::random;

const FILE: &str = "accounts.json";
const MIN_LETTERS: usize = 12;
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    pub name: String,
    pub role: Role,
    pub created: Timestamp,
    /// Since when the password is this one.
    pub changed: Timestamp,
    /// Another one after each change of role or password: sessions of the one before have ended.
    #[serde(skip)]
    pub edition: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    name: String,
    role: Role,
    created: Timestamp,
    changed: Timestamp,
    edition: String,
    /// A PHC string.
    password: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Accounts {
    accounts: Vec<Kept>,
}

impl Kept {
    fn account(&self) -> Account {
        let Kept { name, role, created, changed, edition, .. } = self.clone();
        Account { name, role, created, changed, edition }
    }
}

impl Accounts {
    fn find(&self, name: &str) -> Option<&Kept> {
        self.accounts.iter().find(|kept| kept.name.eq_ignore_ascii_case(name))
    }
}

pub fn add(home: &Home, name: &str, role: Role, password: &Secret, by: &str) -> Result<Account, Failure> {
    check_name(name)?;
    check_password(name, password)?;
    let now = clock::now();
    let kept = Kept {
        name: name.into(),
        role,
        created: now,
        changed: now,
        edition: random::hex(8),
        password: hash::of(password)?,
    };
    let account = home.change(FILE, |all: &mut Accounts| {
        if all.find(name).is_some() {
            return Err(Failure::new(Exit::Refused, format!("there is an account {name} already"))
                .hint(format!("`entracte console user password {name}` gives it another password")));
        }
        let account = kept.account();
        all.accounts.push(kept);
        Ok(account)
    })?;
    log::note(home, by, Act::AccountAdded, name, role.name())?;
    Ok(account)
}

/// Nobody signs in as that any more, and who was signed in is not.
pub fn remove(home: &Home, name: &str, by: &str) -> Result<Account, Failure> {
    let removed = home.change(FILE, |all: &mut Accounts| {
        let at = all.accounts.iter().position(|kept| kept.name.eq_ignore_ascii_case(name));
        Ok(all.accounts.remove(at.ok_or_else(unknown)?).account())
    })?;
    log::note(home, by, Act::AccountRemoved, &removed.name, "")?;
    Ok(removed)
}

/// Another password, another role, or both; sessions of before end.
pub fn change(
    home: &Home,
    name: &str,
    role: Option<Role>,
    password: Option<&Secret>,
    by: &str,
) -> Result<Account, Failure> {
    password.map(|password| check_password(name, password)).transpose()?;
    let hashed = password.map(hash::of).transpose()?;
    let account = home.change(FILE, |all: &mut Accounts| {
        let mut all = all.accounts.iter_mut();
        let kept = all.find(|kept| kept.name.eq_ignore_ascii_case(name)).ok_or_else(unknown)?;
        kept.role = role.unwrap_or(kept.role);
        if let Some(hashed) = hashed {
            (kept.password, kept.changed) = (hashed, clock::now());
        }
        kept.edition = random::hex(8);
        Ok(kept.account())
    })?;
    let act = if password.is_some() { Act::PasswordChanged } else { Act::RoleChanged };
    log::note(home, by, act, &account.name, account.role.name())?;
    Ok(account)
}

pub fn list(home: &Home) -> Result<Vec<Account>, Failure> {
    let all: Accounts = home.load(FILE)?;
    Ok(all.accounts.iter().map(Kept::account).collect())
}

pub fn find(home: &Home, name: &str) -> Result<Option<Account>, Failure> {
    let all: Accounts = home.load(FILE)?;
    Ok(all.find(name).map(Kept::account))
}

/// Whose name and password these are. Neither the answer nor the time that it
/// takes tells whether there is such a name.
pub fn recognise(home: &Home, name: &str, password: &Secret) -> Result<Option<Account>, Failure> {
    let all: Accounts = home.load(FILE)?;
    let kept = all.find(name);
    let is_right = hash::matches(password, kept.map(|kept| kept.password.as_str()));
    Ok(kept.filter(|_| is_right).map(Kept::account))
}

/// Names stand in addresses, logs and records: plain letters only, that nobody takes for others.
pub fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    match begins_well && name.len() <= 64 && name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(Failure::new(Exit::Usage, "that is no name for an account or a token")
            .hint("at most 64 letters a-z, digits, `.`, `_`, `@` and `-`, a letter or digit first")),
    }
}

fn check_password(name: &str, password: &Secret) -> Result<(), Failure> {
    let text = password.reveal();
    let first = text.chars().next();
    let why = match text {
        _ if text.chars().count() < MIN_LETTERS => "is too short",
        _ if text.len() > MAX_PASSWORD_BYTES => "is too long",
        _ if text.chars().all(|letter| Some(letter) == first) => "is one letter again and again",
        _ if name.len() > 3 && text.to_lowercase().contains(&name.to_lowercase()) => "holds the name",
        _ => return Ok(()),
    };
    Err(Failure::new(Exit::Refused, format!("the password {why}"))
        .hint(format!("at least {MIN_LETTERS} letters, without the name; four or five words are good")))
}

fn unknown() -> Failure {
    Failure::new(Exit::Refused, "there is no account of that name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        Secret::new("four words and one")
    }

    #[test]
    fn people_come_change_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(&folder.path().join("a/home")));
        assert!(list(&home).unwrap().is_empty() && recognise(&home, "ada", &secret()).unwrap().is_none());
        let ada = add(&home, "Ada", Role::Viewer, &secret(), "root").unwrap();
        assert_eq!(recognise(&home, "ada", &secret()).unwrap(), Some(ada.clone()));
        assert_eq!(recognise(&home, "ada", &Secret::new("four words and two")).unwrap(), None);
        assert_eq!(recognise(&home, "bob", &secret()).unwrap(), None);
        assert!(add(&home, "ADA", Role::Viewer, &secret(), "root").is_err(), "the name is taken");
        let promoted = change(&home, "ada", Some(Role::Operator), None, "root").unwrap();
        assert!(promoted.role == Role::Operator && promoted.edition != ada.edition);
        let other = Secret::new("other words by far");
        change(&home, "ada", None, Some(&other), "root").unwrap();
        assert!(recognise(&home, "ada", &secret()).unwrap().is_none());
        assert_eq!(recognise(&home, "ada", &other).unwrap().unwrap().role, Role::Operator);
        remove(&home, "ada", "root").unwrap();
        assert!(list(&home).unwrap().is_empty() && remove(&home, "ada", "root").is_err());
        let acts: Vec<Act> = log::last(&home, 9).unwrap().iter().map(|entry| entry.act).collect();
        assert_eq!(acts, [Act::AccountRemoved, Act::PasswordChanged, Act::RoleChanged, Act::AccountAdded]);
        let file = folder.path().join("a/home").join(FILE);
        assert_eq!(crate::sys::fs::mode(&file).unwrap(), 0o600);
    }

    #[test]
    fn names_and_passwords_are_looked_at() {
        for name in ["", "a b", "../x", ".a", "-a", "ada\n", "\u{430}da", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["ada", "ada@example.org", "a.b-c_d", "7"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
        for (password, is_good) in [
            ("", false),
            ("eleven char", false),
            ("twelve chars", true),
            ("ßßßßßßßßßßßß", false),
            ("I am Charlotte today", false),
        ] {
            assert_eq!(check_password("charlotte", &Secret::new(password)).is_ok(), is_good, "{password}");
        }
        assert!(check_password("x", &Secret::new("ab".repeat(600))).is_err());
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(&folder.path().join("home")));
        add(&home, "ada", Role::Operator, &secret(), "root").unwrap();
        crate::sys::fs::set_mode(&folder.path().join("home").join(FILE), 0o666).unwrap();
        assert!(recognise(&home, "ada", &secret()).is_err() && list(&home).is_err());
        crate::sys::fs::set_mode(&folder.path().join("home").join(FILE), 0o600).unwrap();
        crate::sys::fs::set_mode(&folder.path().join("home"), 0o777).unwrap();
        assert!(list(&home).is_err());
    }
}
