//! Telling, trying again, and signs of life.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::base::escape;
use crate::notify::about::About;
use crate::notify::channel::Channel;
use crate::notify::channel::Parcel;
use crate::notify::channel::on_one_line;
use crate::notify::digest;
use crate::notify::memory::Memory;
use crate::notify::notice::Kind;
use crate::notify::notice::Notice;
use crate::notify::queue::Item;
use crate::notify::queue::Queue;
use crate::notify::web;
use crate::site::Site;
use crate::site::settings::Rhythm;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::fs::IoError;
use crate::sys::random;

/// How long one call of [`retry`] goes on, a try that is under way left out.
const RETRY_LIMIT: Duration = Duration::from_secs(120);
/// Longest time that settings may ask for, in hours.
const MOST_HOURS: u64 = 24 * 3650;

/// What became of a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub sent: Vec<Channel>,
    /// What waits on the disk, and why.
    pub queued: Vec<(Channel, String)>,
    /// Nobody is told now: it is not wanted, was told before, or is good news that is collected.
    pub silent: bool,
    /// What else went wrong.
    trouble: Vec<String>,
}

/// A sign of life, for whoever waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    Start,
    Success,
    Fail,
}

impl Told {
    /// For the report of the run: telling is never its failure.
    pub fn warnings(&self) -> Vec<String> {
        let queued = self.queued.iter().map(|(channel, reason)| {
            format!("the {channel} could not be delivered and will be tried again: {}", escape::text(reason))
        });
        queued.chain(self.trouble.iter().cloned()).collect()
    }

    fn complain(&mut self, about: &str, result: Result<(), IoError>) {
        if let Err(error) = result {
            self.trouble.push(format!("{about}: {}", on_one_line(&error)));
        }
    }
}

/// Tells whoever the settings name. Never fails; what cannot be delivered waits.
pub fn tell(site: &Site, notice: &Notice) -> Told {
    let (now, notice) = (clock::now(), notice.clean());
    let settings = &site.settings.notify;
    let is_wanted = notice.kind == Kind::Test || settings.kinds.contains(&notice.kind);
    if !is_wanted || Channel::for_people(site).is_empty() {
        return Told { silent: true, ..Told::default() };
    }
    let mut told = Told::default();
    if notice.kind == Kind::Success && settings.digest != Rhythm::Each {
        told.complain("the good news was not kept", digest::collect(site, &notice, now));
        told.silent = true;
        send_digest(site, now, &mut told);
        return told;
    }
    let (pause, mut memory) = (hours(settings.repeat_hours), Memory::of(site));
    if notice.kind != Kind::Test {
        if memory.knows(&notice, pause, now) {
            return Told { silent: true, ..told };
        }
        memory.remember(&notice, pause, now);
        told.complain("it may be told again too soon", memory.keep(site));
    }
    post(site, &notice, now, &mut told);
    if told.sent.is_empty() && told.queued.is_empty() {
        // Nobody heard it and nothing waits: the next time it is news again.
        memory.forget(&notice);
        told.complain("it may not be told again soon", memory.keep(site));
    }
    told
}

/// Tries again what waits and is due, and sends good news whose time has come.
pub fn retry(site: &Site) -> Told {
    let (now, mut told) = (clock::now(), Told::default());
    send_digest(site, now, &mut told);
    if let Err(error) = retry_waiting(site, now, &mut told) {
        told.complain("what waits could not be tried again", Err(error));
    }
    told
}

/// Gives a sign of life; a warning where it was not heard.
pub fn beat(site: &Site, beat: Beat) -> Option<String> {
    let heartbeat = site.settings.notify.heartbeat.as_ref()?;
    let (endpoint, tries) = match beat {
        Beat::Start => (&heartbeat.start, 1),
        // One that is lost raises an alarm.
        Beat::Success => (&heartbeat.success, 2),
        Beat::Fail => (&heartbeat.fail, 2),
    };
    let endpoint = endpoint.as_ref()?;
    let mut heard = web::ping(endpoint);
    for _ in 1..tries {
        heard = heard.or_else(|_| web::ping(endpoint));
    }
    heard.err().map(|error| format!("the heartbeat was not heard: {}", on_one_line(&error)))
}

