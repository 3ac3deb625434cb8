//! What stands around every page.

use askama::Template;

use crate::base::secret::Secret;
use crate::console::ask::Ask;
use crate::console::assets;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::session::Role;
use crate::console::sites::Site;
use crate::console::words::Language;
use crate::console::words::Words;

/// Given to every template as `frame`.
pub struct Frame {
    pub words: Words,
    /// What the browser's tab says, before the console's name.
    pub title: String,
    pub person: Option<(String, Role)>,
    /// Every form carries it as `token`.
    token: Secret,
    pub site: Option<Site>,
    /// Which part of a site this is: a word of `PARTS`.
    pub part: &'static str,
    pub edition: &'static str,
}

/// The parts of a site, as its navigation lists them.
pub const PARTS: &[(&str, &str)] = &[
    ("home", ""),
    ("update", "/update"),
    ("history", "/history"),
    ("watch", "/watch"),
    ("compare", "/compare"),
    ("doctor", "/doctor"),
    ("gate", "/gate"),
    ("upkeep", "/upkeep"),
    ("settings", "/settings"),
];

impl Frame {
    pub fn new(ask: &Ask, title: String, part: &'static str) -> Frame {
        Frame {
            words: ask.words,
            title,
            person: ask.session.as_ref().map(|session| (session.person.clone(), session.role)),
            token: ask.session.as_ref().map_or(Secret::new(""), |session| session.token.clone()),
            site: ask.console.sites.find(ask.parts.get("site")).cloned(),
            part,
            edition: &assets::EDITION,
        }
    }

    pub fn t(&self, key: &str) -> String {
        self.words.t(key)
    }

    pub fn language(&self) -> Language {
        self.words.0
    }

    pub fn token(&self) -> &str {
        self.token.reveal()
    }

    pub fn is_operator(&self) -> bool {
        self.person.as_ref().is_some_and(|(_, role)| *role >= Role::Operator)
    }

    /// The address of something of this site; `rest` begins with `/` or is empty.
    pub fn at(&self, rest: &str) -> String {
        match &self.site {
            Some(site) => format!("/sites/{}{rest}", site.word),
            None => "/".into(),
        }
    }

    pub fn parts(&self) -> &'static [(&'static str, &'static str)] {
        PARTS
    }

    pub fn languages(&self) -> &'static [Language] {
        Language::ALL
    }
}

/// Any page; what cannot be written is a fault of ours.
pub fn page(template: &impl Template) -> Result<Reply, Wrong> {
    template.render().map(Reply::Page).map_err(|error| Wrong::Question(error.to_string()))
}
