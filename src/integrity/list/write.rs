//! A list written in another format: what that format needs and the list does
//! not say comes from the files themselves, what it cannot say is told.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::count;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::path::SitePath;
use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::Listed;
use crate::integrity::list::digest;
use crate::integrity::list::footprints;
use crate::integrity::list::secdb;
use crate::integrity::list::signature;
use crate::integrity::list::sums;
use crate::integrity::list::wordpress;
use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::integrity::manifest::ManifestError;
use crate::integrity::manifest::version;
use crate::sys::beneath::Root;
use crate::sys::fs;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the format {format} needs {what} of {path}, which the list does not say")]
    Lacking { format: Format, what: String, path: SitePath },
    #[error("{path} is not what the list says of it")]
    Other { path: String },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("the list cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for WriteError {
    fn exit(&self) -> Exit {
        match self {
            WriteError::Lacking { .. } => Exit::Refused,
            WriteError::Other { .. } => Exit::Untrusted,
            WriteError::Manifest(error) => error.exit(),
            WriteError::Json(_) => Exit::Failed,
            WriteError::Io(error) => error.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            WriteError::Lacking { .. } => vec!["name a folder that holds these files with --tree DIR".into()],
            WriteError::Other { .. } => {
                vec!["the folder has to hold the files as released, with nothing changed".into()]
            }
            WriteError::Io(error) => error.hints(),
            _ => Vec::new(),
        }
    }
}

impl Format {
    /// The kind of digest that it holds of each file.
    fn kind(self, list: &HashList) -> Kind {
        match self {
            Format::Native => Kind::Sha256,
            Format::Signature => Kind::Sha512,
            Format::Footprints | Format::Secdb | Format::Md5sums | Format::WordPress => Kind::Md5,
            Format::Sums => {
                let has_all = |kind: &Kind| list.files.values().all(|listed| has_one(listed, *kind));
                [Kind::Sha256, Kind::Sha512, Kind::Sha1, Kind::Md5]
                    .into_iter()
                    .find(has_all)
                    .unwrap_or(Kind::Sha256)
            }
        }
    }

    fn has_sizes(self) -> bool {
        matches!(self, Format::Native | Format::Footprints)
    }
}

/// Several are several states of the file.
fn has_one(listed: &Listed, kind: Kind) -> bool {
    listed.of_kind(kind).count() == 1
}

impl HashList {
    /// Takes what the format needs from the files below `root`, each of which
    /// first has to be what the list says.
    pub fn complete(&mut self, root: &Root, to: Format) -> Result<(), WriteError> {
        let kind = to.kind(self);
        for (path, listed) in &mut self.files {
            if says_enough(listed, kind, to) {
                continue;
            }
            let mut kinds = listed.kinds();
            kinds.push(kind);
            let mut file = root.open_file(path)?;
            let (size, found) = digest::take(&mut file, &kinds)
                .map_err(|source| IoError::new("read", root.full(path), source))?;
            if !listed.fits(size, &found) {
                return Err(WriteError::Other { path: fs::shown(&root.full(path)) });
            }
            *listed = Listed::new(Some(size), &found);
        }
        Ok(())
    }

    /// In another format; `now` is the time of what is written.
    pub fn write(&self, to: Format, now: Timestamp) -> Result<Vec<u8>, WriteError> {
        let kind = to.kind(self);
        if let Some((path, listed)) = self.files.iter().find(|(_, listed)| !says_enough(listed, kind, to)) {
            let what = match has_one(listed, kind) {
                true => "the size".into(),
                false => format!("one {kind}"),
            };
            return Err(WriteError::Lacking { format: to, what, path: path.clone() });
        }
        let version = self.version.as_deref();
        Ok(match to {
            Format::Native => self.to_manifest(now)?.to_json(),
            Format::Footprints => {
                let date = now.to_zoned(TimeZone::UTC).strftime("%y%m%d-%H:%M:%S GMT").to_string();
                footprints::write(self, version, &date)
            }
            Format::Secdb => secdb::write(self, version.unwrap_or_default()),
            Format::Signature => signature::write(self)?,
            Format::WordPress => wordpress::write(self)?,
            Format::Md5sums | Format::Sums => sums::write(self, kind),
        })
    }

