//! Where what comes is kept while it comes: the files of a part, or memory.

use std::io::Read;

use crate::base::digest::Sha256;
use crate::release::network::error::NetworkError;
use crate::release::network::part::Here;
use crate::release::network::part::Record;

/// Takes one answer in, whose parts may come by several requests.
pub(super) trait Store {
    fn look(&self) -> Result<Here, NetworkError>;
    /// An empty part; whatever was here goes away.
    fn begin(&mut self, record: &Record) -> Result<(), NetworkError>;
    /// The part that is here, or its first bytes; how many those are.
    fn go_on(&mut self, bytes: u64) -> Result<u64, NetworkError>;
    fn add(&mut self, bytes: &[u8]) -> Result<(), NetworkError>;
    /// Of the part that grows.
    fn bytes(&self) -> u64;
    fn digest(&self) -> Sha256;
    /// What has come, from its beginning.
    fn read(&mut self) -> Result<Box<dyn Read + '_>, NetworkError>;
    /// All of it is here.
    fn end(&mut self, record: &Record) -> Result<(), NetworkError>;
    fn forget(&mut self) -> Result<(), NetworkError>;
    /// Refuses what there is no room for.
    fn check_room(&self, bytes: u64) -> Result<(), NetworkError>;
}

/// For what is small.
#[derive(Default)]
pub(super) struct Memory {
    record: Option<Record>,
    bytes: Vec<u8>,
}

impl Memory {
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Store for Memory {
    fn look(&self) -> Result<Here, NetworkError> {
        Ok(match &self.record {
            Some(record) if !self.bytes.is_empty() => {
                Here::Part { record: record.clone(), bytes: self.bytes.len() as u64 }
            }
            _ => Here::Nothing,
        })
    }

    fn begin(&mut self, record: &Record) -> Result<(), NetworkError> {
        self.record = Some(record.clone());
        self.bytes.clear();
        Ok(())
    }

    fn go_on(&mut self, bytes: u64) -> Result<u64, NetworkError> {
        self.bytes.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(self.bytes())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), NetworkError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn digest(&self) -> Sha256 {
        Sha256::of(&self.bytes)
    }

    fn read(&mut self) -> Result<Box<dyn Read + '_>, NetworkError> {
        Ok(Box::new(self.bytes.as_slice()))
    }

    fn end(&mut self, _: &Record) -> Result<(), NetworkError> {
        Ok(())
    }

    fn forget(&mut self) -> Result<(), NetworkError> {
        *self = Memory::default();
        Ok(())
    }

    fn check_room(&self, _: u64) -> Result<(), NetworkError> {
        Ok(())
    }
}
