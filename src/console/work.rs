//! Work that a page begins: a verb of the command line, in a process of its own
//! that no browser, and no end of the console, stops.

use std::ffi::OsString;

use crate::app::runner::Asked;
use crate::app::runner::Runner;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;

/// Starts a verb (the first argument) on the site of the address, and leads to
/// the page that follows it. Whoever asks stands in the record.
pub fn start<A: Into<OsString>>(ask: &Ask, arguments: impl IntoIterator<Item = A>) -> Result<Reply, Wrong> {
    start_if(ask, None, arguments)
}

/// The same, unless the site stands elsewhere than `seen` says when it is begun.
pub fn start_if<A: Into<OsString>>(
    ask: &Ask,
    seen: Option<&str>,
    arguments: impl IntoIterator<Item = A>,
) -> Result<Reply, Wrong> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let runner = begin(ask, seen, &arguments)?;
    Ok(Reply::See(format!("/sites/{}/work/{}", ask.site()?.word, runner.id())))
}

/// Begins it for whoever asks, be it a person or a program.
pub fn begin(ask: &Ask, seen: Option<&str>, arguments: &[OsString]) -> Result<Runner, Wrong> {
    let asked = Asked { by: Some(ask.person()), seen };
    let begun = ask.console.works.begin(&ask.site()?.place.state()?, asked, arguments)?;
    begun.ok_or(Wrong::Busy)
}
