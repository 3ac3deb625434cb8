//! Every address that the console answers, and who may ask there.

use crate::app::console::tokens::Scope;
use crate::console::api;
use crate::console::ask::Ask;
use crate::console::assets;
use crate::console::compare;
use crate::console::doctor;
use crate::console::door;
use crate::console::gate;
use crate::console::history;
use crate::console::home;
use crate::console::live;
use crate::console::people;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::run;
use crate::console::runs;
use crate::console::session::Role;
use crate::console::settings;
use crate::console::update;
use crate::console::upkeep;
use crate::console::watch;

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
    /// A form that holds a whole file of settings, of at most 4 MiB: a byte of
    /// it may be three in a form, and the file has at most one.
    LongForm,
    /// As much as the function itself reads.
    Stream,
    /// A form with a file in it: its fields first, and then as much as the
    /// function itself reads.
    Parts,
    /// One JSON object of at most 64 KiB, or nothing.
    Json,
}

impl Takes {
    /// So many bytes at most; `None`: as many as the function itself reads.
    pub fn most(self) -> Option<usize> {
        match self {
            Takes::Form | Takes::Json => Some(64 << 10),
            Takes::LongForm => Some(4 << 20),
            Takes::Stream | Takes::Parts => None,
        }
    }
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
pub(super) struct Route {
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
pub(super) const fn look(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Get, path, needs: Some(Role::Viewer), api: None, takes: Takes::Form, answer }
}

/// A form that changes something.
pub(super) const fn act(path: &'static str, answer: Answer) -> Route {
    Route { method: Method::Post, path, needs: Some(Role::Operator), api: None, takes: Takes::Form, answer }
}

impl Route {
    pub const fn takes(self, takes: Takes) -> Route {
        Route { takes, ..self }
    }

    pub const fn needs(self, needs: Option<Role>) -> Route {
        Route { needs, ..self }
    }
}

/// One address, as whoever looks from outside has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    pub method: &'static str,
    pub path: &'static str,
    /// `None`: before the door, or no page at all.
    pub needs: Option<&'static str>,
    /// Of the API: the scope that a token must have, if any.
    pub api: Option<Option<&'static str>>,
    /// No more bytes may come; `None`: as many as its function reads, not a form.
    pub most: Option<usize>,
    /// Its token stands in a form of several parts.
    pub is_multipart: bool,
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
        api: route.api.map(|api| api.scope.map(Scope::name)),
        most: route.takes.most(),
        is_multipart: route.takes == Takes::Parts,
    };
    all().map(address).collect()
}

pub(super) fn all() -> impl Iterator<Item = Route> {
    [
        api::ROUTES,
        assets::ROUTES,
        compare::ROUTES,
        doctor::ROUTES,
        door::ROUTES,
        gate::ROUTES,
        history::ROUTES,
        home::ROUTES,
        live::ROUTES,
        people::ROUTES,
        run::ROUTES,
        runs::ROUTES,
        settings::ROUTES,
        update::ROUTES,
        upkeep::ROUTES,
        watch::ROUTES,
    ]
    .into_iter()
    .flatten()
    .copied()
}
