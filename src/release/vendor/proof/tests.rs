use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::RSA_PKCS1_SHA512;
use aws_lc_rs::signature::RsaKeyPair;

use super::*;

const CONTENT: &[u8] = b"an archive";

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        fs::write_durable(&folder.path().join("archive"), CONTENT).unwrap();
        Bench { folder }
    }

    fn prove(&self, evidence: &Evidence) -> Result<Proved, ProofError> {
        evidence.prove(&self.folder.path().join("archive"))
    }
}

fn evidence() -> Evidence {
    Evidence {
        vendor: "Vendor".into(),
        published: None,
        publisher: "vendor.example".into(),
        is_first_hand: true,
        signature: Sought::None,
    }
}

fn published(algorithm: DigestName, text: &[u8]) -> Option<Published> {
    let hex = match algorithm {
        DigestName::Md5 => {
            let mut hasher = Hasher::new(Algorithms::Sha256AndMd5);
            hasher.update(text);
            hasher.finish().1.unwrap().to_string()
        }
        DigestName::Sha1 => hex::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text)),
        DigestName::Sha256 => hex::encode(digest::digest(&digest::SHA256, text)),
        DigestName::Sha512 => hex::encode(digest::digest(&digest::SHA512, text)),
    };
    Published::new(algorithm, &hex)
}

#[test]
fn digests_are_worth_what_they_are_worth() {
    let bench = Bench::new();
    for (algorithm, is_first_hand, trust, said) in [
        (DigestName::Sha512, true, Trust::List, "has the SHA-512 that vendor.example publishes"),
        (DigestName::Sha256, true, Trust::List, "has the SHA-256 that vendor.example publishes"),
        (DigestName::Sha256, false, Trust::None, "worth as much as the way to it"),
        (DigestName::Sha1, true, Trust::None, "accidents, not attackers"),
        (DigestName::Md5, true, Trust::None, "accidents, not attackers"),
    ] {
        let right = Evidence { published: published(algorithm, CONTENT), is_first_hand, ..evidence() };
        let proved = bench.prove(&right).unwrap();
        assert_eq!(proved.trust, trust, "{algorithm:?}");
        assert!(proved.notes.len() == 1 && proved.notes[0].contains(said), "{:?}", proved.notes);
        let wrong = Evidence { published: published(algorithm, b"another"), is_first_hand, ..evidence() };
        let error = bench.prove(&wrong).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{error}");
        assert!(error.to_string().contains("which vendor.example publishes"), "{error}");
    }
    let proved = bench.prove(&evidence()).unwrap();
    assert_eq!(proved.trust, Trust::None);
    assert!(proved.notes[0].contains("only TLS"), "{:?}", proved.notes);
}

#[test]
fn a_signature_is_of_these_bytes_and_by_this_key() {
    let bench = Bench::new();
    let [key, other] = [(); 2].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let der = |key: &RsaKeyPair| {
        AsDer::<aws_lc_rs::encoding::PublicKeyX509Der>::as_der(key.public_key()).unwrap().as_ref().to_vec()
    };
    let sign = |key: &RsaKeyPair, text: &[u8]| {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), text, &mut signature).unwrap();
        signature
    };
    let good = sign(&key, CONTENT);
    let with = |key: Vec<u8>, signature: Vec<u8>| Evidence {
        signature: Sought::Rsa { key, signature },
        ..evidence()
    };
    let proved = bench.prove(&with(der(&key), good.clone())).unwrap();
    assert_eq!(proved.trust, Trust::Signed);
    assert!(proved.notes[0].contains("Vendor signed the archive"), "{:?}", proved.notes);
    let mut bent = good.clone();
    bent[17] ^= 1;
    for (name, key, signature) in [
        ("a bit", der(&key), bent),
        ("another text", der(&key), sign(&key, b"another")),
        ("another key", der(&other), good.clone()),
        ("nothing", der(&key), Vec::new()),
        ("no key", b"no key".to_vec(), good),
    ] {
        let error = bench.prove(&with(key, signature)).unwrap_err();
        assert_eq!(error.exit(), Exit::Untrusted, "{name}: {error}");
    }
}

/// The key that is pinned is one that signatures can be held against.
#[test]
fn the_key_of_nextcloud_can_be_used() {
    let vendor = crate::site::profile::Profile::named("nextcloud").unwrap().vendor.unwrap();
    let Some(crate::site::profile::SignatureRule::RsaSha512 { key }) = vendor.signature else { panic!() };
    let text: String = key.split_ascii_whitespace().collect();
    let key = crate::base::base64::decode(&text).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, key).parse().unwrap();
}

#[test]
fn what_gpgv_says_is_read_strictly() {
    const VALID: &str =
        "[GNUPG:] VALIDSIG D7D6767D135A514BEB86E9BA75682B08E8A3FEC4 2026-01-01 1 0 4 0 1 10 00 D7";
    for (said, expected) in [
        (
            vec!["[GNUPG:] NEWSIG", "[GNUPG:] GOODSIG 75682B08E8A3FEC4 A Person <a@b>", VALID],
            Ok("A Person <a@b>"),
        ),
        (vec!["[GNUPG:] BADSIG 75682B08E8A3FEC4 A Person"], Err("made for something else")),
        (vec!["[GNUPG:] EXPKEYSIG 75682B08E8A3FEC4 A Person", VALID], Err("key has expired")),
        (vec!["[GNUPG:] EXPSIG 75682B08E8A3FEC4 A Person", VALID], Err("it has expired")),
        (vec!["[GNUPG:] REVKEYSIG 75682B08E8A3FEC4 A Person", VALID], Err("revoked")),
        (
            vec!["[GNUPG:] ERRSIG 75682B08E8A3FEC4 1 10 00 1 9 -", "[GNUPG:] NO_PUBKEY 75"],
            Err("not among those"),
        ),
        // One good signature does not make up for another.
        (vec!["[GNUPG:] GOODSIG 75 A", VALID, "[GNUPG:] BADSIG 76 B"], Err("made for something else")),
        (vec!["[GNUPG:] GOODSIG 75 A"], Err("no signature")),
        (vec![VALID], Err("no signature")),
        // What a signer calls himself is no status.
        (vec!["gpgv: [GNUPG:] GOODSIG 75 A", VALID], Err("no signature")),
        (vec!["[GNUPG:] NODATA 4"], Err("no signature")),
        (vec![], Err("no signature")),
    ] {
        match (judge(&said.join("\n")), expected) {
            (Ok(signer), Ok(expected)) => assert_eq!(signer, expected),
            (Err(told), Err(expected)) => assert!(told.contains(expected), "{said:?}: {told}"),
            (found, _) => panic!("{said:?}: {found:?}"),
        }
    }
}
