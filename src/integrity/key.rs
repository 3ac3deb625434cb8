//! A secret of this state folder, by which what is kept in it is known to be
//! our own: what somebody else put there, or another site's, is not believed.

use std::path::Path;

use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256 as Sha;

use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

const BYTES: usize = 32;
const PROOF: usize = 32;

/// The secret; it is never shown.
#[derive(Clone)]
pub struct Key([u8; BYTES]);

impl Key {
    /// The key in this file; `None` when there is none, or one that others could read.
    pub fn load(path: &Path) -> Result<Option<Key>, IoError> {
        let Some(bytes) = fs::read_if_present(path)? else { return Ok(None) };
        if fs::mode(path)? & 0o077 != 0 {
            return Ok(None);
        }
        let mut key = [0; BYTES];
        Ok(hex::decode_to_slice(bytes.trim_ascii(), &mut key).is_ok().then_some(Key(key)))
    }

    /// The same, made anew where there is none.
    pub fn load_or_make(path: &Path) -> Result<Key, IoError> {
        if let Some(key) = Key::load(path)? {
            return Ok(key);
        }
        let text = random::hex(BYTES);
        path.parent().map_or(Ok(()), |folder| fs::create_folders(folder, 0o700))?;
        fs::write_durable(path, text.as_bytes())?;
        let mut key = [0; BYTES];
        // Random text is of this length by construction.
        let _ = hex::decode_to_slice(&text, &mut key);
        Ok(Key(key))
    }

    /// `body` with a proof behind it that it is ours.
    pub fn seal(&self, mut body: Vec<u8>) -> Vec<u8> {
        let proof = self.mac(&body).finalize().into_bytes();
        body.extend_from_slice(&proof);
        body
    }

    /// What was sealed; `None` when it is not as we left it.
    pub fn open<'b>(&self, sealed: &'b [u8]) -> Option<&'b [u8]> {
        let (body, proof) = split(sealed)?;
        self.mac(body).verify_slice(proof).is_ok().then_some(body)
    }

    /// What is said to be sealed; nothing is proved of it.
    pub fn body(sealed: &[u8]) -> Option<&[u8]> {
        split(sealed).map(|(body, _)| body)
    }

    /// A number below `of` that stays the same for this name, and that nobody can foresee.
    pub fn place(&self, name: &[u8], of: u64) -> u64 {
        use sha2::Digest;
        let mut hasher = Sha::new();
        hasher.update(b"place");
        hasher.update(self.0);
        hasher.update(name);
        let digest: [u8; 32] = hasher.finalize().into();
        digest[..8].iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)) % of.max(1)
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha> {
        // As HMAC itself does it with keys that are shorter than a block.
        let mut block = [0; 64];
        block[..BYTES].copy_from_slice(&self.0);
        let mut mac = <Hmac<Sha> as KeyInit>::new((&block).into());
        mac.update(body);
        mac
    }
}

/// What was sealed, and the proof.
fn split(sealed: &[u8]) -> Option<(&[u8], &[u8])> {
    sealed.split_at_checked(sealed.len().checked_sub(PROOF)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_sealed_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        assert!(Key::load(&a).unwrap().is_none());
        let (key, other) = (Key::load_or_make(&a).unwrap(), Key::load_or_make(&b).unwrap());
        assert_eq!(fs::mode(&a).unwrap(), 0o600);
        let sealed = key.seal(b"body".to_vec());
        assert_eq!(Key::load_or_make(&a).unwrap().open(&sealed), Some(&b"body"[..]));
        assert_eq!(other.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(key.open(&flipped), None, "flipped byte {at}");
        }
        assert_eq!(key.open(b""), None);
    }

    #[test]
    fn a_key_that_others_can_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = Key::load_or_make(&path).unwrap();
        let sealed = key.seal(b"body".to_vec());
        fs::set_mode(&path, 0o640).unwrap();
        assert!(Key::load(&path).unwrap().is_none());
        assert_eq!(Key::load_or_make(&path).unwrap().open(&sealed), None);
        assert_eq!(fs::mode(&path).unwrap(), 0o600);
    }

    #[test]
    fn places_are_spread_and_others_for_another_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ["a", "b"].map(|name| Key::load_or_make(&folder.path().join(name)).unwrap());
        let places = keys.map(|key| (0..800u32).map(|n| key.place(&n.to_le_bytes(), 8)).collect::<Vec<_>>());
        assert!((0..8).all(|place| places[0].iter().filter(|at| **at == place).count() > 50));
        assert_ne!(places[0], places[1]);
    }
}
