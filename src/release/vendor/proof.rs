//! What proves that an archive is the vendor's, and what that is worth.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA512;
use aws_lc_rs::signature::UnparsedPublicKey;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::staging::Trust;
use crate::release::vendor::offer::Published;
use crate::site::profile::DigestName;
use crate::site::settings;
use crate::site::settings::SettingsError;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::ProcessError;
use crate::sys::process::Program;

const BUFFER: usize = 128 * 1024;
/// For one signature over a large archive.
const GPGV_LIMIT: Duration = Duration::from_secs(600);
/// As much of what `gpgv` says is read.
const MOST_SAID: u64 = 64 << 10;

/// What is held against an archive.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// For people.
    pub vendor: String,
    pub published: Option<Published>,
    /// Who said the digest, for people.
    pub publisher: String,
    /// Whether that came over TLS from the vendor itself, not by way of a mirror.
    pub is_first_hand: bool,
    pub signature: Sought,
}

/// The signature of an archive.
#[derive(Clone, Debug)]
pub enum Sought {
    /// There is none.
    None,
    /// There is one that cannot be verified, and why.
    Unverified(String),
    Rsa {
        /// DER of the public key.
        key: Vec<u8>,
        signature: Vec<u8>,
    },
    Gpg {
        keyring: PathBuf,
        signature: PathBuf,
    },
}

/// What was found of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Proved {
    pub trust: Trust,
    /// What was verified and what was not, for people.
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("the archive has the {name} {found}, not {expected}, which {publisher} publishes")]
    Digest { name: &'static str, found: String, expected: String, publisher: String },
    #[error("the signature of {vendor} does not fit the archive")]
    Signature { vendor: String },
    #[error("the OpenPGP signature of the archive is not accepted: {told}")]
    Gpg { told: String },
    #[error("the keys {path} are not there")]
    Keyring { path: String },
    #[error(transparent)]
    Exposed(#[from] SettingsError),
    #[error("gpgv, which verifies OpenPGP signatures, is not installed")]
    NoProgram,
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ProofError {
    fn exit(&self) -> Exit {
        match self {
            ProofError::Digest { .. } | ProofError::Signature { .. } | ProofError::Gpg { .. } => {
                Exit::Untrusted
            }
            ProofError::Keyring { .. } | ProofError::NoProgram => Exit::Refused,
            ProofError::Exposed(error) => error.exit(),
            ProofError::Process(error) => error.exit(),
            ProofError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            ProofError::Digest { .. } | ProofError::Signature { .. } => {
                "nothing of it is kept; if it happens again, tell the vendor"
            }
            ProofError::Gpg { .. } => "does `vendor.keyring` hold the keys that the vendor signs with now?",
            ProofError::Keyring { .. } => "`vendor.keyring` names a file of keys as `gpg --export` writes it",
            ProofError::NoProgram => "install gpgv, or take `vendor.keyring` out of entracte.toml",
            ProofError::Exposed(error) => return error.hints(),
            ProofError::Io(error) => return error.hints(),
            ProofError::Process(_) => return Vec::new(),
        };
        vec![hint.into()]
    }
}

impl Evidence {
    /// Holds all of it against the archive; the first thing that does not fit ends it.
    pub fn prove(&self, archive: &Path) -> Result<Proved, ProofError> {
        let sums = Sums::of(archive, self)?;
        let mut notes = Vec::new();
        let mut trust = self.check_digest(&sums, &mut notes)?;
        match &self.signature {
            Sought::None => {}
            Sought::Unverified(why) => {
                notes.push(format!("there is a signature, which was not verified: {why}"));
            }
            Sought::Rsa { key, signature } => {
                let sha512 = sums.sha512.as_ref().ok_or_else(|| self.wrong_signature())?;
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, key)
                    .verify_digest(sha512, signature)
                    .map_err(|_| self.wrong_signature())?;
                notes.push(format!("{} signed the archive; its key is known", self.vendor));
                trust = Trust::Signed;
            }
            Sought::Gpg { keyring, signature } => {
                let signer = gpgv(keyring, signature, archive)?;
                notes.push(format!("{signer} signed the archive, whose key is in {}", fs::shown(keyring)));
                trust = Trust::Signed;
            }
        }
        if notes.is_empty() {
            let vendor = &self.vendor;
            notes.push(format!(
                "only TLS proves that the archive is the one of {vendor}: no digest or signature of it is published"
            ));
        }
        Ok(Proved { trust, notes })
    }

    fn wrong_signature(&self) -> ProofError {
        ProofError::Signature { vendor: self.vendor.clone() }
    }

    fn check_digest(&self, sums: &Sums, notes: &mut Vec<String>) -> Result<Trust, ProofError> {
        let Some(published) = &self.published else { return Ok(Trust::None) };
        let (name, publisher) = (published.name(), &self.publisher);
        let found = sums.hex(published.algorithm);
        if found != published.hex {
            let (expected, publisher) = (published.hex.clone(), publisher.clone());
            return Err(ProofError::Digest { name, found, expected, publisher });
        }
        let has = format!("the archive has the {name} that {publisher} publishes");
        let (trust, note) = match (published.is_strong(), self.is_first_hand) {
            (true, true) => (Trust::List, has),
            (true, false) => (Trust::None, format!("{has}, which is worth as much as the way to it")),
            (false, _) => {
                let worth = "that finds accidents, not attackers, so only TLS proves where it comes from";
                (Trust::None, format!("{has}: {worth}"))
            }
        };
        notes.push(note);
        Ok(trust)
    }
}

/// The digests of a file, as far as they are needed.
#[derive(Default)]
struct Sums {
    md5: Option<String>,
    sha1: Option<digest::Digest>,
    sha256: Option<digest::Digest>,
    sha512: Option<digest::Digest>,
}

impl Sums {
    fn of(path: &Path, evidence: &Evidence) -> Result<Sums, IoError> {
        let wanted = evidence.published.as_ref().map(|published| published.algorithm);
        let is_rsa = matches!(evidence.signature, Sought::Rsa { .. });
        let context = |name, algorithm| (wanted == Some(name)).then(|| digest::Context::new(algorithm));
        let mut md5 = (wanted == Some(DigestName::Md5)).then(|| Hasher::new(Algorithms::Sha256AndMd5));
        let mut sha1 = context(DigestName::Sha1, &digest::SHA1_FOR_LEGACY_USE_ONLY);
        let mut sha256 = context(DigestName::Sha256, &digest::SHA256);
        let mut sha512 = context(DigestName::Sha512, &digest::SHA512)
            .or_else(|| is_rsa.then(|| digest::Context::new(&digest::SHA512)));
        if wanted.is_none() && !is_rsa {
            return Ok(Sums::default());
        }
        each_piece(path, &mut |piece| {
            md5.iter_mut().for_each(|hasher| hasher.update(piece));
            [&mut sha1, &mut sha256, &mut sha512]
                .into_iter()
                .flatten()
                .for_each(|hasher| hasher.update(piece));
        })?;
        Ok(Sums {
            md5: md5.and_then(|hasher| hasher.finish().1).map(|md5| md5.to_string()),
            sha1: sha1.map(digest::Context::finish),
            sha256: sha256.map(digest::Context::finish),
            sha512: sha512.map(digest::Context::finish),
        })
    }

    fn hex(&self, name: DigestName) -> String {
        let sum = match name {
            DigestName::Md5 => return self.md5.clone().unwrap_or_default(),
            DigestName::Sha1 => &self.sha1,
            DigestName::Sha256 => &self.sha256,
            DigestName::Sha512 => &self.sha512,
        };
        sum.as_ref().map(hex::encode).unwrap_or_default()
    }
}

fn each_piece(path: &Path, take: &mut dyn FnMut(&[u8])) -> Result<(), IoError> {
    let mut file = fs::open(path)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(IoError::new("read", path, source)),
        }
    }
}

