//! The same for programs: the documents of the command line over HTTP, under
//! `/api/v1`. Who asks shows a bearer token that a person made; cookies mean
//! nothing here, and such tokens mean nothing on the pages.

mod act;
mod answer;
mod body;
mod events;
mod look;
mod serve;
mod work;

pub use serve::serve;

use crate::app::console::tokens::Scope;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Api;
use crate::console::routes::Method;
use crate::console::routes::Route;
use crate::console::routes::Takes;

/// What the file that ships in docs/ says of every route here.
const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");

pub const ROUTES: &[Route] = &[
    Route {
        api: Some(Api { scope: None, verb: "openapi" }),
        ..look("/api/v1/openapi.json", "openapi", description)
    },
    look("/api/v1/sites", "sites", look::sites),
    look("/api/v1/sites/{site}/status", "status", look::status),
    look("/api/v1/sites/{site}/history", "history", look::history),
    look("/api/v1/sites/{site}/runs/{run}", "show", look::run),
    look("/api/v1/sites/{site}/plan", "plan", look::plan),
    look("/api/v1/sites/{site}/watch", "watch", look::watch),
    look("/api/v1/sites/{site}/doctor", "doctor", look::doctor),
    look("/api/v1/sites/{site}/work/{work}", "work", work::work),
    look("/api/v1/sites/{site}/work/{work}/events", "events", events::events),
    act("/api/v1/sites/{site}/stage", Scope::Plan, "stage", work::stage),
    act("/api/v1/sites/{site}/discard", Scope::Plan, "discard", act::discard),
    act("/api/v1/sites/{site}/plan", Scope::Plan, "plan", work::plan),
    act("/api/v1/sites/{site}/watch", Scope::Plan, "watch", work::watch),
    act("/api/v1/sites/{site}/doctor", Scope::Plan, "doctor", work::doctor),
    act("/api/v1/sites/{site}/approve", Scope::Operate, "approve", act::approve),
    act("/api/v1/sites/{site}/apply", Scope::Operate, "apply", work::apply),
    act("/api/v1/sites/{site}/resume", Scope::Operate, "resume", work::resume),
    act("/api/v1/sites/{site}/rollback", Scope::Operate, "rollback", work::rollback),
    act("/api/v1/sites/{site}/commit", Scope::Operate, "commit", act::commit),
    act("/api/v1/sites/{site}/close", Scope::Operate, "close", act::close),
    act("/api/v1/sites/{site}/open", Scope::Operate, "open", act::open),
    act("/api/v1/sites/{site}/accept", Scope::Operate, "accept", act::accept),
    act("/api/v1/sites/{site}/work/{work}/stop", Scope::Operate, "stop", work::stop),
];

type Answer = fn(&mut Ask) -> Result<Reply, Wrong>;

const fn look(path: &'static str, verb: &'static str, answer: Answer) -> Route {
    let api = Some(Api { scope: Some(Scope::Read), verb });
    Route { method: Method::Get, path, needs: None, api, takes: Takes::Json, answer }
}

const fn act(path: &'static str, scope: Scope, verb: &'static str, answer: Answer) -> Route {
    let api = Some(Api { scope: Some(scope), verb });
    Route { method: Method::Post, path, needs: None, api, takes: Takes::Json, answer }
}

/// Whether an address is one for programs, be there a route or not.
pub fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

fn description(_: &mut Ask) -> Result<Reply, Wrong> {
    Ok(Reply::Json(axum::http::StatusCode::OK, DESCRIPTION.to_owned()))
}

#[cfg(test)]
mod tests;
