//! What is here of one address: a part that grows, or the whole; and what the
//! server said of it. The stored format is `docs/staging.md`.

use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Sha256;
use crate::base::json;
use crate::release::network::answer::Version;
use crate::release::network::error::NetworkError;
use crate::release::network::growth::Growth;
use crate::release::network::store::Store;
use crate::sys::clock;
use crate::sys::disk;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

const FORMAT: u32 = 1;
const BUFFER: usize = 128 * 1024;
/// Left to the site and everybody else on the disk.
const LEFT_TO_OTHERS: u64 = 16 << 20;

/// The files of one address.
pub(super) struct Part<'g> {
    folder: PathBuf,
    key: String,
    growing: Option<Growing>,
    read_by: Option<&'g Growth>,
}

/// What is known of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// For people.
    pub url: String,
    pub version: Version,
    pub is_page: bool,
    /// The start of the machine at which it was begun: what a power cut leaves
    /// of a file that was being written is not gone on with.
    boot: String,
    /// Once all of it is here.
    pub digest: Option<Sha256>,
}

impl Record {
    pub fn new(url: String, version: Version, is_page: bool) -> Record {
        Record { format: FORMAT, url, version, is_page, boot: clock::boot_id(), digest: None }
    }
}

#[derive(Debug)]
pub(super) enum Here {
    Nothing,
    Part { record: Record, bytes: u64 },
    Whole { record: Record, digest: Sha256 },
}

/// Takes content in and hashes it on the way.
struct Growing {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    bytes: u64,
}

impl<'g> Part<'g> {
    pub fn new(folder: &Path, key: String) -> Result<Part<'g>, NetworkError> {
        fs::create_folders(folder, 0o700)?;
        Ok(Part { folder: folder.to_owned(), key, growing: None, read_by: None })
    }

    /// Somebody reads it while it comes.
    pub fn read_by(self, growth: Option<&'g Growth>) -> Part<'g> {
        Part { read_by: growth, ..self }
    }

    pub fn whole_path(&self) -> PathBuf {
        self.folder.join(format!("{}.archive", self.key))
    }

    fn part_path(&self) -> PathBuf {
        self.folder.join(format!("{}.part", self.key))
    }

    fn record_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.key))
    }

    pub fn forget(&self) -> Result<(), NetworkError> {
        for path in [self.record_path(), self.part_path(), self.whole_path()] {
            fs::remove_file_if_present(&path)?;
        }
        Ok(())
    }

    /// The wholes and parts of other addresses go away.
    pub fn forget_others(&self) -> Result<(), NetworkError> {
        self.forget_but(|name| name.starts_with(&self.key))
    }

    pub fn forget_all(&self) -> Result<(), NetworkError> {
        self.forget_but(|_| false)
    }

    fn forget_but(&self, stays: impl Fn(&str) -> bool) -> Result<(), NetworkError> {
        for other in fs::list(&self.folder)? {
            if !other.file_name().is_some_and(|name| stays(&name.to_string_lossy())) {
                fs::remove_file_if_present(&other)?;
            }
        }
        Ok(())
    }

    fn write(&self, record: &Record) -> Result<(), NetworkError> {
        let path = self.record_path();
        let text = json::pretty(record).map_err(|error| IoError::new("write", &path, error))?;
        Ok(fs::write_durable(&path, &text)?)
    }

    fn not_begun(&self) -> NetworkError {
        let source = std::io::Error::other("it was not begun");
        IoError::new("write", self.part_path(), source).into()
    }
}

