//! Walks a tar: v7, ustar, POSIX (pax) and GNU headers.
//!
//! Headers are read by the `tar` crate; the walk from header to header is our
//! own, because the crate's forgives what we refuse.

use std::io;
use std::io::Read;

use ::tar::Header;

use crate::release::archive::blocks::BLOCK;
use crate::release::archive::blocks::Content;
use crate::release::archive::blocks::is_header;
use crate::release::archive::blocks::read_block;
use crate::release::archive::blocks::skip_padding;
use crate::release::archive::error::Refusal;
use crate::release::archive::error::Stop;
use crate::release::archive::error::Why;
use crate::release::archive::heading::Before;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Entry;
use crate::release::archive::opened::MemberKind;
use crate::release::archive::opened::Visit;

/// Hands every entry to `visit` and checks that nothing stands behind the last.
pub(super) fn walk<R: Read>(mut source: R, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let mut first = true;
    let mut before = Before::default();
    loop {
        let block = read_block(&mut source)?;
        if block == [0; BLOCK] {
            before.must_be_used()?;
            return check_end(&mut source);
        }
        if !is_header(&block) {
            return Err(Stop::damaged(if first {
                "the packed data is no tar"
            } else {
                "the checksum of a header is wrong"
            }));
        }
        first = false;
        let header = Header::from_byte_slice(&block);
        if before.take(header, &mut source)? {
            continue;
        }
        let entry = std::mem::take(&mut before).complete(header, limits)?;
        hand_over(entry, &mut source, visit)?;
    }
}

fn hand_over<R: Read>(entry: Entry, source: &mut R, visit: &mut Visit<'_>) -> Result<(), Stop> {
    let size = match entry.kind {
        MemberKind::File { size } => size,
        _ => 0,
    };
    let name = entry.name.clone();
    let mut content = Content { source, left: size };
    visit(entry, &mut content)?;
    io::copy(&mut content, &mut io::sink())?;
    skip_padding(source, size).map_err(|stop| stop.inside(&name))
}

