//! One key: made, written, read. Private keys are PKCS#8 in PEM, plain or
//! behind a passphrase, public ones `SubjectPublicKeyInfo`; openssl reads both.

use std::collections::HashMap;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use pkcs8::Document;
use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::LineEnding;
use pkcs8::PrivateKeyInfo;
use pkcs8::SecretDocument;
use pkcs8::pkcs5::pbes2::Parameters;
use tough::schema::key::Ed25519Key;
use tough::schema::key::Ed25519Scheme;
use tough::schema::key::Key;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::secret::Secret;
use crate::release::trust::role::Role;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";
/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo`.
const PUBLIC_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// How often a passphrase is hashed, as OWASP advises for HMAC-SHA-256.
const ROUNDS: u32 = 600_000;
const MOST_BYTES: u64 = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path} holds no Ed25519 key in PEM form: {reason}")]
    NoKey { path: String, reason: String },
    #[error("{path} can be read by others (mode {mode:o})")]
    Open { path: String, mode: u32 },
    #[error("{path} is encrypted, and {public} is missing")]
    NoPublic { path: String, public: String },
    #[error("{path} and {public} are not of one pair")]
    OtherPublic { path: String, public: String },
    #[error("{path} cannot be opened with this passphrase")]
    Passphrase { path: String },
    #[error("the passphrase is empty")]
    NoPassphrase,
    #[error("no key is named {id} here")]
    NoSuchKey { id: String },
    #[error("a key cannot be made: {what} failed")]
    Make { what: &'static str },
    #[error("{path} holds no keys")]
    Empty { path: String },
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for KeyError {
    fn exit(&self) -> Exit {
        match self {
            KeyError::Make { .. } => Exit::Failed,
            KeyError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            KeyError::NoKey { .. } => "`entracte key new` makes one; `.key` and `.pub` files of a keys folder are keys and nothing else".into(),
            KeyError::Open { path, .. } => {
                format!("`chmod 600 {path}`; if somebody may have read it, make a new key and `entracte key rotate --remove` this one")
            }
            KeyError::NoPublic { public, .. } => {
                format!("bring back {public}, which was made with it, or name the passphrase (--passphrase-file)")
            }
            KeyError::OtherPublic { .. } => "move away the one that does not belong here".into(),
            KeyError::Passphrase { .. } => "name the file that holds its passphrase by --passphrase-file".into(),
            KeyError::NoPassphrase => "the first line of the file is the passphrase".into(),
            KeyError::NoSuchKey { .. } => "`entracte key status` lists the keys".into(),
            KeyError::Empty { .. } => "`entracte key new` makes keys; --keys names another folder".into(),
            KeyError::Io(error) => return error.hints(),
            KeyError::Make { .. } => return Vec::new(),
        };
        vec![hint]
    }
}

/// What of a private key is at hand.
pub(super) enum Private {
    Open(Ed25519KeyPair),
    /// It is here, behind a passphrase that was not given.
    Locked,
    /// It is kept somewhere else.
    Absent,
}

/// One key of a keys folder.
pub(super) struct OneKey {
    /// The files' name without its ending.
    pub name: String,
    /// For this role, or for all.
    pub role: Option<Role>,
    pub public: [u8; 32],
    pub private: Private,
}

/// A key as metadata name it, and its id.
pub(super) fn described(public: &[u8; 32]) -> Result<(String, Key), KeyError> {
    let keyval = Ed25519Key { public: public.to_vec().into(), _extra: HashMap::new() };
    let key = Key::Ed25519 { keyval, scheme: Ed25519Scheme::Ed25519, _extra: HashMap::new() };
    let id = key.key_id().map_err(|_| KeyError::Make { what: "the id" })?;
    Ok((hex::encode(&*id), key))
}

impl OneKey {
    /// A key that is not on the disk yet.
    pub fn make(role: Option<Role>) -> Result<OneKey, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Make { what: "the randomness" })?;
        let public = public_of(&pair)?;
        let id = described(&public)?.0;
        let name = format!("{}-{}", role.map_or("all", Role::name), &id[..12]);
        Ok(OneKey { name, role, public, private: Private::Open(pair) })
    }

    pub fn serves(&self, role: Role) -> bool {
        self.role.is_none_or(|own| own == role)
    }

    /// Both files; the private one last, since a key without it is whole but of no use.
    pub fn write(&self, folder: &Path, passphrase: Option<&Secret>) -> Result<(), KeyError> {
        let Private::Open(pair) = &self.private else { return Err(KeyError::Make { what: "the writing" }) };
        let text = private_text(pair, passphrase)?;
        let (private, public) = (folder.join(format!("{}.key", self.name)), self.public_path(folder));
        fs::write_durable_with(&public, public_text(&self.public)?.as_bytes(), 0o644)?;
        Ok(fs::write_durable_with(&private, text.reveal().as_bytes(), 0o600)?)
    }

    fn public_path(&self, folder: &Path) -> std::path::PathBuf {
        folder.join(format!("{}.pub", self.name))
    }

    /// The key of this name in the folder.
    pub fn read(folder: &Path, name: &str, passphrase: Option<&Secret>) -> Result<OneKey, KeyError> {
        let role = name.split('-').next().and_then(|word| word.parse().ok());
        let (private, public) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pub")));
        let said = match fs::exists(&public) {
            true => Some(read_public(&public)?),
            false => None,
        };
        let held = match fs::exists(&private) {
            true => read_private(&private, passphrase)?,
            false => Private::Absent,
        };
        let found = match &held {
            Private::Open(pair) => Some(public_of(pair)?),
            _ => None,
        };
        let (path, other) = (fs::shown(&private), fs::shown(&public));
        match (found, said) {
            (Some(found), Some(said)) if found != said => Err(KeyError::OtherPublic { path, public: other }),
            (None, None) => Err(KeyError::NoPublic { path, public: other }),
            (Some(public), _) | (None, Some(public)) => {
                Ok(OneKey { name: name.to_owned(), role, public, private: held })
            }
        }
    }
}

fn public_of(pair: &Ed25519KeyPair) -> Result<[u8; 32], KeyError> {
    pair.public_key().as_ref().try_into().map_err(|_| KeyError::Make { what: "the public half" })
}

fn private_text(pair: &Ed25519KeyPair, passphrase: Option<&Secret>) -> Result<Secret, KeyError> {
    let failed = |what| move |_| KeyError::Make { what };
    // Version 1 of the format, which every openssl reads.
    let plain = pair.to_pkcs8v1().map_err(|_| KeyError::Make { what: "PKCS#8" })?;
    let info = PrivateKeyInfo::try_from(plain.as_ref()).map_err(|_| KeyError::Make { what: "PKCS#8" })?;
    let Some(passphrase) = passphrase else {
        let document = SecretDocument::encode_msg(&info).map_err(failed("DER"))?;
        let text = document.to_pem(PLAIN, LineEnding::LF).map_err(failed("PEM"))?;
        return Ok(Secret::new(text.as_str()));
    };
    if passphrase.is_empty() {
        return Err(KeyError::NoPassphrase);
    }
    let (salt, iv) = (random_bytes(), random_bytes());
    let parameters = Parameters::pbkdf2_sha256_aes256cbc(ROUNDS, &salt, &iv)
        .map_err(|_| KeyError::Make { what: "the encryption" })?;
    let document = info
        .encrypt_with_params(parameters, passphrase.reveal())
        .map_err(|_| KeyError::Make { what: "the encryption" })?;
    let text = document.to_pem(ENCRYPTED, LineEnding::LF).map_err(failed("PEM"))?;
    Ok(Secret::new(text.as_str()))
}

fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    // The hexadecimal text is of just that length.
    let _ = hex::decode_to_slice(random::hex(16), &mut bytes);
    bytes
}

fn read_private(path: &Path, passphrase: Option<&Secret>) -> Result<Private, KeyError> {
    let mode = fs::mode(path)?;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: fs::shown(path), mode });
    }
    let no_key = |reason: &str| KeyError::NoKey { path: fs::shown(path), reason: reason.into() };
    let text = Secret::new(fs::read_text(path, MOST_BYTES)?);
    let (label, document) = SecretDocument::from_pem(text.reveal()).map_err(|_| no_key("no PEM text"))?;
    let plain = match (label, passphrase) {
        (PLAIN, _) => document,
        (ENCRYPTED, None) => return Ok(Private::Locked),
        (ENCRYPTED, Some(passphrase)) => {
            let sealed = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
                .map_err(|_| no_key("its encryption is not known"))?;
            match sealed.decrypt(passphrase.reveal()) {
                Ok(plain) => plain,
                Err(_) => return Err(KeyError::Passphrase { path: fs::shown(path) }),
            }
        }
        _ => return Err(no_key("another kind of PEM text")),
    };
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(plain.as_bytes());
    Ok(Private::Open(pair.map_err(|_| no_key("another kind of key"))?))
}

fn public_text(public: &[u8; 32]) -> Result<String, KeyError> {
    let whole = [PUBLIC_HEAD.as_slice(), public].concat();
    let document = Document::try_from(whole).map_err(|_| KeyError::Make { what: "DER" })?;
    document.to_pem(PUBLIC, LineEnding::LF).map_err(|_| KeyError::Make { what: "PEM" })
}

fn read_public(path: &Path) -> Result<[u8; 32], KeyError> {
    let no_key = |reason: &str| KeyError::NoKey { path: fs::shown(path), reason: reason.into() };
    let text = fs::read_text(path, MOST_BYTES)?;
    let (label, document) = Document::from_pem(&text).map_err(|_| no_key("no PEM text"))?;
    let bytes = (label == PUBLIC).then(|| document.as_bytes().strip_prefix(&PUBLIC_HEAD)).flatten();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| no_key("another kind of key"))
}
