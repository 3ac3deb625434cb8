//! Whether two files hold the same bytes, read only where nothing else tells.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::io::Read;

use super::At;
use crate::sys::beneath;
use crate::sys::beneath::Stat;

const BUFFER_BYTES: usize = 128 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

/// Whether two files hold the same bytes; the side whose file could not be
/// read, or did not keep still, where that cannot be told.
pub(super) fn same_content(a: At, b: At, of_a: &Stat, of_b: &Stat) -> Result<bool, (Side, io::Error)> {
    if of_a.meta.identity() == of_b.meta.identity() {
        return Ok(true);
    }
    if of_a.size != of_b.size {
        return Ok(false);
    }
    if of_a.size == 0 {
        return Ok(true);
    }
    // Once more when a file changed since it was listed.
    match read_both(a, b, Some((*of_a, *of_b))) {
        Ok(Some(same)) => Ok(same),
        _ => match read_both(a, b, None)? {
            Some(same) => Ok(same),
            None => Err((Side::A, io::Error::other("it changed while it was read, on one side or both"))),
        },
    }
}

/// `None` where the files are no longer what they were before they were read.
fn read_both(a: At, b: At, before: Option<(Stat, Stat)>) -> Result<Option<bool>, (Side, io::Error)> {
    let on = |side| move |error: io::Error| (side, error);
    let open = |at: At| match before {
        // What it is now is seen afterwards.
        Some(_) => at.folder.open_seen(&at.path()),
        None => at.folder.open_file(&at.path()),
    };
    let mut file_a = open(a).map_err(|error| (Side::A, error.source))?;
    let mut file_b = open(b).map_err(|error| (Side::B, error.source))?;
    let stats = |file_a: &File, file_b: &File| {
        let of_a = beneath::stat_of(file_a).map_err(on(Side::A))?;
        Ok((of_a, beneath::stat_of(file_b).map_err(on(Side::B))?))
    };
    let before = match before {
        Some(before) => before,
        None => stats(&file_a, &file_b)?,
    };
    let same = before.0.size == before.1.size && same_bytes(&mut file_a, &mut file_b, before.0.size)?;
    Ok((stats(&file_a, &file_b)? == before).then_some(same))
}

/// Whether the next `size` bytes of both are the same.
fn same_bytes(a: &mut File, b: &mut File, size: u64) -> Result<bool, (Side, io::Error)> {
    thread_local! {
        // Making them for each small file would cost more than reading it.
        static BUFFERS: RefCell<[Vec<u8>; 2]> = RefCell::new([vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]]);
    }
    BUFFERS.with_borrow_mut(|[of_a, of_b]| {
        let mut left = size;
        while left > 0 {
            let length = left.min(BUFFER_BYTES as u64) as usize;
            let (of_a, of_b) = (&mut of_a[..length], &mut of_b[..length]);
            fill(a, of_a).map_err(|error| (Side::A, error))?;
            fill(b, of_b).map_err(|error| (Side::B, error))?;
            if of_a != of_b {
                return Ok(false);
            }
            left -= length as u64;
        }
        Ok(true)
    })
}

/// A file that ends too early was cut since it was looked at.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<()> {
    file.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("it changed while it was read"),
        _ => error,
    })
}
