//! The vendor's own releases: what it offers, which of that a site takes, and
//! what proves that an archive is the vendor's. What is said where, the profile knows.

mod address;
pub mod ask;
pub mod choose;
pub mod feed;
pub mod offer;
pub mod proof;
pub mod take;
mod xml;
