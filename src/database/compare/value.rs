//! When two values are the same. Each becomes bytes in a form that does not
//! depend on the engine; NULL is nothing. `docs/compare.md` lists the rules.

/// A value as a database gives it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::database) enum Stored {
    Null,
    Integer(i64),
    Real(f64),
    /// Text, and everything that MySQL writes as text.
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

/// How the values of one pair of columns are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Bytes, as they are.
    Plain,
    /// By value: `007` is `7`, `1.50` is `1.5`.
    Number,
    /// A number with the bits of a DOUBLE.
    Double,
    /// A number with the bits of a FLOAT.
    Single,
    /// `T` between date and time, and zeros behind the seconds, do not count.
    Moment,
    /// SQLite against SQLite: 1 and '1' are not the same.
    Typed,
}

/// The bytes that are the same on both sides where the values are.
pub(super) fn canonical(family: Family, stored: Stored) -> Option<Vec<u8>> {
    match (family, stored) {
        (_, Stored::Null) => None,
        (Family::Typed, stored) => Some(typed(stored)),
        (Family::Single, Stored::Real(number)) => Some(real(f64::from(number as f32), true)),
        (_, Stored::Integer(number)) => Some(number.to_string().into_bytes()),
        (_, Stored::Real(number)) => Some(real(number, false)),
        (Family::Plain, Stored::Text(bytes)) | (_, Stored::Blob(bytes)) => Some(bytes),
        (Family::Number, Stored::Text(bytes)) => {
            Some(decimal(&bytes).unwrap_or_else(|| floating(bytes, false)))
        }
        (Family::Double, Stored::Text(bytes)) => Some(floating(bytes, false)),
        (Family::Single, Stored::Text(bytes)) => Some(floating(bytes, true)),
        (Family::Moment, Stored::Text(bytes)) => Some(moment(bytes)),
    }
}

fn typed(stored: Stored) -> Vec<u8> {
    let (kind, bytes) = match stored {
        Stored::Null => (b'-', Vec::new()),
        Stored::Integer(number) => (b'n', number.to_string().into_bytes()),
        Stored::Real(number) => (b'n', real(number, false)),
        Stored::Text(bytes) => (b't', bytes),
        Stored::Blob(bytes) => (b'b', bytes),
    };
    let mut tagged = Vec::with_capacity(bytes.len() + 1);
    tagged.push(kind);
    tagged.extend(bytes);
    tagged
}

/// The shortest digits that mean this number and no other.
fn real(number: f64, single: bool) -> Vec<u8> {
    match (number == 0.0, single) {
        (true, _) => b"0".to_vec(),
        (false, true) => (number as f32).to_string().into_bytes(),
        (false, false) => number.to_string().into_bytes(),
    }
}

fn floating(bytes: Vec<u8>, single: bool) -> Vec<u8> {
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<f64>().ok());
    number.filter(|number| number.is_finite()).map_or(bytes, |number| real(number, single))
}

/// A decimal number without what adds nothing to its value.
fn decimal(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (minus, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = fraction.trim_end_matches('0');
    let mut plain = String::with_capacity(text.len());
    if minus && (whole, fraction) != ("0", "") {
        plain.push('-');
    }
    plain.push_str(whole);
    if !fraction.is_empty() {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain.into_bytes())
}

fn moment(mut bytes: Vec<u8>) -> Vec<u8> {
    let day = |bytes: &[u8]| bytes.len() > 11 && bytes[4] == b'-' && bytes[7] == b'-';
    if day(&bytes) && bytes[10] == b'T' {
        bytes[10] = b' ';
    }
    if let Some(point) = bytes.iter().position(|byte| *byte == b'.') {
        while bytes.len() > point && matches!(bytes.last(), Some(b'0' | b'.')) {
            bytes.pop();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(family: Family, a: Stored, b: Stored) -> bool {
        canonical(family, a) == canonical(family, b)
    }

    fn text(text: &str) -> Stored {
        Stored::Text(text.into())
    }

    #[test]
    fn values_are_the_same_where_they_mean_the_same() {
        for (family, a, b) in [
            (Family::Number, text("007"), Stored::Integer(7)),
            (Family::Number, text("1.50"), Stored::Real(1.5)),
            (Family::Number, text("-0.00"), Stored::Integer(0)),
            (Family::Number, text("18446744073709551615"), text("18446744073709551615")),
            (Family::Number, text("100"), Stored::Real(100.0)),
            (Family::Number, text("1e20"), text("100000000000000000000")),
            (Family::Double, text("1e20"), Stored::Real(1e20)),
            (Family::Double, text("-0"), Stored::Real(0.0)),
            (Family::Single, text("0.10000000149011612"), Stored::Real(0.1)),
            (Family::Moment, text("2026-01-02 03:04:05.000"), text("2026-01-02T03:04:05")),
            (Family::Moment, text("0000-00-00 00:00:00"), text("0000-00-00 00:00:00")),
            (Family::Moment, text("03:04:05.120"), text("03:04:05.12")),
            (Family::Plain, text("a"), Stored::Blob(b"a".to_vec())),
            (Family::Typed, Stored::Integer(1), Stored::Real(1.0)),
            (Family::Plain, Stored::Null, Stored::Null),
        ] {
            assert!(same(family, a.clone(), b.clone()), "{family:?} {a:?} {b:?}");
        }
    }

    #[test]
    fn values_differ_where_they_mean_something_else() {
        for (family, a, b) in [
            (Family::Plain, Stored::Null, text("")),
            (Family::Plain, text("NULL"), Stored::Null),
            (Family::Plain, text("a"), text("a ")),
            (Family::Plain, text("012"), Stored::Integer(12)),
            (Family::Number, text("1.05"), text("1.5")),
            (Family::Number, text("10"), text("1")),
            (Family::Number, text(""), text("0")),
            (Family::Number, text("9007199254740993"), text("9007199254740992")),
            (Family::Double, text("0.1"), text("0.10000000000000002")),
            (Family::Single, text("0.10000000149011612"), text("0.10000000894069672")),
            (Family::Moment, text("2026-01-02 00:00:00"), text("2026-01-02 00:00:00.5")),
            (Family::Moment, text("2026-01-10"), text("2026-01-1")),
            (Family::Typed, Stored::Integer(1), text("1")),
            (Family::Typed, text("x"), Stored::Blob(b"x".to_vec())),
        ] {
            assert!(!same(family, a.clone(), b.clone()), "{family:?} {a:?} {b:?}");
        }
    }
}
