//! Numbers that are too large or too fine.

use crate::database::schema::model::Column;
use crate::database::schema::mysql::narrow::Loss;
use crate::database::schema::mysql::narrow::changed;
use crate::database::schema::mysql::narrow::nothing;
use crate::database::schema::mysql::narrow::values;
use crate::database::schema::mysql::types::Type;

/// A number and nothing else; the blanks around it are no loss.
const NUMBER: &str = "'^ *[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)? *$'";

/// Text that is to be a number: it has to be one first.
pub(super) fn number(name: &str, to: &Column, old: &Type, new: &Type) -> Vec<Loss> {
    let (read, kind, scale) = match new {
        Type::Real { .. } => (format!("({name} + 0)"), Type::Real { double: true, unsigned: false }, None),
        _ => {
            let scale = if let Type::Decimal { scale, .. } = new { *scale } else { 0 };
            let exact = Type::Decimal { digits: 65, scale: 20, unsigned: false };
            (format!("CAST({name} AS DECIMAL(65,20))"), exact, Some(scale))
        }
    };
    let mut losses = vec![no_number(name, to, old, new)];
    for mut loss in values(&read, to, &kind, new) {
        loss.lost = format!("{name} REGEXP {NUMBER} AND {}", loss.lost);
        // No more digits than the number to come has: text is read strictly.
        if let (Some(instead), Some(scale)) = (&mut loss.instead, scale) {
            *instead = format!("ROUND({instead}, {scale})");
        }
        losses.push(loss);
    }
    losses
}

fn no_number(name: &str, to: &Column, old: &Type, new: &Type) -> Loss {
    Loss {
        lost: format!("{name} NOT REGEXP {NUMBER}"),
        instead: Some(nothing(to, old, new)),
        how: "emptied where it is no number".into(),
        ..Loss::default()
    }
}

pub(super) fn out_of_range(name: &str, old: &Type, min: &str, max: &str) -> Option<Loss> {
    if let Type::Integer { min: lowest, max: highest } = old {
        let is = |limit: &str, value: i128, below: bool| {
            limit.parse::<i128>().is_ok_and(|limit| if below { limit <= value } else { limit >= value })
        };
        if is(min, *lowest, true) && is(max, *highest, false) {
            return None;
        }
    }
    Some(Loss {
        lost: format!("({name} < {min} OR {name} > {max})"),
        instead: Some(format!("LEAST(GREATEST({name}, {min}), {max})")),
        how: format!("kept within {min} and {max}"),
        ..Loss::default()
    })
}

pub(super) fn decimal(name: &str, old: &Type, digits: u32, scale: u32, unsigned: bool) -> Vec<Loss> {
    let mut losses = Vec::new();
    let finer = match old {
        Type::Decimal { scale: before, .. } => *before > scale,
        Type::Real { .. } => true,
        _ => false,
    };
    if finer {
        losses.push(changed(name, format!("ROUND({name}, {scale})"), &format!("rounded to {scale} digits")));
    }
    let max = largest(digits, scale, scale);
    // What takes its place stands in the old type for a while, which may round it up again.
    let kept = match old {
        Type::Decimal { scale: before, .. } => largest(digits, scale, scale.min(*before)),
        Type::Real { .. } => max.clone(),
        _ => largest(digits, scale, 0),
    };
    let min = |max: &str| if unsigned { "0".into() } else { format!("-{max}") };
    losses.extend(out_of_range(name, old, &min(&max), &max).map(|loss| Loss {
        instead: Some(format!("LEAST(GREATEST({name}, {}), {kept})", min(&kept))),
        how: format!("kept within {} and {kept}", min(&kept)),
        ..loss
    }));
    losses
}

/// The largest number of so many digits, of which only `shown` of those behind the point count.
fn largest(digits: u32, scale: u32, shown: u32) -> String {
    let (whole, behind) = ("9".repeat((digits - scale.min(digits)) as usize), "9".repeat(shown as usize));
    match (whole.is_empty(), behind.is_empty()) {
        (false, true) => whole,
        (true, true) => "0".into(),
        (true, false) => format!("0.{behind}"),
        (false, false) => format!("{whole}.{behind}"),
    }
}

pub(super) fn real(name: &str, old: &Type, double: bool, unsigned: bool) -> Vec<Loss> {
    let mut losses = Vec::new();
    let exact = if double { 1_i128 << 53 } else { 1 << 24 };
    let fits = |value: &i128| value.abs() <= exact;
    let is_exact = match old {
        Type::Integer { min, max } => fits(min) && fits(max),
        Type::Real { double: before, .. } => double || !before,
        Type::Year => true,
        Type::Bit(bits) => *bits <= 24,
        _ => false,
    };
    if !is_exact {
        let kept = if double { format!("CAST({name} AS DOUBLE)") } else { format!("CAST({name} AS FLOAT)") };
        losses.push(Loss {
            lost: format!("{name} <> CAST({kept} AS {})", exactly(old)),
            instead: None,
            how: "not exact any more".into(),
            ..Loss::default()
        });
    }
    if unsigned {
        losses.push(Loss {
            lost: format!("{name} < 0"),
            instead: Some("0".into()),
            how: "0 where it is below".into(),
            ..Loss::default()
        });
    }
    losses
}

/// The type to compare in, so that nothing is rounded on the way.
fn exactly(old: &Type) -> String {
    match old {
        Type::Decimal { digits, scale, .. } => format!("DECIMAL({digits},{scale})"),
        Type::Real { .. } => "DOUBLE".into(),
        _ => "DECIMAL(30,0)".into(),
    }
}
