//! Work that a page begins: a verb of the command line, in a process of its own
//! that no browser, and no end of the console, stops.

use std::ffi::OsString;

use crate::app::runner;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;

/// Starts a verb (the first argument) on the site of the address, and leads to
/// the page that follows it.
pub fn start<A: Into<OsString>>(ask: &Ask, arguments: impl IntoIterator<Item = A>) -> Result<Reply, Wrong> {
    let site = ask.site()?;
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let runner = runner::start(&site.place.state()?, &arguments)?;
    Ok(Reply::See(format!("/sites/{}/work/{}", site.word, runner.id())))
}
