//! What `sha256sum`, `md5sum` and their like write, the tagged lines of the
//! BSDs (`SHA256 (path) = digest`), and Debian's `md5sums`.

use std::io::BufRead;

use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::HashList;
use crate::integrity::list::Kind;
use crate::integrity::list::ListError;
use crate::integrity::list::gather::Gather;
use crate::integrity::list::lines::Lines;

/// Around a list that bears an OpenPGP signature in itself.
pub(super) const SIGNED: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// Digests that are known by name or length, and not taken.
const OTHER_TAGS: [&str; 10] = [
    "SHA224",
    "SHA384",
    "SHA512/256",
    "SHA512/224",
    "SHA3-256",
    "SHA3-512",
    "BLAKE2b",
    "BLAKE2b-256",
    "SM3",
    "RMD160",
];

/// One line: its path, and its digest where that is of a kind that is taken.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    path: Vec<u8>,
    digest: Option<Digest>,
}

pub(super) fn parse(format: Format, reader: &mut dyn BufRead) -> Result<HashList, ListError> {
    let (mut gather, mut lines) = (Gather::new(format), Lines::new(reader));
    let mut is_heading = false;
    while let Some((number, line)) = lines.next()? {
        if line == SIGNED {
            gather.warn(number, "the OpenPGP signature around it was not verified".into());
            is_heading = true;
        } else if line == SIGNATURE {
            break;
        } else if is_heading {
            is_heading = !line.is_empty();
        } else if !line.trim_ascii().is_empty() && !line.starts_with(b"#") {
            let entry = match format {
                // Here a backslash is part of a name.
                Format::Md5sums => untagged(line, false),
                _ => entry(line),
            };
            match entry.ok_or_else(|| gather.wrong(number, line))? {
                Entry { path, digest: Some(digest) } => gather.add(number, &path, None, &[digest])?,
                Entry { path, digest: None } => {
                    let path = crate::base::escape::bytes(&path);
                    gather.warn(number, format!("left out: the digest of {path} is of an unknown kind"));
                }
            }
        }
    }
    gather.finish()
}

pub(super) fn entry(line: &[u8]) -> Option<Entry> {
    let (rest, is_escaped) = match line.strip_prefix(b"\\") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    tagged(rest, is_escaped).or_else(|| untagged(rest, is_escaped))
}

/// `SHA256 (path) = digest`, of OpenSSL `SHA2-256(path)= digest`.
fn tagged(line: &[u8], is_escaped: bool) -> Option<Entry> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let (tag, path) = (std::str::from_utf8(&line[..open]).ok()?.trim_end(), line.get(open + 1..close)?);
    let digest = std::str::from_utf8(&line[close + 1..]).ok()?.trim_start().strip_prefix('=')?.trim();
    let kind = match tag {
        "MD5" => Some(Kind::Md5),
        "SHA1" => Some(Kind::Sha1),
        "SHA256" | "SHA2-256" => Some(Kind::Sha256),
        "SHA512" | "SHA2-512" => Some(Kind::Sha512),
        other if OTHER_TAGS.contains(&other) && is_hex(digest) => None,
        _ => return None,
    };
    let digest = match kind {
        Some(kind) => Some(Digest::parse(digest).filter(|digest| digest.kind() == kind)?),
        None => None,
    };
    Some(Entry { path: name(path, is_escaped)?, digest })
}

