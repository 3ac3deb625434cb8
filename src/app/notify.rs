//! `notify test`: whether somebody would be told.

use serde::Serialize;

use crate::app::desk::Place;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::base::exit::Exit;
use crate::notify;
use crate::notify::ProofError;

pub use crate::notify::ChannelTest;

#[derive(Clone, Debug, Serialize)]
pub struct NotifyTest {
    pub channels: Vec<ChannelTest>,
}

/// Sends a test by each channel that is set.
pub fn test(place: &Place) -> Result<Answer<NotifyTest>, Failure> {
    let channels = notify::test(&place.open()?);
    if channels.is_empty() {
        return Err(ProofError::NoChannel.into());
    }
    let failed: Vec<String> =
        channels.iter().filter(|test| !test.delivered).map(|test| test.channel.to_string()).collect();
    let result = NotifyTest { channels };
    if failed.is_empty() {
        return Ok(Answer::done(result));
    }
    let failure = Failure::new(Exit::Failed, format!("the test did not arrive by {}", failed.join(" and ")))
        .hint("correct [notify] in entracte.toml, then `entracte notify test` again");
    Ok(Answer::failing(failure, result))
}
