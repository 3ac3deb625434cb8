//! The fixtures were made and signed with OpenSSL, as Nextcloud signs.

use super::*;

const LIST: &str = include_str!("../../../../tests/fixtures/lists/signature.json");
const ROOT: &[u8] = include_bytes!("../../../../tests/fixtures/lists/signature-root.crt");
/// Of the same name, with another key.
const STRANGER: &[u8] = include_bytes!("../../../../tests/fixtures/lists/signature-stranger.crt");

fn said(list: &str, roots: &[u8]) -> String {
    match signer(list.as_bytes(), roots) {
        Ok(name) => name,
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_the_vendor_signed_is_known() {
    assert_eq!(said(LIST, ROOT), "core");
    assert_eq!(said(LIST, &[STRANGER, ROOT].concat()), "core");
    assert_eq!(said(&LIST.replace("\n    ", "\r\n"), ROOT), "core");
}

#[test]
fn what_others_signed_or_changed_is_refused() {
    let index = "1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75";
    assert!(LIST.contains(index));
    let at = LIST.find("\"signature\": \"").unwrap() + 30;
    let bent = |at: usize| {
        let other = if &LIST[at..=at] == "A" { "B" } else { "A" };
        [&LIST[..at], other, &LIST[at + 1..]].concat()
    };
    let is_letter = |at: &usize| LIST.as_bytes()[*at - 1..=*at].iter().all(u8::is_ascii_alphanumeric);
    let in_certificate = (LIST.find("-----BEGIN").unwrap() + 300..).find(is_letter).unwrap();
    for (defect, list, roots, expected) in [
        ("another root", LIST.to_owned(), STRANGER, "none of the roots"),
        ("another digest", LIST.replace(index, &index.replace('1', "2")), ROOT, "has not signed"),
        ("another path", LIST.replace("index.php\": \"1f40", "inDex.php\": \"1f40"), ROOT, "has not signed"),
        ("another signature", bent(at), ROOT, "has not signed"),
        ("another certificate", bent(in_certificate), ROOT, "certificate"),
        ("no signature", LIST.replace("\"signature\"", "\"no\""), ROOT, "not signed"),
        ("no certificate", LIST.replace("\"certificate\"", "\"no\""), ROOT, "not signed"),
        (
            "no roots",
            LIST.to_owned(),
            &b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"[..],
            "no certificate",
        ),
    ] {
        assert!(said(&list, roots).contains(expected), "{defect}: {}", said(&list, roots));
    }
}

/// Each bit of the signature and of the certificate counts, and none makes it fall.
#[test]
fn nothing_that_is_bent_is_taken() {
    let certificate = LIST.find("-----BEGIN").unwrap();
    let signature = LIST.find("\"signature\": \"").unwrap() + 14;
    let letters =
        (signature..signature + 340).step_by(17).chain((certificate + 30..LIST.len() - 40).step_by(19));
    for at in letters.filter(|at| LIST.as_bytes()[*at - 1..=*at].iter().all(u8::is_ascii_alphanumeric)) {
        let other = if LIST.as_bytes()[at] == b'E' { "F" } else { "E" };
        let bent = [&LIST[..at], other, &LIST[at + 1..]].concat();
        assert!(signer(bent.as_bytes(), ROOT).is_err(), "letter {at}");
    }
}

#[test]
fn text_is_written_as_php_writes_it() {
    assert_eq!(
        json_encoded("a/\"é\u{1f600}\n\u{1}\u{7f}"),
        "\"a\\/\\\"\\u00e9\\ud83d\\ude00\\n\\u0001\u{7f}\""
    );
}
