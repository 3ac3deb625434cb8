//! The rules for single files of a release that did not come as an archive: what none may bring,
//! whatever way it comes.

use std::io;
use std::io::Read;

use crate::integrity::manifest::Content;
use crate::integrity::manifest::FileEntry;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Unfit;
use crate::release::archive::names;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::server;

/// Opens a file of the release.
type Open<'a> = &'a dyn Fn(&FileEntry) -> io::Result<Box<dyn Read>>;

/// Refuses names that are not a release's to bring, and hostile settings of a web server.
pub fn check_unpacked(files: &[FileEntry], open: Open) -> Result<(), Unfit> {
    for entry in files {
        let refuse = |why| Unfit::Refused(Refusal::entry(entry.path.as_str().as_bytes(), why));
        names::check(&entry.path).map_err(refuse)?;
        if server::is_settings(&entry.path, &kind(entry)).map_err(refuse)? {
            let unread = |source| Unfit::Unread { path: entry.path.clone(), source };
            let mut settings = Vec::new();
            open(entry).and_then(|mut content| content.read_to_end(&mut settings)).map_err(unread)?;
            server::check(&entry.path, &settings).map_err(refuse)?;
        }
    }
    Ok(())
}

fn kind(entry: &FileEntry) -> MemberKind {
    match &entry.content {
        Content::File { size, .. } => MemberKind::File { size: *size },
        Content::Link { target } => MemberKind::Link { target: target.clone() },
        Content::Folder => MemberKind::Folder,
    }
}
