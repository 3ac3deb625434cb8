//! Why a repository was of no use. What git says is shown without what could
//! mislead a terminal; addresses in it never hold a password, since none is taken.

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::release::archive::Refusal;
use crate::release::network::error::NetworkError;
use crate::release::staging::StagingError;
use crate::sys::fs::IoError;
use crate::sys::process::ProcessError;

#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("the program git is not here")]
    NoProgram,
    #[error("{repository} is not protected against whoever is on the way")]
    Insecure { repository: String },
    #[error("{repository} cannot be reached: {said}")]
    Unreachable { repository: String, said: String },
    #[error("{repository} wants a key or a password that git does not have: {said}")]
    Login { repository: String, said: String },
    #[error("git failed with {repository}: {said}")]
    Failed { repository: String, said: String },
    #[error("{repository} is not there: it has no such branch or tag")]
    NoSuchName { repository: String },
    #[error("{repository} was not fetched within {seconds} s")]
    TooLong { repository: String, seconds: f64 },
    #[error("{repository} is larger than {limit} bytes")]
    TooLarge { repository: String, limit: u64 },
    #[error("the disk has no room for {repository}")]
    Full { repository: String },
    #[error("interrupted while {repository} was being fetched")]
    Interrupted { repository: String },
    #[error("refused {repository}: {refusal}")]
    Name { repository: String, refusal: Refusal },
    #[error("{repository} holds the submodule {path}, which would be missing")]
    Submodule { repository: String, path: String },
    #[error("{repository} keeps the content of {path} elsewhere (Git LFS)")]
    Lfs { repository: String, path: String },
    /// What is in the way is told as it is for everything that is fetched.
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Io(#[from] IoError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Staging(#[from] StagingError),
}

impl GitError {
    /// From the last words of git, in English.
    pub fn told(repository: String, said: String) -> GitError {
        const LOGIN: [&str; 6] = [
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "terminal prompts disabled",
            "Permission denied",
            "Host key verification failed",
        ];
        const UNREACHABLE: [&str; 19] = [
            "Could not resolve",
            "unable to look up",
            "Failed to connect",
            "unable to connect",
            "Connection refused",
            "Connection timed out",
            "Connection reset",
            "Connection closed",
            "Operation timed out",
            "Operation too slow",
            "early EOF",
            "hung up unexpectedly",
            "unexpected disconnect",
            "RPC failed",
            "transfer closed",
            "Empty reply",
            "Recv failure",
            "returned error: 429",
            "returned error: 5",
        ];
        let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if has(&LOGIN) {
            GitError::Login { repository, said }
        } else if has(&UNREACHABLE) {
            GitError::Unreachable { repository, said }
        } else {
            GitError::Failed { repository, said }
        }
    }
}

impl Fault for GitError {
    fn exit(&self) -> Exit {
        match self {
            GitError::NoProgram
            | GitError::Insecure { .. }
            | GitError::TooLarge { .. }
            | GitError::Submodule { .. }
            | GitError::Lfs { .. } => Exit::Refused,
            GitError::Name { .. } => Exit::Untrusted,
            GitError::Network(error) => error.exit(),
            GitError::Io(error) => error.exit(),
            GitError::Process(error) => error.exit(),
            GitError::Staging(error) => error.exit(),
            _ => Exit::Failed,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            GitError::NoProgram => {
                "install git (`apt install git`, `dnf install git`), or fetch an archive of the branch"
            }
            GitError::Insecure { .. } => {
                "use https or ssh, or set `network.insecure_http = true` in entracte.toml if everything on the way is trusted"
            }
            GitError::Login { .. } => {
                "let git of the site's owner log in by itself: a credential helper (`git config --global credential.helper`), or a key and a known host for ssh"
            }
            GitError::Failed { said, .. } if said.contains("dubious ownership") => {
                "the repository belongs to somebody else: `git config --global --add safe.directory PATH` as the site's owner says that it is trusted"
            }
            GitError::Failed { .. } | GitError::NoSuchName { .. } => {
                "`git ls-remote URL` shows what a repository has; a commit is named by all of its digits"
            }
            GitError::TooLong { .. } => "`total_seconds` under [network] in entracte.toml is the limit",
            GitError::TooLarge { .. } => {
                "`total_bytes` under [limits] in entracte.toml says how much is taken"
            }
            GitError::Submodule { .. } | GitError::Lfs { .. } => {
                "publish the release as an archive, or as a folder with all of it"
            }
            GitError::Name { refusal, .. } => return vec![refusal.why.hint()],
            GitError::Network(error) => return error.hints(),
            GitError::Io(error) => return error.hints(),
            GitError::Staging(error) => return error.hints(),
            _ => return Vec::new(),
        };
        vec![hint.into()]
    }

    fn is_network(&self) -> bool {
        match self {
            GitError::Network(error) => error.is_network(),
            GitError::Unreachable { .. } | GitError::TooLong { .. } => true,
            _ => false,
        }
    }
}
