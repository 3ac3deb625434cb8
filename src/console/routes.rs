//! Every address that the console answers, and who may ask there.

use crate::app::console::tokens::Scope;
use crate::console::api;
use crate::console::ask::Ask;
use crate::console::assets;
use crate::console::door;
use crate::console::home;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::session::Role;

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
    /// One JSON object of at most 64 KiB, or nothing.
    Json,
}

/// What makes a route one for programs: a bearer token opens it, and no cookie does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// What the token must allow; `None`: there need be none.
    pub scope: Option<Scope>,
    /// As the answer's document names it.
    pub verb: &'static str,
}

#[derive(Clone, Copy)]
pub struct Route {
    pub method: Method,
    /// `{name}` stands for one part of the address.
    pub path: &'static str,
    /// `None`: before the door, or no page at all.
    pub needs: Option<Role>,
    /// Not of a page.
    pub api: Option<Api>,
    pub takes: Takes,
    pub answer: fn(&mut Ask) -> Result<Reply, Wrong>,
}

type Answer = fn(&mut Ask) -> Result<Reply, Wrong>;

/// A page to look at.
pub const fn look(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Get, path, needs: Some(Role::Viewer), api: None, takes: Takes::Form, answer }
}

/// A form that changes something.
pub const fn act(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Post, path, needs: Some(Role::Operator), api: None, takes: Takes::Form, answer }
}

impl Route {
    pub const fn needs(self, needs: Option<Role>) -> Route {
        Route { needs, ..self }
    }
}

pub fn all() -> impl Iterator<Item = Route> {
    [api::ROUTES, assets::ROUTES, door::ROUTES, home::ROUTES].into_iter().flatten().copied()
}
