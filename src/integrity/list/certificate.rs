//! Who signed Nextcloud's `signature.json`: a certificate that one of the given
//! roots signed, and by its key the digests, in the order in which they stand.
//!
//! Nextcloud signs by RSA-PSS over SHA-1, with a mask by SHA-512 and no salt,
//! which no library of today offers: the padding is taken off here (RFC 8017,
//! 9.1.2), the certificates are left to aws-lc. Neither expiry nor revocation is
//! judged, as in Nextcloud: releases outlive certificates.

use aws_lc_rs::digest as lc;
use aws_lc_rs::signature as keys;
use num_bigint::BigUint;
use pkcs8::ObjectIdentifier;
use pkcs8::der;
use pkcs8::der::Decode;
use pkcs8::der::Reader;
use pkcs8::der::SliceReader;
use pkcs8::der::Tag;
use pkcs8::der::Tagged;
use pkcs8::der::asn1::AnyRef;
use pkcs8::der::asn1::BitStringRef;
use pkcs8::der::asn1::UintRef;

use crate::base::base64;
use crate::base::escape;
use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::integrity::list::ListError;
use crate::integrity::list::signature;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// Most certificates in a file of roots.
const MAX_ROOTS: usize = 100;
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const SHA1_BYTES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("the roots hold no certificate that can be read")]
    NoRoots,
    #[error("the list is not signed")]
    Unsigned,
    #[error("the certificate in the list cannot be read")]
    Certificate(#[source] der::Error),
    #[error("none of the roots signed the certificate of \"{name}\"")]
    Stranger { name: String },
    #[error("\"{name}\" has not signed these digests")]
    Wrong { name: String },
    #[error(transparent)]
    List(#[from] ListError),
}

impl Fault for SignatureError {
    fn exit(&self) -> Exit {
        match self {
            SignatureError::List(error) => error.exit(),
            SignatureError::NoRoots => Exit::Refused,
            _ => Exit::Untrusted,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SignatureError::NoRoots => {
                vec!["Nextcloud's own stand in resources/codesigning/root.crt of its server".into()]
            }
            _ => Vec::new(),
        }
    }
}

/// The name in the certificate of whoever signed the list: `core`, or the app.
pub fn signer(list: &[u8], roots: &[u8]) -> Result<String, SignatureError> {
    let document = signature::document(list)?;
    let ders = pem(&String::from_utf8_lossy(roots));
    let roots: Vec<Certificate> = ders.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    if roots.is_empty() {
        return Err(SignatureError::NoRoots);
    }
    let (Some(certificate), Some(signed)) = (&document.certificate, &document.signature) else {
        return Err(SignatureError::Unsigned);
    };
    let ders = pem(certificate);
    let der = ders.first().ok_or(SignatureError::Unsigned)?;
    let certificate = Certificate::parse(der).map_err(SignatureError::Certificate)?;
    let name = certificate.name();
    if !roots.iter().any(|root| root.has_signed(&certificate)) {
        return Err(SignatureError::Stranger { name });
    }
    let signed = base64::decode(signed).ok_or(SignatureError::Unsigned)?;
    let text = signed_text(&document);
    match certificate.key().is_some_and(|key| key.has_signed(text.as_bytes(), &signed)) {
        true => Ok(name),
        false => Err(SignatureError::Wrong { name }),
    }
}

/// The digests as PHP's `json_encode` writes them.
fn signed_text(document: &signature::Document) -> String {
    let entry = |(path, digest): &(String, std::borrow::Cow<str>)| {
        format!("{}:{}", json_encoded(path), json_encoded(digest))
    };
    format!("{{{}}}", document.hashes.0.iter().map(entry).collect::<Vec<_>>().join(","))
}

fn json_encoded(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' => json.extend(['\\', c]),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            ' '..='\u{7f}' => json.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| json.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    json + "\""
}

/// The certificates in a text.
fn pem(text: &str) -> Vec<Vec<u8>> {
    let inside = text.split(BEGIN).skip(1).filter_map(|rest| rest.split(END).next());
    let plain = inside.map(|body| body.chars().filter(|c| !c.is_whitespace()).collect::<String>());
    plain.take(MAX_ROOTS).filter_map(|body| base64::decode(&body)).collect()
}

/// What of a certificate counts here.
struct Certificate<'a> {
    /// What its issuer signed.
    body: &'a [u8],
    algorithm: ObjectIdentifier,
    signature: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    key: &'a [u8],
}

