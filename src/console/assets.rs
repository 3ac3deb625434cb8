//! Style sheet and script, under addresses that change with what they hold.

use std::sync::LazyLock;

use sha2::Digest as _;
use sha2::Sha256;

use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::routes::Route;
use crate::console::routes::look;

pub const ROUTES: &[Route] = &[
    look("/assets/{name}", asset).needs(None),
    look("/favicon.ico", icon).needs(None),
    look("/robots.txt", robots).needs(None),
];

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");

/// The part of the address that changes with what is in the files.
pub static EDITION: LazyLock<String> = LazyLock::new(|| {
    let digest = Sha256::new().chain_update(STYLE).chain_update(SCRIPT).finalize();
    hex::encode(&digest[..6])
});

fn asset(ask: &mut Ask) -> Result<Reply, Wrong> {
    match ask.parts.get("name") {
        "style.css" => Ok(Reply::Asset("text/css; charset=utf-8", STYLE.as_bytes())),
        "script.js" => Ok(Reply::Asset("text/javascript; charset=utf-8", SCRIPT.as_bytes())),
        _ => Err(Wrong::NotFound),
    }
}

/// Browsers ask for it wherever they come.
fn icon(_: &mut Ask) -> Result<Reply, Wrong> {
    Ok(Reply::Asset("image/svg+xml", ICON.as_bytes()))
}

fn robots(_: &mut Ask) -> Result<Reply, Wrong> {
    Ok(Reply::Asset("text/plain; charset=utf-8", b"User-agent: *\nDisallow: /\n"))
}
