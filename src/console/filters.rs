//! What templates do to a value besides escaping it for HTML.

use std::fmt::Display;

use jiff::Timestamp;

use crate::base::escape;

/// A name that somebody else chose: control characters and what turns the
/// direction of writing are shown, not obeyed.
#[askama::filter_fn]
pub fn plain(value: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(escape::text(&value.to_string()).into_owned())
}

/// The same where lines may remain lines.
#[askama::filter_fn]
pub fn lines(value: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(escape::block(&value.to_string()).to_string())
}

/// As [`plain`], outside of templates.
pub fn one_line(text: &str) -> String {
    escape::text(text).into_owned()
}

/// A moment for people, to the minute.
#[askama::filter_fn]
pub fn moment(value: &Timestamp, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(value.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
