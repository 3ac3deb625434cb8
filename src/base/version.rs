//! Which entracte this is.

/// As in `entracte --version`. Whoever builds a release may say it; else it is the source's.
pub const VERSION: &str = match option_env!("ENTRACTE_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
