//! Tokens of the API: what a program shows instead of a person's cookie. Only
//! their digests are kept.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use sha2::Digest as _;
use sha2::Sha256;

use crate::app::console::accounts::check_name;
use crate::app::console::home::Home;
use crate::app::console::log;
use crate::app::console::log::Act;
pub use crate::app::console::role::Scope;
use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::sys::clock;
use crate::sys::random;

const FILE: &str = "tokens.json";
/// Whoever finds one in a log or a repository sees what it is.
const PREFIX: &str = "entracte_";
pub const MAX_DAYS: u32 = 3650;

/// One token, without what opens the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created: Timestamp,
    /// Who created it.
    pub by: String,
    pub expires: Timestamp,
}

impl Token {
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    pub fn is_expired(&self) -> bool {
        self.expires <= clock::now()
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    token: Token,
    /// SHA-256 of the whole token, in hexadecimal. It has 256 bits, so nothing slower is needed.
    digest: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Tokens {
    tokens: Vec<Kept>,
}

/// A new token for `days`; the secret is shown now and never again.
pub fn create(
    home: &Home,
    name: &str,
    scopes: &[Scope],
    days: u32,
    by: &str,
) -> Result<(Token, Secret), Failure> {
    check_name(name)?;
    if scopes.is_empty() {
        return Err(Failure::new(Exit::Usage, "a token without a scope opens nothing")
            .hint("scopes are read, plan and operate"));
    }
    if days == 0 || days > MAX_DAYS {
        return Err(Failure::new(Exit::Usage, format!("a token lives for 1 to {MAX_DAYS} days, not {days}")));
    }
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let secret = Secret::new(format!("{PREFIX}{}", random::hex(32)));
    let created = clock::now();
    let expires = created + SignedDuration::from_hours(24 * i64::from(days));
    let token = Token { name: name.into(), scopes, created, by: by.into(), expires };
    let kept = Kept { token: token.clone(), digest: digest(secret.reveal()) };
    home.change(FILE, |all: &mut Tokens| {
        if all.tokens.iter().any(|other| other.token.name.eq_ignore_ascii_case(name)) {
            return Err(Failure::new(Exit::Refused, format!("there is a token {name} already")));
        }
        all.tokens.push(kept);
        Ok(())
    })?;
    let words: Vec<&str> = token.scopes.iter().map(|scope| scope.name()).collect();
    log::note(home, by, Act::TokenCreated, name, &words.join(", "))?;
    Ok((token, secret))
}

/// From now on it opens nothing.
pub fn revoke(home: &Home, name: &str, by: &str) -> Result<Token, Failure> {
    let revoked = home.change(FILE, |all: &mut Tokens| {
        let at = all.tokens.iter().position(|kept| kept.token.name.eq_ignore_ascii_case(name));
        let at = at.ok_or_else(|| Failure::new(Exit::Refused, "there is no token of that name"))?;
        Ok(all.tokens.remove(at).token)
    })?;
    log::note(home, by, Act::TokenRevoked, &revoked.name, "")?;
    Ok(revoked)
}

/// All of them, those that expired as well.
pub fn list(home: &Home) -> Result<Vec<Token>, Failure> {
    let all: Tokens = home.load(FILE)?;
    Ok(all.tokens.into_iter().map(|kept| kept.token).collect())
}

/// Whose token that is; `None` for one that is unknown, revoked or expired.
pub fn find(home: &Home, bearer: &str) -> Result<Option<Token>, Failure> {
    if !bearer.starts_with(PREFIX) || bearer.len() > 256 {
        return Ok(None);
    }
    let all: Tokens = home.load(FILE)?;
    // Digests are compared, so that the time it takes tells nothing of the token.
    let sought = digest(bearer);
    let found = all.tokens.into_iter().find(|kept| kept.digest == sought);
    Ok(found.map(|kept| kept.token).filter(|token| !token.is_expired()))
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(&folder.path().join("home")));
        let (token, secret) = create(&home, "ci", &[Scope::Plan, Scope::Read], 30, "ada").unwrap();
        assert_eq!(find(&home, secret.reveal()).unwrap(), Some(token.clone()));
        assert!(token.may(Scope::Read) && token.may(Scope::Plan) && !token.may(Scope::Operate));
        for other in ["", "entracte_", &secret.reveal()[9..], &format!("{} ", secret.reveal())] {
            assert_eq!(find(&home, other).unwrap(), None, "{other}");
        }
        let kept = std::fs::read_to_string(folder.path().join("home").join(FILE)).unwrap();
        assert!(!kept.contains(secret.reveal()) && !kept.contains(&secret.reveal()[9..]), "{kept}");
        assert!(create(&home, "CI", &[Scope::Read], 30, "ada").is_err(), "the name is taken");
        revoke(&home, "ci", "ada").unwrap();
        assert_eq!(find(&home, secret.reveal()).unwrap(), None);
        assert!(revoke(&home, "ci", "ada").is_err());
    }

    #[test]
    fn a_token_ends() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(folder.path()));
        crate::sys::fs::set_mode(folder.path(), 0o700).unwrap();
        let (_, secret) = create(&home, "ci", &[Scope::Read], 1, "ada").unwrap();
        let yesterday = clock::now() - SignedDuration::from_hours(1);
        let expire = |all: &mut Tokens| {
            all.tokens.iter_mut().for_each(|kept| kept.token.expires = yesterday);
            Ok(())
        };
        home.change(FILE, expire).unwrap();
        assert_eq!(find(&home, secret.reveal()).unwrap(), None);
        assert_eq!(list(&home).unwrap().len(), 1);
        for (name, scopes, days) in [("a b", &[Scope::Read][..], 1), ("a", &[], 1), ("a", &[Scope::Read], 0)]
        {
            assert!(create(&home, name, scopes, days, "ada").is_err(), "{name} {days}");
        }
    }
}
