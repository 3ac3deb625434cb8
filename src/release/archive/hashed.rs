//! The content of an entry, hashed while somebody reads it.

use std::io;
use std::io::Read;

use sha2::Digest as _;

use crate::release::archive::error::Stop;
use crate::release::archive::error::short;
use crate::release::archive::opened::Member;

/// Content on its way to somebody, hashed as it passes.
pub(super) struct Hashed<'c> {
    content: &'c mut dyn Read,
    hash: sha2::Sha256,
    /// What went wrong while reading, kept apart from the taker's own errors.
    failure: Option<Stop>,
}

impl Hashed<'_> {
    pub(super) fn new(content: &mut dyn Read) -> Hashed<'_> {
        Hashed { content, hash: sha2::Sha256::default(), failure: None }
    }

    pub(super) fn hand_to(
        &mut self,
        member: &Member,
        take: &mut dyn FnMut(&Member, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Stop> {
        let taken = take(member, self);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        taken.map_err(|source| Stop::Take { entry: short(member.path.as_str().as_bytes()), source })
    }

    /// Lets `reader` look at the content; a failure to read it comes first.
    pub(super) fn read_by(
        &mut self,
        reader: impl FnOnce(&mut dyn Read) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let judged = reader(self);
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => judged,
        }
    }

    /// Reads what is left and tells the digest of all.
    pub(super) fn finish(mut self) -> Result<[u8; 32], Stop> {
        let drained = io::copy(&mut self, &mut io::sink());
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        drained?;
        Ok(self.hash.finalize().into())
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.content.read(buffer) {
            Ok(size) => {
                self.hash.update(&buffer[..size]);
                Ok(size)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failure = Some(Stop::from(error));
                Err(io::Error::other("the archive cannot be read further"))
            }
        }
    }
}
