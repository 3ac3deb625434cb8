//! Plan, journal and the ten steps of an update, and the ways on and back.
