//! One name on both sides: what it is here and there, and whether that differs.

use std::io;

use crate::base::digest::Sha256;
use crate::base::tree::Kind;
use crate::base::tree::Meta;
use crate::base::tree::Node;
use crate::base::tree::Special;

/// What counts besides kind, content and link target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub permissions: bool,
    pub owners: bool,
    /// Of files, in whole seconds, as copying often keeps no more.
    pub times: bool,
}

/// One name that differs: on one side only, or in what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub a: Option<Seen>,
    pub b: Option<Seen>,
    /// Two files that hold other bytes.
    pub other_content: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub what: What,
    pub meta: Meta,
}

/// As [`Kind`], but a file was not always read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    File { size: u64, sha256: Option<Sha256> },
    Folder,
    Link { target: Vec<u8> },
    Special(Special),
    Unreadable { reason: String },
}

impl From<&Node> for Seen {
    fn from(node: &Node) -> Seen {
        let what = match &node.kind {
            Kind::File { size, sha256, .. } => What::File { size: *size, sha256: Some(*sha256) },
            Kind::Folder => What::Folder,
            Kind::Link { target } => What::Link { target: target.clone() },
            Kind::Special(special) => What::Special(*special),
            Kind::Unreadable { reason } => What::Unreadable { reason: reason.clone() },
        };
        Seen { what, meta: node.meta }
    }
}

impl Seen {
    pub(super) fn unreadable(error: &io::Error) -> Seen {
        Seen { what: What::Unreadable { reason: error.to_string() }, meta: Meta::default() }
    }

    pub fn is_folder(&self) -> bool {
        matches!(self.what, What::Folder)
    }

    pub fn is_unreadable(&self) -> bool {
        matches!(self.what, What::Unreadable { .. })
    }
}

impl Pair {
    pub fn of(a: Option<Seen>, b: Option<Seen>) -> Pair {
        let digest = |seen: &Option<Seen>| match seen {
            Some(Seen { what: What::File { sha256, .. }, .. }) => *sha256,
            _ => None,
        };
        let other_content = matches!((digest(&a), digest(&b)), (Some(a), Some(b)) if a != b);
        Pair { a, b, other_content }
    }

    pub fn differs(&self, marks: Marks) -> bool {
        let (Some(a), Some(b)) = (&self.a, &self.b) else { return self.a.is_some() || self.b.is_some() };
        let other_kind = match (&a.what, &b.what) {
            (What::File { .. }, What::File { .. }) => self.other_content,
            // What nobody could look at has to be told.
            (What::Unreadable { .. }, _) | (_, What::Unreadable { .. }) => true,
            (one, other) => one != other,
        };
        other_kind || marks.differ(a, b)
    }
}

impl Marks {
    /// A link has no permissions of its own, and only files tell by their times.
    pub fn differ(self, a: &Seen, b: &Seen) -> bool {
        self.permissions_differ(a, b) || self.owners_differ(a, b) || self.times_differ(a, b)
    }

    pub fn permissions_differ(self, a: &Seen, b: &Seen) -> bool {
        let is_link = |seen: &Seen| matches!(seen.what, What::Link { .. });
        self.permissions && !is_link(a) && !is_link(b) && a.meta.mode != b.meta.mode
    }

    pub fn owners_differ(self, a: &Seen, b: &Seen) -> bool {
        self.owners && (a.meta.uid, a.meta.gid) != (b.meta.uid, b.meta.gid)
    }

    pub fn times_differ(self, a: &Seen, b: &Seen) -> bool {
        let is_file = |seen: &Seen| matches!(seen.what, What::File { .. });
        self.times && is_file(a) && is_file(b) && a.meta.mtime != b.meta.mtime
    }
}
