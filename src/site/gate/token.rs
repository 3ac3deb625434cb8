//! The pass that lets the operator through a closed gate.

use std::path::Path;

use crate::base::digest::Sha256;
use crate::base::secret::Secret;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

/// The header that carries the pass.
pub const PASS_HEADER: &str = "X-Entracte-Pass";
/// The cookie that carries the pass.
pub const PASS_COOKIE: &str = "entracte_pass";
/// The header that asks an open gate to prove that it is installed.
pub const PROBE_HEADER: &str = "X-Entracte-Probe";
/// The header by which a gate signs its answers: `closed`, or `gate` to a probe.
pub const MARK_HEADER: &str = "X-Entracte";

/// Bytes of randomness in a pass.
const BYTES: usize = 16;

/// The pass kept at `path`, made (0600) when there is none.
pub fn load_or_make(path: &Path) -> Result<Secret, IoError> {
    if let Some(bytes) = fs::read_if_present(path)? {
        let kept = Secret::new(String::from_utf8_lossy(&bytes).trim());
        if is_pass(&kept) {
            return Ok(kept);
        }
    }
    let made = Secret::new(random::hex(BYTES));
    fs::write_durable(path, made.reveal().as_bytes())?;
    Ok(made)
}

/// Whether a secret has the form of a pass: 32 lower-case hexadecimal digits,
/// which no server's configuration needs quoted.
pub fn is_pass(secret: &Secret) -> bool {
    let text = secret.reveal();
    text.len() == 2 * BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a file that others may read holds instead of the pass.
pub fn fingerprint(pass: &Secret) -> String {
    Sha256::of(pass.reveal().as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_made_once_and_a_damaged_one_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate-token");
        let first = load_or_make(&path).unwrap();
        assert!(is_pass(&first));
        assert_eq!(load_or_make(&path).unwrap(), first);
        assert_eq!(fs::mode(&path).unwrap(), 0o600);
        std::fs::write(&path, "'; return 200;").unwrap();
        let second = load_or_make(&path).unwrap();
        assert!(is_pass(&second) && second != first);
    }
}