    /// A manifest that removes nothing: nobody said that the list is all of the release.
    fn to_manifest(&self, now: Timestamp) -> Result<Manifest, ManifestError> {
        let unknown = || format!("{}{}", version::UNKNOWN, now.to_zoned(TimeZone::UTC).strftime("%Y%m%d"));
        let entry = |(path, listed): (&SitePath, &Listed)| {
            let md5 = listed.of_kind(Kind::Md5).find_map(|digest| match digest {
                Digest::Md5(md5) => Some(*md5),
                _ => None,
            });
            let sha256 = listed.of_kind(Kind::Sha256).find_map(|digest| match digest {
                Digest::Sha256(sha256) => Some(*sha256),
                _ => None,
            });
            let content = Content::File { size: listed.size?, sha256: sha256?, md5 };
            Some(FileEntry { path: path.clone(), content, mode: None })
        };
        let manifest = Manifest {
            files: self.files.iter().filter_map(entry).collect(),
            ..Manifest::new(
                self.product.clone().unwrap_or_else(|| "unknown".into()),
                self.version.clone().unwrap_or_else(unknown),
                now,
            )
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// What the other format cannot say.
    pub fn unsaid(&self, to: Format) -> Vec<String> {
        let kind = to.kind(self);
        let mut left = Vec::new();
        let has_more = |listed: &Listed| listed.kinds().into_iter().any(|other| other != kind);
        let keeps_md5 =
            |listed: &Listed| listed.kinds().iter().all(|kind| [Kind::Sha256, Kind::Md5].contains(kind));
        let keeps_more = |listed: &Listed| match to {
            Format::Native => keeps_md5(listed),
            Format::WordPress => self.product.is_some() && keeps_md5(listed),
            _ => false,
        };
        if self.files.values().any(|listed| has_more(listed) && !keeps_more(listed)) {
            left.push(format!("digests other than {kind}"));
        }
        if !to.has_sizes() && self.files.values().any(|listed| listed.size.is_some()) {
            left.push("sizes".into());
        }
        let says_product = matches!(to, Format::Native | Format::WordPress);
        if !says_product && self.product.is_some() {
            left.push("the name of the product".into());
        }
        if matches!(to, Format::Md5sums | Format::Sums | Format::Signature) && self.version.is_some() {
            left.push("the version".into());
        }
        let mut told: Vec<String> =
            left.iter().map(|what| format!("the format {to} does not say {what}")).collect();
        match to {
            Format::Signature => told.push("it is not signed: only the vendor has the key".into()),
            Format::Native => {
                told.push("the manifest is partial: no release is known to be all that a list names".into())
            }
            _ => {}
        }
        told
    }
}

fn says_enough(listed: &Listed, kind: Kind, to: Format) -> bool {
    has_one(listed, kind) && (listed.size.is_some() || !to.has_sizes())
}

/// What a manifest says that no list of digests can.
pub fn unsaid_of(manifest: &Manifest) -> Vec<String> {
    let count =
        |is_meant: &dyn Fn(&FileEntry) -> bool| manifest.files.iter().filter(|entry| is_meant(entry)).count();
    let roles =
        manifest.schema.len() + manifest.tables.len() + manifest.run_once.len() + manifest.extensions.len();
    let counted = [
        (count(&|entry| matches!(entry.content, Content::Link { .. })), "link"),
        (count(&|entry| entry.content == Content::Folder), "empty folder"),
        (count(&|entry| entry.mode.is_some()), "permission"),
        (manifest.deleted.len(), "deleted path"),
        (roles, "file role"),
        (manifest.from.len(), "version rule"),
    ];
    let told = counted.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("left out: {}", count::of(count, what))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    fn native() -> Manifest {
        let digest = |text: &str| crate::base::digest::Sha256::of(text.as_bytes());
        let text = format!(
            r#"{{"format": 1, "product": "shop", "version": "2.1", "time": "2026-01-01T00:00:00Z", "files": [
            {{"path": "a.php", "size": 1, "sha256": "{}", "mode": "0644"}}, {{"path": "it's/été.php", "size": 1, "sha256": "{}"}},
            {{"path": "l", "link": "a.php"}}, {{"path": "cache", "folder": true}}]}}"#,
            digest("a"),
            digest("b")
        );
        Manifest::parse(text.as_bytes()).unwrap()
    }

    fn files() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("it's")).unwrap();
        std::fs::write(folder.path().join("a.php"), "a").unwrap();
        std::fs::write(folder.path().join("it's/été.php"), "b").unwrap();
        folder
    }

    /// Through every format and back: the same files, and what is said of them fits.
    #[test]
    fn every_format_is_read_as_it_was_written() {
        let (folder, native) = (files(), native());
        let root = Root::open(folder.path()).unwrap();
        for to in Format::ALL {
            let mut list = HashList::from(&native);
            list.complete(&root, to).unwrap();
            let bytes = list.write(to, Timestamp::UNIX_EPOCH).unwrap();
            let hint = (to == Format::Md5sums).then_some(to);
            let mut read = parse(&bytes, hint).unwrap_or_else(|error| panic!("{to}: {error}"));
            assert_eq!((read.format, read.warnings.len()), (to, 0));
            assert!(read.files.keys().eq(list.files.keys()), "{to}");
            let findings = read.verify_listed(&root, &Default::default()).unwrap();
            assert_eq!((findings.exact, findings.is_clean()), (2, true), "{to}");
            // Once more, from what was read: nothing changes any more.
            read.complete(&root, to).unwrap();
            assert_eq!(
                parse(&read.write(to, Timestamp::UNIX_EPOCH).unwrap(), hint).unwrap().files,
                parse(&bytes, hint).unwrap().files
            );
        }
    }

    #[test]
    fn what_a_list_does_not_say_comes_from_files_that_fit_it() {
        let folder = files();
        let root = Root::open(folder.path()).unwrap();
        let list = HashList::from(&native());
        let error = list.write(Format::Secdb, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.to_string(), "the format secdb needs one MD5 of a.php, which the list does not say");
        std::fs::write(folder.path().join("a.php"), "changed").unwrap();
        let error = list.clone().complete(&root, Format::Secdb).unwrap_err();
        assert_eq!(
            (error.exit(), error.to_string().ends_with("a.php is not what the list says of it")),
            (Exit::Untrusted, true)
        );
        std::fs::remove_file(folder.path().join("a.php")).unwrap();
        assert!(matches!(list.clone().complete(&root, Format::Secdb).unwrap_err(), WriteError::Io(_)));
    }

    #[test]
    fn what_cannot_be_said_is_told() {
        assert_eq!(
            unsaid_of(&native()),
            ["left out: 1 link", "left out: 1 empty folder", "left out: 1 permission"]
        );
        let list = HashList::from(&native());
        let told = list.unsaid(Format::Sums).join("; ");
        assert_eq!(
            told,
            "the format sums does not say sizes; the format sums does not say the name of the product; the format sums does not say the version"
        );
        assert!(list.unsaid(Format::Signature).last().unwrap().contains("not signed"));
    }

    /// Several readings of one file are several states: a format that holds one needs the file.
    #[test]
    fn of_several_readings_the_file_tells_which() {
        let folder = files();
        let md5 = |text: &str| {
            let mut text = text.as_bytes();
            digest::take(&mut text, &[Kind::Md5]).unwrap().1[0]
        };
        let text = format!(
            r#"{{"plugin": "x", "version": "1", "files": {{"a.php": {{"md5": ["{}", "{}"]}}}}}}"#,
            md5("old"),
            md5("a")
        );
        let mut list = parse(text.as_bytes(), None).unwrap();
        assert!(list.write(Format::Sums, Timestamp::UNIX_EPOCH).is_err());
        list.complete(&Root::open(folder.path()).unwrap(), Format::Md5sums).unwrap();
        let bytes = list.write(Format::Md5sums, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{}  a.php\n", md5("a")));
    }
}
