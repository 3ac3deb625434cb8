//! Ways to reach a real MariaDB: TLS with certificates made here, sockets,
//! kinds of accounts.

use std::path::Path;
use std::process::Command;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::database::address::MySqlAddress;
use crate::database::address::Tls;
use crate::database::connection::Database;
use crate::database::connection::DatabaseError;
use crate::database::mysql::MySql;
use crate::database::testing;

/// An authority (`ca.pem`), a server's certificate of it for `localhost`
/// (`leaf.pem`, `leaf.key`), and an authority that signed nothing (`other.pem`).
fn make_certificates(folder: &Path) {
    let script = "set -e; key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -keyout ca.key -out ca.pem -days 9 -subj '/CN=entracte tests' -addext basicConstraints=critical,CA:TRUE
        openssl req -x509 $key -keyout other.key -out other.pem -days 9 -subj '/CN=entracte others' -addext basicConstraints=critical,CA:TRUE
        openssl req $key -keyout leaf.key -out leaf.csr -subj /CN=localhost
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > leaf.ext
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile leaf.ext -out leaf.pem";
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn cipher(address: &MySqlAddress) -> Result<String, DatabaseError> {
    let row = MySql::connect(address)?.texts("SHOW STATUS LIKE 'Ssl_cipher'")?.remove(0);
    Ok(row[1].clone())
}

#[test]
fn tls_proves_the_server_or_nothing_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    make_certificates(folder.path());
    let option = |name: &str, file: &str| format!("--ssl-{name}={}", folder.path().join(file).display());
    let options = [option("ca", "ca.pem"), option("cert", "leaf.pem"), option("key", "leaf.key")];
    let plain = testing::peculiar_server(&options).new_database();
    let with = |host: &str, tls: Tls| MySqlAddress { host: host.into(), tls, ..plain.clone() };
    let verified = |file: &str| Tls::Verified { authorities: Some(folder.path().join(file)) };
    assert_eq!(cipher(&plain).unwrap(), "");
    assert!(!cipher(&with("localhost", verified("ca.pem"))).unwrap().is_empty());
    assert!(!cipher(&with("127.0.0.1", Tls::Unverified)).unwrap().is_empty());
    for (address, why) in [
        (with("localhost", verified("other.pem")), "an authority that did not sign it"),
        (with("localhost", Tls::Verified { authorities: None }), "the web's authorities"),
        (with("127.0.0.1", verified("ca.pem")), "another name than the certificate's"),
    ] {
        let error = cipher(&address).unwrap_err();
        assert!(matches!(error, DatabaseError::Tls { .. }), "{why}: {error:?}");
        assert_eq!(error.exit(), Exit::Refused);
    }
    let error = cipher(&with("localhost", verified("no.pem"))).unwrap_err();
    assert!(error.to_string().contains("no.pem"), "{error}");
}

#[test]
fn where_tls_is_asked_for_a_server_without_it_is_refused() {
    let plain = testing::new_database();
    let address = MySqlAddress { tls: Tls::Unverified, ..plain.clone() };
    let error = cipher(&address).unwrap_err();
    assert!(matches!(error, DatabaseError::Tls { .. }), "{error:?}");
    assert_eq!(cipher(&plain).unwrap(), "");
}

#[test]
fn accounts_of_the_kind_ed25519_log_in() {
    let server = testing::peculiar_server(&["--plugin-load-add=auth_ed25519".to_owned()]);
    let mut address = server.new_database();
    let mut root = MySql::connect(&server.root("mysql")).unwrap();
    let word = address.password.reveal();
    for statement in [
        format!("CREATE USER e@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{word}')"),
        format!("GRANT ALL ON {}.* TO e@'%'", address.name),
    ] {
        root.execute(&statement).unwrap();
    }
    address.user = "e".into();
    let user = MySql::connect(&address).unwrap().text("SELECT CURRENT_USER()").unwrap();
    assert_eq!(user.as_deref(), Some("e@%"));
    address.password = crate::base::secret::Secret::new("wrong");
    assert!(matches!(MySql::connect(&address), Err(DatabaseError::Denied { .. })));
}
