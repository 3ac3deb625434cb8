//! The skeleton of a zip: its central directory, the local headers, and the
//! proof that both tell the same and that no byte lies outside of them.
//!
//! Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4. Read here and not by a
//! library, because libraries believe one of the two headers and stay silent
//! about the other.

use std::fs::File;
use std::io;
use std::io::Read;

use crate::release::archive::detect::Section;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::fields::Extra;
use crate::release::archive::fields::Fields;
use crate::release::archive::limits::Limits;
use crate::release::archive::trailer;

const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const LOCAL_SIZE: u64 = 30;
/// Bits of the flags: encrypted, strongly encrypted, headers masked.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Bit of the flags: sizes and checksum stand behind the content.
const STREAMED: u16 = 1 << 3;
/// A 32-bit field whose value stands in the zip64 extra field.
const IN_ZIP64: u32 = u32::MAX;

/// One entry, both of its headers read and found the same.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Upper half of the external attributes: the Unix mode, or 0.
    pub(super) mode: u32,
    /// Where the local header begins.
    pub(super) header: u64,
    /// Where the packed content begins.
    pub(super) data: u64,
}

/// Reads and proves the skeleton; entries come in the order of their bytes.
pub(super) fn read(file: &File, limits: &Limits) -> Result<Vec<Record>, Stop> {
    let trailer = trailer::read(file)?;
    limits.check_entries(trailer.entries)?;
    let mut records = central(file, &trailer, limits)?;
    records.sort_by_key(|record| record.header);
    let mut at = 0;
    for place in 0..records.len() {
        let next = records.get(place + 1).map_or(trailer.directory, |next| next.header);
        let record = &mut records[place];
        limits.check_file(&record.name, record.size)?;
        if next.checked_sub(record.header).is_none_or(|room| room < LOCAL_SIZE) {
            return Err(Refusal::entry(&record.name, Why::Overlap).into());
        }
        if record.header > at {
            return Err(Refusal::entry(&record.name, Why::Hidden { place: "in front of it" }).into());
        }
        local(file, record, next)?;
        at = next;
    }
    if at != trailer.directory {
        return Err(Refusal::whole(Why::Hidden { place: "in front of the directory" }).into());
    }
    Ok(records)
}

fn central(file: &File, trailer: &trailer::Trailer, limits: &Limits) -> Result<Vec<Record>, Stop> {
    let size = trailer.directory_end - trailer.directory;
    // 46 bytes is the shortest record: a count that does not fit is a lie.
    if size / 46 < trailer.entries {
        return Err(
            Refusal::whole(Why::Malformed { what: "the directory is shorter than its entries" }).into()
        );
    }
    let mut source = io::BufReader::new(Section::new(file, trailer.directory, size));
    let mut records = Vec::new();
    let (mut read, mut names) = (0, 0);
    for _ in 0..trailer.entries {
        let (record, length) = central_record(&mut source)?;
        read += length;
        names += record.name.len() as u64;
        limits.check_names(names)?;
        records.push(record);
    }
    if read != size {
        return Err(Refusal::whole(Why::Hidden { place: "behind the directory" }).into());
    }
    Ok(records)
}

fn central_record<R: Read>(source: &mut R) -> Result<(Record, u64), Stop> {
    let mut fixed = [0; 46];
    source.read_exact(&mut fixed).map_err(|_| broken_directory())?;
    let mut fields = Fields::new(&fixed);
    if fields.take(4) != CENTRAL {
        return Err(broken_directory().into());
    }
    fields.take(4);
    let (flags, method) = (fields.u16(), fields.u16());
    fields.take(4);
    let (crc, packed, size) = (fields.u32(), fields.u32(), fields.u32());
    let (name_size, extra_size, comment_size) = (fields.u16(), fields.u16(), fields.u16());
    let disk = fields.u16();
    fields.take(2);
    let (attributes, header) = (fields.u32(), fields.u32());

    let mut variable = vec![0; usize::from(name_size) + usize::from(extra_size) + usize::from(comment_size)];
    source.read_exact(&mut variable).map_err(|_| broken_directory())?;
    let (name, rest) = variable.split_at(usize::from(name_size));
    let mut extra = Extra::parse(&rest[..usize::from(extra_size)], name)?;
    if disk != 0 {
        return Err(Refusal::entry(name, Why::Malformed { what: "it lies on another volume" }).into());
    }
    let record = Record {
        name: name.to_vec(),
        flags,
        method,
        crc,
        size: extra.wide(size)?,
        packed: extra.wide(packed)?,
        header: extra.wide(header)?,
        mode: attributes >> 16,
        data: 0,
    };
    Ok((record, 46 + variable.len() as u64))
}

