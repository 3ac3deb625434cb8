//! What a watch finds: a path, how it differs, and why that matters.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeStruct;

use crate::base::digest::Sha256;
use crate::base::escape;
use crate::base::path::TreePath;
use crate::site::outside::PREFIX;

/// One path that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In the site; where it is `outside`, behind [`outside::PREFIX`](crate::site::outside::PREFIX).
    pub path: TreePath,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    pub kind: Kind,
    pub why: Vec<Why>,
    /// Of a file that stands there and was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Permission bits.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "octal")]
    pub mode: Option<u32>,
    /// When its inode last changed, as the file system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Modified,
    Missing,
    Unexpected,
    Unreadable,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Modified, Kind::Missing, Kind::Unexpected, Kind::Unreadable];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Modified => "modified",
            Kind::Missing => "missing",
            Kind::Unexpected => "unexpected",
            Kind::Unreadable => "unreadable",
        }
    }
}

/// Why a finding matters, or what explains it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its size and times are those of the file that was read before, its bytes are others.
    MarksLie,
    /// It runs when it is asked for, in a folder that visitors fill.
    CodeInUploads,
    /// An image, a film or a font that holds PHP.
    Polyglot,
    /// `.htaccess` or `.user.ini` make the server run what it would only hand out.
    TurnsHandlersOn,
    /// A link that leads out of the site.
    PointsOut {
        target: String,
    },
    /// It runs with the rights of its owner or group.
    SetId,
    /// A socket, fifo or device.
    Special,
    /// It runs when it is asked for.
    Code,
    /// It is the owner's own, and not as it was when somebody looked last.
    Owners,
    /// A person accepted it, or an update kept it, and it has changed since.
    ChangedAgain,
    /// Something of another kind stands there.
    OtherKind {
        found: &'static str,
    },
    /// Nothing is in it any more.
    Emptied,
    WorldWritable,
    /// It belongs to another user than the site: the web server's, perhaps.
    OfAnother {
        uid: u32,
    },
    Hidden,
    /// Its inode changed within a day.
    Recent,
    /// Only the ends of its lines differ.
    LineEndings,
    /// Its content is that of another release that was installed here.
    OfRelease {
        version: String,
    },
    /// A release that was installed here had a file of this name, with other content.
    NamedInRelease {
        version: String,
    },
    /// The installed release drops it.
    Dropped,
    /// The system's word.
    Reason {
        text: String,
    },
}

/// The words of the reasons that somebody has to look at first.
pub const ALARMS: [&str; 7] =
    ["marks-lie", "code-in-uploads", "polyglot", "turns-handlers-on", "points-out", "set-id", "special"];

/// How much a reason weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It takes fear away.
    Calming,
    Plain,
    /// Somebody has to look at it first.
    Alarm,
}

impl Why {
    /// The word for it in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Why::MarksLie => "marks-lie",
            Why::CodeInUploads => "code-in-uploads",
            Why::Polyglot => "polyglot",
            Why::TurnsHandlersOn => "turns-handlers-on",
            Why::PointsOut { .. } => "points-out",
            Why::SetId => "set-id",
            Why::Special => "special",
            Why::Code => "code",
            Why::Owners => "owners",
            Why::ChangedAgain => "changed-again",
            Why::OtherKind { .. } => "other-kind",
            Why::Emptied => "emptied",
            Why::WorldWritable => "world-writable",
            Why::OfAnother { .. } => "of-another",
            Why::Hidden => "hidden",
            Why::Recent => "recent",
            Why::LineEndings => "line-endings",
            Why::OfRelease { .. } => "of-release",
            Why::NamedInRelease { .. } => "named-in-release",
            Why::Dropped => "dropped",
            Why::Reason { .. } => "reason",
        }
    }

    pub fn weight(&self) -> Weight {
        match self {
            Why::MarksLie
            | Why::CodeInUploads
            | Why::Polyglot
            | Why::TurnsHandlersOn
            | Why::PointsOut { .. }
            | Why::SetId
            | Why::Special => Weight::Alarm,
            Why::LineEndings | Why::OfRelease { .. } | Why::Dropped => Weight::Calming,
            _ => Weight::Plain,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Why::MarksLie => f.write_str("its marks say unchanged, its bytes differ"),
            Why::CodeInUploads => f.write_str("code that runs, in a folder that visitors fill"),
            Why::Polyglot => f.write_str("by its name no code, but there is PHP in it"),
            Why::TurnsHandlersOn => f.write_str("makes the server run files"),
            Why::PointsOut { target } => write!(f, "leads out of the site, to {}", escape::text(target)),
            Why::SetId => f.write_str("runs with the rights of its owner (setuid or setgid)"),
            Why::Special => f.write_str("a socket, fifo or device"),
            Why::Code => f.write_str("code that runs"),
            Why::Owners => f.write_str("the owner's own file, not as it was"),
            Why::ChangedAgain => f.write_str("changed again since it was accepted or kept"),
            Why::OtherKind { found } => write!(f, "{found} stands there now"),
            Why::Emptied => f.write_str("nothing is in it any more"),
            Why::WorldWritable => f.write_str("everybody on this machine can write it"),
            Why::OfAnother { uid } => write!(f, "belongs to another user (uid {uid}) than the site"),
            Why::Hidden => f.write_str("hidden"),
            Why::Recent => f.write_str("changed within a day"),
            Why::LineEndings => f.write_str("only the ends of its lines differ"),
            Why::OfRelease { version } => {
                write!(f, "exactly the file of release {}", escape::text(version))
            }
            Why::NamedInRelease { version } => {
                write!(f, "release {} had a file of this name, not with this content", escape::text(version))
            }
            Why::Dropped => f.write_str("the installed release no longer has it"),
            Why::Reason { text } => f.write_str(&escape::text(text)),
        }
    }
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut why = serializer.serialize_struct("Why", 2)?;
        why.serialize_field("code", self.code())?;
        why.serialize_field("text", &self.to_string())?;
        why.end()
    }
}

impl Finding {
    /// Whether somebody has to look at it before all others.
    pub fn is_alarm(&self) -> bool {
        self.why.iter().any(|why| why.weight() == Weight::Alarm)
    }

    /// The path as people read it, and as it is remembered: nothing in the site
    /// bears the name of something outside.
    pub fn name(&self) -> String {
        match !self.outside && self.path.as_bytes().starts_with(PREFIX.as_bytes()) {
            true => format!("./{}", self.path),
            false => self.path.to_string(),
        }
    }

    /// The reasons in one line.
    pub fn reasons(&self) -> String {
        self.why.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// What is the same as long as the path stays as it was found.
    pub fn mark(&self) -> String {
        let digest = self.sha256.map(|digest| digest.to_string()).unwrap_or_default();
        let links = self.why.iter().filter(|why| matches!(why, Why::PointsOut { .. } | Why::Reason { .. }));
        let links: String = links.map(ToString::to_string).collect();
        format!("{} {digest} {:o} {links}", self.kind.name(), self.mode.unwrap_or_default())
    }
}

fn octal<S: Serializer>(mode: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:04o}", mode.unwrap_or_default()))
}
