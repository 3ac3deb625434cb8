//! The blocks of a tar: headers told from other bytes, contents and padding.

use std::io;
use std::io::Read;

use ::tar::Header;

use crate::release::archive::error::Stop;

/// Bytes of a header, and of what every content is padded to.
pub(super) const BLOCK: usize = 512;

/// Whether a tar begins like this.
pub(super) fn begins(head: &[u8]) -> bool {
    <&[u8; BLOCK]>::try_from(head).is_ok_and(is_header)
}

/// Checksum and magic of a header of one of the known kinds.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let header = Header::from_byte_slice(block);
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(*byte) })
        .sum();
    let is_known = header.as_ustar().is_some() || header.as_gnu().is_some() || block[257..265] == [0; 8];
    is_known && header.cksum().is_ok_and(|stored| stored == sum)
}

pub(super) fn read_block<R: Read>(source: &mut R) -> Result<[u8; BLOCK], Stop> {
    let mut block = [0; BLOCK];
    match source.read_exact(&mut block) {
        Ok(()) => Ok(block),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Stop::cut()),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn skip_padding<R: Read>(source: &mut R, size: u64) -> Result<(), Stop> {
    let left = size.next_multiple_of(BLOCK as u64) - size;
    io::copy(&mut Content { source, left }, &mut io::sink())?;
    Ok(())
}

/// One content; that it ends too early is an error.
pub(super) struct Content<'s, R> {
    pub(super) source: &'s mut R,
    pub(super) left: u64,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(0);
        }
        let size = self.source.read(&mut buffer[..room])?;
        if size == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends inside an entry"));
        }
        self.left -= size as u64;
        Ok(size)
    }
}
