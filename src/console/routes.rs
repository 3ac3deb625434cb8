//! Every address that the console answers, and who may ask there.

use crate::console::ask::Ask;
use crate::console::assets;
use crate::console::door;
use crate::console::history;
use crate::console::home;
use crate::console::live;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::run;
use crate::console::runs;
use crate::console::session::Role;
use crate::console::update;

/// `GET` never changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
}

/// What may come with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A form of at most 64 KiB.
    Form,
    /// As much as the function itself reads.
    Stream,
    /// A form with a file in it: its fields first, and then as much as the
    /// function itself reads.
    Parts,
}

#[derive(Clone, Copy)]
pub struct Route {
    pub method: Method,
    /// `{name}` stands for one part of the address.
    pub path: &'static str,
    /// `None`: before the door.
    pub needs: Option<Role>,
    pub takes: Takes,
    pub answer: fn(&mut Ask) -> Result<Reply, Wrong>,
}

type Answer = fn(&mut Ask) -> Result<Reply, Wrong>;

/// A page to look at.
pub const fn look(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Get, path, needs: Some(Role::Viewer), takes: Takes::Form, answer }
}

/// A form that changes something.
pub const fn act(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Post, path, needs: Some(Role::Operator), takes: Takes::Form, answer }
}

impl Route {
    pub const fn needs(self, needs: Option<Role>) -> Route {
        Route { needs, ..self }
    }
}

pub fn all() -> impl Iterator<Item = Route> {
    [
        assets::ROUTES,
        door::ROUTES,
        home::ROUTES,
        history::ROUTES,
        live::ROUTES,
        run::ROUTES,
        runs::ROUTES,
        update::ROUTES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
