//! `notify`: what is typed and what is answered.

use clap::Subcommand;

use crate::app::notify::NotifyTest;
use crate::base::escape;
use crate::cli::output::Manner;
use crate::cli::output::Paint;
use crate::cli::page::Page;

#[derive(Debug, Subcommand)]
pub enum NotifyVerb {
    /// Send a test by each channel that is set
    #[command(after_help = "Example: entracte notify test --json")]
    Test,
}

pub fn tests(result: &NotifyTest, manner: &Manner) -> String {
    let mut text = Page::new(manner);
    for test in &result.channels {
        let did = match test.delivered {
            true => manner.paint(Paint::Green, "delivered"),
            false => manner.paint(Paint::Red, "failed"),
        };
        text.raw_row(test.channel.name(), &format!("{did}: {}", escape::text(&test.detail)));
    }
    text.into_text()
}