impl<'a> Certificate<'a> {
    fn parse(bytes: &'a [u8]) -> der::Result<Certificate<'a>> {
        let mut outer = inside(bytes)?;
        let body = outer.tlv_bytes()?;
        let algorithm = outer.tlv_bytes()?;
        let signature: BitStringRef = outer.decode()?;
        let mut fields = inside(body)?;
        // The version stands first where it is not the oldest.
        if fields.peek_byte() == Some(0xa0) {
            fields.tlv_bytes()?;
        }
        let _number = fields.tlv_bytes()?;
        let claimed = fields.tlv_bytes()?;
        let issuer = fields.tlv_bytes()?;
        let _validity = fields.tlv_bytes()?;
        let subject = fields.tlv_bytes()?;
        let key = fields.tlv_bytes()?;
        if claimed != algorithm {
            return Err(Tag::Sequence.value_error());
        }
        Ok(Certificate {
            body,
            algorithm: inside(algorithm)?.decode()?,
            signature: signature.as_bytes().ok_or_else(|| Tag::BitString.value_error())?,
            issuer,
            subject,
            key,
        })
    }

    fn has_signed(&self, other: &Certificate) -> bool {
        let algorithm = match other.algorithm {
            SHA256_RSA => &keys::RSA_PKCS1_2048_8192_SHA256,
            SHA384_RSA => &keys::RSA_PKCS1_2048_8192_SHA384,
            SHA512_RSA => &keys::RSA_PKCS1_2048_8192_SHA512,
            _ => return false,
        };
        let key = keys::UnparsedPublicKey::new(algorithm, self.key);
        self.subject == other.issuer && key.verify(other.body, other.signature).is_ok()
    }

    fn key(&self) -> Option<RsaKey> {
        RsaKey::parse(self.key).ok().filter(RsaKey::is_usable)
    }

    fn name(&self) -> String {
        let name = common_name(self.subject).ok().flatten().unwrap_or_default();
        escape::text(&name).chars().take(80).collect()
    }
}

/// What stands in a sequence that is all of `bytes`.
fn inside(bytes: &[u8]) -> der::Result<SliceReader<'_>> {
    let sequence = AnyRef::from_der(bytes)?;
    sequence.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(sequence.value())
}

fn common_name(subject: &[u8]) -> der::Result<Option<String>> {
    let mut names = inside(subject)?;
    while !names.is_finished() {
        let set: AnyRef = names.decode()?;
        set.tag().assert_eq(Tag::Set)?;
        let mut entries = SliceReader::new(set.value())?;
        while !entries.is_finished() {
            let mut entry = inside(entries.tlv_bytes()?)?;
            let (kind, value): (ObjectIdentifier, AnyRef) = (entry.decode()?, entry.decode()?);
            if kind == COMMON_NAME {
                return Ok(Some(String::from_utf8_lossy(value.value()).into_owned()));
            }
        }
    }
    Ok(None)
}

struct RsaKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl RsaKey {
    fn parse(bytes: &[u8]) -> der::Result<RsaKey> {
        let mut fields = inside(bytes)?;
        let kind: ObjectIdentifier = inside(fields.tlv_bytes()?)?.decode()?;
        if kind != RSA {
            return Err(Tag::ObjectIdentifier.value_error());
        }
        let key: BitStringRef = fields.decode()?;
        let mut numbers = inside(key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?)?;
        let (modulus, exponent): (UintRef, UintRef) = (numbers.decode()?, numbers.decode()?);
        let number = |number: UintRef| BigUint::from_bytes_be(number.as_bytes());
        Ok(RsaKey { modulus: number(modulus), exponent: number(exponent) })
    }

    /// Neither too weak, nor so large that it takes long.
    fn is_usable(&self) -> bool {
        (2048..=8192).contains(&self.modulus.bits())
            && (2..=32).contains(&self.exponent.bits())
            && self.modulus.bit(0)
            && self.exponent.bit(0)
    }

    fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let signature_bytes = self.modulus.bits().div_ceil(8) as usize;
        let number = BigUint::from_bytes_be(signature);
        if signature.len() != signature_bytes || number >= self.modulus {
            return false;
        }
        let bits = self.modulus.bits() as usize - 1;
        let bytes = number.modpow(&self.exponent, &self.modulus).to_bytes_be();
        let Some(lacking) = bits.div_ceil(8).checked_sub(bytes.len()) else { return false };
        fits_padded(&[vec![0; lacking], bytes].concat(), bits, text)
    }
}

/// Whether `padded`, of which `bits` count, is made of `text`.
fn fits_padded(padded: &[u8], bits: usize, text: &[u8]) -> bool {
    let Some((0xbc, padded)) = padded.split_last().map(|(last, rest)| (*last, rest)) else { return false };
    let Some(at) = padded.len().checked_sub(SHA1_BYTES) else { return false };
    let (masked, digest) = padded.split_at(at);
    let unused = 8 * (padded.len() + 1) - bits;
    let Some((top, _)) = masked.split_first() else { return false };
    if u16::from(*top) >> (8 - unused) != 0 {
        return false;
    }
    let mut plain: Vec<u8> = masked.iter().zip(mask(digest)).map(|(a, b)| a ^ b).collect();
    plain[0] &= 0xff >> unused;
    let is_padding =
        plain.split_last().is_some_and(|(last, rest)| *last == 1 && rest.iter().all(|byte| *byte == 0));
    let inner = lc::digest(&lc::SHA1_FOR_LEGACY_USE_ONLY, text);
    let outer = [&[0; 8], inner.as_ref()].concat();
    is_padding && lc::digest(&lc::SHA1_FOR_LEGACY_USE_ONLY, &outer).as_ref() == digest
}

/// The mask generation function, with SHA-512; as much of it as is asked for.
fn mask(seed: &[u8]) -> impl Iterator<Item = u8> {
    (0u32..).flat_map(move |counter| {
        let block = lc::digest(&lc::SHA512, &[seed, &counter.to_be_bytes()].concat());
        block.as_ref().to_vec()
    })
}

#[cfg(test)]
mod tests;
