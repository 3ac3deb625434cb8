//! A real WordPress with its database, behind nginx and PHP.

use super::super::support::bed::Bed;
use super::super::support::bed::Server;
use super::super::support::releases;
use super::super::support::site::TestSite;
use super::super::support::update;
use super::super::support::wordpress::VERSION_PAGE;
use super::*;
use crate::support::run::Entracte;

const SERVER: Server = Server::Nginx;

#[test]
fn a_wordpress_is_updated_in_a_browser() {
    let old = releases::tree("wordpress-6.8");
    let Some(new) = releases::newest_wordpress() else { return };
    let site = TestSite::wordpress(Bed::shared(), &old, "desk");
    update::adopt(&site, SERVER, &old.folder);
    let archive = worker::state(&site.folder).join("inbox/wordpress-7.tar.zst");
    fs::copy(releases::archive("wordpress-7.tar.zst"), archive).unwrap();
    let entracte = Entracte::with_fault(&site.folder, "swap.operation:400=halt");
    let console = Console::start(&entracte, &[]);
    let mut work = Work::on(&site.folder);
    let asked = json!({
        "link": console.link,
        "archive": "wordpress-7.tar.zst",
        "site": site.url(SERVER),
        "old": old.version,
        "new": new.version,
    });
    tell("press", asked, |line| work.does(line));
    assert_eq!(site.wordpress_version(SERVER), Some(new.version.clone()));
    assert_eq!(Some(site.wordpress_database()), new.database);
    assert!(site.get(SERVER, VERSION_PAGE).status == 200);
    site.is_release(&old, &new);
}
