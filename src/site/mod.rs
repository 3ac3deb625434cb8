//! One site: its settings, application profile, state folder, gate and health.

pub mod gate;

