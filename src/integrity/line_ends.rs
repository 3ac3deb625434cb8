//! The same text with other line ends: what an upload in text mode makes of a file.

use std::io::Read;

use crate::base::digest::Sha256;
use crate::sys::beneath::Beneath;
use crate::sys::beneath::Root;

/// No source file is longer.
const MOST_BYTES: u64 = 8 << 20;

/// The digests of a file's text with each kind of line end; `None` where it is no text, too long, or
/// cannot be read.
pub fn digests(root: &Root, path: &impl Beneath) -> Option<[Sha256; 3]> {
    let mut bytes = Vec::new();
    root.open_file(path).ok()?.take(MOST_BYTES + 1).read_to_end(&mut bytes).ok()?;
    digests_of(&bytes)
}

/// The digests of a text with LF, CR LF and CR at the end of each line.
pub fn digests_of(text: &[u8]) -> Option<[Sha256; 3]> {
    if text.len() as u64 > MOST_BYTES || text.contains(&0) {
        return None;
    }
    let lines = with_line_feeds(text);
    let ended_by = |end: &[u8]| {
        let mut text = Vec::with_capacity(lines.len() + lines.len() / 16);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let bare = line.strip_suffix(b"\n");
            text.extend_from_slice(bare.unwrap_or(line));
            text.extend_from_slice(if bare.is_some() { end } else { b"" });
        }
        Sha256::of(&text)
    };
    Some([Sha256::of(&lines), ended_by(b"\r\n"), ended_by(b"\r")])
}

/// The text with `\n` where it has `\r\n` or `\r`.
fn with_line_feeds(text: &[u8]) -> Vec<u8> {
    let mut unix = Vec::with_capacity(text.len());
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'\r' {
            bytes.next_if(|next| **next == b'\n');
            unix.push(b'\n');
        } else {
            unix.push(*byte);
        }
    }
    unix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_their_line_ends_alone_are_one() {
        let (unix, windows, mac) = (&b"a\nb\n\nc"[..], &b"a\r\nb\r\n\r\nc"[..], &b"a\rb\r\rc"[..]);
        let all = digests_of(unix).unwrap();
        assert_eq!(all, [unix, windows, mac].map(Sha256::of));
        for same in [windows, mac, b"a\nb\n\r\nc", b"a\r\nb\n\nc"] {
            assert_eq!(digests_of(same), Some(all), "{same:?}");
        }
        for other in [&b"a\nb\nc"[..], b"a\nb\n\nc\n", b"a\r\r\nb\n\nc"] {
            assert_ne!(digests_of(other), Some(all), "{other:?}");
        }
        assert_eq!(digests_of(b"a\0\r\n"), None);
    }
}
