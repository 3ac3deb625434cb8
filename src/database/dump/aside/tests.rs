use super::*;
use crate::database::scope::Scope;
use crate::database::testing;

#[test]
fn what_a_killed_look_left_goes_and_what_lives_stays() {
    let server = testing::server().root(&testing::new_database().name);
    let mut db = MySql::connect(&server).unwrap();
    db.execute("CREATE TABLE t (a INT)").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let saved = Address::MySql(server.clone());
    let record = crate::database::dump::dump(&saved, &Scope::All, folder.path(), &mut |_, _| {}).unwrap();
    let prefix = passing::prefix("aside", &server.name);
    db.execute(&format!("CREATE DATABASE {prefix}99999999")).unwrap();
    let lay_out = || Aside::lay_out(&server, &record, folder.path(), &mut |_, _| {}).unwrap();
    let (first, second) = (lay_out(), lay_out());
    let mut there = || {
        let query = format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE {}",
            passing::like(&prefix)
        );
        let mut names: Vec<String> = db.query(&query).unwrap().into_iter().flatten().flatten().collect();
        names.sort();
        names
    };
    let mut both = vec![first.name.clone(), second.name.clone()];
    both.sort();
    assert_eq!(there(), both);
    drop((first, second));
    assert_eq!(there(), [""; 0]);
}
