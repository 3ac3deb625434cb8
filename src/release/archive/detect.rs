//! Which format a file has, told by its first bytes, and the way into a packed tar.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::release::archive::blocks;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::limits::Counted;
use crate::release::archive::limits::Gauge;
use crate::release::archive::limits::Gauged;
use crate::release::archive::limits::Limits;
use crate::release::archive::trailer;

/// Small against the window over which ratios are taken.
pub(super) const BUFFER: usize = 16 * 1024;
/// What liblzma and zstd say of streams that ask for more memory than they may have.
const TOO_MUCH_MEMORY: [&str; 2] = ["memory limit reached", "Frame requires too much memory for decoding"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Zip,
    Tar(Packing),
}

/// What a tar is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Zip => "zip",
            Format::Tar(Packing::Plain) => "tar",
            Format::Tar(Packing::Gzip) => "tar.gz",
            Format::Tar(Packing::Bzip2) => "tar.bz2",
            Format::Tar(Packing::Xz) => "tar.xz",
            Format::Tar(Packing::Zstd) => "tar.zst",
        }
    }
}

impl Packing {
    /// The bytes every stream of the format begins with.
    fn magic(self) -> &'static [u8] {
        match self {
            Packing::Plain => b"",
            Packing::Gzip => b"\x1f\x8b\x08",
            Packing::Bzip2 => b"BZh",
            Packing::Xz => b"\xfd7zXZ\0",
            Packing::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }
}

/// Tells the format; `None` when it is none of ours.
pub(super) fn format(file: &File) -> Result<Option<Format>, Stop> {
    let mut head = Vec::new();
    Section::whole(file).take(blocks::BLOCK as u64).read_to_end(&mut head)?;
    for packing in [Packing::Gzip, Packing::Bzip2, Packing::Xz, Packing::Zstd] {
        if head.starts_with(packing.magic()) {
            return Ok(Some(Format::Tar(packing)));
        }
    }
    if blocks::begins(&head) {
        return Ok(Some(Format::Tar(Packing::Plain)));
    }
    // A zip is found from its end: with bytes in front it is still one, to be refused as such.
    if head.starts_with(b"PK\x03\x04") || trailer::is_there(file)? {
        return Ok(Some(Format::Zip));
    }
    Ok(None)
}

/// The tar inside, watched by the limits.
pub(super) fn unpack<'f>(file: &'f File, packing: Packing, limits: &Limits) -> Gauged<Box<dyn Read + 'f>> {
    let packed = Rc::new(Cell::new(0));
    let gauge = Gauge::new(limits, packed.clone());
    let source = BufReader::with_capacity(BUFFER, Counted::new(Section::whole(file), packed));
    let inner: Box<dyn Read + 'f> = match packing {
        Packing::Plain => Box::new(source),
        packing => Box::new(Streams { packing, memory: limits.memory_bytes, state: State::Between(source) }),
    };
    Gauged { inner, gauge }
}

/// A stretch of a file, read without moving the file's position.
pub(super) struct Section<'f> {
    file: &'f File,
    at: u64,
    end: u64,
}

impl<'f> Section<'f> {
    pub(super) fn new(file: &'f File, at: u64, size: u64) -> Section<'f> {
        Section { file, at, end: at.saturating_add(size) }
    }

    fn whole(file: &'f File) -> Section<'f> {
        Section::new(file, 0, u64::MAX)
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let size = self.file.read_at(&mut buffer[..room], self.at)?;
        self.at += size as u64;
        Ok(size)
    }
}

/// One or more packed streams behind each other and nothing else, as
/// `pigz`, `pbzip2` and `cat a.gz b.gz` write them.
struct Streams<R: BufRead> {
    packing: Packing,
    /// Bytes that a decoder may ask for.
    memory: u64,
    state: State<R>,
}

enum State<R: BufRead> {
    Between(R),
    Inside(Box<Decoder<R>>),
    Ended,
}

enum Decoder<R: BufRead> {
    Gzip(flate2::bufread::GzDecoder<R>),
    Bzip2(bzip2::bufread::BzDecoder<R>),
    Xz(liblzma::bufread::XzDecoder<R>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let State::Inside(decoder) = &mut self.state {
                let size = decoder.read(buffer).map_err(|error| memory_refused(error, self.memory))?;
                if size > 0 {
                    return Ok(size);
                }
            }
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Ok(0),
                State::Inside(decoder) => after(decoder.into_inner(), self.packing)?,
                State::Between(source) => {
                    State::Inside(Box::new(Decoder::new(self.packing, source, self.memory)?))
                }
            };
        }
    }
}

/// Behind a stream stands another one or the end of the file.
fn after<R: BufRead>(mut source: R, packing: Packing) -> io::Result<State<R>> {
    let rest = source.fill_buf()?;
    if rest.is_empty() {
        return Ok(State::Ended);
    }
    // A magic cut by the buffer's end goes to the decoder, which judges it.
    let compared = rest.len().min(packing.magic().len());
    if rest[..compared] != packing.magic()[..compared] {
        return Err(Refusal::whole(Why::Hidden { place: "behind the packed data" }).into());
    }
    Ok(State::Between(source))
}

/// One frame of zstd whose window takes at most `memory` bytes.
pub(super) fn zstd_frame<R: BufRead>(
    source: R,
    memory: u64,
) -> io::Result<zstd::stream::read::Decoder<'static, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?.single_frame();
    // The range of logarithms that zstd itself knows.
    decoder.window_log_max(memory.max(1).ilog2().clamp(10, 31))?;
    Ok(decoder)
}

/// A decoder's error; that it wants more memory is a refusal.
pub(super) fn memory_refused(error: io::Error, limit: u64) -> io::Error {
    match TOO_MUCH_MEMORY.contains(&error.to_string().as_str()) {
        true => Refusal::whole(Why::Memory { limit }).into(),
        false => error,
    }
}

impl<R: BufRead> Decoder<R> {
    fn new(packing: Packing, source: R, memory: u64) -> io::Result<Decoder<R>> {
        Ok(match packing {
            Packing::Plain | Packing::Gzip => Decoder::Gzip(flate2::bufread::GzDecoder::new(source)),
            Packing::Bzip2 => Decoder::Bzip2(bzip2::bufread::BzDecoder::new(source)),
            Packing::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(memory, 0)?;
                Decoder::Xz(liblzma::bufread::XzDecoder::new_stream(source, stream))
            }
            Packing::Zstd => Decoder::Zstd(zstd_frame(source, memory)?),
        })
    }

    fn into_inner(self) -> R {
        match self {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Bzip2(decoder) => decoder.into_inner(),
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.into_inner(),
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Bzip2(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
