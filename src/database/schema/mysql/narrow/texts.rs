//! Texts, bytes and words that find no room.

use crate::database::mysql::literal;
use crate::database::schema::model::Column;
use crate::database::schema::mysql::narrow::Loss;
use crate::database::schema::mysql::narrow::charset;
use crate::database::schema::mysql::narrow::nothing;
use crate::database::schema::mysql::types::Type;

pub(super) fn text(name: &str, to: &Column, old: &Type, new: &Type) -> Vec<Loss> {
    let Type::Text { characters, bytes, padded } = new else { return Vec::new() };
    let longest = match old {
        Type::Text { characters, bytes, .. } => characters.or(*bytes),
        _ => None,
    };
    let mut losses = Vec::new();
    let cut = |lost: String, length: u64, how: String| Loss {
        lost,
        instead: Some(format!("LEFT({name}, {length})")),
        how,
        ..Loss::default()
    };
    if let Some(limit) = characters.filter(|limit| longest.is_none_or(|longest| longest > *limit)) {
        losses.push(cut(
            format!("CHAR_LENGTH({name}) > {limit}"),
            limit,
            format!("cut to {limit} characters"),
        ));
    }
    let wide = widest(to.collation.as_deref().unwrap_or_default());
    let always = |limit: u64| match old {
        Type::Text { characters: Some(longest), .. } => longest * wide <= limit,
        Type::Text { bytes: Some(longest), .. } => *longest <= limit,
        _ => false,
    };
    if let Some(limit) = bytes.filter(|limit| !always(*limit)) {
        let charset = charset(to.collation.as_deref().unwrap_or("utf8mb4"));
        let lost = format!("LENGTH(CONVERT({name} USING {charset})) > {limit}");
        losses.push(cut(lost, limit / wide, format!("cut to {limit} bytes")));
    }
    if *padded && !matches!(old, Type::Text { padded: true, .. }) {
        losses.push(Loss {
            lost: format!("{name} LIKE '% '"),
            instead: Some(format!("TRIM(TRAILING ' ' FROM {name})")),
            how: "without the blanks at its end".into(),
            ..Loss::default()
        });
    }
    losses
}

/// The most bytes that one letter takes.
fn widest(collation: &str) -> u64 {
    match charset(collation) {
        "latin1" | "ascii" | "latin2" | "cp1250" | "cp1251" | "koi8r" | "binary" => 1,
        "utf8" | "utf8mb3" => 3,
        _ => 4,
    }
}

pub(super) fn bytes(name: &str, old: &Type, new: &Type, limit: u64) -> Vec<Loss> {
    let mut losses = Vec::new();
    if !matches!(old, Type::Bytes { length, .. } if *length <= limit) {
        losses.push(Loss {
            lost: format!("LENGTH({name}) > {limit}"),
            instead: matches!(old, Type::Bytes { .. }).then(|| format!("LEFT({name}, {limit})")),
            how: format!("cut to {limit} bytes"),
            ..Loss::default()
        });
    }
    if matches!(new, Type::Bytes { padded: true, .. }) {
        losses.push(Loss {
            lost: format!("LENGTH({name}) < {limit}"),
            instead: None,
            how: format!("filled up to {limit} bytes"),
            ..Loss::default()
        });
    }
    losses
}

fn list(words: &[String]) -> String {
    words.iter().map(|word| literal(word)).collect::<Vec<_>>().join(", ")
}

pub(super) fn one_of(name: &str, to: &Column, new: &Type, old: &Type, words: &[String]) -> Vec<Loss> {
    if matches!(old, Type::Enum(before) if before.iter().all(|word| words.contains(word))) {
        return Vec::new();
    }
    // The value of a removed word has to be one that the old type knows, too.
    let left = match (to.nullable, old) {
        (true, _) => Some("NULL".into()),
        (false, Type::Enum(before)) => {
            words.iter().find(|word| before.contains(word)).map(|word| literal(word))
        }
        (false, _) => Some(nothing(to, old, new)),
    };
    vec![Loss {
        lost: format!("{name} NOT IN ({})", list(words)),
        instead: left,
        how: "emptied where its word is no more".into(),
        ..Loss::default()
    }]
}

pub(super) fn set(name: &str, before: &[String], after: &[String]) -> Vec<Loss> {
    let removed = before.iter().filter(|word| !after.contains(word));
    let one = |word: &String| Loss {
        lost: format!("FIND_IN_SET({}, {name})", literal(word)),
        instead: Some(format!(
            "TRIM(BOTH ',' FROM REPLACE(CONCAT(',', {name}, ','), CONCAT(',', {}, ','), ','))",
            literal(word)
        )),
        how: format!("without {word}"),
        ..Loss::default()
    };
    removed.map(one).collect()
}
