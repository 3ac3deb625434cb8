//! A site on a MariaDB that can be killed, behind a line that can be cut.

pub mod field;
pub mod proxy;
pub mod server;
