//! The records of a run: JSON, and under it a line with its digest, so that a
//! record that was harmed is known for it before anything is done by it.

use std::fs::File;
use std::io;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::Take;
use std::io::Write;
use std::path::Path;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// The last line; what stands before it is sealed.
fn seal(digest: Sha256) -> String {
    format!("{{\"sha256\":\"{digest}\"}}\n")
}

/// Writes a record for good.
pub fn write(path: &Path, record: &[u8]) -> Result<(), IoError> {
    write_by(path, |out| {
        out.write_all(record)?;
        if record.ends_with(b"\n") { Ok(()) } else { out.write_all(b"\n") }
    })
}

/// As [`write`], piece by piece; the last one ends a line.
pub fn write_by(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), IoError> {
    fs::write_durable_by(path, 0o600, |out| {
        let mut summed = Summed { out, hasher: Hasher::new(Algorithms::Sha256) };
        fill(&mut summed)?;
        let Summed { out, hasher } = summed;
        out.write_all(seal(hasher.finish().0).as_bytes())
    })
}

/// A record as it was written; `None` when there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, IoError> {
    let Some(mut stored) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    stored.read_to_end(&mut bytes).map_err(|source| IoError::new("read", path, source))?;
    Ok(Some(bytes))
}

/// A record to be read piece by piece, proved to be as it was written.
pub fn open(path: &Path) -> Result<Option<BufReader<Take<File>>>, IoError> {
    let failed = |source| IoError::new("read", path, source);
    let Some(mut file) = fs::open_if_present(path)? else { return Ok(None) };
    let last = seal(Sha256::of(b"")).len() as u64;
    let length = file.metadata().map_err(failed)?.len().saturating_sub(last);
    let mut body = Summed { out: &mut io::sink(), hasher: Hasher::new(Algorithms::Sha256) };
    io::copy(&mut (&file).take(length), &mut body).map_err(failed)?;
    let mut found = Vec::new();
    file.read_to_end(&mut found).map_err(failed)?;
    if found != seal(body.hasher.finish().0).as_bytes() {
        let harmed = io::Error::new(io::ErrorKind::InvalidData, "it is no longer what was written");
        return Err(failed(harmed));
    }
    file.rewind().map_err(failed)?;
    Ok(Some(BufReader::new(file.take(length))))
}

/// What is written on, with the digest of all of it.
struct Summed<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
