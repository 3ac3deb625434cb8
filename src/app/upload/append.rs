//! A piece of an upload, written behind what is here.

use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;

use crate::app::upload::error::UploadError;
use crate::sys::fault;
use crate::sys::fs;
use crate::sys::fs::IoError;

const BUFFER_BYTES: usize = 128 << 10;

/// Appends all that comes; returns how long the file is then.
pub fn append(
    file: &mut File,
    path: &Path,
    offset: u64,
    size: u64,
    body: &mut dyn Read,
) -> Result<u64, UploadError> {
    let failed = |source| IoError::new("write", path, source);
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut here = offset;
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => return Ok(here),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => return Err(UploadError::Broken { source }),
        };
        if here + count as u64 > size {
            // Whoever says too little of it may mean another file.
            fs::set_length(file, path, offset)?;
            return Err(UploadError::TooMuch { size });
        }
        fault::point("upload.write").map_err(failed)?;
        if let Err(source) = file.write_all(&buffer[..count]) {
            fs::set_length(file, path, here)?;
            return Err(failed(source).into());
        }
        here += count as u64;
    }
}
