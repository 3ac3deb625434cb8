//! The digests that lists hold, and how all that are asked for are taken of
//! one file in one reading.

use std::fmt;
use std::io;
use std::io::Read;

use aws_lc_rs::digest as lc;

use crate::base::digest::Algorithms;
use crate::base::digest::Hasher;
use crate::base::digest::Md5;
use crate::base::digest::Sha1;
use crate::base::digest::Sha256;
use crate::base::digest::Sha512;

const BUFFER_BYTES: usize = 128 * 1024;

/// What a list says of the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Digest {
    Sha256(Sha256),
    Sha512(Sha512),
    Sha1(Sha1),
    Md5(Md5),
    /// MD5 of the text without blanks at both ends and without any line end,
    /// as YACS took it until 2009.
    LooseMd5(Md5),
}

/// The kinds of digest, the best one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Sha256,
    Sha512,
    Sha1,
    Md5,
    LooseMd5,
}

impl Digest {
    pub fn kind(&self) -> Kind {
        match self {
            Digest::Sha256(_) => Kind::Sha256,
            Digest::Sha512(_) => Kind::Sha512,
            Digest::Sha1(_) => Kind::Sha1,
            Digest::Md5(_) => Kind::Md5,
            Digest::LooseMd5(_) => Kind::LooseMd5,
        }
    }

    /// Told by the number of its digits.
    pub fn parse(hex: &str) -> Option<Digest> {
        match hex.len() {
            32 => hex.parse().ok().map(Digest::Md5),
            40 => hex.parse().ok().map(Digest::Sha1),
            64 => hex.parse().ok().map(Digest::Sha256),
            128 => hex.parse().ok().map(Digest::Sha512),
            _ => None,
        }
    }
}

/// The digits alone.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Digest::Sha256(digest) => digest.fmt(f),
            Digest::Sha512(digest) => digest.fmt(f),
            Digest::Sha1(digest) => digest.fmt(f),
            Digest::Md5(digest) | Digest::LooseMd5(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Sha256 => "SHA-256",
            Kind::Sha512 => "SHA-512",
            Kind::Sha1 => "SHA-1",
            Kind::Md5 => "MD5",
            Kind::LooseMd5 => "MD5 without line ends",
        })
    }
}

/// Takes digests of the wanted kinds of everything that `reader` gives, and counts it.
pub fn take(reader: &mut dyn Read, wanted: &[Kind]) -> io::Result<(u64, Vec<Digest>)> {
    let is_wanted = |kind| wanted.contains(&kind);
    let context = |kind, algorithm| is_wanted(kind).then(|| lc::Context::new(algorithm));
    let mut sha256 = context(Kind::Sha256, &lc::SHA256);
    let mut sha512 = context(Kind::Sha512, &lc::SHA512);
    let mut sha1 = context(Kind::Sha1, &lc::SHA1_FOR_LEGACY_USE_ONLY);
    let mut md5 = is_wanted(Kind::Md5).then(|| Hasher::new(Algorithms::Sha256AndMd5));
    let mut loose = is_wanted(Kind::LooseMd5).then(Loose::default);
    let (mut buffer, mut size) = (vec![0; BUFFER_BYTES], 0);
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = &buffer[..count];
        size += count as u64;
        [&mut sha256, &mut sha512, &mut sha1].into_iter().flatten().for_each(|one| one.update(piece));
        md5.iter_mut().for_each(|one| one.update(piece));
        loose.iter_mut().for_each(|one| one.update(piece));
    }
    let digests = [
        sha256.and_then(finished).map(|bytes| Digest::Sha256(Sha256::from_bytes(bytes))),
        sha512.and_then(finished).map(|bytes| Digest::Sha512(Sha512::from_bytes(bytes))),
        sha1.and_then(finished).map(|bytes| Digest::Sha1(Sha1::from_bytes(bytes))),
        md5.and_then(|hasher| hasher.finish().1).map(Digest::Md5),
        loose.and_then(Loose::finish).map(Digest::LooseMd5),
    ];
    Ok((size, digests.into_iter().flatten().collect()))
}

fn finished<const N: usize>(context: lc::Context) -> Option<[u8; N]> {
    context.finish().as_ref().try_into().ok()
}

/// MD5 of a text without what stands around it and without its line ends.
struct Loose {
    hasher: Hasher,
    has_begun: bool,
    /// As it stood behind the last character that is not blank.
    sealed: Option<Hasher>,
}

impl Default for Loose {
    fn default() -> Loose {
        Loose { hasher: Hasher::new(Algorithms::Sha256AndMd5), has_begun: false, sealed: None }
    }
}

impl Loose {
    fn update(&mut self, mut piece: &[u8]) {
        if !self.has_begun {
            let Some(start) = piece.iter().position(|byte| !is_blank(*byte)) else { return };
            self.has_begun = true;
            piece = &piece[start..];
        }
        // Blanks count only when something comes behind them.
        match piece.iter().rposition(|byte| !is_blank(*byte)) {
            Some(last) => {
                self.feed(&piece[..=last]);
                self.sealed = Some(self.hasher.clone());
                self.feed(&piece[last + 1..]);
            }
            None => self.feed(piece),
        }
    }

    fn feed(&mut self, piece: &[u8]) {
        piece.split(|byte| matches!(byte, b'\r' | b'\n')).for_each(|part| self.hasher.update(part));
    }

    fn finish(self) -> Option<Md5> {
        self.sealed.unwrap_or(self.hasher).finish().1
    }
}

/// What PHP's `trim` takes away.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(text: &[u8]) -> String {
        take(&mut &*text, &[Kind::LooseMd5]).unwrap().1[0].to_string()
    }

    #[test]
    fn the_old_digest_sees_neither_line_ends_nor_what_stands_around() {
        let plain = take(&mut &b"<?php$a = 1;?>"[..], &[Kind::Md5]).unwrap().1[0].to_string();
        for text in [
            &b"\r\n <?php\r\n$a = 1;\r\n\r\n?>\n\0"[..],
            b"<?php\n$a = 1;\n?>",
            b"\x0b\t<?php$a = 1;?> \n \n",
        ] {
            assert_eq!(loose(text), plain);
        }
        assert_ne!(loose(b"<?php$a  = 1;?>"), plain);
        assert_eq!(loose(b" \n"), "d41d8cd98f00b204e9800998ecf8427e");
    }

    /// A reader that gives one byte at a time, so that blanks stand at the end of a piece.
    #[test]
    fn the_old_digest_does_not_depend_on_the_pieces() {
        struct Single<'a>(&'a [u8]);
        impl Read for Single<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0.read(&mut buffer[..1])
            }
        }
        let text = b" \n a \n\t b\r\n c \0\n";
        let single = take(&mut Single(text), &[Kind::LooseMd5]).unwrap().1;
        assert_eq!(single[0].to_string(), loose(text));
        assert_eq!(single[0].to_string(), loose(b"a \t b c"));
    }

    #[test]
    fn every_kind_has_its_known_value() {
        let kinds = [Kind::Sha256, Kind::Sha512, Kind::Sha1, Kind::Md5];
        let (size, digests) = take(&mut &b"abc"[..], &kinds).unwrap();
        let text: Vec<String> = digests.iter().map(|digest| digest.to_string()[..8].to_owned()).collect();
        assert_eq!((size, text.join(" ")), (3, "ba7816bf ddaf35a1 a9993e36 90015098".to_owned()));
        assert!(digests.iter().all(|digest| Digest::parse(&digest.to_string()) == Some(*digest)));
    }
}
