//! Which values of a column do not survive a change of its definition, and
//! what is left of them where the release allows the loss. The server itself
//! refuses some in strict mode and cuts others in silence; here both count.

mod numbers;
mod texts;

use crate::database::connection::DatabaseError;
use crate::database::mysql::literal;
use crate::database::schema::model::Column;
use crate::database::schema::mysql::narrow::numbers::decimal;
use crate::database::schema::mysql::narrow::numbers::number;
use crate::database::schema::mysql::narrow::numbers::out_of_range;
use crate::database::schema::mysql::narrow::numbers::real;
use crate::database::schema::mysql::narrow::texts::bytes;
use crate::database::schema::mysql::narrow::texts::one_of;
use crate::database::schema::mysql::narrow::texts::set;
use crate::database::schema::mysql::narrow::texts::text;
use crate::database::schema::mysql::types;
use crate::database::schema::mysql::types::Type;
use crate::database::schema::mysql::write::quoted;

/// Values that are lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss {
    /// Holds for rows whose value does not survive.
    pub lost: String,
    /// What stands there instead; `None` where nobody can tell.
    pub instead: Option<String>,
    /// In a few words: `cut to 20 characters`.
    pub how: String,
    /// The server calls it an error even where it is said in so many words.
    pub is_error: bool,
}

/// All losses of one column, to be looked at in this order: each assumes that
/// those before it are no more.
pub(super) fn losses(from: &Column, to: &Column) -> Result<Vec<Loss>, DatabaseError> {
    if from.generated.is_some() || to.generated.is_some() {
        return Ok(Vec::new());
    }
    let name = quoted(&from.name)?;
    // What is emptied is emptied while the old definition still stands.
    let to = &Column { nullable: from.nullable && to.nullable, ..to.clone() };
    let (old, new) = (types::parse(&from.sql_type), types::parse(&to.sql_type));
    let mut losses = Vec::new();
    losses.extend(foreign_letters(&name, from, to, &old, &new));
    if old != new {
        losses.extend(values(&name, to, &old, &new));
    }
    if from.nullable && !to.nullable {
        losses.push(Loss {
            lost: format!("{name} IS NULL"),
            instead: Some(filling(to, &old, &new)),
            how: "filled in where it is NULL".into(),
            ..Loss::default()
        });
    }
    Ok(losses)
}

/// What stands where there was nothing: a value that both types know, since it
/// is written while the old one still stands.
fn filling(column: &Column, old: &Type, new: &Type) -> String {
    use Type::*;
    let is_number = |text: &str| text.trim_matches('\'').parse::<f64>().is_ok();
    let wanted = column.default.clone().unwrap_or_else(|| neutral(new));
    let is_known = match old {
        Integer { .. } | Decimal { .. } | Real { .. } | Bit(_) | Year => is_number(&wanted),
        Date | DateTime(_) | Timestamp(_) => matches!(new, Date | DateTime(_) | Timestamp(_)),
        _ => true,
    };
    if is_known { wanted } else { neutral(old) }
}

fn neutral(kind: &Type) -> String {
    match kind {
        Type::Enum(words) => words.first().map_or("''".into(), |word| literal(word)),
        Type::Date => "'1970-01-01'".into(),
        Type::DateTime(_) | Type::Timestamp(_) => "'1970-01-02 00:00:00'".into(),
        Type::Text { .. } | Type::Bytes { .. } | Type::Set(_) => "''".into(),
        _ => "0".into(),
    }
}

/// What stands where nothing is left of a value.
fn nothing(column: &Column, old: &Type, new: &Type) -> String {
    if column.nullable { "NULL".into() } else { filling(column, old, new) }
}

fn charset(collation: &str) -> &str {
    collation.split_once('_').map_or(collation, |(charset, _)| charset)
}

/// Letters that the character set to come does not have.
fn foreign_letters(name: &str, from: &Column, to: &Column, old: &Type, new: &Type) -> Option<Loss> {
    let is_text = |kind: &Type| matches!(kind, Type::Text { .. } | Type::Enum(_) | Type::Set(_));
    let (Some(before), Some(after)) = (&from.collation, &to.collation) else { return None };
    let (before, after) = (charset(before), charset(after));
    let is_wider = after == "utf8mb4" || (before == "ascii" && after != "ucs2") || before == after;
    if is_wider || !is_text(old) || !is_text(new) {
        return None;
    }
    let kept = format!("CONVERT(CONVERT({name} USING {after}) USING {before})");
    Some(Loss {
        lost: format!("CAST({name} AS BINARY) <> CAST({kept} AS BINARY)"),
        instead: matches!(old, Type::Text { .. }).then_some(kept),
        how: format!("letters that {after} lacks become ?"),
        is_error: true,
    })
}

