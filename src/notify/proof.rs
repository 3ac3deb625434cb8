//! Whether somebody would be told: a channel is proved by a notice that went
//! by it, for as long as its settings stay what they were.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::base::digest::Sha256;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::base::json;
use crate::notify::about::About;
use crate::notify::about::Language;
use crate::notify::channel::Channel;
use crate::notify::channel::Parcel;
use crate::notify::channel::on_one_line;
use crate::notify::notice::Kind;
use crate::notify::notice::Notice;
use crate::notify::queue;
use crate::notify::queue::Queue;
use crate::site::Site;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::random;

const FORMAT: u32 = 1;

/// How one channel did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelTest {
    pub channel: Channel,
    pub delivered: bool,
    /// Where it went, or why it did not.
    pub detail: String,
}

/// The channels that reach a person and were proved as they are set now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub channels: Vec<(Channel, Timestamp)>,
}

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error("nobody would be told: no mail, webhook or command is set under [notify]")]
    NoChannel,
    #[error("nobody knows whether a notice would arrive: no channel was tried as it is set now")]
    NotProved,
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for ProofError {
    fn exit(&self) -> Exit {
        Exit::Refused
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ProofError::NoChannel => {
                vec!["set [notify.mail] in entracte.toml, then `entracte notify test`".into()]
            }
            ProofError::NotProved => vec!["`entracte notify test` sends one by each channel".into()],
            ProofError::Io(error) => error.hints(),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Proved {
    format: u32,
    channels: BTreeMap<Channel, Entry>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    /// Of the channel's settings.
    settings: Sha256,
}

/// Sends a test by each channel, one try each, and remembers what arrived.
pub fn test(site: &Site) -> Vec<ChannelTest> {
    let about = About::of(site);
    let what = match about.language {
        Language::En => {
            "Somebody called `entracte notify test` to see whether notices arrive. Nothing is wrong."
        }
        Language::Fr => {
            "Quelqu’un a lancé « entracte notify test » pour voir si les avis arrivent. Tout va bien."
        }
    };
    let notice = Notice::new(Kind::Test, what, "test");
    let (id, at) = (random::hex(8), clock::now());
    let parcel = Parcel { about: &about, id: &id, at, notice: &notice };
    let try_one = |channel: Channel| match channel.deliver(site, &parcel) {
        Ok(refused) if refused.is_empty() => {
            ChannelTest { channel, delivered: true, detail: channel.target(site) }
        }
        Ok(refused) => ChannelTest { channel, delivered: false, detail: refused.join("; ") },
        Err(error) => ChannelTest { channel, delivered: false, detail: on_one_line(&error) },
    };
    let mut tests: Vec<ChannelTest> = Channel::of(site).into_iter().map(try_one).collect();
    if let Err(error) = remember(site, &tests, at) {
        for test in &mut tests {
            test.detail = format!("{}; it is not remembered: {error}", test.detail);
        }
    }
    tests
}

/// Whether somebody would be told, as things are set now.
pub fn proved(site: &Site) -> Result<Proof, ProofError> {
    let channels = Channel::for_people(site);
    if channels.is_empty() {
        return Err(ProofError::NoChannel);
    }
    let known = read(site)?;
    let proved = |channel: Channel| {
        let entry = known.channels.get(&channel)?;
        (Some(entry.settings) == channel.settings(site)).then_some((channel, entry.at))
    };
    let channels: Vec<_> = channels.into_iter().filter_map(proved).collect();
    if channels.is_empty() { Err(ProofError::NotProved) } else { Ok(Proof { channels }) }
}

fn remember(site: &Site, tests: &[ChannelTest], at: Timestamp) -> Result<(), IoError> {
    let mut known = read(site)?;
    known.format = FORMAT;
    for test in tests {
        match test.channel.settings(site).filter(|_| test.delivered) {
            Some(settings) => {
                known.channels.insert(test.channel, Entry { at, settings });
                Queue::of(site).forgive(test.channel)?;
            }
            None => {
                known.channels.remove(&test.channel);
            }
        }
    }
    fs::create_folders(&queue::folder(site), 0o700)?;
    queue::write(&file(site), &known)
}

fn read(site: &Site) -> Result<Proved, IoError> {
    let text = fs::read_if_present(&file(site))?;
    // A proof that cannot be read is none.
    Ok(text.and_then(|text| json::read_format(&text, FORMAT).ok()).unwrap_or_default())
}

fn file(site: &Site) -> PathBuf {
    queue::folder(site).join("proved.json")
}
