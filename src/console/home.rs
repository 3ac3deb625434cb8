//! Where every site stands, and what it needs.

use askama::Template;

use crate::app::report::Status;
use crate::app::status;
use crate::console::ask::Ask;
use crate::console::filters;
use crate::console::frame::Frame;
use crate::console::frame::page;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::look;

pub const ROUTES: &[Route] = &[look("/", sites), look("/sites/{site}", home)];

#[derive(Template)]
#[template(path = "sites.html")]
struct SitesPage {
    frame: Frame,
    sites: Vec<(String, String)>,
}

/// The list; with one site, that site.
fn sites(ask: &mut Ask) -> Result<Reply, Wrong> {
    let sites = ask.console.sites.all();
    if let [only] = sites {
        return Ok(Reply::See(format!("/sites/{}", only.word)));
    }
    let frame = Frame::new(ask, ask.words.t("home.sites"), "");
    page(&SitesPage {
        frame,
        sites: sites.iter().map(|site| (site.word.clone(), site.name.clone())).collect(),
    })
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    status: Status,
}

fn home(ask: &mut Ask) -> Result<Reply, Wrong> {
    let status = status::status(ask.place()?)?.result;
    page(&Home { frame: Frame::new(ask, ask.words.t("home.title"), "home"), status })
}
