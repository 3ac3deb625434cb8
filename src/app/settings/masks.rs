//! What is secret in settings is shown as a mark that says where it stands, and
//! comes back to that place alone when the text is written.

use std::ops::Range;

use url::Url;

use crate::app::failure::Failure;
use crate::app::settings::places;
use crate::app::settings::places::Leaf;
use crate::app::settings::places::without_numbers;
use crate::base::exit::Exit;

const BEGIN: &str = "(secret: ";

/// Whoever knows these addresses may write there.
const SECRET: [&str; 5] = [
    "notify.webhook.url",
    "notify.heartbeat.url",
    "notify.heartbeat.start",
    "notify.heartbeat.success",
    "notify.heartbeat.fail",
];

/// What stands before a secret in an argument or a comment.
const WORDS: [&str; 8] =
    ["password", "passwd", "passphrase", "token", "secret", "api-key", "api_key", "apikey"];

struct Secret {
    /// The whole value with its quotation marks, or the text of a comment.
    range: Range<usize>,
    /// Its name, or `comment 1`.
    place: String,
    is_comment: bool,
}

/// Whether what stands at this name is not to be shown.
pub fn is_secret(path: &str, text: &str) -> bool {
    SECRET.contains(&without_numbers(path).as_str()) || looks_secret(text)
}

/// An address with a password or a query, or something behind a telling word.
fn looks_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let follows = |word: &str| {
        let mut rests = lower.match_indices(word).map(|(at, _)| lower[at + word.len()..].trim_start());
        rests.any(|rest| rest.starts_with(['=', ':']) && rest.len() > 1)
    };
    WORDS.iter().any(|word| follows(word))
        || lower.contains("bearer ")
        || lower.split([' ', '"', '\'', '<', '>', ',']).any(holds_credentials)
}

fn holds_credentials(word: &str) -> bool {
    let Some(at) = word.find("://") else { return false };
    let scheme = word[..at].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+').map_or(0, |at| at + 1);
    let behind = &word[at + 3..];
    match Url::parse(&word[scheme..]) {
        Ok(url) => {
            let is_web = matches!(url.scheme(), "http" | "https");
            url.password().is_some() || is_web && (url.query().is_some() || !url.username().is_empty())
        }
        Err(_) => behind.split('/').next().is_some_and(|host| host.contains('@')),
    }
}

/// In the order of the text.
fn secrets(text: &str) -> Vec<Secret> {
    let Some(leaves) = places::leaves(text) else { return in_no_toml(text) };
    let mut found = Vec::new();
    for (at, leaf) in leaves.iter().enumerate() {
        let Some(value) = &leaf.text else { continue };
        if is_secret(&leaf.path, value) || follows_telling_word(&leaves[..at], leaf) {
            let place = plain(&leaf.path);
            found.push(Secret { range: leaf.range.clone(), place, is_comment: false });
        }
    }
    let comments = comments(text, &leaves).into_iter().filter(|range| looks_secret(&text[range.clone()]));
    for (at, range) in comments.enumerate() {
        found.push(Secret { range, place: format!("comment {}", at + 1), is_comment: true });
    }
    found.sort_by_key(|secret| secret.range.start);
    found
}

/// `["program", "--password", "hush"]`
fn follows_telling_word(before: &[Leaf], leaf: &Leaf) -> bool {
    let above = |path: &str| path.rsplit_once('.').map(|(above, _)| above.to_owned());
    let Some(last) = before.last() else { return false };
    let is_list = leaf.path.rsplit('.').next().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
    let said = last.text.as_deref().unwrap_or_default().to_ascii_lowercase();
    is_list
        && above(&last.path) == above(&leaf.path)
        && said.starts_with('-')
        && WORDS.iter().any(|word| said.ends_with(word))
}

