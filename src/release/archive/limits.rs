//! How much an archive may unfold into, watched while it unfolds.

use std::cell::Cell;
use std::io;
use std::io::Read;
use std::rc::Rc;

use crate::release::archive::error::Refusal;
use crate::release::archive::error::Why;

/// The compressed bytes over which a ratio is taken: whatever unfolds into no
/// more than `ratio` times this is harmless, and short runs of equal bytes in
/// honest archives reach any ratio.
const WINDOW: u64 = 128 * 1024;

/// Bounds that no honest release reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all contents together.
    pub total_bytes: u64,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Unpacked bytes for one packed byte, over any stretch of the archive.
    pub ratio: u64,
    /// Number of entries, links and folders included, also folders that are
    /// named only in the paths of others.
    pub entries: u64,
    /// Number of entries in one folder.
    pub folder_entries: u64,
    /// Bytes that unpacking may take: the window of zstd, all of xz.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            total_bytes: 4 << 30,
            file_bytes: 2 << 30,
            ratio: 200,
            entries: 200_000,
            folder_entries: 50_000,
            // `xz -9` needs 65 MiB.
            memory_bytes: 80 << 20,
        }
    }
}

/// Bytes of a name on average: far longer than those of real releases, and
/// short enough for as many names as there may be entries to fit into memory.
const NAME_BYTES: u64 = 160;

impl Limits {
    pub(super) fn check_file(&self, name: &[u8], size: u64) -> Result<(), Refusal> {
        if size > self.file_bytes {
            return Err(Refusal::entry(name, Why::FileSize { limit: self.file_bytes }));
        }
        Ok(())
    }

    pub(super) fn check_entries(&self, count: u64) -> Result<(), Refusal> {
        if count > self.entries {
            return Err(Refusal::whole(Why::Entries { limit: self.entries }));
        }
        Ok(())
    }

    /// `bytes` is the length of all names and link targets so far.
    pub(super) fn check_names(&self, bytes: u64) -> Result<(), Refusal> {
        let limit = self.entries.saturating_mul(NAME_BYTES).max(1 << 20);
        if bytes > limit {
            return Err(Refusal::whole(Why::Names { limit }));
        }
        Ok(())
    }
}

/// Counts the packed bytes that are read, for a [`Gauge`] to compare with.
pub(super) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R, count: Rc<Cell<u64>>) -> Counted<R> {
        Counted { inner, count }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.inner.read(buffer)?;
        self.count.set(self.count.get() + size as u64);
        Ok(size)
    }
}

/// Watches total and ratio of one archive while its content comes out.
pub(super) struct Gauge {
    limits: Limits,
    packed: Rc<Cell<u64>>,
    total: u64,
    window_packed: u64,
    window_total: u64,
}

impl Gauge {
    /// `packed` is the number of archive bytes read so far.
    pub(super) fn new(limits: &Limits, packed: Rc<Cell<u64>>) -> Gauge {
        Gauge { limits: limits.clone(), packed, total: 0, window_packed: 0, window_total: 0 }
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.limits.memory_bytes
    }

    /// Notes that `size` bytes came out.
    pub(super) fn add(&mut self, size: usize) -> Result<(), Refusal> {
        self.total += size as u64;
        if self.total > self.limits.total_bytes {
            return Err(Refusal::whole(Why::TotalSize { limit: self.limits.total_bytes }));
        }
        let packed = self.packed.get() - self.window_packed;
        let unpacked = self.total - self.window_total;
        if unpacked > self.limits.ratio.saturating_mul(packed.max(WINDOW)) {
            return Err(Refusal::whole(Why::Ratio { limit: self.limits.ratio }));
        }
        if packed >= WINDOW {
            self.window_packed = self.packed.get();
            self.window_total = self.total;
        }
        Ok(())
    }
}

/// A reader whose every byte goes through a [`Gauge`].
pub(super) struct Gauged<R> {
    pub(super) inner: R,
    pub(super) gauge: Gauge,
}

impl<R: Read> Read for Gauged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.inner.read(buffer)?;
        self.gauge.add(size)?;
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_may_have_any_ratio_and_a_long_one_not() {
        let packed = Rc::new(Cell::new(10));
        let mut gauge = Gauge::new(&Limits::default(), packed.clone());
        gauge.add(200 * WINDOW as usize).unwrap();
        let refusal = gauge.add(1).unwrap_err();
        assert!(matches!(refusal.why, Why::Ratio { limit: 200 }));
    }

    #[test]
    fn a_bomb_behind_honest_content_is_seen() {
        let packed = Rc::new(Cell::new(0));
        let mut gauge = Gauge::new(&Limits::default(), packed.clone());
        for _ in 0..100 {
            packed.set(packed.get() + WINDOW);
            gauge.add(2 * WINDOW as usize).unwrap();
        }
        packed.set(packed.get() + 100);
        assert!(gauge.add(201 * WINDOW as usize).is_err());
    }

    #[test]
    fn the_total_is_bounded_without_compression_too() {
        let limits = Limits { total_bytes: 10, ..Limits::default() };
        let mut reader =
            Gauged { inner: &[0; 11][..], gauge: Gauge::new(&limits, Rc::new(Cell::new(1 << 20))) };
        let error = io::copy(&mut reader, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("larger than 10 bytes"), "{error}");
    }
}
