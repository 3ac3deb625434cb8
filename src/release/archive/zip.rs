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
use crate::release::archive::detect::memory_refused;
use crate::release::archive::detect::zstd_frame;
use crate::release::archive::directory;
use crate::release::archive::directory::Record;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::heading::LONGEST_TARGET;
use crate::release::archive::heading::link_target;
use crate::release::archive::heading::plain_mode;
use crate::release::archive::limits::Counted;
use crate::release::archive::limits::Gauge;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Entry;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::opened::Visit;

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
        let mut content =
            Content::new(record, source, &mut gauge).map_err(|stop| stop.inside(&record.name))?;
        let (kind, mode) = kind_and_mode(record, &mut content).map_err(|stop| stop.inside(&record.name))?;
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
            let mut target = Vec::new();
            content.take(LONGEST_TARGET + 1).read_to_end(&mut target)?;
            MemberKind::Link { target: link_target(target).map_err(refuse)? }
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
            93 => Decoder::Zstd(zstd_frame(source, gauge.memory_bytes())?),
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
            Decoder::Zstd(decoder) => {
                let memory = self.gauge.memory_bytes();
                decoder.read(buffer).map_err(|error| memory_refused(error, memory))?
            }
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use crate::release::archive::fixtures::*;
    use crate::release::archive::limits::Limits;

    const FILE: u32 = 0o100_644;
    const LINK: u32 = 0o120_777;

    #[test]
    fn what_honest_zips_hold_is_taken() {
        let entries = [
            zipped("top/", 0o042_775, b""),
            deflated("top/a.php", b"aaaaaaaaaaaaaaaaaaaaaaaa"),
            zipped("top/bin/run", 0o100_755, b"run"),
            zipped("top/dos", 0, b"dos"),
            zipped("top/l", LINK, b"a.php"),
        ];
        let wanted = ["a.php 644 aaaaaaaaaaaaaaaaaaaaaaaa", "bin/run 755 run", "dos 644 dos", "l -> a.php"];
        assert_eq!(listed(&open(&zip(&entries, b"a comment")).unwrap()), wanted);
    }

    #[test]
    fn a_zip_written_by_the_library_is_taken() {
        let mut writer = ::zip::ZipWriter::new_stream(Vec::new());
        let options = ::zip::write::SimpleFileOptions::default();
        for (name, options) in [
            ("deflated", options),
            ("stored", options.compression_method(::zip::CompressionMethod::Stored)),
            ("zstd", options.compression_method(::zip::CompressionMethod::Zstd)),
            ("zip64", options.large_file(true)),
        ] {
            writer.start_file(name, options).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        let bytes = writer.finish().unwrap().into_inner();
        let wanted = ["deflated 644 deflated", "stored 644 stored", "zip64 644 zip64", "zstd 644 zstd"];
        assert_eq!(listed(&open(&bytes).unwrap()), wanted);
    }

    #[test]
    fn descriptors_must_say_the_same() {
        let plain = zipped("a", FILE, b"abc");
        let numbers = [plain.crc, 3, 3].map(u32::to_le_bytes).concat();
        let streamed = |behind: &[u8]| {
            let entry = Zipped { flags: 8, local: [0; 3], behind: behind.to_vec(), ..plain.clone() };
            zip(&[entry, zipped("b", FILE, b"")], b"")
        };
        let wide = [plain.crc.to_le_bytes().to_vec(), [3_u64, 3].map(u64::to_le_bytes).concat()].concat();
        for behind in [&numbers, &[b"PK\x07\x08", &numbers[..]].concat(), &wide] {
            assert!(open(&streamed(behind)).is_ok(), "{} bytes were refused", behind.len());
        }
        assert!(refusal(&streamed(b"")).contains("behind it"));
        assert!(refusal(&streamed(&[0; 12])).contains("descriptor"));
        assert!(refusal(&streamed(&[&numbers[..], b"x"].concat())).contains("behind it"));
    }

    #[test]
    fn headers_that_contradict_are_refused() {
        let plain = zipped("a", FILE, b"abc");
        for (reason, entry) in [
            ("the names", Zipped { local_name: b"A".into(), ..plain.clone() }),
            ("the sizes", Zipped { local: [plain.crc, 3, 4], ..plain.clone() }),
            ("the packed sizes", Zipped { local: [plain.crc, 4, 3], ..plain.clone() }),
            ("the checksums", Zipped { local: [1, 3, 3], ..plain.clone() }),
            ("the sizes", Zipped { local: [plain.crc, 3, 0], ..plain.clone() }),
            ("the kinds", Zipped { mode: 0o040_755, ..plain.clone() }),
            ("encrypted", Zipped { flags: 1, ..plain.clone() }),
            ("method 9", Zipped { method: 9, ..plain.clone() }),
            ("fifo", Zipped { mode: 0o010_644, ..plain.clone() }),
            ("device", Zipped { mode: 0o060_644, ..plain.clone() }),
            ("socket", Zipped { mode: 0o140_644, ..plain.clone() }),
            ("setuid", Zipped { mode: 0o104_755, ..plain.clone() }),
            ("behind it", Zipped { behind: b"gap".to_vec(), ..plain }),
            ("outside", zipped("l", LINK, b"/etc/passwd")),
            ("a folder has content", zipped("d/", 0o040_755, b"x")),
        ] {
            let why = refusal(&zip(&[entry, zipped("b", FILE, b"")], b""));
            assert!(why.contains(reason), "{reason}: {why}");
        }
    }

    #[test]
    fn packed_bytes_that_hold_more_or_less_are_not_taken() {
        let good = deflated("a", b"abcabcabcabc");
        let mut slack = good.clone();
        slack.packed.extend_from_slice(b"hidden");
        slack.local[1] += 6;
        assert!(refusal(&zip(&[slack], b"")).contains("behind its packed content"));
        let longer = Zipped { size: 11, local: [good.crc, good.local[1], 11], ..good.clone() };
        assert!(refusal(&zip(&[longer], b"")).contains("longer"));
        let shorter = Zipped { size: 13, local: [good.crc, good.local[1], 13], ..good.clone() };
        assert_eq!(open(&zip(&[shorter], b"")).err().unwrap().exit(), Exit::Failed);
        let wrong = Zipped { crc: 1, local: [1, good.local[1], 12], ..good };
        assert_eq!(open(&zip(&[wrong], b"")).err().unwrap().exit(), Exit::Failed);
    }

    #[test]
    fn bytes_outside_the_entries_are_refused() {
        let good = zip(&[zipped("a", FILE, b"abc"), zipped("b", FILE, b"")], b"");
        for bytes in [
            [b"#!/bin/sh\n", &good[..]].concat(),
            [&good[..], b"x"].concat(),
            [&good[..], &good[..]].concat(),
        ] {
            assert!(refusal(&bytes).contains("there are bytes"));
        }
        let end_in_comment = [b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
        assert!(refusal(&zip(&[zipped("a", FILE, b"")], &end_in_comment)).contains("two ends"));
        assert!(open(&zip(&[zipped("inner.zip", FILE, &good)], b"")).is_ok());
    }

    #[test]
    fn entries_that_share_bytes_are_refused() {
        let mut bytes = zip(&[zipped("a", FILE, b"abc"), zipped("b", FILE, b"abc")], b"");
        let second = bytes.len() - 22 - 47 + 42;
        bytes[second..second + 4].copy_from_slice(&[0; 4]);
        assert!(refusal(&bytes).contains("share"));
    }

    #[test]
    fn a_cut_zip_fails_and_an_empty_one_too() {
        let good = zip(&[deflated("a", b"abcabcabcabc")], b"");
        assert_eq!(open(&good[..good.len() - 30]).err().unwrap().exit(), Exit::Failed);
        assert_eq!(open(&zip(&[], b"")).err().unwrap().exit(), Exit::Failed);
    }

    #[test]
    fn bombs_and_duplicates_are_refused() {
        let bomb = zip(&[deflated("zeros", &vec![0; 40 << 20])], b"");
        assert!(refusal(&bomb).contains("200 times"));
        let twice = zip(&[zipped("a", FILE, b"1"), zipped("a", FILE, b"2")], b"");
        assert!(refusal(&twice).contains("twice"));
        let limits = Limits { total_bytes: 5, ..Limits::default() };
        let six = zip(&[zipped("a", FILE, b"123"), zipped("b", FILE, b"456")], b"");
        assert_eq!(open_with(&six, &limits).err().unwrap().exit(), Exit::Untrusted);
    }
}
