//! Which site it is that something is told of, and how it is now.

use jiff::Timestamp;
use serde::Serialize;

use crate::base::escape;
use crate::site::Site;
use crate::site::probe;
use crate::site::settings::Language as SiteLanguage;
use crate::site::settings::NoticeLanguage;
use crate::sys::env;
use crate::sys::fs;

pub use crate::site::settings::NoticeLanguage as Language;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// As people call it: its host and path, or its folder.
    pub name: String,
    pub root: String,
    pub url: Option<String>,
    /// The machine it stands on.
    pub host: String,
    /// The settings that say who is told.
    pub settings: String,
    /// Whether visitors are kept out; `None` where that cannot be found out.
    pub closed: Option<bool>,
    #[serde(skip)]
    pub language: Language,
}

impl About {
    pub fn of(site: &Site) -> About {
        let url = site.settings.url.as_ref();
        let folder = site.root.file_name().map(|name| name.to_string_lossy().into_owned());
        let address =
            url.and_then(|url| Some(format!("{}{}", url.host_str()?, url.path().trim_end_matches('/'))));
        About {
            name: escape::text(&address.or(folder).unwrap_or_default()).into_owned(),
            root: fs::shown(&site.root),
            url: url.map(probe::shown),
            host: escape::text(&env::host_name()).into_owned(),
            settings: fs::shown(&site.state.settings()),
            closed: site.gate().ok().and_then(|gate| gate.state().ok()).map(|state| state.closed),
            language: language(site.settings.notify.language, site.settings.language),
        }
    }
}

fn language(chosen: Option<NoticeLanguage>, site: SiteLanguage) -> Language {
    chosen.unwrap_or(match site {
        SiteLanguage::Fr => Language::Fr,
        SiteLanguage::En | SiteLanguage::Visitor => Language::En,
    })
}

/// A moment as people read it.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_speak_the_site_s_language_unless_another_is_chosen() {
        for (chosen, site, spoken) in [
            (None, SiteLanguage::Visitor, Language::En),
            (None, SiteLanguage::Fr, Language::Fr),
            (Some(Language::En), SiteLanguage::Fr, Language::En),
            (Some(Language::Fr), SiteLanguage::Visitor, Language::Fr),
        ] {
            assert_eq!(language(chosen, site), spoken, "{chosen:?} {site:?}");
        }
    }
}
