//! The records of a run: JSON, and under it a line with its digest, so that a
//! record that was harmed is known for it before anything is done by it.

use std::io;
use std::path::Path;

use crate::base::digest::Sha256;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The last line; what stands before it is sealed.
fn seal(body: &[u8]) -> String {
    format!("{{\"sha256\":\"{}\"}}\n", Sha256::of(body))
}

/// Writes a record for good.
pub fn write(path: &Path, record: &[u8]) -> Result<(), IoError> {
    let mut text = record.to_vec();
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let seal = seal(&text);
    text.extend(seal.bytes());
    fs::write_durable(path, &text)
}

/// A record as it was written; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, IoError> {
    let Some(mut text) = fs::read_if_present(path)? else { return Ok(None) };
    let length = text.len().checked_sub(seal(b"").len());
    match length {
        Some(length) if text[length..] == *seal(&text[..length]).as_bytes() => {
            text.truncate(length);
            Ok(Some(text))
        }
        _ => {
            let harmed = io::Error::new(io::ErrorKind::InvalidData, "it is no longer what was written");
            Err(IoError::new("read", path, harmed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back_and_any_flipped_bit_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, b"{\"a\": 1}").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"{\"a\": 1}\n");
        let good = std::fs::read(&path).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bad).unwrap();
            assert!(read(&path).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            std::fs::write(&path, &good[..length]).unwrap();
            assert!(read(&path).is_err(), "cut at {length}");
        }
    }
}
