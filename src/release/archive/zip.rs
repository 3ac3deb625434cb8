//! Walks a zip: unpacks every entry that [`directory`] proved, and checks that
//! its packed bytes hold the content and nothing more.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::rc::Rc;

use crate::release::archive::detect::BUFFER;
use crate::release::archive::detect::Section;
use crate::release::archive::detect::zstd_frame;
use crate::release::archive::directory;
use crate::release::archive::directory::Record;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::limits::Counted;
use crate::release::archive::limits::Gauge;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Entry;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::opened::Visit;
use crate::release::archive::tar::plain_mode;
use crate::release::archive::tar::utf8;

/// Longest target of a link, in bytes; Linux allows no more.
const LONGEST_TARGET: u64 = 4096;

const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Hands every entry to `visit`, in the order of their bytes.
pub(super) fn walk(file: &File, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let records = directory::read(file, limits)?;
    let total = records.iter().fold(0_u64, |total, record| total.saturating_add(record.size));
    if total > limits.total_bytes {
        return Err(Refusal::whole(Why::TotalSize { limit: limits.total_bytes }).into());
    }
    let packed = Rc::new(Cell::new(0));
    let mut gauge = Gauge::new(limits, packed.clone());
    for record in &records {
        packed.set(packed.get() + record.data - record.header);
        let source = Counted::new(Section::new(file, record.data, record.packed), packed.clone());
        let mut content = Content::new(record, source, &mut gauge)?;
        let (kind, mode) = kind_and_mode(record, &mut content)?;
        visit(Entry { name: record.name.clone(), kind, mode }, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        content.check_spent()?;
    }
    Ok(())
}

/// The type from the Unix mode where there is one, and from the slash; they
/// must not contradict. The content of a link, its target, is read here.
fn kind_and_mode(record: &Record, content: &mut dyn Read) -> Result<(MemberKind, u32), Stop> {
    let refuse = |why| Stop::from(Refusal::entry(&record.name, why));
    let is_folder = record.name.ends_with(b"/");
    let kind = match record.mode & 0o170_000 {
        0 | FOLDER if is_folder => MemberKind::Folder,
        0 | FILE if !is_folder => MemberKind::File { size: record.size },
        LINK if !is_folder => {
            if record.size > LONGEST_TARGET {
                return Err(refuse(Why::FileSize { limit: LONGEST_TARGET }));
            }
            let mut target = Vec::new();
            content.read_to_end(&mut target)?;
            MemberKind::Link { target: utf8(target).map_err(refuse)? }
        }
        FILE | FOLDER | LINK => return Err(refuse(Why::Headers { what: "the kinds" })),
        0o010_000 => return Err(refuse(Why::Kind { what: "a fifo" })),
        0o140_000 => return Err(refuse(Why::Kind { what: "a socket" })),
        0o020_000 | 0o060_000 => return Err(refuse(Why::Kind { what: "a device" })),
        _ => return Err(refuse(Why::Kind { what: "an entry of an unknown kind" })),
    };
    if matches!(kind, MemberKind::Folder) && record.size != 0 {
        return Err(refuse(Why::Malformed { what: "a folder has content" }));
    }
    let mode = plain_mode(&kind, record.mode).map_err(refuse)?;
    Ok((kind, mode))
}

/// The unpacked content of one entry: exactly as long as its header says, with
/// the checksum that it says.
struct Content<'g, R: Read> {
    name: Vec<u8>,
    decoder: Decoder<BufReader<R>>,
    crc: flate2::Crc,
    expected_crc: u32,
    left: u64,
    ended: bool,
    gauge: &'g mut Gauge,
}

enum Decoder<R: BufRead> {
    Stored(R),
    Deflate(flate2::bufread::DeflateDecoder<R>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

impl<'g, R: Read> Content<'g, R> {
    fn new(record: &Record, source: R, gauge: &'g mut Gauge) -> Result<Content<'g, R>, Stop> {
        let source = BufReader::with_capacity(BUFFER, source);
        let decoder = match record.method {
            0 => Decoder::Stored(source),
            8 => Decoder::Deflate(flate2::bufread::DeflateDecoder::new(source)),
            93 => Decoder::Zstd(zstd_frame(source)?),
            method => return Err(Refusal::entry(&record.name, Why::Method { method }).into()),
        };
        Ok(Content {
            name: record.name.clone(),
            decoder,
            crc: flate2::Crc::new(),
            expected_crc: record.crc,
            left: record.size,
            ended: false,
            gauge,
        })
    }

    /// The packed bytes must be spent with the content: others would start to
    /// read the next entry in what is left.
    fn check_spent(self) -> Result<(), Stop> {
        let mut source = match self.decoder {
            Decoder::Stored(source) => source,
            Decoder::Deflate(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.into_inner(),
        };
        if source.fill_buf()?.is_empty() {
            return Ok(());
        }
        Err(Refusal::entry(&self.name, Why::Hidden { place: "behind its packed content" }).into())
    }

    /// At the end: nothing left to come, nothing missing, the right checksum.
    fn check_end(&mut self) -> io::Result<()> {
        self.ended = true;
        if self.left != 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "an entry is shorter than it says"));
        }
        if self.crc.sum() != self.expected_crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of an entry is wrong"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let size = match &mut self.decoder {
            Decoder::Stored(source) => source.read(buffer)?,
            Decoder::Deflate(decoder) => decoder.read(buffer)?,
            Decoder::Zstd(decoder) => decoder.read(buffer)?,
        };
        if size == 0 {
            self.check_end()?;
            return Ok(0);
        }
        self.gauge.add(size)?;
        if size as u64 > self.left {
            let what = "the content is longer than its header says";
            return Err(Refusal::entry(&self.name, Why::Malformed { what }).into());
        }
        self.left -= size as u64;
        self.crc.update(&buffer[..size]);
        Ok(size)
    }
}
