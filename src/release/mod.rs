//! Where new files come from, and why they are trusted.

pub mod archive;
pub mod at_hand;
pub mod choose;
mod content;
mod describe;
pub mod git;
#[cfg(test)]
mod mutated;
pub mod network;
pub mod obtain;
pub mod publish;
pub mod reference;
pub mod serve;
pub mod source;
pub mod stage;
pub mod staging;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod unread;
pub mod vendor;
pub mod yacs;
