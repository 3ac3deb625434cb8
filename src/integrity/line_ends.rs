//! The same text with other line ends: what an upload in text mode makes of a file.

use std::io::Read;

use crate::base::digest::Sha256;
use crate::sys::beneath::Beneath;
use crate::sys::beneath::Root;

/// No source file is longer.
const MOST_BYTES: u64 = 8 << 20;

/// The digests of a text with LF, and with CR LF, at the end of each line;
/// `None` where the file is no text, too long, or cannot be read.
pub fn both(root: &Root, path: &impl Beneath) -> Option<[Sha256; 2]> {
    let mut bytes = Vec::new();
    root.open_file(path).ok()?.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    of(&bytes)
}

fn of(bytes: &[u8]) -> Option<[Sha256; 2]> {
    if bytes.len() as u64 > MOST_BYTES || bytes.contains(&0) {
        return None;
    }
    let (mut short, mut long) = (Vec::with_capacity(bytes.len()), Vec::with_capacity(bytes.len()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = match line.strip_suffix(b"\n") {
            Some(text) => text.strip_suffix(b"\r").unwrap_or(text),
            None => line,
        };
        let ended = text.len() < line.len();
        short.extend_from_slice(text);
        short.extend_from_slice(if ended { b"\n" } else { b"" });
        long.extend_from_slice(text);
        long.extend_from_slice(if ended { b"\r\n" } else { b"" });
    }
    Some([Sha256::of(&short), Sha256::of(&long)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_their_line_ends_alone_are_one() {
        let one = of(b"a\r\nb\n\nc").unwrap();
        for same in [&b"a\nb\n\nc"[..], b"a\r\nb\r\n\r\nc", b"a\nb\n\r\nc"] {
            assert_eq!(of(same), Some(one));
        }
        assert_eq!(one, [Sha256::of(b"a\nb\n\nc"), Sha256::of(b"a\r\nb\r\n\r\nc")]);
        for other in [&b"a\nb\nc"[..], b"a\nb\n\nc\n", b"a\rb\n\nc", b"a\r\r\nb\n\nc"] {
            assert_ne!(of(other).map(|both| both[0]), Some(one[0]), "{other:?}");
        }
        assert_eq!(of(b"a\0\r\n"), None);
    }
}
