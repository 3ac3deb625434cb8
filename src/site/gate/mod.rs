//! How a site is closed: visitors get 503, `Retry-After` and a page that does
//! not depend on the application, while the operator gets through.
//!
//! The state is one file, `gate/closed`. What makes a server look at it, or
//! stands in for it, is the [`Kind`]. The order is fixed: closing writes the
//! flag first and takes the application's own lock last; opening goes the
//! other way and removes the flag last. So the flag is there whenever anything
//! is closed, and `open` repeated after a kill at any point ends open.

pub mod apache;
pub mod curtain;
pub mod error;
pub mod flag;
pub mod held;
pub mod htaccess;
pub mod instructions;
pub mod live;
pub mod lock;
pub mod nginx;
pub mod page;
pub mod php;
pub mod seen;
pub mod setup;
pub mod token;
pub mod user_ini;

pub use curtain::Gate;
pub use error::GateError;
pub use flag::Closing;
pub use flag::GateState;
pub use held::Held;
pub use held::Opened;
pub use lock::ApplicationLock;
pub use page::Language;
pub use page::PageOptions;
pub use seen::as_if_open;
pub use setup::Kind;
pub use setup::Setup;
