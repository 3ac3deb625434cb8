//! What proves an archive: digests of a feed, and signatures by real keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA512;
use aws_lc_rs::signature::RsaKeyPair;
use serde_json::json;

use crate::market::Market;
use crate::market::set;
use crate::support::run::Entracte;
use crate::support::small::SmallSite;

const FEED: &str = "api.vendor.example/releases";
const ARCHIVE: &str = "files.vendor.example/2/small-2.tar";
const STAGE: &[&str] = &["stage", "--from", "vendor"];

struct Shop {
    small: SmallSite,
    market: Market,
    entracte: Entracte,
    archive: Vec<u8>,
}

impl Shop {
    /// A site whose profile knows a vendor that publishes as GitHub does.
    fn new() -> Shop {
        let small = SmallSite::new();
        let entracte = small.adopt();
        let shop = Shop { archive: packed(&small.release(2)), market: Market::open(), entracte, small };
        let embedded = include_str!("../../manifests/profiles/generic.toml");
        let vendor = r#"
            [version]
            file = "VERSION"
            after = ""
            until = " "
            [vendor]
            name = "Small Vendor"
            feed = "https://api.vendor.example/releases"
            format = "github-releases"
            file = "small-{version}.tar"
            signature = { kind = "gpg", url = "{archive}.asc" }
        "#;
        fs::write(shop.state().join("profile.toml"), format!("{embedded}\n{vendor}")).unwrap();
        shop.offer(Some(&entracte::base::digest::Sha256::of(&shop.archive).to_string()));
        shop.market.put(ARCHIVE, &shop.archive);
        shop.set("");
        shop
    }

    fn state(&self) -> PathBuf {
        self.small.root().parent().unwrap().join(".entracte-site")
    }

    fn set(&self, more: &str) {
        set(&self.state(), &self.market.settings(more));
    }

    fn offer(&self, sha256: Option<&str>) {
        let digest = sha256.map(|hex| format!("sha256:{hex}"));
        let url = |name: &str| format!("https://files.vendor.example/2/{name}");
        let file = |name: &str| json!({"name": name, "browser_download_url": url(name), "digest": digest});
        let feed = json!([{"tag_name": "v2", "assets": [file("small-2.tar")], "html_url": "https://vendor.example/2"}]);
        self.market.put(FEED, feed.to_string().as_bytes());
    }
}

