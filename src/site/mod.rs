//! One site: its settings, application profile, state folder, gate and health.

pub mod gate;
pub mod health;
pub mod probe;
pub mod proof;