/// What stands behind each `#` that is in no value.
fn comments(text: &str, leaves: &[Leaf]) -> Vec<Range<usize>> {
    let mut values: Vec<&Range<usize>> = leaves.iter().map(|leaf| &leaf.range).collect();
    values.sort_by_key(|range| range.start);
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('#') {
        let begun = values.partition_point(|range| range.start <= at);
        let is_in_value = begun > 0 && values[begun - 1].contains(&at);
        if is_in_value || found.last().is_some_and(|comment| at < comment.end) {
            continue;
        }
        let end = text[at..].find(['\r', '\n']).map_or(text.len(), |end| at + end);
        found.push(at + 1..end);
    }
    found
}

/// Where nobody knows what is a value, each line that looks secret is one.
fn in_no_toml(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let kept = line.trim_end_matches(['\r', '\n']);
        let is_named = SECRET.iter().any(|name| {
            let last = name.rsplit('.').next().unwrap_or_default();
            kept.trim_start().trim_start_matches('#').trim_start().starts_with(last) && kept.contains("://")
        });
        if is_named || looks_secret(kept) {
            let place = format!("line {}", at + 1);
            found.push(Secret { range: start..start + kept.len(), place, is_comment: true });
        }
        start += line.len();
    }
    found
}

fn plain(path: &str) -> String {
    path.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')).collect()
}

/// The text as it may be shown.
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for Secret { range, place, is_comment } in secrets(text) {
        shown.push_str(&text[from..range.start]);
        let mark = format!("{BEGIN}{place})");
        shown.push_str(&if is_comment { format!(" {mark}") } else { format!("\"{mark}\"") });
        from = range.end;
    }
    shown.push_str(&text[from..]);
    shown
}

/// What was typed, with each mark replaced by what stands at that place of
/// `old`. A mark at another place is refused: it would show what it hides.
pub fn unmasked(typed: &str, old: &str) -> Result<String, Failure> {
    let known = secrets(old);
    let mut text = String::with_capacity(typed.len());
    let mut put: Vec<(Range<usize>, &str)> = Vec::new();
    let mut rest = typed;
    while let Some(at) = rest.find(BEGIN) {
        let behind = &rest[at + BEGIN.len()..];
        let place = behind.split(')').next().unwrap_or_default();
        let secret = known.iter().find(|secret| secret.place == place).ok_or_else(|| unknown(place))?;
        let (before, after) = (&rest[..at], behind.get(place.len() + 1..).unwrap_or_default());
        let (before, after) = match secret.is_comment {
            true => (before.strip_suffix(' ').unwrap_or(before), after),
            false => unquoted(before, after).ok_or_else(|| moved(place))?,
        };
        text.push_str(before);
        let start = text.len();
        text.push_str(&old[secret.range.clone()]);
        put.push((start..text.len(), &secret.place));
        rest = after;
    }
    text.push_str(rest);
    // Of a text that is no TOML nobody can say where its secrets belong.
    if places::leaves(old).is_some() && places::leaves(&text).is_some() {
        let now = secrets(&text);
        for (range, place) in &put {
            let same = |secret: &Secret| {
                let [there, here] = [secret.place.as_str(), place].map(group);
                secret.range == *range && there == here
            };
            if !now.iter().any(same) {
                return Err(moved(place));
            }
        }
    }
    Ok(text)
}

/// Values of one list may change their order, comments may stand anywhere.
fn group(place: &str) -> String {
    match place.split_once(' ') {
        Some((kind, _)) => kind.to_owned(),
        None => without_numbers(place),
    }
}

fn unquoted<'t>(before: &'t str, after: &'t str) -> Option<(&'t str, &'t str)> {
    let one = |mark: char| Some((before.strip_suffix(mark)?, after.strip_prefix(mark)?));
    one('"').or_else(|| one('\''))
}

fn unknown(place: &str) -> Failure {
    let place = crate::base::escape::text(place).chars().take(60).collect::<String>();
    Failure::new(Exit::Refused, format!("nothing secret stands at {place}"))
        .hint("a mark `(secret: …)` stands for what is in the file at that place; type the value instead")
}

fn moved(place: &str) -> Failure {
    Failure::new(Exit::Refused, format!("the mark of the secret {place} stands at another place"))
        .hint("leave it where it was, or type the value")
}
