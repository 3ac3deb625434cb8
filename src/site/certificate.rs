//! When a certificate expires: the one thing of it that is asked here. It has
//! been verified before by whoever spoke TLS.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
/// The version, which stands first where it is not the oldest.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the validity of a certificate in DER; `None` where it cannot be read.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let mut rest = certificate;
    let mut certificate = sequence(&mut rest)?;
    let mut body = sequence(&mut certificate)?;
    let mut field = next(&mut body)?;
    if field.0 == VERSION {
        field = next(&mut body)?;
    }
    // That was the serial number; algorithm and issuer come before the validity.
    let _number = field;
    let (_algorithm, _issuer) = (next(&mut body)?, next(&mut body)?);
    let mut validity = sequence(&mut body)?;
    let (_not_before, (kind, text)) = (next(&mut validity)?, next(&mut validity)?);
    time(kind, std::str::from_utf8(text).ok()?)
}

fn time(kind: u8, text: &str) -> Option<Timestamp> {
    let text = match kind {
        // Two digits stand for the years from 1950 to 2049.
        UTC_TIME => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn sequence<'d>(from: &mut &'d [u8]) -> Option<&'d [u8]> {
    next(from).filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| content)
}

/// The next element: its tag and content.
fn next<'d>(from: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (&[tag, first], rest) = from.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some((tag, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Self-signed, for `x`, by an elliptic curve.
    const UNTIL_2049: &[u8] = include_bytes!("../../tests/fixtures/certificate-until-2049.der");
    const UNTIL_2051: &[u8] = include_bytes!("../../tests/fixtures/certificate-until-2051.der");

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        for (der, expected) in [(UNTIL_2049, "2049-06-30T12:00:00Z"), (UNTIL_2051, "2051-06-30T12:00:00Z")] {
            assert_eq!(not_after(der).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn nothing_that_is_cut_or_bent_is_more_than_unreadable() {
        for length in 0..UNTIL_2049.len() {
            let _ = not_after(&UNTIL_2049[..length]);
        }
        for bit in 0..UNTIL_2049.len() * 8 {
            let mut bent = UNTIL_2049.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            let _ = not_after(&bent);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