fn packed(folder: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all("small-2", folder).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn the_digest_of_a_feed_is_verified_while_the_archive_comes() {
    let shop = Shop::new();
    let told = shop.entracte.json(&["check"]).code(7);
    assert_eq!((&told["newest"]["version"], &told["newest"]["verified"]), (&json!("2"), &json!("sha256")));
    let staged = shop.entracte.json(STAGE).code(0);
    // A mirror that says the digest, too, proves nothing with it.
    let notes = staged["notes"].to_string();
    assert_eq!(staged["trust"], "none", "{notes}");
    assert!(notes.contains("worth as much as the way to it") && notes.contains("not verified"), "{notes}");
    shop.offer(Some(&"0".repeat(64)));
    let refused = shop.entracte.json(STAGE).refused(9);
    assert!(refused.contains("not 000000"), "{refused}");
    shop.offer(None);
    let staged = shop.entracte.json(STAGE).code(0);
    assert!(staged["notes"].to_string().contains("a signature, which was not verified"), "{staged:#}");
}

/// A key of its own, in a folder that goes away.
struct Key {
    home: tempfile::TempDir,
}

impl Key {
    fn new() -> Key {
        let key = Key { home: tempfile::Builder::new().prefix("entracte-gpg-").tempdir_in("/tmp").unwrap() };
        key.gpg(
            &[
                "--passphrase",
                "",
                "--quick-gen-key",
                "A Vendor <v@vendor.example>",
                "ed25519",
                "sign",
                "never",
            ],
            b"",
        );
        key
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let file = self.home.path().join("input");
        fs::write(&file, input).unwrap();
        let output = Command::new("gpg")
            .args(["--batch", "--no-tty", "--quiet", "--homedir"])
            .arg(self.home.path())
            .args(arguments)
            .stdin(fs::File::open(&file).unwrap())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "gpg {arguments:?}");
        output.stdout
    }

    fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.gpg(&["--detach-sign", "--output", "-"], bytes)
    }

    fn export(&self, to: &Path) {
        fs::write(to, self.gpg(&["--export"], b"")).unwrap();
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // The agent that gpg started for this folder.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}

#[test]
fn a_signature_by_a_key_of_the_settings_is_believed() {
    let shop = Shop::new();
    let (key, other) = (Key::new(), Key::new());
    let keyring = shop.state().join("vendor-keys.gpg");
    key.export(&keyring);
    shop.set(&format!("keyring = \"{}\"", keyring.display()));
    let signature = format!("{ARCHIVE}.asc");
    assert_eq!(shop.entracte.json(&["check"]).code(7)["newest"]["verified"], "signature");
    let refused = shop.entracte.json(STAGE).refused(9);
    assert!(refused.contains("comes without a signature"), "{refused}");
    for (name, bytes, said) in [
        ("of another key", other.sign(&shop.archive), "not among those"),
        ("of something else", key.sign(b"something else"), "something else"),
        ("no signature", b"<html>".to_vec(), "no signature"),
    ] {
        shop.market.put(&signature, &bytes);
        let refused = shop.entracte.json(STAGE).refused(9);
        assert!(refused.contains(said), "{name}: {refused}");
    }
    shop.market.put(&signature, &key.sign(&shop.archive));
    let staged = shop.entracte.json(STAGE).code(0);
    assert_eq!(staged["trust"], "signed", "{staged:#}");
    assert!(
        staged["notes"].to_string().contains("A Vendor <v@vendor.example> signed the archive"),
        "{staged:#}"
    );
    assert!(!staged["notes"].to_string().contains("that was named"), "{staged:#}");
    fs::set_permissions(&keyring, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(shop.entracte.json(STAGE).refused(5).contains("can be written by others"));
    fs::remove_file(&keyring).unwrap();
    shop.entracte.json(STAGE).refused(5);
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let held = [0, 1, 2].map(|at| u32::from(*piece.get(at).unwrap_or(&0)));
        let held = held[0] << 16 | held[1] << 8 | held[2];
        for at in 0..4 {
            let letter = LETTERS[(held >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= piece.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// As Nextcloud's update server answers, with a key of the test.
#[test]
fn a_signature_in_the_feed_fits_the_key_of_the_profile() {
    let shop = Shop::new();
    let [key, other] = [(); 2].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let der = AsDer::<PublicKeyX509Der>::as_der(key.public_key()).unwrap();
    let embedded = include_str!("../../manifests/profiles/generic.toml");
    let vendor = format!(
        "[version]\nfile = \"VERSION\"\nafter = \"\"\nuntil = \" \"\n[vendor]\nname = \"Cloud\"\nformat = \"nextcloud\"\n\
         feed = \"https://api.vendor.example/releases?version={{build_x}}xxx{{channel}}\"\n\
         build = {{ file = \"app/changed.txt\", after = \"as in\", until = \";\" }}\n\
         signature = {{ kind = \"rsa-sha512\", key = \"{}\" }}\n",
        base64(der.as_ref())
    );
    fs::write(shop.state().join("profile.toml"), format!("{embedded}\n{vendor}")).unwrap();
    let offer = |signature: Option<&[u8]>| {
        let signature =
            signature.map(|bytes| format!("<signature>{}</signature>", base64(bytes))).unwrap_or_default();
        let feed = format!(
            "<?xml version=\"1.0\"?>\n<nextcloud><version>2.0.0.1</version><versionstring>Nextcloud 2</versionstring>\
             <url>https://{ARCHIVE}</url><eol>0</eol><eolDate>2031-01-31</eolDate>{signature}</nextcloud>\n"
        );
        shop.market.put(FEED, feed.as_bytes());
    };
    let signed = |key: &RsaKeyPair| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), &shop.archive, &mut signature).unwrap();
        signature
    };
    offer(None);
    let refused = shop.entracte.json(STAGE).refused(9);
    assert!(refused.contains("2 comes without a signature"), "{refused}");
    offer(Some(&signed(&other)));
    let refused = shop.entracte.json(STAGE).refused(9);
    assert!(refused.contains("the signature of Cloud does not fit the archive"), "{refused}");
    offer(Some(&signed(&key)));
    let told = shop.entracte.json(&["check"]).code(7);
    assert_eq!(
        (&told["newest"]["verified"], &told["end_of_life"]),
        (&json!("signature"), &json!("2031-01-31"))
    );
    assert_eq!(shop.entracte.json(STAGE).code(0)["trust"], "signed");
    assert!(shop.market.asked().iter().any(|asked| asked.target.ends_with("?version=1x0x0x0xxxstable")));
    // Nothing to say means that nothing is new.
    shop.market.put(FEED, b"");
    shop.entracte.json(&["check"]).code(0);
    shop.entracte.json(STAGE).refused(3);
}
