//! The numbers and extra fields of zip headers.

use crate::release::archive::error::Refusal;
use crate::release::archive::error::Why;

const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;

/// Little-endian numbers, one behind the other.
pub(super) struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Fields<'b> {
        Fields { rest: bytes }
    }

    /// The next bytes; fewer when there are not so many.
    pub(super) fn take(&mut self, size: usize) -> &'b [u8] {
        let (taken, rest) = self.rest.split_at(size.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub(super) fn u16(&mut self) -> u16 {
        self.number(2) as u16
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.number(4) as u32
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.number(8)
    }

    fn number(&mut self, size: usize) -> u64 {
        self.take(size).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// What the extra fields of a header say that matters to us.
pub(super) struct Extra {
    name: Vec<u8>,
    zip64: Vec<u8>,
    used: usize,
}

impl Extra {
    /// Reads the extra fields of the entry `name`; they must fill their room,
    /// and a second spelling of the name must be the same.
    pub(super) fn parse(raw: &[u8], name: &[u8]) -> Result<Extra, Refusal> {
        let broken = || Refusal::entry(name, Why::Malformed { what: "its extra fields are broken" });
        let mut extra = Extra { name: name.to_vec(), zip64: Vec::new(), used: 0 };
        let mut seen_zip64 = false;
        let mut rest = raw;
        while !rest.is_empty() {
            let mut fields = Fields::new(rest);
            if rest.len() < 4 {
                return Err(broken());
            }
            let (kind, size) = (fields.u16(), usize::from(fields.u16()));
            let body = rest.get(4..4 + size).ok_or_else(broken)?;
            rest = &rest[4 + size..];
            match kind {
                ZIP64 if seen_zip64 => return Err(broken()),
                ZIP64 => {
                    seen_zip64 = true;
                    extra.zip64 = body.to_vec();
                }
                // A version byte and the checksum of the other name stand in front.
                UNICODE_PATH if body.get(5..) != Some(name) => {
                    return Err(Refusal::entry(name, Why::Headers { what: "the names" }));
                }
                _ => {}
            }
        }
        Ok(extra)
    }

    /// The next number of the zip64 field.
    pub(super) fn next_zip64(&mut self) -> Result<u64, Refusal> {
        let what = "its zip64 field is too short";
        let short = || Refusal::entry(&self.name, Why::Malformed { what });
        let bytes = self.zip64.get(self.used..self.used + 8).ok_or_else(short)?;
        self.used += 8;
        Ok(Fields::new(bytes).u64())
    }
}