/// `digest  path`, `digest *path`; of some programs `digest path`.
fn untagged(line: &[u8], is_escaped: bool) -> Option<Entry> {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (digest, path) = (std::str::from_utf8(&line[..end]).ok()?, &line[end + 1..]);
    let path = path.strip_prefix(b" ").or(path.strip_prefix(b"*")).unwrap_or(path);
    let digest = match Digest::parse(digest) {
        None if !matches!(digest.len(), 56 | 96) || !is_hex(digest) => return None,
        digest => digest,
    };
    (!path.is_empty()).then(|| name(path, is_escaped)).flatten().map(|path| Entry { path, digest })
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The name, whose line ends and backslashes are written as `\n`, `\r` and `\\`
/// where the line says so.
fn name(raw: &[u8], is_escaped: bool) -> Option<Vec<u8>> {
    if !is_escaped {
        return Some(raw.to_vec());
    }
    let (mut name, mut bytes) = (Vec::new(), raw.iter());
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(name)
}

/// Each file with its digest of that kind; there is one of each.
pub(super) fn write(list: &HashList, kind: Kind) -> Vec<u8> {
    let mut text = String::new();
    for (path, listed) in &list.files {
        if let Some(digest) = listed.of_kind(kind).next() {
            text.push_str(&format!("{digest}  {}\n", path.as_str()));
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::integrity::list::parse;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const SHA1: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn names(list: &HashList) -> Vec<&str> {
        list.files.keys().map(|path| path.as_str()).collect()
    }

    #[test]
    fn every_way_to_write_a_line_is_read() {
        let text = format!(
            "\u{feff}# made by hand\r\n{SHA256}  a b.php\r\n\r\n{SHA1} *./b.bin\n{MD5} c\n{MD5}\td\n\
             SHA256 (e (1).php) = {SHA256}\nMD5 (e (1).php) = {MD5}\nSHA2-256(f)= {}\nSHA1 (g)= {SHA1}",
            SHA256.to_uppercase()
        );
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!(names(&list), ["a b.php", "b.bin", "c", "d", "e (1).php", "f", "g"]);
        let both = &list.files.values().nth(4).unwrap();
        assert_eq!(both.kinds(), [Kind::Sha256, Kind::Md5]);
        assert_eq!((list.format, list.warnings.len()), (Format::Sums, 0));
    }

    #[test]
    fn names_that_a_site_cannot_have_are_left_out_and_told() {
        let mut text = format!("{MD5}  plain\n\\{MD5}  a\\\\b\\nc\n{MD5}  ").into_bytes();
        text.extend_from_slice(b"caf\xe9\n");
        text.extend_from_slice(format!("{}  sha384\n{MD5}  .entracte/lock\n", "0".repeat(96)).as_bytes());
        let list = parse(&text, None).unwrap();
        assert_eq!(names(&list), ["plain"]);
        let told: Vec<(u64, &str)> =
            list.warnings.iter().map(|warning| (warning.line, warning.text.as_str())).collect();
        let expected = [r"a\b\nc", "caf", "sha384", "reserved"];
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5], "{told:?}");
        assert!(told.iter().zip(expected).all(|((_, text), part)| text.contains(part)), "{told:?}");
    }

    #[test]
    fn a_list_with_a_signature_around_it_is_read() {
        let text = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{SHA256}  a\n-----BEGIN PGP SIGNATURE-----\n\nwsFz\n"
        );
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!(names(&list), ["a"]);
        assert!(list.warnings[0].text.contains("not verified"));
    }

    #[test]
    fn a_line_that_is_none_refuses_the_list() {
        let good = format!("{MD5}  a\n");
        for (defect, line, said) in [
            ("a short digest", format!("{}  b", &MD5[1..]), "line 2"),
            ("no name", format!("{MD5}  "), "line 2"),
            ("words", "<html> of an error page".into(), "line 2"),
            ("another digest of the same file", format!("{}  a", MD5.replace('9', "8")), "line 2"),
            ("a tag that does not fit", format!("SHA256 (b) = {MD5}"), "line 2"),
            ("an escape that is none", format!("\\{MD5}  a\\x"), "line 2"),
            ("a path out", format!("{MD5}  a/../../b"), "line 2"),
            ("an absolute path", format!("{MD5}  /etc/passwd"), "line 2"),
            ("a path out in Windows's way", format!("{MD5}  ..\\b"), "line 2"),
            ("a NUL", format!("{MD5}  a\0b"), "line 2"),
        ] {
            let error = parse(format!("{good}{line}\n").as_bytes(), None).unwrap_err().to_string();
            assert!(error.contains(said), "{defect}: {error}");
        }
        assert!(parse(format!("{good}{good}").as_bytes(), None).is_ok(), "the same twice");
    }

    #[test]
    fn a_package_may_name_backslashes() {
        let text = format!("{MD5}  usr/lib/a\n{MD5}  usr/lib/system-systemd\\x2dveritysetup.slice\n");
        let list = parse(text.as_bytes(), None).unwrap();
        assert_eq!((list.format, names(&list), list.warnings.len()), (Format::Md5sums, vec!["usr/lib/a"], 1));
    }
}
