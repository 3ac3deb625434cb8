//! What a console says to whoever started it.

use crate::base::secret::Secret;

/// Said in this order: where it is, and then what else is to be known.
pub enum Said<'a> {
    /// It answers at `address` from now on; `link` lets one person in, once.
    Open {
        address: &'a str,
        link: &'a Secret,
    },
    Note(&'a str),
}
