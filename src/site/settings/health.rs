//! How a site is known to be well.

use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthSettings {
    /// Relative to the site's URL; default: its home page.
    #[serde(default)]
    pub urls: Vec<HealthUrl>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthUrl {
    pub url: String,
    /// Text that a healthy page holds.
    pub marker: Option<String>,
}
