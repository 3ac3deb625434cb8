use crate::base::exit::Exit;
use std::path::PathBuf;
pub struct Request {
    pub folder: Option<PathBuf>,
    pub serve: bool,
    pub port: u16,
}
pub fn run(_r: &Request) -> Exit {
    Exit::Done
}
