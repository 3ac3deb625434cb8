//! Writes the file of a dump.

use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use zstd::zstd_safe::CParameter;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::database::dump::file::BUFFER_BYTES;
use crate::database::dump::file::Insert;
use crate::database::mysql::sum::RowSum;
use crate::sys::fs;
use crate::sys::fs::IoError;

/// Higher levels take longer than the server takes to send the rows.
const LEVEL: i32 = 1;
/// How much is written before the disk is told to begin.
const SYNC_BYTES: u64 = 1 << 24;

/// How much each thread compresses at a time; little stays in the processor's caches.
const JOB_BYTES: u32 = 1 << 19;

/// A table for matches that the processor's nearest cache holds: 7 % sooner
/// done, 3 % longer than the level's own.
const HASH_LOG: u32 = 13;

/// How many pieces wait for the thread that compresses. A piece may be a row as
/// long as the server takes: it takes as many places as it is large.
const PARCELS: usize = 16;

/// The file being written. A thread of its own sums the rows, compresses (on
/// further threads) and writes, while the caller reads what is next.
pub(super) struct Output {
    parcels: SyncSender<Parcel>,
    press: JoinHandle<Result<Written, IoError>>,
    /// Bytes of text so far.
    pub text_bytes: u64,
}

enum Parcel {
    Text(Vec<u8>),
    Rows(Insert),
    /// All rows of a table have been put.
    EndOfTable,
}

/// What the file came to be.
pub(super) struct Written {
    pub sha256: Sha256,
    pub bytes: u64,
    /// The sum of each table's rows.
    pub sums: Vec<RowSum>,
}

impl Output {
    pub fn create(path: &Path, threads: u32) -> Result<Output, IoError> {
        let press = Press::create(path, threads)?;
        let (parcels, arriving) = mpsc::sync_channel(PARCELS);
        Ok(Output { parcels, press: std::thread::spawn(move || press.run(arriving)), text_bytes: 0 })
    }

    /// Nothing where the thread has ended; [`Output::finish`] says why.
    pub fn put(&mut self, text: String) -> Option<()> {
        self.text_bytes += text.len() as u64;
        self.wait_for_room(text.len())?;
        self.parcels.send(Parcel::Text(text.into_bytes())).ok()
    }

    pub fn put_rows(&mut self, mut insert: Insert) -> Option<()> {
        insert.close();
        self.text_bytes += insert.text.len() as u64;
        self.wait_for_room(insert.text.len())?;
        self.parcels.send(Parcel::Rows(insert)).ok()
    }

    /// Returns once a long piece finds as many places free as it is large.
    fn wait_for_room(&mut self, bytes: usize) -> Option<()> {
        let more = (bytes / BUFFER_BYTES).saturating_sub(1).min(PARCELS);
        (0..more).try_for_each(|_| self.parcels.send(Parcel::Text(Vec::new())).ok())
    }

    pub fn end_table(&mut self) -> Option<()> {
        self.parcels.send(Parcel::EndOfTable).ok()
    }

    /// Brings all of it to the disk.
    pub fn finish(self) -> Result<Written, IoError> {
        drop(self.parcels);
        self.press.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

struct Press {
    compressor: zstd::stream::write::Encoder<'static, Disk>,
    path: PathBuf,
    sum: RowSum,
    sums: Vec<RowSum>,
}

impl Press {
    fn create(path: &Path, threads: u32) -> Result<Press, IoError> {
        let file = fs::create(path)?;
        let syncer = Syncer::start(&file).map_err(|source| IoError::new("sync", path, source))?;
        let disk = Disk { file, syncer, hasher: Hasher::new(Algorithms::Sha256), bytes: 0 };
        let begun = zstd::stream::write::Encoder::new(disk, LEVEL).and_then(|mut compressor| {
            compressor.include_checksum(true)?;
            compressor.multithread(threads)?;
            compressor.set_parameter(CParameter::JobSize(JOB_BYTES))?;
            compressor.set_parameter(CParameter::HashLog(HASH_LOG))?;
            Ok(compressor)
        });
        let compressor = begun.map_err(|source| IoError::new("compress into", path, source))?;
        Ok(Press { compressor, path: path.to_owned(), sum: RowSum::default(), sums: Vec::new() })
    }

    fn run(mut self, arriving: Receiver<Parcel>) -> Result<Written, IoError> {
        for parcel in arriving {
            match parcel {
                Parcel::Text(text) => self.put(&text)?,
                Parcel::Rows(insert) => {
                    insert.rows().for_each(|row| self.sum.add(row));
                    self.put(&insert.text)?;
                }
                Parcel::EndOfTable => {
                    let sum = std::mem::take(&mut self.sum);
                    self.put(format!("-- {} rows, sum {}\n", sum.rows, sum.text()).as_bytes())?;
                    self.sums.push(sum);
                }
            }
        }
        let disk = self.compressor.finish().map_err(|source| IoError::new("write", &self.path, source))?;
        fs::sync_file(&disk.file, &self.path)?;
        Ok(Written { sha256: disk.hasher.finish().0, bytes: disk.bytes, sums: self.sums })
    }

    fn put(&mut self, text: &[u8]) -> Result<(), IoError> {
        self.compressor.write_all(text).map_err(|source| IoError::new("write", &self.path, source))
    }
}

/// What goes to the disk is hashed on the way.
struct Disk {
    file: std::fs::File,
    syncer: Syncer,
    hasher: Hasher,
    bytes: u64,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        if self.bytes / SYNC_BYTES > (self.bytes - count as u64) / SYNC_BYTES {
            self.syncer.sync();
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Brings what is written to the disk while more is made, so that the sync at
/// the end, which is the one that counts, has little left to wait for.
struct Syncer {
    wanted: SyncSender<()>,
}

impl Syncer {
    fn start(file: &std::fs::File) -> io::Result<Syncer> {
        let file = file.try_clone()?;
        let (wanted, wishes) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            // An error shows again at the end.
            wishes.iter().for_each(|()| drop(file.sync_data()));
        });
        Ok(Syncer { wanted })
    }

    /// Where it is still busy, it need not be told.
    fn sync(&self) {
        let _ = self.wanted.try_send(());
    }
}
