//! One site: its settings, application profile, state folder, gate and health.

pub mod access;
pub mod automation;
pub mod blocklist;
pub mod certificate;
pub mod config;
pub mod detect;
pub mod exposure;
pub mod extension;
pub mod gate;
pub mod gate_proof;
pub mod health;
pub mod history;
pub mod installed;
pub mod layers;
pub mod maintenance;
mod misunderstood;
pub mod opcache;
pub mod outside;
pub mod php;
pub mod php_programs;
pub mod probe;
pub mod profile;
pub mod proof;
pub mod settings;
pub mod shipped;
pub mod space;
pub mod state;
pub mod stored;

pub use access::Site;
pub use access::SiteError;
