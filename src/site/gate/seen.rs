//! The live tree as it is for whoever judges it, whether the gate is closed or not.

use crate::base::digest::Algorithms;
use crate::base::path::TreePath;
use crate::base::tree::Tree;
use crate::integrity::look;
use crate::site::gate::curtain::Gate;
use crate::site::gate::error::GateError;
use crate::sys::beneath::Root;

/// Takes what is the gate's out of a tree that was read, and puts what the gate
/// holds in its place.
pub fn as_if_open(gate: &Gate, tree: &mut Tree) -> Result<(), GateError> {
    for path in gate.paths_in_site()? {
        tree.remove(&(&path).into());
    }
    let Some(held) = gate.held()? else { return Ok(()) };
    let node = look::look(&Root::open(&held.folder)?, &(&held.name).into(), Algorithms::Sha256)?;
    tree.extend(node.map(|node| (TreePath::from(&held.path), node)));
    Ok(())
}
