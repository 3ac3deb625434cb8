//! What values the types of columns hold.

/// A type as `information_schema` writes it, as far as its values go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Integer {
        min: i128,
        max: i128,
    },
    Decimal {
        digits: u32,
        scale: u32,
        unsigned: bool,
    },
    Real {
        double: bool,
        unsigned: bool,
    },
    /// At most so many characters or bytes.
    Text {
        characters: Option<u64>,
        bytes: Option<u64>,
        /// `CHAR`, which forgets blanks at its end.
        padded: bool,
    },
    Bytes {
        length: u64,
        /// `BINARY`, which fills up with zero bytes.
        padded: bool,
    },
    Enum(Vec<String>),
    Set(Vec<String>),
    Date,
    /// `DATETIME` with so many digits below the second.
    DateTime(u32),
    Timestamp(u32),
    Time(u32),
    Year,
    Bit(u32),
    Other(String),
}

pub(super) fn parse(sql_type: &str) -> Type {
    let (word, arguments) = match sql_type.split_once('(') {
        Some((word, rest)) => (word, rest.rsplit_once(')').map_or("", |(inside, _)| inside)),
        None => (sql_type.split(' ').next().unwrap_or_default(), ""),
    };
    let numbers: Vec<u32> = arguments.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let number = |at: usize, otherwise: u32| numbers.get(at).copied().unwrap_or(otherwise);
    let unsigned = sql_type.ends_with(" unsigned") || sql_type.contains(" unsigned ");
    match word.to_ascii_lowercase().as_str() {
        "tinyint" => integer(8, unsigned),
        "smallint" => integer(16, unsigned),
        "mediumint" => integer(24, unsigned),
        "int" => integer(32, unsigned),
        "bigint" => integer(64, unsigned),
        "decimal" => Type::Decimal { digits: number(0, 10), scale: number(1, 0), unsigned },
        "float" => Type::Real { double: false, unsigned },
        "double" => Type::Real { double: true, unsigned },
        "varchar" => text(Some(number(0, 1).into()), None, false),
        "char" => text(Some(number(0, 1).into()), None, true),
        "tinytext" => text(None, Some(0xff), false),
        "text" => text(None, Some(0xffff), false),
        "mediumtext" => text(None, Some(0xff_ffff), false),
        "longtext" => text(None, Some(0xffff_ffff), false),
        "varbinary" => Type::Bytes { length: number(0, 1).into(), padded: false },
        "binary" => Type::Bytes { length: number(0, 1).into(), padded: true },
        "tinyblob" => Type::Bytes { length: 0xff, padded: false },
        "blob" => Type::Bytes { length: 0xffff, padded: false },
        "mediumblob" => Type::Bytes { length: 0xff_ffff, padded: false },
        "longblob" => Type::Bytes { length: 0xffff_ffff, padded: false },
        "enum" => Type::Enum(words(arguments)),
        "set" => Type::Set(words(arguments)),
        "date" => Type::Date,
        "datetime" => Type::DateTime(number(0, 0)),
        "timestamp" => Type::Timestamp(number(0, 0)),
        "time" => Type::Time(number(0, 0)),
        "year" => Type::Year,
        "bit" => Type::Bit(number(0, 1)),
        other => Type::Other(other.to_owned()),
    }
}

fn integer(bits: u32, unsigned: bool) -> Type {
    match unsigned {
        true => Type::Integer { min: 0, max: (1 << bits) - 1 },
        false => Type::Integer { min: -(1 << (bits - 1)), max: (1 << (bits - 1)) - 1 },
    }
}

fn text(characters: Option<u64>, bytes: Option<u64>, padded: bool) -> Type {
    Type::Text { characters, bytes, padded }
}

/// The words of an ENUM or SET, without their quotes.
fn words(arguments: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = arguments.chars().peekable();
    while let Some(c) = chars.next() {
        match (&mut word, c) {
            (None, '\'') => word = Some(String::new()),
            (None, _) => {}
            (Some(text), '\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
            (Some(_), '\'') => words.extend(word.take()),
            (Some(text), c) => text.push(c),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_server_writes_them() {
        for (sql_type, expected) in [
            ("int(10) unsigned", Type::Integer { min: 0, max: 4_294_967_295 }),
            ("int unsigned zerofill", Type::Integer { min: 0, max: 4_294_967_295 }),
            ("tinyint(1)", Type::Integer { min: -128, max: 127 }),
            ("bigint(20) unsigned", Type::Integer { min: 0, max: u64::MAX.into() }),
            ("decimal(10,2)", Type::Decimal { digits: 10, scale: 2, unsigned: false }),
            ("double unsigned", Type::Real { double: true, unsigned: true }),
            ("char(3)", text(Some(3), None, true)),
            ("longtext", text(None, Some(4_294_967_295), false)),
            ("enum('a','b''c','d,)')", Type::Enum(vec!["a".into(), "b'c".into(), "d,)".into()])),
            ("timestamp(3)", Type::Timestamp(3)),
            ("datetime", Type::DateTime(0)),
            ("geometry", Type::Other("geometry".into())),
        ] {
            assert_eq!(parse(sql_type), expected, "{sql_type}");
        }
    }
}