fn values(name: &str, to: &Column, old: &Type, new: &Type) -> Vec<Loss> {
    use Type::*;
    match (old, new) {
        (Integer { .. } | Decimal { .. } | Real { .. } | Bit(_) | Year, Integer { min, max }) => {
            let mut losses: Vec<Loss> = matches!(old, Decimal { .. } | Real { .. })
                .then(|| changed(name, format!("ROUND({name})"), "rounded"))
                .into_iter()
                .collect();
            losses.extend(out_of_range(name, old, &min.to_string(), &max.to_string()));
            losses
        }
        (
            Integer { .. } | Decimal { .. } | Real { .. } | Bit(_) | Year,
            Decimal { digits, scale, unsigned },
        ) => decimal(name, old, *digits, *scale, *unsigned),
        (Integer { .. } | Decimal { .. } | Real { .. } | Bit(_) | Year, Real { double, unsigned }) => {
            real(name, old, *double, *unsigned)
        }
        (Text { .. } | Enum(_) | Set(_), Text { .. }) => text(name, to, old, new),
        (Text { .. }, Bytes { length, .. }) | (Bytes { .. }, Bytes { length, .. }) => {
            bytes(name, old, new, *length)
        }
        (Enum(_) | Text { .. }, Enum(words)) => one_of(name, to, new, old, words),
        (Set(before), Set(after)) => set(name, before, after),
        (Text { .. }, Integer { .. } | Decimal { .. } | Real { .. }) => number(name, to, old, new),
        (DateTime(_) | Timestamp(_), Date) => vec![changed(name, format!("DATE({name})"), "cut to the day")],
        (DateTime(before) | Timestamp(before), DateTime(after)) if after < before => {
            vec![fraction(name, *after)]
        }
        (DateTime(_), Timestamp(_)) => timestamp(name, to, old, new),
        (Timestamp(before), Timestamp(after)) | (Time(before), Time(after)) if after < before => {
            vec![fraction(name, *after)]
        }
        (Date, DateTime(_)) | (Timestamp(_) | DateTime(_), DateTime(_)) | (Timestamp(_), Timestamp(_)) => {
            Vec::new()
        }
        (Time(_), Time(_)) => Vec::new(),
        (
            Date
            | Year
            | DateTime(_)
            | Timestamp(_)
            | Time(_)
            | Integer { .. }
            | Decimal { .. }
            | Real { .. },
            Text { .. },
        ) => written(name, to, old, new),
        (Text { .. }, Date | DateTime(_) | Timestamp(_)) => vec![Loss {
            lost: format!("({name} IS NOT NULL AND CAST({name} AS DATETIME) IS NULL)"),
            how: "no time that can be read".into(),
            ..Loss::default()
        }],
        (Bit(before), Bit(after)) if after >= before => Vec::new(),
        _ => vec![Loss {
            lost: format!("{name} IS NOT NULL"),
            instead: None,
            how: format!("turned into {}", to.sql_type),
            ..Loss::default()
        }],
    }
}

fn changed(name: &str, instead: String, how: &str) -> Loss {
    Loss { lost: format!("{name} <> {instead}"), instead: Some(instead), how: how.into(), ..Loss::default() }
}

fn fraction(name: &str, digits: u32) -> Loss {
    // What the server does with `TRUNCATE` for times.
    let unit = 1_000_000 / 10_u32.pow(digits);
    let instead = format!("{name} - INTERVAL MICROSECOND({name}) % {unit} MICROSECOND");
    Loss {
        lost: format!("MICROSECOND({name}) % {unit} <> 0"),
        instead: Some(instead),
        how: format!("cut to {digits} digits below the second"),
        ..Loss::default()
    }
}

fn timestamp(name: &str, to: &Column, old: &Type, new: &Type) -> Vec<Loss> {
    let mut losses = vec![Loss {
        lost: format!("({name} < '1970-01-02 00:00:00' OR {name} > '2038-01-18 00:00:00')"),
        instead: Some(nothing(to, old, new)),
        how: "emptied where it is no time between 1970 and 2038".into(),
        ..Loss::default()
    }];
    if let (Type::DateTime(before), Type::Timestamp(after)) = (old, new)
        && after < before
    {
        losses.push(fraction(name, *after));
    }
    losses
}

/// Numbers and times as text, which may not have room for them.
fn written(name: &str, to: &Column, old: &Type, new: &Type) -> Vec<Loss> {
    let (limit, length) = match new {
        Type::Text { characters: Some(limit), .. } => (*limit, "CHAR_LENGTH"),
        Type::Text { bytes: Some(limit), .. } => (*limit, "LENGTH"),
        _ => return Vec::new(),
    };
    match limit > 70 {
        true => Vec::new(),
        false => vec![Loss {
            lost: format!("{length}({name}) > {limit}"),
            instead: Some(nothing(to, old, new)),
            how: format!("more than {limit} characters when written"),
            ..Loss::default()
        }],
    }
}
