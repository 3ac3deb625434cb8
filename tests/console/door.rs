//! Who comes in, and who does not.

use super::desk::Desk;
use super::desk::Visitor;
use super::support::small::SmallSite;

#[test]
fn a_link_lets_one_person_in() {
    let small = SmallSite::new();
    drop(small.adopt());
    let desk = Desk::open(&small.root());
    desk.get("/sites/site").is(200);
    Visitor::stranger(&desk.origin).get("/sites/site").is(303);
}
