//! The end of a zip: the records that tell where its directory stands.

use std::fs::File;
use std::io::Read;

use crate::release::archive::detect::Section;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::fields::Fields;

const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const END_SIZE: usize = 22;
const END64_SIZE: u64 = 56;
const LOCATOR_SIZE: u64 = 20;

/// Where the central directory stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    pub(super) entries: u64,
    pub(super) directory: u64,
    pub(super) directory_end: u64,
}

/// The plain end record as it stands in the file.
struct End {
    at: u64,
    disks: [u16; 2],
    entries: [u16; 2],
    directory_size: u32,
    directory: u32,
}

/// Whether the file ends as a zip does.
pub(super) fn is_there(file: &File) -> Result<bool, Stop> {
    let (tail, _) = tail(file)?;
    Ok(find(&tail).is_some())
}

/// Reads the end records and checks that they leave no byte to anybody else.
pub(super) fn read(file: &File) -> Result<Trailer, Stop> {
    let (tail, tail_at) = tail(file)?;
    let Some(place) = find(&tail) else {
        // An end that is not at the end: something was added behind it.
        if occurrences(&tail).next().is_some() {
            return Err(
                Refusal::whole(Why::Hidden { place: "behind the end of the zip, or it was cut" }).into()
            );
        }
        return Err(Stop::cut());
    };
    if occurrences(&tail[place + 4..]).next().is_some() {
        return Err(Refusal::whole(Why::Malformed { what: "the zip has two ends" }).into());
    }
    let end = End::parse(&tail[place..], tail_at + place as u64);
    let trailer = match locator(file, end.at)? {
        Some(at) => zip64(file, &end, at)?,
        None => end.plain()?,
    };
    Ok(trailer)
}

/// The last bytes of the file, in which the end record stands.
fn tail(file: &File) -> Result<(Vec<u8>, u64), Stop> {
    let size = file.metadata()?.len();
    let at = size.saturating_sub((END_SIZE + usize::from(u16::MAX)) as u64);
    let mut tail = Vec::new();
    Section::new(file, at, size - at).read_to_end(&mut tail)?;
    Ok((tail, at))
}

/// The first end record whose comment reaches to the end of the file exactly.
/// A zip inside the zip has one too, but its comment ends elsewhere.
fn find(tail: &[u8]) -> Option<usize> {
    occurrences(tail).find(|place| {
        let record = &tail[*place..];
        record.len() >= END_SIZE && record.len() - END_SIZE == usize::from(Fields::new(&record[20..]).u16())
    })
}

fn occurrences(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(END.len()).enumerate().filter(|(_, window)| *window == END).map(|(place, _)| place)
}

impl End {
    fn parse(record: &[u8], at: u64) -> End {
        let mut fields = Fields::new(&record[4..]);
        End {
            at,
            disks: [fields.u16(), fields.u16()],
            entries: [fields.u16(), fields.u16()],
            directory_size: fields.u32(),
            directory: fields.u32(),
        }
    }

    fn plain(&self) -> Result<Trailer, Refusal> {
        if self.disks != [0, 0] || self.entries[0] != self.entries[1] {
            return Err(several_volumes());
        }
        let entries = u64::from(self.entries[0]);
        fit(entries, u64::from(self.directory), u64::from(self.directory_size), self.at)
    }
}

fn several_volumes() -> Refusal {
    Refusal::whole(Why::Malformed { what: "the zip is one of several volumes" })
}

/// The directory must end where the end records begin.
fn fit(entries: u64, directory: u64, size: u64, end: u64) -> Result<Trailer, Refusal> {
    match directory.checked_add(size) {
        Some(directory_end) if directory_end == end => Ok(Trailer { entries, directory, directory_end }),
        Some(directory_end) if directory_end < end => Err(Refusal::whole(Why::Hidden {
            place: "in front of the zip, or between its directory and its end",
        })),
        _ => Err(Refusal::whole(Why::Malformed { what: "the directory lies outside the zip" })),
    }
}

/// The place of the zip64 end record, when there is a locator for it.
fn locator(file: &File, end: u64) -> Result<Option<u64>, Stop> {
    let Some(at) = end.checked_sub(LOCATOR_SIZE) else { return Ok(None) };
    let mut raw = [0; LOCATOR_SIZE as usize];
    Section::new(file, at, LOCATOR_SIZE).read_exact(&mut raw)?;
    let mut fields = Fields::new(&raw);
    if fields.take(4) != LOCATOR {
        return Ok(None);
    }
    let disk = fields.u32();
    let place = fields.u64();
    let disks = fields.u32();
    if disk != 0 || disks > 1 {
        return Err(several_volumes().into());
    }
    if place.checked_add(END64_SIZE) != Some(at) {
        return Err(
            Refusal::whole(Why::Malformed { what: "the zip64 end record is not at its place" }).into()
        );
    }
    Ok(Some(place))
}

/// Reads the zip64 end record; the plain one must say the same or nothing.
fn zip64(file: &File, end: &End, at: u64) -> Result<Trailer, Stop> {
    let mut raw = [0; END64_SIZE as usize];
    Section::new(file, at, END64_SIZE).read_exact(&mut raw)?;
    let mut fields = Fields::new(&raw);
    if fields.take(4) != END64 || fields.u64() != END64_SIZE - 12 {
        return Err(Refusal::whole(Why::Malformed { what: "the zip64 end record is broken" }).into());
    }
    fields.take(4);
    let disks = [fields.u32(), fields.u32()];
    let entries = [fields.u64(), fields.u64()];
    let (size, directory) = (fields.u64(), fields.u64());
    if disks != [0, 0] || entries[0] != entries[1] {
        return Err(several_volumes().into());
    }
    let says = |narrow: u64, nothing: u64, wide: u64| narrow == nothing || narrow == wide;
    let agree = end.disks.iter().all(|disk| says(u64::from(*disk), 0xffff, 0))
        && end.entries.iter().all(|count| says(u64::from(*count), 0xffff, entries[0]))
        && says(u64::from(end.directory_size), 0xffff_ffff, size)
        && says(u64::from(end.directory), 0xffff_ffff, directory);
    if !agree {
        return Err(Refusal::whole(Why::Headers { what: "the two end records" }).into());
    }
    Ok(fit(entries[0], directory, size, at)?)
}
