//! One question, read and checked: what a page's function gets.

use std::io::Read;
use std::net::IpAddr;

use url::form_urlencoded;

use crate::app::desk::Place;
use crate::base::secret::Secret;
use crate::console::Console;
use crate::console::reply::Wrong;
use crate::console::session::Session;
use crate::console::sites::Site;
use crate::console::words::Words;

/// What somebody asks for, once the guard has let it through.
pub struct Ask<'c> {
    pub console: &'c Console,
    /// Nobody on the pages before the door.
    pub session: Option<Session>,
    /// The cookie that the session was found by.
    pub cookie: Option<Secret>,
    /// What stands in the record for a program, which has no session.
    pub program: Option<String>,
    pub words: Words,
    /// From where; `None` where a proxy does not say.
    pub address: Option<IpAddr>,
    /// What stands in the address where the route has `{name}`.
    pub parts: Fields,
    pub query: Fields,
    pub form: Fields,
    /// Of a route that takes a stream; empty else.
    pub body: Box<dyn Read + Send>,
    /// Byte range and the like; names in lower case.
    pub headers: Fields,
}

/// Names with values, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Fields {
        Fields(pairs.into_iter().collect())
    }

    /// Of a query, or of a form's body.
    pub fn parse(text: &[u8]) -> Fields {
        Fields::new(form_urlencoded::parse(text).into_owned())
    }

    /// The first of that name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl<'c> Ask<'c> {
    /// The site of the address.
    pub fn site(&self) -> Result<&'c Site, Wrong> {
        self.console.sites.find(self.parts.get("site")).ok_or(Wrong::NotFound)
    }

    pub fn place(&self) -> Result<&'c Place, Wrong> {
        Ok(&self.site()?.place)
    }

    /// The same for something that the person who asks does in this very request.
    pub fn place_of_person(&self) -> Result<Place, Wrong> {
        Ok(Place { by: Some(self.person().to_owned()), ..self.place()?.clone() })
    }

    /// Who stands in the record for what is done here.
    pub fn person(&self) -> &str {
        let person = self.session.as_ref().map(|session| session.person.as_str());
        person.or(self.program.as_deref()).unwrap_or_default()
    }
}
