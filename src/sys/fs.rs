//! Plain file work in folders that are ours: state, staging, runs.
//!
//! The live tree is never touched through this module but through
//! [`crate::sys::beneath`]. Every write that must survive a power cut goes
//! through [`write_durable`] or ends with [`sync_folder`].

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::base::escape;
use crate::base::exit::Fault;

/// A system call failed: what was tried, on which path, and the system's word.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {}", shown(path))]
pub struct IoError {
    pub action: &'static str,
    pub path: PathBuf,
    #[source]
    pub source: io::Error,
}

impl IoError {
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> IoError {
        IoError { action, path: path.into(), source: source.into() }
    }

    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

impl Fault for IoError {
    fn hints(&self) -> Vec<String> {
        use io::ErrorKind as Kind;
        match self.source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => {
                vec![format!(
                    "free some space on the file system of {} (`entracte prune` removes what old runs left), then try again",
                    shown(&self.path)
                )]
            }
            Kind::PermissionDenied => vec![format!(
                "entracte works as user {} here, who must be allowed to do that (started by root it becomes the site's owner)",
                crate::sys::env::user_id()
            )],
            Kind::ReadOnlyFilesystem => vec!["the file system is mounted read-only".into()],
            _ => match rustix::io::Errno::from_io_error(&self.source) {
                Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                    vec!["raise the limit of open files (`ulimit -n`), then try again".into()]
                }
                Some(rustix::io::Errno::IO) => {
                    vec!["the disk or its controller fails: see the kernel's log (`dmesg`) before anything else".into()]
                }
                _ => Vec::new(),
            },
        }
    }
}

/// The path for people: escaped.
pub fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    escape::bytes(path.as_os_str().as_bytes())
}

type Result<T> = std::result::Result<T, IoError>;

trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| IoError::new(action, path, source))
    }
}

pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context("read", path)
}

/// The file's bytes, or `None` when there is no such file.
pub fn read_if_present(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IoError::new("read", path, error)),
    }
}

/// The file, open to be read, or `None` when there is no such file.
pub fn open_if_present(path: &Path) -> Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IoError::new("open", path, error)),
    }
}

/// Reads text of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let mut text = String::new();
    let file = File::open(path).context("open", path)?;
    let size = file.take(limit + 1).read_to_string(&mut text).context("read", path)?;
    if size as u64 > limit {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes"));
        return Err(IoError::new("read", path, source));
    }
    Ok(text)
}

/// The end of a file, at most `limit` bytes of it.
pub fn read_end(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut file = File::open(path).context("open", path)?;
    let size = file.metadata().context("look at", path)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(limit))).context("read", path)?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).context("read", path)?;
    Ok(bytes)
}

pub fn open(path: &Path) -> Result<File> {
    File::open(path).context("open", path)
}

/// Makes a new file (0600); it must not exist.
pub fn create_new(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).context("create", path)
}

/// Makes or empties a file (0600).
pub fn create(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).context("create", path)
}

/// Makes or empties a file that others may read too, whatever the umask says.
pub fn create_with_mode(path: &Path, mode: u32) -> Result<File> {
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create(true).truncate(true).mode(mode).open(path).context("create", path)?;
    let made = file.metadata().context("look at", path)?.mode() & 0o7777;
    // To set it takes longer than to look.
    if made != mode {
        set_mode_of(&file, path, mode)?;
    }
    Ok(file)
}

/// Opens a file to append to it, making it (0600) when missing.
pub fn append(path: &Path) -> Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).context("open", path)
}

/// Opens a file that exists, to change it.
pub fn open_to_change(path: &Path) -> Result<File> {
    OpenOptions::new().read(true).write(true).open(path).context("open", path)
}

/// Writes the whole file so that after a power cut either the old or the new
/// content is there: temporary file, sync, rename, sync of the folder.
pub fn write_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    write_durable_with(path, bytes, 0o600)
}

/// As [`write_durable`], with permission bits.
pub fn write_durable_with(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    write_durable_by(path, mode, |out| out.write_all(bytes))
}

