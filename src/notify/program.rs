//! Programs that take a notice on their standard input.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::notify::queue;
use crate::site::Site;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process::Ended;
use crate::sys::process::ProcessError;
use crate::sys::process::Program;
use crate::sys::process::Rest;

/// A program to call, and what it reads.
pub struct Call<'a> {
    pub argv: &'a [String],
    pub stdin: Vec<u8>,
    pub seconds: u64,
    pub rest: Rest,
}

#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("{program} {how}")]
    Failed { program: String, how: String },
    #[error("argv is an empty list")]
    Empty,
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Runs it in the site's state folder; any status but 0 is a failure.
pub fn run(site: &Site, call: Call, variables: BTreeMap<String, String>) -> Result<(), ProgramError> {
    if call.argv.is_empty() {
        return Err(ProgramError::Empty);
    }
    let folder = queue::folder(site);
    fs::create_folders(&folder, 0o700)?;
    let log = folder.join("program.log");
    let mut program = Program::new(call.argv, site.state.folder());
    program.env = variables;
    program.stdin = call.stdin;
    program.limit = Duration::from_secs(call.seconds);
    program.rest = call.rest;
    match program.run(fs::create(&log)?)? {
        Ended::Status(0) => Ok(()),
        ended => Err(ProgramError::Failed { program: program.name(), how: ended.told(program.limit, &log) }),
    }
}
