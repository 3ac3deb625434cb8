//! The site's own `.htaccess` while the gate's block stands in its place.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use entracte::base::secret::Secret;
use entracte::site::gate::Gate;
use entracte::site::gate::GateError;
use entracte::site::gate::Kind;
use entracte::site::gate::Setup;

use crate::bed::Bed;
use crate::look::RULES;
use crate::look::closing;
use crate::look::everything;
use crate::look::gate;
use crate::look::names;
use crate::look::setup;

#[test]
fn a_state_folder_on_another_file_system_holds_the_original_in_the_site() {
    let bed = Bed::new();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    assert_ne!(device(elsewhere.path()), device(&bed.site()), "the test needs two file systems");
    fs::write(bed.site().join(".htaccess"), RULES).unwrap();
    let before = everything(&bed.site());
    let folder = elsewhere.path().join("gate");
    let gate = Gate::new(Setup { folder, ..setup(&bed, Kind::Apache) }).unwrap();
    gate.close(&closing()).unwrap();
    assert_eq!(gate.held().unwrap().unwrap().stands_at(), bed.site().join(".htaccess.entracte-held"));
    assert_eq!(names(&gate), [".htaccess", ".htaccess.entracte-held", "entracte-closed.php"]);
    gate.open().unwrap();
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn an_update_of_the_held_file_goes_live_with_open() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Apache);
    let live = bed.site().join(".htaccess");
    fs::write(&live, "# old\n").unwrap();
    gate.close(&closing()).unwrap();
    let held = gate.held().unwrap().unwrap();
    assert_eq!(held.path.as_str(), ".htaccess");
    assert_eq!(fs::read_to_string(held.stands_at()).unwrap(), "# old\n");
    assert_eq!(names(&gate), [".htaccess", "entracte-closed.php"]);
    fs::write(held.stands_at(), "# new\n").unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# new\n");

    // Removed by the update.
    gate.close(&closing()).unwrap();
    fs::remove_file(gate.held().unwrap().unwrap().stands_at()).unwrap();
    gate.open().unwrap();
    assert!(!live.exists());

    // Added by the update.
    gate.close(&closing()).unwrap();
    fs::write(gate.held().unwrap().unwrap().stands_at(), "# added\n").unwrap();
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# added\n");
    assert!(gate.held().unwrap().is_none());
}

#[test]
fn an_edit_made_while_closed_is_kept() {
    let bed = Bed::new();
    let gate = gate(&bed, Kind::Apache);
    let live = bed.site().join(".htaccess");
    fs::write(&live, "# old\n").unwrap();
    gate.close(&closing()).unwrap();
    let edited = fs::read_to_string(&live).unwrap() + "Deny from 192.0.2.1\n";
    fs::write(&live, edited).unwrap();
    gate.close(&closing()).unwrap();
    let aside = gate.open().unwrap().set_aside.unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), "# old\nDeny from 192.0.2.1\n");
    assert_eq!(fs::read_to_string(aside).unwrap(), "# old\n");

    // Put over the whole block.
    gate.close(&closing()).unwrap();
    fs::write(&live, "# theirs\n").unwrap();
    assert!(gate.open().unwrap().set_aside.is_some());
    assert_eq!(fs::read_to_string(&live).unwrap(), "# theirs\n");
}

#[test]
fn a_lost_state_folder_costs_no_rule_of_the_owner() {
    let bed = Bed::new();
    let live = bed.site().join(".htaccess");
    fs::write(&live, RULES).unwrap();
    gate(&bed, Kind::Apache).close(&closing()).unwrap();
    fs::remove_dir_all(bed.state()).unwrap();
    let gate = gate(&bed, Kind::Apache);
    assert!(gate.state().unwrap().closed, "the block alone closes");
    gate.open().unwrap();
    assert_eq!(fs::read_to_string(&live).unwrap(), RULES);
    assert!(!gate.state().unwrap().closed && names(&gate).is_empty());
}

#[test]
fn a_link_in_place_of_htaccess_is_refused_untouched() {
    let bed = Bed::new();
    fs::write(bed.state().join("elsewhere"), "secret").unwrap();
    std::os::unix::fs::symlink(bed.state().join("elsewhere"), bed.site().join(".htaccess")).unwrap();
    let before = everything(&bed.site());
    let gate = gate(&bed, Kind::Apache);
    assert!(gate.close(&closing()).is_err());
    assert!(!gate.state().unwrap().closed);
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn a_file_of_the_owners_in_the_place_of_the_gates_is_refused_untouched() {
    let bed = Bed::new();
    fs::write(bed.site().join(".htaccess"), RULES).unwrap();
    fs::write(bed.site().join("entracte-closed.php"), "<?php echo 'mine';").unwrap();
    let before = everything(&bed.site());
    let gate = gate(&bed, Kind::Apache);
    let error = gate.close(&closing()).unwrap_err();
    assert!(
        matches!(&error, GateError::NotOurs { path } if path.ends_with("entracte-closed.php")),
        "{error}"
    );
    assert!(!gate.state().unwrap().closed);
    assert_eq!(everything(&bed.site()), before);
}

#[test]
fn a_gate_that_no_server_could_read_is_refused() {
    let bed = Bed::new();
    let refused = |change: &dyn Fn(&mut Setup)| {
        let mut setup = setup(&bed, Kind::Nginx);
        change(&mut setup);
        Gate::new(setup).is_err()
    };
    assert!(!refused(&|_| {}));
    assert!(refused(&|setup| setup.pass = Secret::new("x; return 200")));
    assert!(refused(&|setup| setup.url_path = "/a\" ;".into()));
    assert!(refused(&|setup| setup.url_path = "relative".into()));
    assert!(refused(&|setup| setup.folder = "/srv/a$b/gate".into()));
}