fn send_digest(site: &Site, now: Timestamp, told: &mut Told) {
    if !site.settings.notify.kinds.contains(&Kind::Success) || Channel::for_people(site).is_empty() {
        return;
    }
    match digest::due(site, now) {
        // Cleared first: good news that is lost is better than the same each hour.
        Ok(Some(notice)) => match digest::clear(site) {
            Ok(()) => post(site, &notice, now, told),
            Err(error) => told.complain("the good news stays", Err(error)),
        },
        Ok(None) => {}
        Err(error) => told.complain("the good news cannot be read", Err(error)),
    }
}

/// Puts it on the disk for each channel, then delivers what can be delivered.
fn post(site: &Site, notice: &Notice, now: Timestamp, told: &mut Told) {
    let (queue, id) = (Queue::of(site), random::hex(8));
    let mut items = Vec::new();
    for channel in Channel::for_people(site) {
        let item = Item::new(&id, now, channel, notice);
        let kept = queue.put(&item);
        let is_kept = kept.is_ok();
        told.complain("it cannot be kept for a second try", kept);
        items.push((item, is_kept));
    }
    let lock = queue.lock();
    let somebody_delivers = matches!(lock, Ok(None));
    let about = About::of(site);
    for (item, is_kept) in items {
        if is_kept && somebody_delivers {
            told.queued.push((item.channel, "another entracte delivers just now".into()));
        } else if is_kept && !queue.holds(&item) {
            told.sent.push(item.channel);
        } else if let Err(reason) = attempt(site, &about, &item, told) {
            let channel = item.channel;
            if is_kept {
                put_off(site, item, &reason, told);
                told.queued.push((channel, reason));
            } else {
                told.trouble.push(format!("the {channel} is lost: {reason}"));
            }
        }
    }
}

fn retry_waiting(site: &Site, now: Timestamp, told: &mut Told) -> Result<(), IoError> {
    let queue = Queue::of(site);
    if queue.items()?.is_empty() {
        return Ok(());
    }
    let Some(_lock) = queue.lock()? else { return Ok(()) };
    let keep = hours(site.settings.notify.keep_days.saturating_mul(24));
    let (configured, about, watch) = (Channel::for_people(site), About::of(site), Stopwatch::start());
    let mut away = BTreeSet::new();
    for item in queue.items()? {
        let (channel, is_old) = (item.channel, now.duration_since(item.at) > keep);
        if !configured.contains(&channel) {
            queue.remove(&item)?;
        } else if item.is_due(now) && !away.contains(&channel) && watch.elapsed() < RETRY_LIMIT {
            let Err(reason) = attempt(site, &about, &item, told) else { continue };
            put_off(site, item, &reason, told);
            // Who did not take one will not take the next.
            away.insert(channel);
            if !is_old {
                told.queued.push((channel, reason));
            }
        }
    }
    // Only now: a machine that was off for long tries once.
    for lost in queue.give_up(keep, now)? {
        let reason = escape::text(&lost.reason).into_owned();
        told.trouble.push(format!("the {} was given up: {}: {reason}", lost.channel, lost.what));
    }
    Ok(())
}

/// Delivers one and forgets it, or says why not.
fn attempt(site: &Site, about: &About, item: &Item, told: &mut Told) -> Result<(), String> {
    let parcel = Parcel { about, id: &item.id, at: item.at, notice: &item.notice };
    let refused = item.channel.deliver(site, &parcel).map_err(|error| on_one_line(&error))?;
    told.sent.push(item.channel);
    told.trouble.extend(refused.into_iter().map(|refused| format!("not told: {refused}")));
    told.complain("it is delivered and will be once more", Queue::of(site).remove(item));
    Ok(())
}

/// Notes why it was not delivered and when it is tried again.
fn put_off(site: &Site, mut item: Item, reason: &str, told: &mut Told) {
    item.put_off(clock::now(), reason.to_owned());
    told.complain("the next try may come too soon", Queue::of(site).put(&item));
}

fn hours(hours: u64) -> SignedDuration {
    SignedDuration::from_hours(hours.min(MOST_HOURS) as i64)
}