/// Who signed, as the program `gpgv` finds: one of the keys in `keyring`.
fn gpgv(keyring: &Path, signature: &Path, archive: &Path) -> Result<String, ProofError> {
    if crate::sys::process::find("gpgv").is_none() {
        return Err(ProofError::NoProgram);
    }
    if !fs::is_file(keyring) || !keyring.is_absolute() {
        return Err(ProofError::Keyring { path: fs::shown(keyring) });
    }
    settings::check_private(keyring)?;
    let argv = ["gpgv", "--status-fd", "1", "--keyring"].map(Path::new);
    let mut program = Program::new(argv.into_iter().chain([keyring, signature, archive]), Path::new("/"));
    program.limit = GPGV_LIMIT;
    let (ended, said) = program.capture(MOST_SAID)?;
    let said = String::from_utf8_lossy(&said);
    match (ended, judge(&said)) {
        (Ended::Status(0), Ok(signer)) => Ok(signer),
        (Ended::TimedOut, _) => Err(ProofError::Gpg { told: "gpgv took too long".into() }),
        (_, Err(told)) => Err(ProofError::Gpg { told }),
        (_, Ok(_)) => Err(ProofError::Gpg { told: "gpgv refuses it".into() }),
    }
}

/// Reads the status lines: who signed, or why that is not accepted. Every
/// signature has to be good, by a key that is neither expired nor revoked.
fn judge(said: &str) -> Result<String, String> {
    let mut signer = None;
    let mut is_valid = false;
    for line in said.lines().filter_map(|line| line.strip_prefix("[GNUPG:] ")) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let refused = |why: &str| Err(why.to_owned());
        match word {
            "GOODSIG" => {
                let name = rest.split_once(' ').map_or(rest, |(_, name)| name);
                signer = Some(escape::text(name).into_owned());
            }
            "VALIDSIG" => is_valid = true,
            "BADSIG" => return refused("it was made for something else"),
            "EXPSIG" => return refused("it has expired"),
            "EXPKEYSIG" => return refused("its key has expired"),
            "REVKEYSIG" => return refused("its key was revoked"),
            "ERRSIG" | "NO_PUBKEY" => return refused("its key is not among those that are believed"),
            _ => {}
        }
    }
    match (signer, is_valid) {
        (Some(signer), true) => Ok(signer),
        _ => Err("it is no signature".into()),
    }
}

#[cfg(test)]
mod tests;
