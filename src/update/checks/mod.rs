//! Preflight: named checks, each with what it found and how to fix it. They
//! change nothing, and are no part of a plan's id.

pub mod disk;
pub mod environment;
pub mod folders;
pub mod php;
pub mod privacy;
pub mod release;
pub mod tables;

use crate::base::check::Check;
use crate::base::tree::Tree;
use crate::database::schema::step::Cost;
use crate::release::at_hand::AtHand;
use crate::release::staging::Staged;
use crate::site::Site;
use crate::site::config::Found;
use crate::site::gate::Gate;
use crate::site::installed::Ledger;
use crate::update::operations::Operation;
use crate::update::plan::Estimate;
use crate::update::plan::Sealed;

/// What the checks look at.
pub struct Subject<'a> {
    pub site: &'a Site,
    pub gate: &'a Gate,
    pub database: Option<&'a Found>,
    /// Other databases of the site.
    pub others: &'a [Found],
    pub staged: &'a Staged,
    pub at_hand: &'a AtHand,
    pub ledger: &'a Ledger,
    pub live: &'a Tree,
    pub sealed: &'a Sealed,
    pub operations: &'a [Operation],
    pub estimate: &'a Estimate,
    pub costs: &'a [Cost],
}

/// All checks, in the order in which they are shown.
pub fn all(subject: &Subject) -> Vec<Check> {
    let folder = subject.site.state.folder();
    let mut checks = vec![
        release::staged_content(subject),
        release::source(subject),
        release::version_hop(subject),
        release::order(subject),
        release::blocklist(subject),
        release::conflicts(subject),
        release::unreadable(subject),
        release::schema_files(subject),
        disk::space(folder, subject.estimate.bytes_needed),
        disk::inodes(folder, subject.estimate.inodes_needed),
        disk::quota(folder, subject.estimate.bytes_needed),
        disk::names(subject),
    ];
    checks.extend(folders::all(subject));
    checks.extend([
        environment::lock(subject),
        environment::gate(subject),
        environment::clock(),
        environment::auto_updater(subject.site),
    ]);
    checks.extend(php::all(subject));
    checks.extend(environment::database(subject));
    checks.extend(tables::tables(subject));
    checks.extend(privacy::privacy(subject.site));
    checks
}