fn broken_directory() -> Refusal {
    Refusal::whole(Why::Malformed { what: "the directory is broken" })
}

/// Reads the local header, compares it, and checks that the entry fills its
/// place up to `next` exactly.
fn local(file: &File, record: &mut Record, next: u64) -> Result<(), Stop> {
    let what = "its local header is broken";
    let broken = || Refusal::entry(&record.name, Why::Malformed { what });
    let mut source = Section::new(file, record.header, next - record.header);
    let mut fixed = [0; LOCAL_SIZE as usize];
    source.read_exact(&mut fixed).map_err(|_| broken())?;
    let mut fields = Fields::new(&fixed);
    if fields.take(4) != LOCAL {
        return Err(broken().into());
    }
    fields.take(2);
    let (flags, method) = (fields.u16(), fields.u16());
    fields.take(4);
    let (crc, packed, size) = (fields.u32(), fields.u32(), fields.u32());
    let (name_size, extra_size) = (usize::from(fields.u16()), usize::from(fields.u16()));
    let mut variable = vec![0; name_size + extra_size];
    source.read_exact(&mut variable).map_err(|_| broken())?;
    let (name, extra) = variable.split_at(name_size);
    let said = Local { name, flags, method, crc, packed, size, extra };
    compare(&said, record)?;
    record.data = record.header + LOCAL_SIZE + variable.len() as u64;
    let end = record.data.checked_add(record.packed).filter(|end| *end <= next);
    let end = end.ok_or_else(|| Refusal::entry(&record.name, Why::Overlap))?;
    check_behind(file, record, end, next)
}

/// What a local header says.
struct Local<'h> {
    name: &'h [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    extra: &'h [u8],
}

/// A streamed entry may leave numbers at 0; everything else must be the same.
fn compare(local: &Local<'_>, record: &Record) -> Result<(), Refusal> {
    let refuse = |why| Err(Refusal::entry(&record.name, why));
    if local.name != record.name {
        return refuse(Why::Headers { what: "the names" });
    }
    if (local.flags | record.flags) & ENCRYPTED != 0 {
        return refuse(Why::Encrypted);
    }
    if local.flags & STREAMED != record.flags & STREAMED {
        return refuse(Why::Headers { what: "the flags" });
    }
    if local.method != record.method {
        return refuse(Why::Headers { what: "the methods" });
    }
    let mut extra = Extra::parse(local.extra, local.name)?;
    let streamed = local.flags & STREAMED != 0;
    for (said, meant, what) in [
        (extra.wide(local.size)?, record.size, "the sizes"),
        (extra.wide(local.packed)?, record.packed, "the packed sizes"),
        (u64::from(local.crc), u64::from(record.crc), "the checksums"),
    ] {
        if said != meant && !(streamed && said == 0) {
            return refuse(Why::Headers { what });
        }
    }
    Ok(())
}

/// Behind the content stands the descriptor of a streamed entry, or nothing.
fn check_behind(file: &File, record: &Record, end: u64, next: u64) -> Result<(), Stop> {
    let refuse = |why| Err(Refusal::entry(&record.name, why).into());
    let hidden = Why::Hidden { place: "behind it" };
    if record.flags & STREAMED == 0 {
        return if end == next { Ok(()) } else { refuse(hidden) };
    }
    let (signed, wide) = match next - end {
        12 => (false, false),
        16 => (true, false),
        20 => (false, true),
        24 => (true, true),
        _ => return refuse(hidden),
    };
    let mut raw = Vec::new();
    Section::new(file, end, next - end).read_to_end(&mut raw)?;
    let mut fields = Fields::new(&raw);
    let signature_fits = !signed || fields.take(4) == DESCRIPTOR;
    let crc = fields.u32();
    let (packed, size) =
        if wide { (fields.u64(), fields.u64()) } else { (u64::from(fields.u32()), u64::from(fields.u32())) };
    if !signature_fits || (crc, packed, size) != (record.crc, record.packed, record.size) {
        return refuse(Why::Headers { what: "the descriptor and the sizes" });
    }
    Ok(())
}

impl Extra {
    /// The value of a 32-bit field, which the zip64 extra field may hold
    /// instead; to be asked in the order of the fields.
    fn wide(&mut self, narrow: u32) -> Result<u64, Refusal> {
        if narrow == IN_ZIP64 { self.next_zip64() } else { Ok(u64::from(narrow)) }
    }
}
