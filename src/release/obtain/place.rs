//! Where the files of a reference lie: on servers, in a folder, in a bundle.

use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use url::Url;

use crate::base::digest::Algorithms;
use crate::base::digest::Sha256;
use crate::base::event::Event;
use crate::base::event::Watch;
use crate::base::step::Step;
use crate::integrity::manifest::FileEntry;
use crate::integrity::scan;
use crate::release::network;
use crate::release::network::Growth;
use crate::release::network::Mirrors;
use crate::release::network::Network;
use crate::release::network::Object;
use crate::release::network::Session;
use crate::release::network::Told;
use crate::release::network::error::NetworkError;
use crate::release::obtain::ObtainError;
use crate::release::obtain::bundle::Bundle;
use crate::release::reference::content;
use crate::release::reference::names::is_target_name;
use crate::release::reference::object_name;
use crate::release::reference::target_path;
use crate::release::staging::Staging;
use crate::release::staging::StagingError;
use crate::release::trust::TargetInfo;
use crate::sys::fs;
use crate::sys::fs::IoError;

pub enum Place {
    Server(Box<Server>),
    Folder(PathBuf),
    Bundle(Bundle),
}

/// A reference behind addresses.
pub struct Server {
    pub session: Session,
    pub mirrors: Mirrors,
}

/// How far a stage is, as people are told.
#[derive(Clone, Copy)]
pub struct Far {
    pub done: u64,
    pub total: u64,
    pub total_bytes: u64,
}

impl Server {
    pub fn new(url: &Url, network: &Network) -> Result<Server, NetworkError> {
        let others: Vec<Url> = network.settings.mirrors.iter().map(|mirror| mirror.get().clone()).collect();
        Ok(Server { session: Session::new(network)?, mirrors: Mirrors::new(url, &others) })
    }
}

impl Place {
    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Place::Server(server) => server.mirrors.shown(0),
            Place::Folder(path) => fs::shown(path),
            Place::Bundle(bundle) => fs::shown(bundle.path()),
        }
    }

    pub fn requests(&self) -> u64 {
        match self {
            Place::Server(server) => server.session.requests(),
            _ => 0,
        }
    }

    /// Bytes that came over the network.
    pub fn fetched(&self) -> u64 {
        match self {
            Place::Server(server) => server.session.bytes(),
            _ => 0,
        }
    }

    pub fn has_objects(&self) -> bool {
        !matches!(self, Place::Bundle(_))
    }

    /// Whether the target can be here at all.
    pub fn may_have(&self, name: &str, info: &TargetInfo) -> bool {
        let path = target_path(name, &info.sha256);
        is_target_name(name)
            && match self {
                Place::Server(_) => true,
                Place::Folder(folder) => fs::is_file(&folder.join(path)),
                Place::Bundle(bundle) => bundle.has(&path),
            }
    }

    /// Objects that are fetched at once, at best.
    pub fn at_once(&self) -> u64 {
        match self {
            Place::Server(server) => server.session.best_at_once() as u64,
            _ => 1 << 20,
        }
    }

    /// A file of this machine's, where the reference is on it.
    pub fn open(&self, name: &str) -> Result<Option<Box<dyn Read>>, IoError> {
        match self {
            Place::Server(_) => Ok(None),
            Place::Folder(folder) => {
                let path = folder.join(name);
                if !fs::is_file(&path) {
                    return Ok(None);
                }
                Ok(fs::open_if_present(&path)?.map(|file| Box::new(file) as Box<dyn Read>))
            }
            Place::Bundle(bundle) => Ok(bundle.read(name)?.map(|file| Box::new(file) as Box<dyn Read>)),
        }
    }

    /// Brings a target into the folder `to`, proved; what came of it already is not fetched again.
    pub fn target(
        &self,
        name: &str,
        info: &TargetInfo,
        to: &Path,
        watch: Watch,
    ) -> Result<PathBuf, ObtainError> {
        self.target_read_by(None, name, info, to, watch)
    }

    /// The same while somebody reads what comes from a server.
    pub fn target_read_by(
        &self,
        growth: Option<&Growth>,
        name: &str,
        info: &TargetInfo,
        to: &Path,
        watch: Watch,
    ) -> Result<PathBuf, ObtainError> {
        let path = target_path(name, &info.sha256);
        let missing = || ObtainError::Missing { url: self.shown(), name: path.clone() };
        if !is_target_name(name) {
            return Err(missing());
        }
        match self {
            Place::Server(server) => {
                let known = (info.length, info.sha256);
                network::file(&server.session, &server.mirrors, &path, known, (to, growth), watch).map_err(
                    |error| match error {
                        NetworkError::Status { code: 403 | 404 | 410, .. } => missing(),
                        error => error.into(),
                    },
                )
            }
            _ => {
                let mut from = self.open(&path)?.ok_or_else(missing)?.take(info.length.saturating_add(1));
                let here = to.join(format!("{}.archive", info.sha256));
                fs::create_folders(to, 0o700)?;
                fs::write_durable_by(&here, 0o600, |out| std::io::copy(&mut from, out).map(drop))?;
                let read = scan::hash_reader(&mut fs::open(&here)?, Algorithms::Sha256);
                let (size, digest, _) = read.map_err(|source| IoError::new("read", &here, source))?;
                if (size, digest) != (info.length, info.sha256) {
                    fs::remove_file_if_present(&here)?;
                    return Err(ObtainError::Wrong { url: self.shown(), name: path });
                }
                Ok(here)
            }
        }
    }

    /// Brings the contents of these files to staging, each by itself.
    pub fn objects(
        &self,
        files: &[&FileEntry],
        staging: &Staging,
        far: Far,
        watch: Watch,
    ) -> Result<(), ObtainError> {
        match self {
            Place::Server(server) => server.objects(files, staging, far, watch),
            _ => self.local_objects(files, staging, far, watch),
        }
    }

    fn local_objects(
        &self,
        files: &[&FileEntry],
        staging: &Staging,
        far: Far,
        watch: Watch,
    ) -> Result<(), ObtainError> {
        for (done, entry) in (1..).zip(files) {
            let Some(digest) = entry.sha256() else { continue };
            let name = object_name(&digest);
            let missing = || ObtainError::Missing { url: self.shown(), name: name.clone() };
            let packed = self.open(&name)?.ok_or_else(missing)?;
            match unpack(packed, entry.size(), digest, staging) {
                Ok(()) => {}
                Err(Unfit::Wrong(_)) => return Err(ObtainError::Wrong { url: self.shown(), name }),
                Err(Unfit::Failed(error)) => return Err(error.into()),
            }
            watch(Some(Step::Stage), far.progress(done, 0));
        }
        Ok(())
    }
}

