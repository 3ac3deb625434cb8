//! Who is signed in, and which links still let somebody in. Nothing of it is
//! kept on disk: whoever restarts the console signs in again.

use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use sha2::Digest as _;
use sha2::Sha256;

use crate::app::console::accounts::Account;
pub use crate::app::console::role::Role;
use crate::app::desk;
use crate::base::secret::Secret;
use crate::console::words::Language;

const LONGEST: SignedDuration = SignedDuration::from_hours(12);
const IDLE: SignedDuration = SignedDuration::from_hours(1);
const LINK: SignedDuration = SignedDuration::from_mins(15);

/// One signed-in browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Stands in the record of what this person does.
    pub person: String,
    pub role: Role,
    /// Every form carries it.
    pub token: Secret,
    pub language: Option<Language>,
    /// Whose password let this browser in; `None`: a link did.
    pub account: Option<Account>,
    /// What others call this session by; opens nothing.
    pub mark: String,
    pub since: Timestamp,
    pub seen: Timestamp,
}

#[derive(Debug)]
struct Invitation {
    person: String,
    role: Role,
    until: Timestamp,
}

/// Only digests of what opens the door are kept.
type Key = [u8; 32];

#[derive(Debug, Default)]
pub struct Sessions {
    open: HashMap<Key, Session>,
    invitations: HashMap<Key, Invitation>,
}

impl Sessions {
    /// What lets one person in, once, for a quarter of an hour.
    pub fn invite(&mut self, role: Role, person: &str) -> Secret {
        let link = desk::new_secret();
        let until = desk::now() + LINK;
        self.invitations.retain(|_, other| other.until > desk::now());
        self.invitations.insert(key(link.reveal()), Invitation { person: person.into(), role, until });
        link
    }

    /// Whether `link` would let somebody in now.
    pub fn is_invited(&self, link: &str) -> bool {
        self.invitations.get(&key(link)).is_some_and(|invitation| invitation.until > desk::now())
    }

    /// Uses the link up; what comes back goes into the cookie.
    pub fn enter(&mut self, link: &str) -> Option<Secret> {
        let invitation = self.invitations.remove(&key(link))?;
        (invitation.until > desk::now()).then(|| self.open(invitation.role, &invitation.person, None))
    }

    /// A new session of somebody who showed the password.
    pub fn recognise(&mut self, account: &Account) -> Secret {
        self.open(account.role, &account.name, Some(account.clone()))
    }

    /// A new session, whatever the browser brought along.
    fn open(&mut self, role: Role, person: &str, account: Option<Account>) -> Secret {
        let now = desk::now();
        self.open.retain(|_, session| session.lives(now));
        let id = desk::new_secret();
        let session = Session {
            person: person.into(),
            role,
            token: desk::new_secret(),
            language: None,
            account,
            mark: hex::encode(&key(id.reveal())[..8]),
            since: now,
            seen: now,
        };
        self.open.insert(key(id.reveal()), session);
        id
    }

    /// Whose the cookie is; that person was seen just now.
    pub fn find(&mut self, id: &str) -> Option<Session> {
        let now = desk::now();
        let session = self.open.get_mut(&key(id)).filter(|session| session.lives(now))?;
        session.seen = now;
        Some(session.clone())
    }

    pub fn speak(&mut self, id: &str, language: Language) {
        if let Some(session) = self.open.get_mut(&key(id)) {
            session.language = Some(language);
        }
    }

    pub fn leave(&mut self, id: &str) {
        self.open.remove(&key(id));
    }

    /// Ends the session that others call so; what comes back is whose it was.
    pub fn end(&mut self, mark: &str) -> Option<Session> {
        let id = self.open.iter().find(|(_, session)| session.mark == mark).map(|(id, _)| *id)?;
        self.open.remove(&id)
    }

    /// Who is signed in now, the newest first.
    pub fn all(&self) -> Vec<Session> {
        let now = desk::now();
        let mut all: Vec<Session> =
            self.open.values().filter(|session| session.lives(now)).cloned().collect();
        all.sort_by_key(|session| std::cmp::Reverse(session.since));
        all
    }
}

impl Session {
    fn lives(&self, now: Timestamp) -> bool {
        now < self.since + LONGEST && now < self.seen + IDLE
    }

    /// Compared by digest, so that the time it takes tells nothing.
    pub fn carries(&self, token: &str) -> bool {
        key(self.token.reveal()) == key(token)
    }
}

fn key(text: &str) -> Key {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_lets_in_once() {
        let mut sessions = Sessions::default();
        let link = sessions.invite(Role::Viewer, "Ada");
        assert!(sessions.is_invited(link.reveal()) && !sessions.is_invited("x"));
        let id = sessions.enter(link.reveal()).unwrap();
        assert!(sessions.enter(link.reveal()).is_none() && !sessions.is_invited(link.reveal()));
        let session = sessions.find(id.reveal()).unwrap();
        assert_eq!((session.person.as_str(), session.role), ("Ada", Role::Viewer));
        assert!(
            session.carries(session.token.reveal()) && !session.carries("") && !session.carries(id.reveal())
        );
        sessions.leave(id.reveal());
        assert!(sessions.find(id.reveal()).is_none());
    }

    #[test]
    fn others_end_a_session_by_its_mark() {
        let mut sessions = Sessions::default();
        let (ada, bob) =
            (sessions.open(Role::Operator, "Ada", None), sessions.open(Role::Viewer, "Bob", None));
        let mark = sessions.find(bob.reveal()).unwrap().mark;
        assert!(!bob.reveal().contains(&mark) && sessions.find(&mark).is_none(), "a mark opens nothing");
        assert_eq!(sessions.end(&mark).unwrap().person, "Bob");
        assert!(sessions.find(bob.reveal()).is_none() && sessions.find(ada.reveal()).is_some());
        assert!(sessions.end(&mark).is_none());
        assert_eq!(sessions.all().len(), 1);
    }

    #[test]
    fn sessions_and_links_end() {
        let mut sessions = Sessions::default();
        let long_ago = desk::now() - SignedDuration::from_mins(61);
        let id = sessions.open(Role::Operator, "Ada", None);
        sessions.open.values_mut().for_each(|session| session.seen = long_ago);
        assert!(sessions.find(id.reveal()).is_none(), "idle");
        let id = sessions.open(Role::Operator, "Ada", None);
        sessions.open.values_mut().for_each(|session| session.since = desk::now() - LONGEST);
        assert!(sessions.find(id.reveal()).is_none(), "too long");
        let link = sessions.invite(Role::Operator, "Ada");
        sessions.invitations.values_mut().for_each(|invitation| invitation.until = long_ago);
        assert!(sessions.enter(link.reveal()).is_none(), "an old link");
    }
}
