//! Content digests. SHA-256 decides; MD5 is read for old manifests only.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use sha2::Digest as _;

/// The text is not a digest of the expected length in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a digest of {bytes} bytes in hexadecimal")]
pub struct DigestError {
    text: String,
    bytes: usize,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            pub const fn from_bytes(bytes: [u8; $bytes]) -> $name {
                $name(bytes)
            }

            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<$name, DigestError> {
                parsed(text).map($name).ok_or_else(|| DigestError {
                    text: crate::base::escape::text(text).chars().take(80).collect(),
                    bytes: $bytes,
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; 2 * $bytes];
                f.write_str(written(&self.0, &mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0; 2 * $bytes];
                serializer.serialize_str(written(&self.0, &mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Hexadecimal of as many bytes. A manifest has one on every line, and half of the
/// time of reading one would go into the general way.
fn parsed<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let (mut bytes, mut all) = ([0; N], 0);
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        all |= high | low;
        *byte = high << 4 | (low & 15);
    }
    (all != NO_DIGIT).then_some(bytes)
}

const NO_DIGIT: u8 = 0xff;

/// What each letter stands for. Digits look random, so that asking which kind each is costs more.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[DIGITS[value as usize] as usize] = value;
        values[DIGITS[value as usize].to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    values
};

/// The same in letters; `text` is twice as long.
fn written<'t>(bytes: &[u8], text: &'t mut [u8]) -> &'t str {
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    str::from_utf8(text).unwrap_or_default()
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

digest!(
    /// A SHA-256 digest, lower-case hexadecimal in text.
    Sha256,
    32
);
digest!(
    /// An MD5 digest, for old manifests; never a trust decision.
    Md5,
    16
);

digest!(
    /// A SHA-1 digest, as lists of others have it; never a trust decision.
    Sha1,
    20
);
digest!(
    /// A SHA-512 digest, as lists of others have it.
    Sha512,
    64
);

impl Sha256 {
    /// Zeros, in place of one that is still to be taken: nothing has it.
    pub const UNSAID: Sha256 = Sha256([0; 32]);

    /// The digest of bytes held in memory.
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

/// Hashes a stream of bytes, MD5 only when asked.
#[derive(Clone)]
pub struct Hasher {
    sha256: sha2::Sha256,
    md5: Option<md5::Md5>,
}

/// Which digests a hasher makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithms {
    Sha256,
    Sha256AndMd5,
}

impl Hasher {
    pub fn new(algorithms: Algorithms) -> Hasher {
        Hasher {
            sha256: sha2::Sha256::new(),
            md5: (algorithms == Algorithms::Sha256AndMd5).then(md5::Md5::new),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    pub fn finish(self) -> (Sha256, Option<Md5>) {
        (Sha256(self.sha256.finalize().into()), self.md5.map(|md5| Md5(md5.finalize().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let mut hasher = Hasher::new(Algorithms::Sha256AndMd5);
        hasher.update(b"a");
        hasher.update(b"bc");
        let (sha256, md5) = hasher.finish();
        assert_eq!(sha256.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(md5.unwrap().to_string(), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(sha256, Sha256::of(b"abc"));
    }

    #[test]
    fn wrong_text_is_refused() {
        for text in ["", "00", "zz", &"0".repeat(63), &"g".repeat(64)] {
            assert!(text.parse::<Sha256>().is_err());
        }
    }
}
