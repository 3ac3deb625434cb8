//! Notices that wait on the disk, one file for each and each channel: what is
//! delivered is removed, which works on a full disk too.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::json;
use crate::notify::channel::Channel;
use crate::notify::notice::Notice;
use crate::site::Site;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;

const FORMAT: u32 = 1;
/// Most files that wait.
const MOST: usize = 200;
/// Most losses that are remembered.
const MOST_LOST: usize = 20;
/// The first pause between two tries, and the longest.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_mins(5);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(6);
/// How long somebody who delivers is waited for, in pauses.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// One notice on its way by one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    format: u32,
    pub id: String,
    pub at: Timestamp,
    pub channel: Channel,
    pub notice: Notice,
    pub tries: u32,
    /// Not before.
    pub next: Timestamp,
    /// Why the last try failed.
    pub reason: String,
    /// The file that it is kept in.
    #[serde(skip)]
    file: String,
}

/// What was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    pub at: Timestamp,
    pub channel: Channel,
    pub what: String,
    pub reason: String,
}

/// Where this room keeps what it has to remember.
pub fn folder(site: &Site) -> PathBuf {
    site.state.folder().join("notify")
}

/// The files of one site.
pub struct Queue {
    folder: PathBuf,
}

impl Item {
    pub fn new(id: &str, at: Timestamp, channel: Channel, notice: &Notice) -> Item {
        Item {
            format: FORMAT,
            id: id.to_owned(),
            at,
            channel,
            notice: notice.clone(),
            tries: 0,
            next: at,
            reason: String::new(),
            file: format!("{:013}-{id}-{channel}.json", at.as_millisecond().max(0)),
        }
    }

    /// The same after a try that failed.
    pub fn put_off(&mut self, now: Timestamp, reason: String) {
        self.next = now.saturating_add(pause(self.tries)).unwrap_or(now);
        self.tries += 1;
        self.reason = reason;
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back must not make it wait for ever.
        now >= self.next || self.next.duration_since(now) > LONGEST_PAUSE
    }
}

/// How long to wait after so many tries.
fn pause(tries: u32) -> SignedDuration {
    FIRST_PAUSE.checked_mul(1 << tries.min(16)).map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

impl Queue {
    pub fn of(site: &Site) -> Queue {
        Queue { folder: folder(site) }
    }

    /// Who holds this may deliver; `None` while somebody else does.
    pub fn lock(&self) -> Result<Option<File>, IoError> {
        fs::create_folders(&self.folder, 0o700)?;
        let file = fs::append(&self.folder.join("lock"))?;
        for _ in 0..LOCK_TRIES {
            if file.try_lock().is_ok() {
                return Ok(Some(file));
            }
            clock::sleep(LOCK_PAUSE);
        }
        Ok(None)
    }

    /// Keeps it, also for after a power cut.
    pub fn put(&self, item: &Item) -> Result<(), IoError> {
        fs::create_folders(&self.waiting(), 0o700)?;
        write(&self.waiting().join(&item.file), item)
    }

    pub fn remove(&self, item: &Item) -> Result<(), IoError> {
        fs::remove_file_if_present(&self.waiting().join(&item.file))
    }

    /// Whether nobody has delivered it meanwhile.
    pub fn holds(&self, item: &Item) -> bool {
        fs::exists(&self.waiting().join(&item.file))
    }

    /// All that wait, oldest first. What cannot be read is put out of the way.
    pub fn items(&self) -> Result<Vec<Item>, IoError> {
        if !fs::is_folder(&self.waiting()) {
            return Ok(Vec::new());
        }
        let mut items = Vec::new();
        for path in fs::list(&self.waiting())? {
            if path.extension().is_none_or(|end| end != "json") {
                continue;
            }
            match fs::read_if_present(&path)?.map(|text| json::read_format::<Item>(&text, FORMAT)) {
                Some(Ok(item)) => {
                    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    items.push(Item { file, ..item });
                }
                Some(Err(_)) => fs::rename(&path, &path.with_extension("damaged"))?,
                None => {}
            }
        }
        Ok(items)
    }

    /// Removes what waits for too long, or is too much; what that was.
    pub fn give_up(&self, keep: SignedDuration, now: Timestamp) -> Result<Vec<Lost>, IoError> {
        let items = self.items()?;
        let too_many = items.len().saturating_sub(MOST);
        let given_up = items
            .iter()
            .enumerate()
            .filter(|(number, item)| *number < too_many || now.duration_since(item.at) > keep);
        let mut lost = Vec::new();
        for (_, item) in given_up {
            let Item { at, channel, reason, .. } = item.clone();
            lost.push(Lost { at, channel, what: item.notice.what.clone(), reason });
            self.remove(item)?;
        }
        if !lost.is_empty() {
            let mut known = self.lost()?;
            known.extend(lost.iter().cloned());
            known.drain(..known.len().saturating_sub(MOST_LOST));
            write(&self.lost_file(), &known)?;
        }
        Ok(lost)
    }

    /// The last notices that were given up.
    pub fn lost(&self) -> Result<Vec<Lost>, IoError> {
        let text = fs::read_if_present(&self.lost_file())?;
        // A list for people: one that is damaged is begun anew.
        Ok(text.and_then(|text| json::read(&text).ok()).unwrap_or_default())
    }

    /// Forgets what was lost by this channel, which works again.
    pub fn forgive(&self, channel: Channel) -> Result<(), IoError> {
        let known = self.lost()?;
        let kept: Vec<&Lost> = known.iter().filter(|lost| lost.channel != channel).collect();
        if kept.len() < known.len() { write(&self.lost_file(), &kept) } else { Ok(()) }
    }

    fn waiting(&self) -> PathBuf {
        self.folder.join("queue")
    }

    fn lost_file(&self) -> PathBuf {
        self.folder.join("given-up.json")
    }
}

/// Writes JSON for good.
pub fn write<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<(), IoError> {
    let text = json::line(value).map_err(|error| IoError::new("write", path, error))?;
    fs::write_durable(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let minutes: Vec<i64> = [0, 1, 2, 6, 7, 40].into_iter().map(|tries| pause(tries).as_mins()).collect();
        assert_eq!(minutes, [5, 10, 20, 320, 360, 360]);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_wait_for_ever() {
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let notice = Notice::new(crate::notify::Kind::Failed, "a", "a");
        let mut item = Item::new("id", now, Channel::Mail, &notice);
        assert!(item.is_due(now));
        item.put_off(now, "away".into());
        assert!(!item.is_due(now) && item.is_due(now + SignedDuration::from_mins(5)));
        assert!(item.is_due(now - SignedDuration::from_hours(24)));
    }
}
