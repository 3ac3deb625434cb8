//! Every address that the console answers, and who may ask there.

use crate::console::ask::Ask;
use crate::console::assets;
use crate::console::door;
use crate::console::home;
use crate::console::people;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::session::Role;

/// `GET` never changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
}

/// What may come with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// A form of at most 64 KiB.
    Form,
    /// As much as the function itself reads.
    Stream,
}

#[derive(Clone, Copy)]
pub(super) struct Route {
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
pub(super) const fn look(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Get, path, needs: Some(Role::Viewer), takes: Takes::Form, answer }
}

/// A form that changes something.
pub(super) const fn act(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Post, path, needs: Some(Role::Operator), takes: Takes::Form, answer }
}

impl Route {
    pub const fn needs(self, needs: Option<Role>) -> Route {
        Route { needs, ..self }
    }
}

/// One address, as whoever looks from outside has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub method: &'static str,
    pub path: &'static str,
    /// `None`: before the door.
    pub needs: Option<&'static str>,
    /// Takes as much as its function reads, not a form.
    pub is_stream: bool,
}

/// All that the console answers, for tests and documents.
pub fn addresses() -> Vec<Address> {
    let address = |route: Route| Address {
        method: match route.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        },
        path: route.path,
        needs: route.needs.map(Role::name),
        is_stream: route.takes == Takes::Stream,
    };
    all().map(address).collect()
}

pub(super) fn all() -> impl Iterator<Item = Route> {
    [assets::ROUTES, door::ROUTES, home::ROUTES, people::ROUTES].into_iter().flatten().copied()
}
