//! `serve`: a reference handed out, to try it out.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::app::desk::Interrupt;
use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::release::serve;
pub use crate::sys::web_server::Certificate;
pub use crate::sys::web_server::Server;

/// What is served, and where.
#[derive(Clone, Debug)]
pub struct Request {
    pub reference: PathBuf,
    pub listen: SocketAddr,
    pub certificate: Option<Certificate>,
}

/// Serves until Ctrl-C; `started` hears the URL.
pub fn serve(request: &Request, started: &mut dyn FnMut(&str)) -> Result<Answer<()>, Failure> {
    let interrupt = Interrupt::listen();
    let Request { reference, listen, certificate } = request;
    Ok(Answer::done(serve::serve(reference, *listen, certificate.as_ref(), &interrupt, started)?))
}
