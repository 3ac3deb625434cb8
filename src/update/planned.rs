//! The tree that the live one becomes when the operations are done: the live
//! one, and what differs. A copy of all of it would be as long as the site.

use std::collections::BTreeMap;

use crate::base::digest::Sha256;
use crate::base::path::TreePath;
use crate::base::tree::Node;
use crate::base::tree::Tree;
use crate::update::operations::Operation;
use crate::update::plan::Thing;

pub struct Planned<'p> {
    live: &'p Tree,
    /// What will stand there, if anything.
    changed: BTreeMap<TreePath, Option<&'p Thing>>,
}

impl Planned<'_> {
    pub fn of<'p>(live: &'p Tree, operations: &'p [Operation]) -> Planned<'p> {
        let changed = operations.iter().filter_map(|operation| Some((&operation.path, operation.outcome()?)));
        Planned { live, changed: changed.map(|(path, thing)| (path.into(), thing)).collect() }
    }

    pub fn stands(&self, path: &TreePath) -> bool {
        match self.changed.get(path) {
            Some(thing) => thing.is_some(),
            None => self.live.contains_key(path),
        }
    }

    /// Of the file that will stand there.
    pub fn sha256(&self, path: &TreePath) -> Option<Sha256> {
        match self.changed.get(path) {
            Some(thing) => thing.and_then(Thing::sha256),
            None => self.live.get(path).and_then(Node::sha256),
        }
    }

    /// All that will be no folder, in no order.
    pub fn non_folders(&self) -> impl Iterator<Item = &TreePath> {
        let stays =
            |(path, node): &(&TreePath, &Node)| !node.is_folder() && !self.changed.contains_key(*path);
        let comes = |(_, thing): &(_, &Option<&Thing>)| thing.is_some_and(|thing| !thing.is_folder());
        let staying = self.live.iter().filter(stays).map(|(path, _)| path);
        staying.chain(self.changed.iter().filter(comes).map(|(path, _)| path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::path::SitePath;
    use crate::base::tree::Kind;
    use crate::base::tree::Meta;
    use crate::update::operations::Act;
    use crate::update::plan::What;
    use crate::update::snapshot::Snapshot;

    fn file(text: &str) -> Node {
        let kind = Kind::File { size: text.len() as u64, sha256: Sha256::of(text.as_bytes()), md5: None };
        Node { kind, meta: Meta::default() }
    }

    fn operation(path: &str, act: Act, new: Option<Node>) -> Operation {
        let path = SitePath::parse(path).unwrap();
        Operation { path, act, new: new.as_ref().map(Thing::of_node), old: None }
    }

    #[test]
    fn it_is_what_a_copy_would_be_after_the_same_operations() {
        let folder = Node { kind: Kind::Folder, meta: Meta::default() };
        let live =
            [("emptied", &folder), ("emptied/a", &file("a")), ("kept", &file("k")), ("old", &file("1"))]
                .map(|(path, node)| (TreePath::from_bytes(path.as_bytes()), node.clone()));
        let live = Tree::from(live);
        let operations = [
            operation("emptied/a", Act::Withdraw, None),
            operation("emptied", Act::RemoveFolder, None),
            operation("made", Act::MakeFolder, Some(folder)),
            operation("made/new", Act::Place, Some(file("n"))),
            operation("old", Act::Exchange, Some(file("2"))),
        ];
        let (planned, copy) = (Planned::of(&live, &operations), Snapshot::of(&live).after(&operations));
        let mut found: Vec<&TreePath> = planned.non_folders().collect();
        found.sort();
        let expected: Vec<&TreePath> =
            copy.iter().filter(|(_, thing)| !thing.is_folder()).map(|(path, _)| path).collect();
        assert_eq!(found, expected);
        for name in ["emptied", "emptied/a", "kept", "made", "made/new", "old", "nowhere"] {
            let path = TreePath::from_bytes(name.as_bytes());
            let thing = copy.get(&path);
            assert_eq!(planned.stands(&path), thing.is_some(), "{name}");
            assert_eq!(planned.sha256(&path), thing.and_then(Thing::sha256), "{name}");
        }
        assert!(matches!(copy.get(&TreePath::from_bytes(b"made")).unwrap().what, What::Folder));
    }
}
