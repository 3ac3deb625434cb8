//! Which format a list has, told by how it begins.

use crate::integrity::list::Digest;
use crate::integrity::list::Format;
use crate::integrity::list::ListError;
use crate::integrity::list::lines;
use crate::integrity::list::sums;

/// Where paths of Debian's packages begin.
const TOP_FOLDERS: [&[u8]; 10] =
    [b"usr/", b"etc/", b"bin/", b"sbin/", b"lib", b"var/", b"opt/", b"boot/", b"srv/", b"run/"];

/// What has to be read in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Json,
    Php,
    Sql,
    Lines(Format),
}

/// `head` is how the list begins, some lines at least where it has lines.
pub(super) fn family(head: &[u8], hint: Option<Format>) -> Result<Family, ListError> {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(ListError::Utf16);
    }
    if let Some(format) = hint {
        return Ok(match format {
            Format::Native | Format::Signature | Format::WordPress => Family::Json,
            Format::Footprints => Family::Php,
            Format::Secdb => Family::Sql,
            Format::Md5sums | Format::Sums => Family::Lines(format),
        });
    }
    let head = lines::without_mark(head).trim_ascii_start();
    if head.starts_with(b"{") {
        Ok(Family::Json)
    } else if head.starts_with(b"<?php") {
        Ok(Family::Php)
    } else if let Some(format) = first_line(head) {
        Ok(Family::Lines(format))
    } else if head.to_ascii_lowercase().windows(10).any(|word| word == b"tiki_secdb") {
        Ok(Family::Sql)
    } else {
        Err(ListError::Unknown)
    }
}

fn first_line(head: &[u8]) -> Option<Format> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
    if line == sums::SIGNED {
        return Some(Format::Sums);
    }
    sums::entry(line)?;
    let is_package = |line: &[u8]| {
        let (digest, path) = line.split_at_checked(34)?;
        let is_plain = digest.ends_with(b"  ") && TOP_FOLDERS.iter().any(|top| path.starts_with(top));
        let digest = std::str::from_utf8(&digest[..32]).ok()?;
        (is_plain && Digest::parse(digest).is_some()).then_some(Format::Md5sums)
    };
    Some(is_package(line).unwrap_or(Format::Sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_the_format() {
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        for (head, family_of) in [
            ("\u{feff}  {\"hashes\"".to_owned(), Some(Family::Json)),
            ("<?php\n// x".to_owned(), Some(Family::Php)),
            ("-- a dump\nINSERT INTO `tiki_secdb` (".to_owned(), Some(Family::Sql)),
            ("start transaction;\nDELETE FROM `Tiki_SecDB`;".to_owned(), Some(Family::Sql)),
            (format!("{md5}  usr/bin/true\n"), Some(Family::Lines(Format::Md5sums))),
            (format!("{md5}  index.php\n"), Some(Family::Lines(Format::Sums))),
            (format!("{md5} *usr/bin/true\n"), Some(Family::Lines(Format::Sums))),
            (format!("# made by\n\nMD5 (index.php) = {md5}\n"), Some(Family::Lines(Format::Sums))),
            ("-----BEGIN PGP SIGNED MESSAGE-----\n".to_owned(), Some(Family::Lines(Format::Sums))),
            ("<html>".to_owned(), None),
            ("900150983cd24fb0  a".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(family(head.as_bytes(), None).ok(), family_of, "{head}");
        }
        assert!(matches!(family(b"\xff\xfe{\0", None), Err(ListError::Utf16)));
    }
}