/// As [`write_durable_with`], the content piece by piece from `fill`.
pub fn write_durable_by(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let temporary = temporary_beside(path);
    let written = write_and_sync(&temporary, fill, mode)
        .and_then(|()| fs::rename(&temporary, path).context("rename into place", path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // A bare name has a parent that is empty.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

fn write_and_sync(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>, mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create(true).truncate(true).mode(mode).open(path).context("create", path)?;
    let mut out = io::BufWriter::new(&file);
    fill(&mut out).and_then(|()| out.flush()).context("write", path)?;
    drop(out);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).context("set the mode of", path)?;
    file.sync_all().context("sync", path)
}

/// Writes the folder's names to the disk. Some network file systems do not
/// know that of folders, and keep names as they are told them.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = open(path)?;
    match folder.sync_all() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced.context("sync", path),
    }
}

pub fn sync_file(file: &File, path: &Path) -> Result<()> {
    file.sync_all().context("sync", path)
}

/// Cuts the file, or gives it zeroes at its end.
pub fn set_length(file: &File, path: &Path, bytes: u64) -> Result<()> {
    file.set_len(bytes).context("set the length of", path)
}

/// Takes the file for as long as it is open here; `false`: somebody else has it.
pub fn try_to_lock(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(IoError::new("lock", path, source)),
    }
}

/// Makes the folder and those above it, each new one with these bits.
pub fn create_folders(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).context("create the folder", path)
}

pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).context("rename into place", to)
}

pub fn remove_file(path: &Path) -> Result<()> {
    fs::remove_file(path).context("remove", path)
}

pub fn remove_file_if_present(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(IoError::new("remove", path, error)),
        _ => Ok(()),
    }
}

/// Removes a folder of ours with all that is in it; links are not followed.
pub fn remove_folder_all(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(IoError::new("remove the folder", path, error))
        }
        _ => Ok(()),
    }
}

/// Copies files and links of one folder of ours into another, which is made.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    create_folders(to, 0o700)?;
    for entry in list(from)? {
        let target = to.join(entry.file_name().unwrap_or_default());
        let kind = fs::symlink_metadata(&entry).context("look at", &entry)?.file_type();
        if kind.is_dir() {
            copy_folder(&entry, &target)?;
        } else if kind.is_symlink() {
            // A copy that was cut off is made again.
            remove_file_if_present(&target)?;
            symlink(&fs::read_link(&entry).context("read the link", &entry)?, &target)?;
        } else {
            fs::copy(&entry, &target).context("copy to", &target)?;
        }
    }
    Ok(())
}

/// The paths of a folder's entries, sorted by name.
pub fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .context("list", path)?;
    entries.sort();
    Ok(entries)
}

/// What stands at the path, links not followed; `None` when nothing does.
pub fn metadata(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(IoError::new("look at", path, error)),
    }
}

/// When the file's content last changed; `None` when there is no such file.
pub fn modified(path: &Path) -> Result<Option<Timestamp>> {
    let Some(metadata) = metadata(path)? else { return Ok(None) };
    let time = metadata.modified().and_then(|time| Timestamp::try_from(time).map_err(io::Error::other));
    time.map(Some).context("read the time of", path)
}

pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a folder stands there, and no link to one.
pub fn is_real_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

pub fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The absolute path with all links resolved.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).context("find", path)
}

pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).context("set the mode of", path)
}

pub fn set_mode_of(file: &File, path: &Path, mode: u32) -> Result<()> {
    file.set_permissions(fs::Permissions::from_mode(mode)).context("set the mode of", path)
}

/// Owner and group of the path, links not followed.
pub fn owner(path: &Path) -> Result<(u32, u32)> {
    let metadata = fs::symlink_metadata(path).context("look at", path)?;
    Ok((metadata.uid(), metadata.gid()))
}

pub fn set_owner(path: &Path, uid: u32, gid: u32) -> Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).context("set the owner of", path)
}

/// Permission bits of the path.
pub fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path).context("look at", path)?.permissions().mode() & 0o7777)
}

pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).context("link", to)
}

pub fn symlink(target: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, at).context("create the link", at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_write_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_durable(&path, b"one").unwrap();
        write_durable_with(&path, b"two", 0o644).unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(mode(&path).unwrap(), 0o644);
        assert_eq!(list(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn an_error_names_act_and_path_once() {
        let error = read(Path::new("/no/such\x1bfile")).unwrap_err();
        assert_eq!(error.to_string(), "failed to read /no/such\\x1bfile");
    }
}
