//! Passwords as they are kept: argon2id with what OWASP advises at least (19 MiB,
//! two passes, one lane). The only file that speaks to `argon2`.

use std::sync::LazyLock;

use argon2::Algorithm;
use argon2::Argon2;
use argon2::Params;
use argon2::PasswordHasher;
use argon2::PasswordVerifier;
use argon2::Version;
use argon2::password_hash::phc::PasswordHash;
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::sys::random;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a password is compared with where there is no such account, so that it takes as long.
static NOBODY: LazyLock<String> = LazyLock::new(|| of(&Secret::new(random::hex(32))).unwrap_or_default());

/// As a PHC string, with its salt and its cost.
pub fn of(password: &Secret) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("no password can be hashed: {error}"))
    };
    let cost = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| failed(&error))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
    let salt = hex::decode(random::hex(16)).map_err(|error| failed(&error))?;
    let hash: PasswordHash =
        argon.hash_password_with_salt(&plain(password), &salt).map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

/// Whether it is that password; `None` never is, and takes as long.
pub fn matches(password: &Secret, kept: Option<&str>) -> bool {
    let hash = PasswordHash::new(kept.unwrap_or(&NOBODY));
    let is_it = hash.is_ok_and(|hash| Argon2::default().verify_password(&plain(password), &hash).is_ok());
    is_it && kept.is_some()
}

/// The same password typed on another machine is the same bytes.
fn plain(password: &Secret) -> Vec<u8> {
    ComposingNormalizerBorrowed::new_nfc().normalize(password.reveal()).into_owned().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again() {
        let password = Secret::new("caf\u{e9} noisette");
        let kept = of(&password).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(matches(&password, Some(&kept)));
        assert!(matches(&Secret::new("cafe\u{301} noisette"), Some(&kept)));
        assert!(!matches(&Secret::new("cafe noisette"), Some(&kept)));
        assert!(!matches(&password, None) && !matches(&password, Some("")) && !matches(&password, Some("x")));
        assert_ne!(of(&password).unwrap(), kept, "each has a salt of its own");
    }
}
