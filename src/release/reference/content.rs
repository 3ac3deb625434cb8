//! Compressed content, and how it is read by somebody who believes nothing:
//! no more memory than was agreed, no byte more than was signed.

use std::io;
use std::io::BufReader;
use std::io::Read;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;

/// Largest window of a frame that is read, as a power of two: 32 MiB.
pub const WINDOW_LOG: u32 = 25;

/// The content of one frame, as it was published under `objects/`: the reader
/// ends only if it gave exactly `size` bytes with this digest.
pub fn object<'a>(compressed: impl Read + 'a, size: u64, digest: Sha256) -> io::Result<impl Read + 'a> {
    Ok(Exactly::new(decoder(BufReader::new(compressed), &[])?, size, Some(digest)))
}

/// A frame's content, all of it in memory; it must have exactly this size.
pub fn unpacked(compressed: &[u8], prefix: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    Exactly::new(decoder(compressed, prefix)?, size, None).read_to_end(&mut content)?;
    Ok(content)
}

/// Decodes a frame that was compressed behind `prefix`.
pub(super) fn decoder<'p, R: io::BufRead>(
    compressed: R,
    prefix: &'p [u8],
) -> io::Result<zstd::Decoder<'p, R>> {
    let mut decoder = zstd::Decoder::with_ref_prefix(compressed, prefix)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

/// Gives exactly so many bytes; fewer, more or others are an error, which comes
/// where the end would have come, however often that is asked for.
pub struct Exactly<R> {
    inner: R,
    left: u64,
    expected: Option<(Hasher, Sha256)>,
    /// Whether something else follows behind it.
    is_part: bool,
    verdict: Option<Result<(), &'static str>>,
}

impl<R: Read> Exactly<R> {
    pub fn new(inner: R, size: u64, digest: Option<Sha256>) -> Exactly<R> {
        let expected = digest.map(|digest| (Hasher::new(Algorithms::Sha256), digest));
        Exactly { inner, left: size, expected, is_part: false, verdict: None }
    }

    /// One part of a longer stream, which goes on behind it.
    pub fn part(inner: R, size: u64, digest: Option<Sha256>) -> Exactly<R> {
        Exactly { is_part: true, ..Exactly::new(inner, size, digest) }
    }

    /// All of it, into where exactly that has room.
    pub fn fill(mut self, room: &mut [u8]) -> io::Result<()> {
        self.read_exact(room)?;
        self.end().map(drop)
    }

    fn end(&mut self) -> io::Result<usize> {
        let verdict = match self.verdict {
            Some(verdict) => verdict,
            None => self.judge()?,
        };
        self.verdict = Some(verdict);
        verdict.map(|()| 0).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what))
    }

    fn judge(&mut self) -> io::Result<Result<(), &'static str>> {
        if !self.is_part && read_some(&mut self.inner, &mut [0])? > 0 {
            return Ok(Err("it is longer than it was said to be"));
        }
        let has_digest = self.expected.take().is_none_or(|(hasher, digest)| hasher.finish().0 == digest);
        Ok(has_digest.then_some(()).ok_or("it has another digest than it was said to have"))
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.end();
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = read_some(&mut self.inner, &mut buffer[..room])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was said to be"));
        }
        self.left -= count as u64;
        if let Some((hasher, _)) = &mut self.expected {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}

fn read_some(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => return read,
        }
    }
}