impl Server {
    fn objects(
        &self,
        files: &[&FileEntry],
        staging: &Staging,
        far: Far,
        watch: Watch,
    ) -> Result<(), ObtainError> {
        let contents: Vec<(Sha256, u64)> =
            files.iter().filter_map(|entry| Some((entry.sha256()?, entry.size()))).collect();
        let object =
            |(digest, size): &(Sha256, u64)| Object { name: object_name(digest), most: longest_frame(*size) };
        let list: Vec<Object> = contents.iter().map(object).collect();
        let accept = |at: usize, packed: &mut dyn Read, url: &str| {
            let (digest, size) = contents[at];
            unpack(packed, size, digest, staging).map_err(|unfit| match unfit {
                Unfit::Wrong(source) => NetworkError::Content { url: url.to_owned(), source: source.into() },
                Unfit::Failed(StagingError::Io(error)) => error.into(),
                Unfit::Failed(error) => NetworkError::Content { url: url.to_owned(), source: error.into() },
            })
        };
        let (before, mut done) = (self.session.bytes(), 0);
        let fetched = network::objects(
            &self.session,
            &self.mirrors,
            &list,
            Some(&staging.downloads()),
            &accept,
            &mut |told| {
                match told {
                    Told::Done => done += 1,
                    Told::Warning(message) => watch(Some(Step::Stage), Event::Warning { message }),
                    Told::Nothing => {}
                }
                watch(Some(Step::Stage), far.progress(done, self.session.bytes() - before));
            },
        );
        fetched.map_err(|(_, error)| match error {
            NetworkError::Status { code: 403 | 404 | 410, url, .. } => {
                ObtainError::Missing { url: self.mirrors.shown(0), name: url }
            }
            error => error.into(),
        })
    }
}

impl Far {
    fn progress(self, done: u64, bytes: u64) -> Event {
        let (what, total_bytes) = ("fetching".into(), self.total_bytes.max(bytes));
        Event::Progress { what, done: self.done + done, total: self.total, bytes, total_bytes }
    }
}

/// The most bytes that so much content can take in a frame.
fn longest_frame(content: u64) -> u64 {
    content + content / 64 + 1024
}

/// Why an object is not taken.
enum Unfit {
    /// It is not what it should be.
    Wrong(std::io::Error),
    Failed(StagingError),
}

/// Unpacks one object into staging.
fn unpack(packed: impl Read, size: u64, digest: Sha256, staging: &Staging) -> Result<(), Unfit> {
    let mut content =
        Noted { inner: content::object(packed, size, digest).map_err(Unfit::Wrong)?, error: None };
    match staging.add(&mut content, Some(digest)) {
        Ok(_) => Ok(()),
        Err(error) => Err(match content.error {
            Some(error) => Unfit::Wrong(error),
            None => Unfit::Failed(error),
        }),
    }
}

/// Keeps the error of a reader apart from what a writer says.
struct Noted<R> {
    inner: R,
    error: Option<std::io::Error>,
}

impl<R: Read> Read for Noted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            if error.kind() != std::io::ErrorKind::Interrupted {
                self.error = Some(std::io::Error::new(error.kind(), error.to_string()));
            }
        })
    }
}
