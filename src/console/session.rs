//! Who is signed in, and which links still let somebody in. Nothing of it is
//! kept on disk: whoever restarts the console signs in again.

use std::collections::HashMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use sha2::Digest as _;
use sha2::Sha256;

use crate::app::desk;
use crate::base::secret::Secret;
use crate::console::words::Language;

/// What somebody may do; each may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Viewer,
    Operator,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        }
    }

    /// The key of what pages call it.
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "common.role_viewer",
            Role::Operator => "common.role_operator",
        }
    }
}

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
    since: Timestamp,
    seen: Timestamp,
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
        (invitation.until > desk::now()).then(|| self.open(invitation.role, &invitation.person))
    }

    /// A new session, whatever the browser brought along.
    pub fn open(&mut self, role: Role, person: &str) -> Secret {
        let now = desk::now();
        self.open.retain(|_, session| session.lives(now));
        let id = desk::new_secret();
        let session = Session {
            person: person.into(),
            role,
            token: desk::new_secret(),
            language: None,
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
    fn sessions_and_links_end() {
        let mut sessions = Sessions::default();
        let long_ago = desk::now() - SignedDuration::from_mins(61);
        let id = sessions.open(Role::Operator, "Ada");
        sessions.open.values_mut().for_each(|session| session.seen = long_ago);
        assert!(sessions.find(id.reveal()).is_none(), "idle");
        let id = sessions.open(Role::Operator, "Ada");
        sessions.open.values_mut().for_each(|session| session.since = desk::now() - LONGEST);
        assert!(sessions.find(id.reveal()).is_none(), "too long");
        let link = sessions.invite(Role::Operator, "Ada");
        sessions.invitations.values_mut().for_each(|invitation| invitation.until = long_ago);
        assert!(sessions.enter(link.reveal()).is_none(), "an old link");
    }
}
