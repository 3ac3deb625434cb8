//! Extended headers of POSIX tar: `LENGTH KEY=VALUE\n`, one behind the other.
//!
//! Format: POSIX.1-2017, pax, "pax Extended Header". Read here and not by a
//! library, because values may hold line breaks and lengths may lie.

use crate::release::archive::error::Why;

/// What an extended header says that matters to us.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

/// Reads a header of one entry.
pub(super) fn parse(raw: &[u8]) -> Result<Pax, Why> {
    let mut pax = Pax::default();
    for (key, value) in records(raw)? {
        match key {
            b"path" => once(&mut pax.path, value.to_vec())?,
            b"linkpath" => once(&mut pax.link, value.to_vec())?,
            b"size" => once(&mut pax.size, number(value).ok_or(BROKEN)?)?,
            other => check_other(other, value)?,
        }
    }
    Ok(pax)
}

/// Checks a header for all following entries: it may tell nothing that an
/// entry has to tell itself. `git archive` writes its commit there.
pub(super) fn check_global(raw: &[u8]) -> Result<(), Why> {
    for (key, value) in records(raw)? {
        match key {
            b"path" | b"linkpath" | b"size" => {
                return Err(Why::Malformed { what: "a global header names a path or a size" });
            }
            other => check_other(other, value)?,
        }
    }
    Ok(())
}

const BROKEN: Why = Why::Malformed { what: "the extended header is broken" };

fn check_other(key: &[u8], value: &[u8]) -> Result<(), Why> {
    if key.starts_with(b"GNU.sparse.") || key == b"SCHILY.realsize" {
        return Err(Why::Kind { what: "a sparse file" });
    }
    if matches!(key, b"hdrcharset" | b"charset") && value != b"ISO-IR 10646 2000 UTF-8" {
        return Err(Why::Malformed { what: "the extended header is not in UTF-8" });
    }
    Ok(())
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Why> {
    if place.replace(value).is_some() {
        return Err(Why::Malformed { what: "the extended header says one thing twice" });
    }
    Ok(())
}

/// Key and value.
type Record<'r> = (&'r [u8], &'r [u8]);

fn records(mut raw: &[u8]) -> Result<Vec<Record<'_>>, Why> {
    let mut records = Vec::new();
    while !raw.is_empty() {
        let space = raw.iter().take(12).position(|byte| *byte == b' ').ok_or(BROKEN)?;
        let length = number(&raw[..space]).and_then(|length| usize::try_from(length).ok()).ok_or(BROKEN)?;
        let record = raw.get(space + 1..length).ok_or(BROKEN)?;
        let (b'\n', record) = record.split_last().ok_or(BROKEN)? else { return Err(BROKEN) };
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
        records.push((&record[..equals], &record[equals + 1..]));
        raw = &raw[length..];
    }
    Ok(records)
}

/// Decimal digits and nothing else; `str::parse` would take a sign.
fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_cut_by_their_length() {
        let pax = parse(b"13 path=a\nb=\n12 size=123\n18 mtime=1700000000\n").err();
        assert!(pax.is_some(), "wrong lengths must not pass");
        let pax = parse(b"13 path=a\nb=\n12 size=123\n20 mtime=1700000000\n").unwrap();
        assert_eq!(pax.path.unwrap(), b"a\nb=");
        assert_eq!(pax.size, Some(123));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for raw in [
            &b"9 path=a\n10 path=bb\n"[..],
            b"99 path=a\n",
            b"0 path=a\n",
            b"2 \n",
            b"+9 path=a\n",
            b"9 path=a;",
            b"8 path a\n",
            b"path=a\n",
            b"9 path=a\n\0\0\0",
            b"10 size=+1\n",
            b"10 size=-1\n",
            b"21 GNU.sparse.major=1\n",
            b"21 hdrcharset=BINARY\n",
        ] {
            assert!(parse(raw).is_err(), "{:?} was taken", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn a_global_header_may_hold_a_comment_only() {
        assert!(check_global(b"21 comment=0123456789\n").is_err(), "the length is wrong");
        assert!(check_global(b"22 comment=0123456789\n").is_ok());
        assert!(check_global(b"9 path=a\n").is_err());
        assert!(check_global(b"9 size=0\n").is_err());
    }
}
