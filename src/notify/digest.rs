//! Good news, collected until somebody wants to read it.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::notify::about::moment;
use crate::notify::notice::Kind;
use crate::notify::notice::Notice;
use crate::notify::queue;
use crate::site::Site;
use crate::site::settings::Rhythm;
use crate::sys::fs;
use crate::sys::fs::IoError;

const FORMAT: u32 = 1;
/// Most news that are collected; the oldest go first.
const MOST: usize = 150;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Collected {
    format: u32,
    news: Vec<News>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct News {
    at: Timestamp,
    from: Option<String>,
    to: Option<String>,
    what: String,
}

/// Keeps it for later.
pub fn collect(site: &Site, notice: &Notice, at: Timestamp) -> Result<(), IoError> {
    let mut collected = read(site)?;
    let Notice { from, to, what, .. } = notice.clone();
    collected.news.push(News { at, from, to, what });
    collected.news.drain(..collected.news.len().saturating_sub(MOST));
    collected.format = FORMAT;
    fs::create_folders(&queue::folder(site), 0o700)?;
    queue::write(&file(site), &collected)
}

/// What is to be told now, once the first of it is old enough.
pub fn due(site: &Site, now: Timestamp) -> Result<Option<Notice>, IoError> {
    let news = read(site)?.news;
    let is_due = news.first().is_some_and(|first| is_due(first.at, site.settings.notify.digest, now));
    Ok(is_due.then(|| notice(&news)))
}

/// Called once it was told.
pub fn clear(site: &Site) -> Result<(), IoError> {
    fs::remove_file_if_present(&file(site))
}

fn is_due(first: Timestamp, rhythm: Rhythm, now: Timestamp) -> bool {
    let days = match rhythm {
        Rhythm::Each => 0,
        Rhythm::Daily => 1,
        Rhythm::Weekly => 7,
    };
    now.duration_since(first) >= SignedDuration::from_hours(24 * days)
}

fn notice(news: &[News]) -> Notice {
    let line = |news: &News| {
        let versions = match (&news.from, &news.to) {
            (Some(from), Some(to)) => format!(": {from} -> {to}"),
            (None, Some(to)) => format!(": -> {to}"),
            _ => String::new(),
        };
        let what = if news.what.is_empty() { String::new() } else { format!(": {}", news.what) };
        format!("{}{versions}{what}", moment(news.at))
    };
    Notice { details: news.iter().map(line).collect(), ..Notice::new(Kind::Success, "", "digest") }
}

fn read(site: &Site) -> Result<Collected, IoError> {
    let text = fs::read_if_present(&file(site))?;
    // News that cannot be read are old news.
    Ok(text.and_then(|text| json::read_format(&text, FORMAT).ok()).unwrap_or_default())
}

fn file(site: &Site) -> std::path::PathBuf {
    queue::folder(site).join("digest.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_news_waits_as_long_as_was_asked() {
        let first: Timestamp = "2026-11-14T05:00:00Z".parse().unwrap();
        for (rhythm, hours, due) in [
            (Rhythm::Each, 0, true),
            (Rhythm::Daily, 23, false),
            (Rhythm::Daily, 24, true),
            (Rhythm::Weekly, 167, false),
            (Rhythm::Weekly, 168, true),
        ] {
            assert_eq!(
                is_due(first, rhythm, first + SignedDuration::from_hours(hours)),
                due,
                "{rhythm:?} {hours}"
            );
        }
    }
}
