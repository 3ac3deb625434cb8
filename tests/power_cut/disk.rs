//! A disk that remembers every write and every flush.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use fuser::BackgroundSession;
use fuser::Errno;
use fuser::FileAttr;
use fuser::FileHandle;
use fuser::FileType;
use fuser::Filesystem;
use fuser::Generation;
use fuser::INodeNo;
use fuser::LockOwner;
use fuser::OpenFlags;
use fuser::ReplyAttr;
use fuser::ReplyData;
use fuser::ReplyEmpty;
use fuser::ReplyEntry;
use fuser::ReplyWrite;
use fuser::Request;
use fuser::WriteFlags;

/// The one file of the served folder.
pub const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
/// Nothing changes behind the kernel's back.
const FOR_LONG: Duration = Duration::from_secs(3600);

/// What reached the disk, in order.
#[derive(Clone, Debug)]
pub enum Entry {
    Write { at: usize, bytes: Vec<u8> },
    Flush,
}

#[derive(Debug)]
struct Content {
    bytes: Vec<u8>,
    log: Vec<Entry>,
}

/// The disk while it is served.
pub struct Disk {
    content: Arc<Mutex<Content>>,
    session: Option<BackgroundSession>,
}

struct Server(Arc<Mutex<Content>>);

impl Disk {
    /// Serves a disk that holds `bytes` as `folder/disk`.
    pub fn serve(bytes: Vec<u8>, folder: &Path) -> std::io::Result<Disk> {
        let content = Arc::new(Mutex::new(Content { bytes, log: Vec::new() }));
        let server = Server(Arc::clone(&content));
        let session = fuser::spawn_mount(server, folder, &fuser::Config::default())?;
        Ok(Disk { content, session: Some(session) })
    }

    /// What reached it until now.
    pub fn log(&self) -> Vec<Entry> {
        self.content.lock().unwrap().log.clone()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.session.take().map(BackgroundSession::umount_and_join) {
            eprintln!("the recording disk did not end well: {error}");
        }
    }
}

impl Server {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let is_file = inode == FILE;
        let size = if is_file { self.0.lock().unwrap().bytes.len() as u64 } else { 0 };
        FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file { FileType::RegularFile } else { FileType::Directory },
            perm: if is_file { 0o600 } else { 0o700 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match name == NAME {
            true => reply.entry(&FOR_LONG, &self.attributes(FILE), Generation(0)),
            false => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&FOR_LONG, &self.attributes(inode));
    }

    fn setattr(
        &self,
        _: &Request,
        inode: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<fuser::TimeOrNow>,
        _: Option<fuser::TimeOrNow>,
        _: Option<std::time::SystemTime>,
        _: Option<FileHandle>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<std::time::SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.attr(&FOR_LONG, &self.attributes(inode));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let content = self.0.lock().unwrap();
        let start = (offset as usize).min(content.bytes.len());
        let end = (start + size as usize).min(content.bytes.len());
        reply.data(&content.bytes[start..end]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let (mut content, at) = (self.0.lock().unwrap(), offset as usize);
        match content.bytes.get_mut(at..at + data.len()) {
            Some(place) => {
                place.copy_from_slice(data);
                content.log.push(Entry::Write { at, bytes: data.to_vec() });
                reply.written(data.len() as u32);
            }
            None => reply.error(Errno::ENOSPC),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.0.lock().unwrap().log.push(Entry::Flush);
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}