impl Store for Part<'_> {
    fn look(&self) -> Result<Here, NetworkError> {
        let Some(bytes) = fs::read_if_present(&self.record_path())? else { return Ok(Here::Nothing) };
        // What cannot be understood is fetched anew.
        let Ok(record) = json::read_format::<Record>(&bytes, FORMAT) else { return Ok(Here::Nothing) };
        if let Some(digest) = record.digest {
            let path = self.whole_path();
            return match fs::is_file(&path) && digest_of(&path)? == digest {
                true => Ok(Here::Whole { record, digest }),
                false => Ok(Here::Nothing),
            };
        }
        let bytes =
            fs::metadata(&self.part_path())?.filter(|file| file.is_file()).map_or(0, |file| file.len());
        match bytes > 0 && record.boot == clock::boot_id() {
            true => Ok(Here::Part { record, bytes }),
            false => Ok(Here::Nothing),
        }
    }

    fn begin(&mut self, record: &Record) -> Result<(), NetworkError> {
        self.forget()?;
        self.write(record)?;
        let path = self.part_path();
        let (file, hasher) = (fs::create(&path)?, Hasher::new(Algorithms::Sha256));
        if let Some(growth) = self.read_by {
            growth.begin(&path);
        }
        self.growing = Some(Growing { file, path, hasher, bytes: 0 });
        Ok(())
    }

    fn go_on(&mut self, bytes: u64) -> Result<u64, NetworkError> {
        let path = self.part_path();
        let file = fs::open_to_change(&path)?;
        file.set_len(bytes).map_err(|source| IoError::new("cut", &path, source))?;
        let (hasher, found) = hashed(&file, &path)?;
        if let Some(growth) = self.read_by {
            growth.reached(&path, found);
        }
        self.growing = Some(Growing { file, path, hasher, bytes: found });
        Ok(found)
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), NetworkError> {
        let Some(growing) = &mut self.growing else { return Err(self.not_begun()) };
        growing.add(bytes)?;
        if let Some(growth) = self.read_by {
            growth.reached(&growing.path, growing.bytes);
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.growing.as_ref().map_or(0, |growing| growing.bytes)
    }

    fn digest(&self) -> Sha256 {
        let hasher = self.growing.as_ref().map(|growing| growing.hasher.clone());
        hasher.unwrap_or_else(|| Hasher::new(Algorithms::Sha256)).finish().0
    }

    fn read(&mut self) -> Result<Box<dyn Read + '_>, NetworkError> {
        Ok(Box::new(fs::open(&self.part_path())?))
    }

    /// Gives the whole its name.
    fn end(&mut self, record: &Record) -> Result<(), NetworkError> {
        let Some(Growing { file, path, hasher, .. }) = self.growing.take() else {
            return Err(self.not_begun());
        };
        fs::sync_file(&file, &path)?;
        fs::rename(&path, &self.whole_path())?;
        self.write(&Record { digest: Some(hasher.finish().0), ..record.clone() })
    }

    fn forget(&mut self) -> Result<(), NetworkError> {
        self.growing = None;
        Part::forget(self)
    }

    fn check_room(&self, bytes: u64) -> Result<(), NetworkError> {
        let free = disk::space(&self.folder)?.free_bytes;
        if bytes.saturating_add(LEFT_TO_OTHERS) <= free {
            return Ok(());
        }
        let text = match bytes {
            0 => format!("{free} bytes are free, and {LEFT_TO_OTHERS} are left to others"),
            _ => {
                format!("{bytes} bytes are to come, {free} are free, and {LEFT_TO_OTHERS} are left to others")
            }
        };
        let source = std::io::Error::new(std::io::ErrorKind::StorageFull, text);
        Err(NetworkError::Full { path: fs::shown(&self.part_path()), source })
    }
}

impl Growing {
    fn add(&mut self, bytes: &[u8]) -> Result<(), NetworkError> {
        let written = fault::point("fetch.write").and_then(|()| self.file.write_all(bytes));
        written.map_err(|source| IoError::new("write", &self.path, source))?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// The SHA-256 of a file.
pub fn digest_of(path: &Path) -> Result<Sha256, IoError> {
    Ok(hashed(&fs::open(path)?, path)?.0.finish().0)
}

fn hashed(mut file: &File, path: &Path) -> Result<(Hasher, u64), IoError> {
    let (mut hasher, mut size) = (Hasher::new(Algorithms::Sha256), 0);
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher, size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(IoError::new("read", path, source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        part: Part<'static>,
    }

    impl Bench {
        fn new() -> Bench {
            let folder = tempfile::tempdir().unwrap();
            let part = Part::new(&folder.path().join("download"), "k".into()).unwrap();
            Bench { folder, part }
        }

        fn record(&self) -> Record {
            Record::new("u".into(), Version::default(), false)
        }

        fn names(&self) -> Vec<String> {
            let paths = fs::list(&self.folder.path().join("download")).unwrap();
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        }
    }

    #[test]
    fn a_part_grows_to_the_whole() {
        let mut bench = Bench::new();
        let record = bench.record();
        let part = &mut bench.part;
        assert!(matches!(part.look(), Ok(Here::Nothing)));
        part.begin(&record).unwrap();
        part.add(b"abcd").unwrap();
        assert!(matches!(part.look(), Ok(Here::Part { bytes: 4, .. })));
        assert_eq!(part.go_on(2).unwrap(), 2);
        part.add(b"c").unwrap();
        assert_eq!((part.bytes(), part.digest()), (3, Sha256::of(b"abc")));
        let mut content = Vec::new();
        part.read().unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, b"abc");
        fs::write_durable(&bench.folder.path().join("download/other.part"), b"x").unwrap();
        part.end(&record).unwrap();
        assert!(part.add(b"more").is_err(), "it is over");
        part.forget_others().unwrap();
        assert_eq!(bench.names(), ["k.archive", "k.json"]);
        assert!(matches!(bench.part.look(), Ok(Here::Whole { digest, .. }) if digest == Sha256::of(b"abc")));
        bench.part.forget_all().unwrap();
        assert!(bench.names().is_empty());
    }

    #[test]
    fn what_is_not_as_recorded_is_nothing() {
        let mut bench = Bench::new();
        let record = bench.record();
        bench.part.begin(&record).unwrap();
        bench.part.add(b"abc").unwrap();
        bench.part.write(&Record { boot: "another".into(), ..bench.record() }).unwrap();
        assert!(matches!(bench.part.look(), Ok(Here::Nothing)), "begun before the machine was started");
        bench.part.end(&record).unwrap();
        fs::write_durable(&bench.part.whole_path(), b"abd").unwrap();
        assert!(matches!(bench.part.look(), Ok(Here::Nothing)), "another content");
        fs::write_durable(&bench.part.record_path(), b"{}").unwrap();
        assert!(matches!(bench.part.look(), Ok(Here::Nothing)), "no record");
    }

    #[test]
    fn what_has_no_room_is_told_with_its_path() {
        let bench = Bench::new();
        let error = bench.part.check_room(u64::MAX).unwrap_err();
        assert!(error.to_string().starts_with("the disk is full: failed to write /"), "{error}");
        bench.part.check_room(1).unwrap();
    }
}
