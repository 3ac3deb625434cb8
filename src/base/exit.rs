//! How a verb ends: the exit codes of the command line, and what an error has
//! to tell besides its message.

use serde::Serialize;
use serde::Serializer;

/// The way a verb ended. The numbers are a contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done; nothing differs.
    Done = 0,
    /// Failed, and the site is exactly as it was before.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// Nothing to do.
    NothingToDo = 3,
    /// Waiting for approval.
    Waiting = 4,
    /// Refused by a preflight check or a policy; nothing touched.
    Refused = 5,
    /// Failed and not rolled back: a person is needed.
    Stuck = 6,
    /// Differences found.
    Differs = 7,
    /// Another run holds the lock.
    Locked = 8,
    /// Not trusted: signature, digest, expiry, hostile content, a downgrade.
    Untrusted = 9,
}

impl Exit {
    /// The process exit status.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The way that a process exit status stands for.
    pub fn from_code(code: u8) -> Option<Exit> {
        use Exit::*;
        [Done, Failed, Usage, NothingToDo, Waiting, Refused, Stuck, Differs, Locked, Untrusted]
            .get(usize::from(code))
            .copied()
    }

    /// The word used for `error.kind` in JSON.
    pub fn kind(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::NothingToDo => "nothing-to-do",
            Exit::Waiting => "waiting",
            Exit::Refused => "refused",
            Exit::Stuck => "stuck",
            Exit::Differs => "differs",
            Exit::Locked => "locked",
            Exit::Untrusted => "untrusted",
        }
    }
}

impl Serialize for Exit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// What every error enum of the project tells besides its message and cause.
///
/// The message says what was tried and on which path; the cause hangs below as
/// `source()`; hints say what to do next and never repeat the message.
pub trait Fault: std::error::Error {
    /// Which exit code this error means when nothing above knows better.
    fn exit(&self) -> Exit {
        Exit::Failed
    }

    /// What the reader can do about it, one sentence each.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether the network or a server out there failed in a way that passes:
    /// somebody who works unattended tries again before telling anybody.
    fn is_network(&self) -> bool {
        false
    }
}

/// The messages of an error's causes, outermost first, the error itself left out.
pub fn causes(error: &dyn std::error::Error) -> Vec<String> {
    std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect()
}
