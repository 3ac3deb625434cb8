//! In which order views can be made.

use crate::database::schema::declared::draft::ViewDraft;

/// Each view behind those that it reads; in a circle, as they stand.
pub(super) fn in_order<'v>(views: &'v [ViewDraft], prefix: &str) -> Vec<&'v ViewDraft> {
    let reads = |view: &ViewDraft, other: &ViewDraft| {
        let name = format!("{prefix}{}", other.name);
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
        view.text.match_indices(&name).any(|(at, _)| {
            let before = view.text[..at].chars().next_back();
            let after = view.text[at + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    let mut open: Vec<&ViewDraft> = views.iter().collect();
    let mut done = Vec::new();
    while !open.is_empty() {
        let is_free =
            |view: &&ViewDraft| !open.iter().any(|other| other.name != view.name && reads(view, other));
        let at = open.iter().position(is_free).unwrap_or(0);
        done.push(open.remove(at));
    }
    done
}