/// Behind the first zero block: another one, and zeros to the end.
fn check_end<R: Read>(source: &mut R) -> Result<(), Stop> {
    let mut zeros = 0;
    let mut buffer = [0; 8 * 1024];
    loop {
        let size = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        if buffer[..size].iter().any(|byte| *byte != 0) {
            return Err(Refusal::whole(Why::Hidden { place: "behind the end of the tar" }).into());
        }
        zeros += size;
    }
    if zeros < BLOCK { Err(Stop::cut()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::base::exit::Exit;
    use crate::base::exit::Fault;
    use crate::release::archive::fixtures::*;
    use crate::release::archive::limits::Limits;

    #[test]
    fn what_honest_tars_hold_is_taken() {
        let long = format!("top/{}/x.php", "n".repeat(150));
        let archive = open(&tar(&[
            entry("pax_global_header", b'g', &pax("comment", "0123456789")),
            entry("top/", b'5', b""),
            entry("PaxHeaders/x", b'x', &[pax("path", &long), pax("mtime", "1.5")].concat()),
            entry("top/short", b'0', b"by pax"),
            entry("././@LongLink", b'L', format!("{long}.gnu\0").as_bytes()),
            entry("top/short", b'0', b"by gnu"),
            link("top/l", b'2', "a.php"),
            entry("top/a.php", b'0', b"a"),
            entry("top/old/", b'0', b""),
        ]));
        let below = &long[4..];
        let mut wanted = vec![
            format!("{below} 644 by pax"),
            format!("{below}.gnu 644 by gnu"),
            "l -> a.php".into(),
            "a.php 644 a".into(),
            "old/".into(),
        ];
        wanted.sort();
        assert_eq!(listed(&archive.unwrap()), wanted);
    }

    #[test]
    fn modes_become_plain_and_set_id_files_are_refused() {
        let with_mode = |kind, name, mode| {
            let mut header = header(name, kind, 0);
            header.set_mode(mode);
            header.set_cksum();
            header.as_bytes().to_vec()
        };
        let archive = open(&tar(&[
            with_mode(b'5', "d/", 0o2777),
            with_mode(b'0', "world", 0o666),
            with_mode(b'0', "run", 0o700),
        ]));
        assert_eq!(listed(&archive.unwrap()), ["d/", "run 755 ", "world 644 "]);
        for mode in [0o4755, 0o2644] {
            assert!(refusal(&tar(&[with_mode(b'0', "s", mode)])).contains("setuid"));
        }
    }

    #[test]
    fn special_entries_are_refused() {
        for (kind, name) in [
            (b'1', "hard link"),
            (b'3', "device"),
            (b'4', "device"),
            (b'6', "fifo"),
            (b'7', "unknown"),
            (b'S', "sparse"),
            (b'V', "unknown"),
            (b'D', "unknown"),
            (b'M', "unknown"),
            (b'X', "unknown"),
        ] {
            let why = refusal(&tar(&[entry("a", b'0', b""), link("b\x1b", kind, "a")]));
            assert!(why.contains(name) && why.contains("b\\x1b"), "{}: {why}", char::from(kind));
        }
    }

    #[test]
    fn headers_that_contradict_are_refused() {
        let inner = tar(&[entry("evil.php", b'0', b"evil")]);
        for (defect, reason, parts) in [
            (
                "pax size over an empty entry",
                "the sizes differ",
                vec![entry("p", b'x', &pax("size", "2048")), entry("a", b'0', b""), inner],
            ),
            (
                "pax size under the header's",
                "the sizes differ",
                vec![entry("p", b'x', &pax("size", "0")), entry("a", b'0', b"x")],
            ),
            (
                "two pax headers",
                "two headers",
                vec![
                    entry("p", b'x', &pax("path", "b")),
                    entry("p", b'x', &pax("path", "c")),
                    entry("a", b'0', b""),
                ],
            ),
            (
                "two gnu names",
                "two headers",
                vec![entry("L", b'L', b"b\0"), entry("L", b'L', b"c\0"), entry("a", b'0', b"")],
            ),
            (
                "pax and gnu names",
                "the names differ",
                vec![entry("L", b'L', b"b\0"), entry("p", b'x', &pax("path", "c")), entry("a", b'0', b"")],
            ),
            (
                "bytes behind a long name",
                "behind its end",
                vec![entry("L", b'L', b"b\0c"), entry("a", b'0', b"")],
            ),
            (
                "a header without entry",
                "has no entry",
                vec![entry("a", b'0', b""), entry("p", b'x', &pax("path", "b"))],
            ),
            (
                "a global path",
                "global header",
                vec![entry("g", b'g', &pax("path", "b")), entry("a", b'0', b"")],
            ),
            (
                "a pax sparse file",
                "sparse",
                vec![entry("p", b'x', &pax("GNU.sparse.major", "1")), entry("a", b'0', b"")],
            ),
            ("a folder with content", "has content", vec![entry("d/", b'5', b"x")]),
            ("a link with content", "has content", vec![entry("l", b'2', b"x")]),
            (
                "pax path with a line break",
                "control character",
                vec![entry("p", b'x', &pax("path", "a\nb")), entry("a", b'0', b"")],
            ),
        ] {
            let why = refusal(&tar(&parts));
            assert!(why.contains(reason), "{defect}: {why}");
        }
    }

    #[test]
    fn data_behind_the_end_is_refused_and_padding_is_not() {
        let mut bytes = tar(&[entry("a", b'0', b"x")]);
        bytes.resize(10240, 0);
        assert!(open(&bytes).is_ok());
        bytes.extend(entry("evil", b'0', b""));
        assert!(refusal(&bytes).contains("behind the end"));
        let lone_zero_block = [entry("a", b'0', b"x"), vec![0; 512], entry("b", b'0', b""), TAR_END.to_vec()];
        assert!(refusal(&lone_zero_block.concat()).contains("behind the end"));
    }

    #[test]
    fn a_cut_or_damaged_tar_fails() {
        let whole = tar(&[entry("a", b'0', b"content"), entry("b", b'0', b"content")]);
        for size in [600, 1024, 1030, 2047, 2048, 2560] {
            let error = open(&whole[..size]).err().unwrap();
            assert_eq!(error.exit(), Exit::Failed, "cut at {size}: {error}");
        }
        let mut damaged = whole;
        damaged[1024] ^= 1;
        assert_eq!(open(&damaged).err().unwrap().exit(), Exit::Failed);
    }

    #[test]
    fn limits_hold() {
        let three = tar(&[entry("a", b'0', b"12345"), entry("b", b'0', b""), entry("c", b'0', b"")]);
        let limits = Limits::default();
        assert!(open_with(&three, &Limits { entries: 3, file_bytes: 5, ..limits.clone() }).is_ok());
        for limits in [
            Limits { entries: 2, ..limits.clone() },
            Limits { file_bytes: 4, ..limits.clone() },
            Limits { total_bytes: 1000, ..limits },
        ] {
            assert_eq!(open_with(&three, &limits).err().unwrap().exit(), Exit::Untrusted);
        }
        let lie = tar(&[header("big", b'0', 3 << 30).as_bytes().to_vec()]);
        assert!(refusal(&lie).contains("larger than"));
    }
}
